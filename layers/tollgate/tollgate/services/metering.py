"""From what an upstream reported to what is recorded: usage made safe, charge, cost, record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from tollgate.domain.call import Call
from tollgate.domain.catalog import BillingMode
from tollgate.domain.charge import Charge, PriceSnapshot, charge, total
from tollgate.domain.estimate import estimated_usage, media_tokens
from tollgate.domain.money import CHARGE_LIMIT
from tollgate.domain.record import UsageRecord
from tollgate.domain.resolution import Candidate
from tollgate.domain.usage import CLASS_LIMIT, INPUT_CLASSES, OUTPUT_CLASSES, Usage
from tollgate.services.admission import Admitted
from tollgate.services.sending import Attempt
from tollgate.store.wallet import Hold

OUTPUT_SLACK_PERCENT: Final = 105
"""Output beyond the limit that was asked for, by more than 5 %, cannot be true."""

INPUT_SLACK: Final = 2
INPUT_ALLOWANCE: Final = 10_000
"""Input beyond twice the bytes that were sent, and what templates add, cannot be true."""

SOUND_SLACK_PERCENT: Final = 105
"""More seconds than a sound can have, by more than 5 %, cannot be true."""

PLACEHOLDER: Final = 4
"""How much smaller than the estimate an output is that was reported before it was produced."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended, as far as its record tells: times in epoch ms.

    `cut` tells of a stream that ended before the upstream had told its last figures.
    """

    hold: Hold
    ended: int
    status: int
    usage: Usage | None = None
    delivered: bool = False
    visible_bytes: int = 0
    first_byte: int = 0
    finish: str = ""
    error: str = ""
    upstream_id: str = ""
    attempts: Sequence[Attempt] = ()
    cut: bool = False


def plausible(usage: Usage, call: Call, bound: int | None) -> bool:
    """Whether figures can be true, by what was sent and by how much was asked for.

    Tools that the vendor runs read what they find, so with them input has no limit of its own.
    """
    if usage.suspect or any(n > CLASS_LIMIT or n < 0 for n in usage.quantities.values()):
        return False
    sent = call.text_bytes + sum(map(media_tokens, call.media))
    if not call.tools and usage.context_size > sent * INPUT_SLACK + INPUT_ALLOWANCE:
        return False
    if usage["seconds"] * 100 > call.sound_ms * SOUND_SLACK_PERCENT and call.sound_ms:
        return False
    if usage["images"] > call.images and call.images:
        return False
    produced = sum(usage[name] for name in OUTPUT_CLASSES)
    return not bound or produced * 100 <= bound * OUTPUT_SLACK_PERCENT


ORDINARY: Final = frozenset({"auto", "default", "standard", "standard_only"})
"""What vendors call the service tier that has no prices of its own."""


def served(usage: Usage, call: Call) -> Usage:
    """Usage with the tier and labels to charge by: what the answer tells, else what was asked for.

    Who asked for no tier pays none: the vendor may serve by the operator's own settings.
    """
    tier = (usage.tier or call.tier) if call.tier else ""
    told = "" if tier in ORDINARY else tier, usage.labels or call.labels
    if told == (usage.tier, usage.labels):
        return usage
    return replace(usage, tier=told[0], labels=told[1])


def consumed(admitted: Admitted, outcome: Outcome) -> Usage:
    """What to charge for: reported usage; else a labelled estimate of what was delivered (R10)."""
    usage, call = outcome.usage, admitted.call
    if usage is None:
        if not outcome.delivered:
            return Usage(source="none")
        return estimated_usage(call, outcome.visible_bytes)
    if outcome.cut:
        usage = completed(usage, estimated_usage(call, outcome.visible_bytes))
    safe = plausible(usage, call, admitted.demand.bound)
    return usage if safe else replace(usage, suspect=True)


def completed(usage: Usage, estimate: Usage) -> Usage:
    """Usage of a stream that was cut: figures of its beginning know nothing of its output.

    Anthropic's first event tells the whole input and one token of output; figures that run along
    (Gemini's) are near the estimate and stay.
    """
    told = sum(usage[name] for name in OUTPUT_CLASSES)
    if told * PLACEHOLDER >= estimate["output"]:
        return usage
    quantities = {**usage.quantities, "output": usage["output"] + estimate["output"] - told}
    return replace(usage, quantities=quantities, source="estimated")


def charged(usage: Usage, candidate: Candidate, held: int) -> Charge:
    """The charge; what was estimated, or cannot be true, costs at most what was held."""
    full = charge(usage, candidate.snapshot)
    doubtful = usage.suspect or usage.source == "estimated" or full.nanos > CHARGE_LIMIT
    return replace(full, nanos=held) if doubtful and full.nanos > held else full


COUNTED_IN: Final[Mapping[BillingMode, tuple[str, ...]]] = {
    "tokens": (*INPUT_CLASSES, *OUTPUT_CLASSES),
    "seconds": ("seconds",),
    "times": (),
}
"""What an answer tells where the price counts in such units."""


def in_units_of(mode: BillingMode, usage: Usage, estimate: Callable[[], Usage]) -> Usage:
    """Usage in the units of the price: an upstream that told only others is estimated (R10)."""
    wanted = COUNTED_IN[mode]
    if usage.source == "none" or any(usage[name] for name in wanted):
        return usage
    guess = estimate()
    added = {name: guess[name] for name in wanted if guess[name]}
    if not added:
        return usage
    return replace(usage, quantities={**usage.quantities, **added}, source="estimated")


def wasted(attempts: Sequence[Attempt]) -> int:
    """What upstreams took for attempts that brought nothing, in nanos."""
    return sum(attempt.cost for attempt in attempts)


def facts_of(attempt: Attempt) -> Mapping[str, str | int]:
    """An attempt as the record tells it; what an ordinary one has none of is left out."""
    facts: dict[str, str | int] = {
        "account": attempt.account,
        "status": attempt.status,
        "ms": attempt.ms,
    }
    if attempt.error:
        facts["error"] = attempt.error
    if attempt.key:
        facts["key"] = attempt.key
    if attempt.cost:
        facts["cost"] = attempt.cost
    return facts


def cost_rule(candidate: Candidate) -> PriceSnapshot:
    """What the upstream takes from us: its price with the account's factor."""
    factor = format(candidate.account.cost_multiplier, "f")
    return candidate.cost if factor == "1" else replace(candidate.cost, multiplier=factor)


def answered(usage: Usage, snapshot: PriceSnapshot, call: Call) -> Usage:
    """Usage of an answered call that is priced by times: one call, whatever it consumed.

    Where a chat is sold by the picture alone, an answer without any is still one.
    """
    if snapshot.mode != "times" or usage.source == "none":
        return usage
    by_picture = call.operation == "generate" and "calls" not in snapshot.prices
    least = "images" if by_picture else "calls"
    if usage[least]:
        return usage
    return replace(usage, quantities={**usage.quantities, least: 1})


def record(admitted: Admitted, candidate: Candidate | None, outcome: Outcome) -> UsageRecord:
    """The fact of one call. Without an account that answered, it charges nothing."""
    told = {} if candidate is None else priced(admitted, candidate, outcome)
    hold, caller, call = outcome.hold, admitted.caller, admitted.call
    facts: dict[str, Any] = {
        "user": caller.profile.user,
        "hold": hold.id,
        "held": hold.amount,
        "charge": 0,
        "funding": hold.funding,
        "key": caller.key.id,
        "group": admitted.group.id,
        "requested_group": caller.key.group,
        "channel": admitted.group.channel.id if admitted.group.channel else "",
        "model": call.model,
        "windows": hold.windows,
        "entered": hold.entered,
        "stale_minutes": hold.stale_minutes,
        "started": hold.started,
        "first_byte": outcome.first_byte,
        "ended": outcome.ended,
        "status": outcome.status,
        "finish": outcome.finish,
        "error": outcome.error,
        "upstream_id": outcome.upstream_id,
        "dialect": admitted.dialect.name,
        "stream": call.stream,
        "cost": wasted(outcome.attempts),
        "attempts": tuple(map(facts_of, outcome.attempts)),
    }
    return UsageRecord(**{**facts, **told})  # at once: to replace 20 of 45 fields takes 15 µs


def priced(admitted: Admitted, candidate: Candidate, outcome: Outcome) -> dict[str, Any]:
    """What the record of a call tells beside, where an account answered."""
    snapshot, call = candidate.snapshot, admitted.call
    estimate = partial(estimated_usage, call, outcome.visible_bytes)
    told = served(consumed(admitted, outcome), call)
    usage = answered(in_units_of(snapshot.mode, told, estimate), snapshot, call)
    cost = cost_rule(candidate)
    paid = answered(in_units_of(cost.mode, told, estimate), cost, call)
    bill = charged(usage, candidate, outcome.hold.amount)
    return {
        "group": candidate.group or admitted.group.id,
        "charge": bill.nanos,
        "cost": wasted(outcome.attempts) + total(paid, cost),
        "account": candidate.account.id,
        "channel": candidate.channel,
        "mapped_model": candidate.mapped,
        "billing_model": snapshot.billing_model,
        "upstream_model": candidate.upstream_model,
        "chain": candidate.chain,
        "model_group": snapshot.model_group,
        "usage": {name: n for name, n in usage.quantities.items() if n},
        "usage_source": usage.source,
        "suspect": usage.suspect,
        "price": snapshot.to_json(),
        "price_source": snapshot.source,
        "price_version": snapshot.version,
        "image_cost": sum(line.nanos for line in bill.lines if line.name == "output_image"),
        "tier": bill.tier,
        "label": bill.label,
        "interval": -1 if bill.interval is None else bill.interval,
    }
