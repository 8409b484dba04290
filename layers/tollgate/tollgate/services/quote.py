"""What a call would cost, told before it is made: resolved and priced as if it were sent.

No upstream is asked, nothing is held and nothing is written. The wallet is not read either, so a
call that a quote admits may still be refused for want of money or for a limit.
"""

import json
from typing import Any, Final

from tollgate.domain.call import Call
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.estimate import Demand, hold_amount
from tollgate.domain.money import quota, usd
from tollgate.domain.price_view import quantity, rule
from tollgate.domain.resolution import Candidate
from tollgate.services.admission import Admission, dearest_hold, demand_of, refuse_beyond
from tollgate.services.listing import json_reply
from tollgate.services.relay import FRESH_MS, RelayRequest, Reply

NOT_CHECKED: Final = ("balance", "key_quota", "limits")
"""What only the hold itself can tell."""

Candidates = tuple[Candidate, ...]


class Quotes:
    """Answers dry runs."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def quote(self, request: RelayRequest) -> Reply:
        """What a call would cost.

        Raises:
            TollgateError: what the call itself would be refused with before it has a price.
        """
        caller = self._admission.authenticate(request.presented, FRESH_MS)
        call = request.dialect.read_call(
            request.route, request.path, request.headers, request.body, request.query
        )
        _, candidates = self._admission.questions.resolve(caller, call, request.dialect)
        told = amounts(call, candidates) if request.route.metered else free(candidates)
        facts = {
            "object": "tollgate.quote",
            "model": call.model,
            "operation": call.operation,
            "stream": call.stream,
            **told,
            "not_checked": NOT_CHECKED if request.route.metered else (),
        }
        return json_reply(json.dumps(facts, ensure_ascii=False).encode())


def amounts(call: Call, candidates: Candidates) -> dict[str, Any]:
    """The rule, and what would be held and charged by it; or why the call would be refused."""
    try:
        needed = demand_of(call, candidates, strict=not call.stream)
        held = dearest_hold(candidates, needed, needed.visible)
        refuse_beyond(held)
    except InvalidRequest as refused:
        told = {"code": refused.code, "message": refused.message, "param": refused.param}
        return {
            **answer(candidates[0].snapshot, None, None, refused.message),
            "would_admit": False,
            "refusal": told,
        }
    maximum, unbounded = most(call, candidates)
    rule_held_by = dearest(candidates, needed)
    return {**answer(rule_held_by, held, maximum, unbounded), "estimate": estimate(needed)}


def free(candidates: Candidates) -> dict[str, Any]:
    """A call of the free list, such as counting tokens."""
    return answer(candidates[0].snapshot, 0, 0, None)


def answer(
    snapshot: PriceSnapshot, held: int | None, maximum: int | None, unbounded: str | None
) -> dict[str, Any]:
    """The members every quote has; amounts in nanos, None where there is none."""
    return {
        "price": rule(snapshot),
        "estimate": None,
        "hold_usd": None if held is None else usd(held),
        "hold_quota": None if held is None else quota(held),
        "maximum_charge_usd": None if maximum is None else usd(maximum),
        "maximum_charge_quota": None if maximum is None else quota(maximum),
        "unbounded": unbounded,
        "would_admit": True,
        "refusal": None,
    }


def dearest(candidates: Candidates, needed: Demand) -> PriceSnapshot:
    """The rule that the hold is taken by."""
    output = needed.hidden + needed.visible
    return max(
        (route.snapshot for route in candidates),
        key=lambda snapshot: hold_amount(snapshot, needed, output),
    )


def most(call: Call, candidates: Candidates) -> tuple[int | None, str | None]:
    """The nanos a call can cost at most, as a call without streaming holds them; else why not."""
    try:
        needed = demand_of(call, candidates, strict=True)
    except InvalidRequest as unbounded:
        return None, unbounded.message
    return dearest_hold(candidates, needed, needed.visible), None


def estimate(needed: Demand) -> dict[str, Any]:
    """What would be held for; `output_bound` is null where nothing limits the output."""
    return {
        "input": needed.input,
        "output": needed.hidden + needed.visible,
        "output_bound": needed.bound,
        "calls": needed.calls,
        "images": needed.images,
        "seconds": quantity("seconds", needed.sound_ms),
        "tools": needed.tools,
        "tier": needed.tier,
        "labels": needed.labels,
    }
