"""What an account's own kind makes of failures, how antigravity waits, and what attempts cost."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest

from tests.gateway import Chunks
from tests.resolution_samples import only, question
from tests.routing_room import Farm, Script, account, error_code, ranked, refusing
from tollgate.domain.errors import InvalidRequest, UnsupportedEndpoint, UpstreamUnavailable
from tollgate.domain.receipt import staff_facts
from tollgate.domain.usage import Usage
from tollgate.services.beginnings import AttemptFailed
from tollgate.services.sending import cost_of
from tollgate.services.speech import Failure, Reaction, Saying, Spoken, plainly

GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
          "generationConfig": {"maxOutputTokens": 9}}  # fmt: skip


def reacting(*reactions: Reaction | None, clears: tuple[str, ...] = ()) -> dict[str, object]:
    """A kind of account that reacts so, failure after failure."""
    left = list(reactions)
    seen: list[Failure] = []

    def speak(saying: Saying) -> Spoken:
        spoken = plainly(saying)

        def react(failure: Failure) -> Reaction | None:
            seen.append(failure)
            reaction = left.pop(0) if left else None
            if reaction is not None and reaction.again is AGAIN:
                return replace(reaction, again=replace(spoken, react=react))
            return reaction

        return replace(spoken, react=react, clears=clears)

    return {"speak": {"oauth": speak}, "seen": seen}


AGAIN = Spoken(None)  # type: ignore[arg-type]
"""Stands for the same request once more."""


def farm_of(kind: dict[str, object], scripts: dict[str, list[object]]) -> Farm:
    accounts = ranked("a", "b", type="oauth")
    return Farm(accounts, scripts, speak=kind["speak"])  # type: ignore[arg-type]


def test_the_same_account_again_after_the_time_its_kind_names() -> None:
    kind = reacting(Reaction(AGAIN, 3_000), Reaction(AGAIN, 0))
    farm = farm_of(kind, {"a": [refusing(429, "wait"), 503, 200]})
    assert farm.call().status == 200
    assert farm.asked == [("a", 0), ("a", 3_000), ("a", 3_000)]
    assert farm.facts() == {}, "the ordinary rules have no say"
    assert [(each.status, each.body) for each in kind["seen"]] == [(429, b"wait"), (503, b"no")]  # type: ignore[attr-defined]


def test_the_next_account_and_what_rests() -> None:
    kind = reacting(Reaction(None, 0, {"model:gpt-4o": 1_795_348_830_000}))
    farm = farm_of(kind, {"a": [400]})
    assert farm.call().status == 200
    assert farm.trace() == "a b"
    assert farm.facts() == {"a": {"model:gpt-4o": 30_000}}


def test_without_an_opinion_the_ordinary_rules_decide() -> None:
    farm = farm_of(reacting(None), {"a": [529]})
    assert farm.call().status == 200
    assert (farm.trace(), farm.facts()) == (
        "a b",
        {"a": {"overloaded": 600_000, "cause:overloaded": 4}},
    )


def test_a_wait_that_does_not_fit_is_the_next_accounts_turn() -> None:
    farm = farm_of(reacting(Reaction(AGAIN, 3_600_000)), {"a": [429]})
    assert farm.call().status == 200
    assert farm.times() == [0, 0]


def test_nobody_is_tried_for_ever() -> None:
    kind = reacting(*[Reaction(AGAIN)] * 100)
    farm = farm_of(kind, {"a": [503]})
    assert farm.call().status == 200
    assert farm.trace() == " ".join(["a"] * 64 + ["b"])


def test_an_answer_ends_the_facts_that_its_kind_names() -> None:
    farm = farm_of(reacting(clears=("credits", "other")), {})
    farm.gateway.roster.health.block("a", "credits", farm.gateway.now + 60_000)
    farm.call()
    assert (farm.trace(), farm.facts()) == ("a", {})
    writes = farm.writes()
    farm.call()
    assert farm.writes() == writes, "there is nothing left to end"


@pytest.mark.parametrize(
    ("error", "asked", "status", "code"),
    [
        pytest.param(
            UpstreamUnavailable("no token"), "b", 200, "", id="this account cannot be asked"
        ),
        pytest.param(
            UnsupportedEndpoint("no such method"), "b", 200, "", id="this kind cannot do this"
        ),
        pytest.param(
            InvalidRequest("not so", param="x"),
            "",
            400,
            "invalid_request",
            id="nobody can be asked so",
        ),
    ],
)
def test_what_cannot_be_said_touches_nobodys_health(
    error: Exception, asked: str, status: int, code: str
) -> None:
    def speak(saying: Saying) -> Spoken:
        if saying.account.id == "a":
            raise error
        return plainly(saying)

    farm = Farm(ranked("a", "b", type="oauth"), speak={"oauth": speak})
    for _ in range(4):
        seen = farm.call()
        assert (seen.status, error_code(seen) if code else "") == (status, code)
    assert (farm.trace(), farm.writes()) == (" ".join([asked] * 4).strip(), 0)


@pytest.mark.parametrize(
    ("failing", "status", "code"),
    [
        pytest.param(200, 501, "unsupported_endpoint", id="nobody can"),
        pytest.param(500, 502, "upstream_error", id="who could has failed"),
    ],
)
def test_what_no_account_can_do_is_refused_for_good(failing: int, status: int, code: str) -> None:
    def speak(saying: Saying) -> Spoken:
        if failing == 200 or saying.account.id == "b":
            raise UnsupportedEndpoint("the upstream of this model cannot do this")
        return plainly(saying)

    seen = Farm(ranked("a", "b", type="oauth"), {"a": [500]}, speak={"oauth": speak}).call()
    assert (seen.status, error_code(seen)) == (status, code)


def test_each_further_switch_between_antigravity_accounts_waits_longer() -> None:
    names = ["g1", "g2", "g3", "g4"]
    farm = Farm(
        ranked(*names, platform="antigravity"),
        {name: [500] for name in names},
        group={"platform": "antigravity"},
    )
    seen = farm.gateway.post("/v1beta/models/gemini-2.5-flash:generateContent", GEMINI)
    assert seen.status == 502
    assert farm.asked == [("g1", 0), ("g2", 0), ("g3", 1_000), ("g4", 3_000)]


def test_a_wait_between_switches_has_to_fit() -> None:
    farm = Farm(
        ranked("g1", "g2", "g3", platform="antigravity"),
        {"g1": [500], "g2": [500]},
        group={"platform": "antigravity"},
    )
    event = farm.gateway.event("/v1beta/models/gemini-2.5-flash:generateContent", GEMINI)

    class Hurry:
        def get_remaining_time_in_millis(self) -> int:
            return 4_000

    assert farm.gateway.api(event, Hurry())["status"] == 502
    assert farm.trace() == "g1 g2"


# --- what attempts cost ---------------------------------------------------------------------------

BEGUN = {"input_tokens": 1_000, "output_tokens": 0}
START = {"type": "message_start", "message": {"id": "m", "usage": BEGUN}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


USED = {"input_tokens": 1_000, "output_tokens": 100}
ANSWER = (
    {"type": "message_start", "message": {"id": "m", "content": [], "usage": USED}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USED},
    {"type": "message_stop"},
)


def streaming(*events: Mapping[str, object]) -> Script:
    """An account that streams these events."""
    text = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events)

    def play(request: httpx.Request) -> httpx.Response:
        kind = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=kind, stream=Chunks(iter([text.encode()])))

    return play


def test_a_cost_that_nobody_can_compute_fails_no_call() -> None:
    broken = replace(only(question()).cost, prices={"input": "x"})
    candidate = only(question())._replace(cost=broken)
    failed = AttemptFailed(UpstreamUnavailable("no"), usage=Usage({"input": 5}))
    assert cost_of(failed, candidate) == 0
    assert cost_of(AttemptFailed(UpstreamUnavailable("no")), candidate) == 0


def test_what_an_attempt_took_that_failed_is_its_own_and_ours() -> None:
    farm = Farm(
        [
            account("a", platform="anthropic", priority=2, cost_multiplier=Decimal("0.5")),
            account("b", platform="anthropic", priority=1),
        ],
        {"a": [streaming(START, OVERLOADED)], "b": [streaming(*ANSWER)]},
        group={"platform": "anthropic"},
    )
    body = {"model": "claude-sonnet-4", "max_tokens": 200, "stream": True,
            "messages": [{"role": "user", "content": "hi"}]}  # fmt: skip
    assert farm.gateway.post("/v1/messages", body).status == 200
    record = farm.gateway.record()
    assert [dict(each) for each in record.attempts] == [
        {"account": "a", "status": 200, "ms": 0, "error": "upstream_error", "cost": 1_500_000},
        {"account": "b", "status": 200, "ms": 0},
    ]
    assert (record.charge, record.cost) == (4_500_000, 6_000_000)
    staff = staff_facts(record)
    assert (staff["cost_usd"], staff["margin_usd"]) == ("0.006", "-0.0015")
    assert [each["cost_usd"] for each in staff["attempts"]] == ["0.0015", "0.0045"]
