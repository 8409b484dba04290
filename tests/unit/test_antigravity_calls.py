"""How calls are said to antigravity accounts, and what follows when they are refused."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from tests.gateway import Scripted
from tests.google_accounts import (
    ANTIGRAVITY,
    NOW,
    PERSON,
    KnownHealth,
    ListedTokens,
    gemini_call,
    messages_call,
    saying,
)
from tollgate.domain.catalog import Account
from tollgate.domain.credits import Balance, Trouble
from tollgate.domain.errors import UnsupportedEndpoint, UpstreamUnavailable
from tollgate.domain.health import Cause
from tollgate.services.antigravity import Antigravity, Attempt, looking, paid
from tollgate.services.credits import Credits
from tollgate.services.speech import Failure, Outgoing, Reaction, Spoken
from tollgate.services.tokens import Owner, owner_of
from tollgate.upstream.client import Target, Upstream

ASKED = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
TALK = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
HOURS = 18_000_000
RESTING = {"model:up-1": NOW + 1}
PAID = ["GOOGLE_ONE_AI"]
CREDITS_REST = {"credits": NOW + HOURS, "cause:credits": 12}


@dataclass
class Bench:
    """One account before its upstream."""

    affords: bool = True
    facts: dict[str, int] = field(default_factory=dict)
    tokens: ListedTokens = field(default_factory=ListedTokens)
    checks: int = 0

    def __post_init__(self) -> None:
        self.health = KnownHealth(self.facts)
        bench = self

        class Checked(Credits):
            def affords(self, owner: Owner, until: int) -> bool:
                assert until == NOW + 60_000
                bench.checks += 1
                return bench.affords

        balances = Checked(None, lambda: NOW, lambda seconds: None)
        self.speaker = Antigravity(self.tokens, balances, self.health, lambda: NOW)

    def spoken(self, outgoing: Outgoing | None = None, account: Account = ANTIGRAVITY) -> Spoken:
        call = outgoing or gemini_call("generateContent", ASKED)
        return self.speaker.speak(saying(call, account, PERSON))


def reaction(spoken: Spoken, status: int, body: bytes = b"") -> Reaction | None:
    assert spoken.react is not None
    return spoken.react(Failure(status, {}, body))


def again(found: Reaction | None) -> Spoken:
    assert found is not None
    assert found.again is not None
    return found.again


def error(message: str, reason: str = "", delay: str = "") -> bytes:
    details: list[dict[str, Any]] = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    ]
    if delay:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return json.dumps({"error": {"message": message, "details": details}}).encode()


QUOTA = error("Individual quota reached", "QUOTA_EXHAUSTED", "3600s")


# --- the request ----------------------------------------------------------------------------------


def test_a_call_goes_into_the_envelope_as_it_is() -> None:
    said = Bench().spoken(gemini_call("generateContent", b'{"contents" :[{"parts":[{}]}]}'))
    assert said.target.url == "https://cloudcode-pa.googleapis.com/v1internal:generateContent"
    assert said.target.body == (
        b'{"project":"proj-7","model":"up-1","request":{"contents" :[{"parts":[{}]}]}}'
    )
    assert said.target.headers == {
        "content-type": "application/json",
        "authorization": "Bearer ya29.1",
    }
    assert said.decode is not None
    assert b"".join(said.decode(iter([b'{"response":{"a":1}}']))) == b'{"a":1}'
    assert said.clears == ()


@pytest.mark.parametrize(
    ("query", "headers", "out"),
    [
        pytest.param("alt=sse", {}, b'data: {"a":1}\r\n\r\n', id="as events"),
        pytest.param(
            "", {"content-type": "application/json; charset=UTF-8"}, b'[{"a":1}]', id="as an array"
        ),
    ],
)
def test_the_endpoint_streams_events_whatever_the_caller_reads(
    query: str, headers: dict[str, str], out: bytes
) -> None:
    account = replace(ANTIGRAVITY, base_url="http://127.0.0.1:1", project="")
    said = Bench().spoken(gemini_call("streamGenerateContent", ASKED, query), account)
    assert said.target.url == "http://127.0.0.1:1/v1internal:streamGenerateContent?alt=sse"
    assert said.headers == headers
    assert said.decode is not None
    assert b"".join(said.decode(iter([b'data: {"response":{"a":1}}\n\n']))) == out
    assert said.retell is None


@pytest.mark.parametrize(
    "outgoing",
    [
        pytest.param(
            gemini_call("embedContent", {"content": {"parts": [{"text": "x"}]}}), id="a vector"
        ),
        pytest.param(messages_call(TALK), id="Messages"),
    ],
)
def test_what_it_does_not_take_goes_to_the_next_account(outgoing: Outgoing) -> None:
    with pytest.raises(UnsupportedEndpoint):
        Bench().spoken(outgoing)


def test_counting_tokens_takes_no_credits() -> None:
    bench = Bench(facts=RESTING)
    said = bench.spoken(gemini_call("countTokens", ASKED))
    assert said.target.url == "https://cloudcode-pa.googleapis.com/v1internal:countTokens"
    assert json.loads(said.target.body) == {
        "request": {"model": "models/up-1", "contents": ASKED["contents"]}
    }
    assert said.decode is None
    assert reaction(said, 429, QUOTA) == Reaction(
        rests={"model:up-1": NOW + 3_600_000, "cause:model:up-1": 2}
    )
    assert bench.checks == 0


def test_refusals_do_not_name_the_project() -> None:
    said = Bench().spoken()
    assert said.retell is not None
    assert said.retell(Failure(400, {}, b"in proj-7")).body == b"in ***"


# --- credits before the call ----------------------------------------------------------------------


def test_a_resting_model_is_paid_with_credits_in_exactly_one_call() -> None:
    bench = Bench(facts=RESTING)
    said = bench.spoken()
    assert json.loads(said.target.body)["enabledCreditTypes"] == PAID
    assert said.clears == ("credits",)
    assert (bench.checks, bench.health.blocked) == (1, [])


def test_without_enough_credits_they_count_as_used_up_and_the_next_account_is_asked() -> None:
    bench = Bench(affords=False, facts=RESTING)
    with pytest.raises(UpstreamUnavailable, match="no credits"):
        bench.spoken()
    assert bench.health.blocked == [("acc_a", "credits", NOW + HOURS, Cause.CREDITS_USED)]


def test_what_cannot_say_how_it_is_paid_goes_to_the_next_account() -> None:
    owner = owner_of(ANTIGRAVITY, PERSON, None)
    call = gemini_call("generateContent", {"contents": [{"parts": [{"text": "hi"}]}]})
    broken = Attempt(owner, "up-1", call, Spoken(Target("https://x", {}, b"")), "ya29.1")
    with pytest.raises(UpstreamUnavailable, match="cannot be paid"):
        paid(broken)


@pytest.mark.parametrize(
    ("account", "facts"),
    [
        pytest.param(ANTIGRAVITY, {}, id="nothing rests"),
        pytest.param(ANTIGRAVITY, {"model:other": NOW + 1}, id="another model rests"),
        pytest.param(replace(ANTIGRAVITY, overages=False), RESTING, id="its owner did not agree"),
    ],
)
def test_otherwise_no_balance_is_asked_for(account: Account, facts: dict[str, int]) -> None:
    bench = Bench(facts=facts)
    assert b"enabledCreditTypes" not in bench.spoken(account=account).target.body
    assert bench.checks == 0


# --- refusals -------------------------------------------------------------------------------------


def test_used_up_quota_is_paid_with_credits_in_the_same_attempt() -> None:
    bench = Bench()
    found = reaction(bench.spoken(), 429, QUOTA)
    paying = again(found)
    assert found == Reaction(paying)
    assert json.loads(paying.target.body)["enabledCreditTypes"] == PAID
    assert paying.clears == ("credits",)
    assert bench.health.blocked == []


def test_used_up_quota_without_credits_rests_both() -> None:
    found = reaction(Bench(affords=False).spoken(), 429, QUOTA)
    assert found == Reaction(
        rests={
            "credits": NOW + HOURS,
            "cause:credits": 12,
            "model:up-1": NOW + HOURS,
            "cause:model:up-1": 12,
        }
    )


@pytest.mark.parametrize(
    ("bench", "account", "body", "rests"),
    [
        pytest.param(
            Bench(),
            replace(ANTIGRAVITY, overages=False),
            QUOTA,
            {"model:up-1": NOW + 3_600_000, "cause:model:up-1": 2},
            id="its owner did not agree",
        ),
        pytest.param(
            Bench(facts={"credits": NOW + 1}),
            ANTIGRAVITY,
            QUOTA,
            {"model:up-1": NOW + 3_600_000, "cause:model:up-1": 2},
            id="its credits are used up",
        ),
        pytest.param(
            Bench(),
            ANTIGRAVITY,
            error("", "RATE_LIMIT_EXCEEDED", "9s"),
            {"model:up-1": NOW + 9_000, "cause:model:up-1": 2},
            id="patience is lacking, not quota",
        ),
        pytest.param(
            Bench(),
            ANTIGRAVITY,
            error("slow down"),
            {"model:up-1": NOW + 30_000, "cause:model:up-1": 2},
            id="unsaid",
        ),
    ],
)
def test_otherwise_the_model_rests(
    bench: Bench, account: Account, body: bytes, rests: dict[str, int]
) -> None:
    assert reaction(bench.spoken(account=account), 429, body) == Reaction(rests=rests)
    assert bench.checks == 0


@pytest.mark.parametrize(
    ("status", "body", "rests"),
    [
        pytest.param(429, error("Resource has been exhausted"), CREDITS_REST, id="they are gone"),
        pytest.param(400, error("Insufficient credits"), CREDITS_REST, id="they say so"),
        pytest.param(
            429,
            error("You have exhausted your capacity on this model"),
            {"model:up-1": NOW + 30_000, "cause:model:up-1": 2},
            id="only that model's capacity",
        ),
        pytest.param(
            429,
            QUOTA,
            {"model:up-1": NOW + 3_600_000, "cause:model:up-1": 2},
            id="quota: not paid twice",
        ),
    ],
)
def test_a_refused_payment_marks_credits_only_where_it_says_so(
    status: int, body: bytes, rests: dict[str, int]
) -> None:
    said = Bench(facts=RESTING).spoken()
    assert reaction(said, status, body) == Reaction(rests=rests)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, error("credit balance"), id="500"),
        pytest.param(403, error("Permission denied"), id="403"),
    ],
)
def test_other_refusals_mean_what_they_mean_everywhere(status: int, body: bytes) -> None:
    assert reaction(Bench(facts=RESTING).spoken(), status, body) is None


def test_a_short_delay_is_waited_for_once_then_the_model_rests() -> None:
    bench = Bench()
    said, body = bench.spoken(), error("", "RATE_LIMIT_EXCEEDED", "0.5s")
    first = reaction(said, 429, body)
    second = again(first)
    assert first == Reaction(second, 500)
    assert second.target == said.target
    assert reaction(second, 429, body) == Reaction(
        rests={"model:up-1": NOW + 30_000, "cause:model:up-1": 2}
    )


def test_missing_capacity_is_tried_for_a_minute() -> None:
    said, body = Bench().spoken(), error("", "MODEL_CAPACITY_EXHAUSTED")
    for _ in range(60):
        found = reaction(said, 503, body)
        said = again(found)
        assert found == Reaction(said, 1_000)
    assert reaction(said, 503, body) == Reaction(
        rests={"model:up-1": NOW + 10_000, "cause:model:up-1": 2}
    )


def test_a_refused_token_is_replaced_once() -> None:
    bench = Bench()
    second = again(reaction(bench.spoken(), 401))
    assert second.target.headers["authorization"] == "Bearer ya29.2"
    assert reaction(second, 401) is None


def test_without_another_token_it_is_the_next_accounts_turn() -> None:
    assert reaction(Bench(tokens=ListedTokens(last=1)).spoken(), 401) == Reaction()


# --- balances -------------------------------------------------------------------------------------

CREDITS = {
    "paidTier": {
        "availableCredits": [
            {
                "creditType": "GOOGLE_ONE_AI",
                "creditAmount": "18778",
                "minimumCreditAmountForUsage": "50",
            }
        ]
    }
}


def looked(serve: Callable[[httpx.Request], httpx.Response]) -> tuple[Balance, ListedTokens]:
    tokens, upstream = ListedTokens(), Scripted(serve)
    look = looking(tokens, Upstream(transport=upstream), lambda: NOW)
    found = look(owner_of(ANTIGRAVITY, PERSON, None))
    (request,) = upstream.requests
    assert str(request.url) == "https://cloudcode-pa.googleapis.com/v1internal:loadCodeAssist"
    assert request.headers["authorization"] == "Bearer ya29.1"
    return found, tokens


def test_a_balance_is_looked_up_with_the_accounts_own_token() -> None:
    found, _ = looked(lambda request: httpx.Response(200, json=CREDITS))
    ((kind, amount, minimum),) = [(c.kind, str(c.amount), str(c.minimum)) for c in found.credits]
    assert (kind, amount, minimum) == ("GOOGLE_ONE_AI", "18778", "50")
    assert (found.trouble, found.read_at) == ("", NOW)


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        pytest.param(403, b"{}", "forbidden", id="forbidden"),
        pytest.param(429, b"{}", "rate_limited", id="too often"),
        pytest.param(502, b"{}", "network_error", id="broken"),
        pytest.param(200, b"<html>", "network_error", id="no answer of theirs"),
    ],
)
def test_an_untold_balance_says_why(status: int, body: bytes, trouble: Trouble) -> None:
    found, tokens = looked(lambda request: httpx.Response(status, content=body))
    assert found == Balance((), trouble, NOW)
    assert tokens.number == 1


def test_a_refused_token_is_not_used_again() -> None:
    found, tokens = looked(lambda request: httpx.Response(401))
    assert found.trouble == "unauthenticated"
    assert tokens.number == 2


def test_a_broken_connection_is_trouble_of_the_network() -> None:
    def breaks(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silent")

    assert looked(breaks)[0].trouble == "network_error"
