"""Which account gets which call on the running stack, typed out for a farm of scripted accounts."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import httpx
import openai
import pytest

from local.replay.aws import ACCESS_KEY, SECRET_KEY
from local.replay.draft import ACCOUNT
from local.stack import Stack
from tests.e2e.farm import (
    CHARGE,
    CHAT,
    CLAUDE,
    CLAUDES_CHARGE,
    HI,
    Farm,
    Scene,
    await_published,
    closed_port,
    open_farm,
)
from tests.e2e.lab import PATIENCE, eventually
from tests.e2e.shop import nanos

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the SDKs themselves
]

BEDROCK: Final = {
    "type": "bedrock",
    "auth_mode": "sigv4",
    "region": "eu-west-1",
    "credentials": {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY},
}
TWO_CALLS_USD: Final = "0.00001"
"""A quota that one call of 5,400 nanos leaves open and two use up."""

SCENES: Final = {
    "six": Scene({"a": {}, "b": {}, "c": {}, "d": {}, "e": {"base_url": closed_port() + "/v1"},
                  "f": {"cost_multiplier": "0.5"}}),
    "all down": Scene({"down-1": {}, "down-2": {}}),
    "messages": Scene({"claude-1": {}, "claude-2": BEDROCK}, "anthropic"),
    "equals": Scene({f"equal-{n}": {} for n in range(1, 5)}, ranked=False),
    "half open": Scene({"cooled": {}, "spare": {}}),
    "quota": Scene({"small": {"quotas": {"day": {"limit_usd": TWO_CALLS_USD}}}, "large": {}}),
    "pool": Scene({"pool": {"pool_retries": 3}, "behind": {}}),
    "places": Scene({"narrow": {"concurrency": 1}, "wide": {}}),
    "one place": Scene({"only": {"concurrency": 1}}),
    "open to all": Scene({"abroad": {}}, "anthropic"),
    "steady": Scene({"steady": {}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def farm(stack: Stack) -> Farm:
    """All scenes, published."""
    made = open_farm(stack, SCENES)
    fallback = {"claude_code_only": True, "fallback_group": made.groups["open to all"]}
    made.open("claude code", Scene({"at-home": {}}, "anthropic", fallback))
    made.open("ring", Scene({"ring": {"credentials": "\n".join(ring(made))}, "last": {}}))
    made.open_key("three a minute", "steady", limits={"rpm": 3})
    made.open_key("a budget", "steady", limits={"spend_day_usd": "0.0001"})
    made.open_key("from elsewhere", "steady", allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    made.open_key("from here", "steady", allowed_networks=["127.0.0.0/8"])
    await_published(made)
    return made


def ring(farm: Farm) -> list[str]:
    """The API keys of the account that has three."""
    return [farm.credential(f"ring-{number}") for number in range(3)]


# --- failing over ---------------------------------------------------------------------------------


def test_the_first_that_answers_after_all_kinds_of_failures(farm: Farm) -> None:
    farm.script("a", "status=500", "status=500")
    farm.script("b", "status=401", "status=401")
    farm.script("c", "status=429+retry_after=300")
    farm.script("d", "status=529")
    with farm.one_relay():
        first = farm.call("six")
        second = farm.call("six")
    assert farm.tried(first) == [
        ("a", 500, "upstream_error"),
        ("b", 401, "upstream_unavailable"),
        ("c", 429, "upstream_rate_limited"),
        ("d", 529, "upstream_rate_limited"),
        ("e", 0, "upstream_unavailable"),
        ("f", 200, ""),
    ]
    assert farm.trace(second) == "a b e f", "c cools, d is overloaded; the others failed only twice"
    assert [len(farm.received(name)) for name in "abcdef"] == [2, 2, 1, 1, 0, 2]
    assert [farm.rests(name) for name in "abcdef"] == [[], [], ["cooling"], ["overloaded"], [], []]
    receipt = farm.receipt(first)
    assert (receipt["charge_usd"], receipt["cost_usd"]) == (CHARGE, "0.0000027")
    assert [each["cost_usd"] for each in receipt["attempts"]] == ["0"] * 5 + ["0.0000027"]
    assert (receipt["status"], receipt["account"]) == (200, farm.accounts["f"])


def test_a_stream_of_messages_goes_on_to_bedrock(farm: Farm) -> None:
    farm.script("claude-1", "status=529")
    with (
        farm.anthropic("messages") as client,
        client.messages.stream(model=CLAUDE, max_tokens=100, messages=HI) as stream,
    ):
        assert stream.get_final_message().usage.output_tokens == 8
        request_id = stream.response.headers["x-request-id"]
    assert farm.tried(request_id) == [
        ("claude-1", 529, "upstream_rate_limited"),
        ("claude-2", 200, ""),
    ]
    assert farm.receipt(request_id)["charge_usd"] == CLAUDES_CHARGE


@pytest.mark.parametrize(
    ("scripts", "status", "code", "tried"),
    [
        pytest.param(
            ("status=500", "status=429+retry_after=1"), 429, "upstream_rate_limited",
            [("down-1", 500, "upstream_error"), ("down-2", 429, "upstream_rate_limited")],
            id="the newest failure",
        ),
        pytest.param(
            ("status=400", ""), 400, None,
            [("down-1", 400, "upstream_refused")],
            id="the caller's own fault",
        ),
    ],
)  # fmt: skip
def test_what_the_caller_is_told_when_nobody_answers(
    farm: Farm,
    scripts: tuple[str, str],
    status: int,
    code: str | None,
    tried: list[tuple[str, int, str]],
) -> None:
    for name, script in zip(("down-1", "down-2"), scripts, strict=True):
        farm.script(name, script)
    with pytest.raises(openai.APIStatusError) as refused, farm.openai("all down") as client:
        client.chat.completions.create(model=CHAT, messages=HI, max_tokens=100)
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert ACCOUNT not in str(refused.value.body)
    request_id = refused.value.response.headers["x-request-id"]
    assert farm.tried(request_id) == tried
    assert farm.receipt(request_id)["charge_usd"] == "0"


# --- sessions -------------------------------------------------------------------------------------


def test_sessions_stay_spread_leave_and_return(farm: Farm) -> None:
    homes = {session: farm.asked("equals", session) for session in map(str, range(8))}
    assert len(set(homes.values())) > 1
    mine = homes["0"]
    other = next(session for session, home in homes.items() if home != mine)
    for session in ("0", other) * 4:
        assert farm.asked("equals", session) == homes[session]

    farm.change(f"/accounts/{farm.accounts[mine]}", {"status": "disabled"})
    left = eventually(lambda: farm.asked("equals", "0"), lambda seen: seen != mine)
    assert farm.asked("equals", other) == homes[other], "who was elsewhere stays there"
    farm.change(f"/accounts/{farm.accounts[mine]}", {"status": "active"})
    eventually(lambda: farm.asked("equals", "0"), lambda seen: seen == mine)

    with farm.one_relay():
        eventually(lambda: farm.asked("equals", "0"), lambda seen: seen == mine)
        farm.script(mine, "status=429+retry_after=2")
        began = time.monotonic()
        assert farm.asked("equals", "0").split()[0] == mine
        assert farm.asked("equals", "0") != mine
        eventually(lambda: farm.asked("equals", "0"), lambda seen: seen == mine)
        assert time.monotonic() - began >= 1
    assert left in farm.accounts


# --- resting and coming back ----------------------------------------------------------------------


def test_one_call_tries_an_account_that_has_cooled(farm: Farm) -> None:
    limited = "status=429+retry_after=3"
    farm.script("cooled", limited, limited, "block")
    with farm.one_relay(idlers=2), ThreadPoolExecutor() as pool:
        assert farm.asked("half open") == "cooled spare"
        (rest,) = farm.health("cooled")["health"]
        assert farm.asked("half open") == "spare"
        assert (rest["what"], rest["cause"]) == ("cooling", "rate_limited_until")
        eventually(lambda: farm.rests("cooled"), lambda seen: seen == [])
        assert farm.asked("half open") == "cooled spare", "the trial failed"
        assert farm.asked("half open") == "spare"
        eventually(lambda: farm.rests("cooled"), lambda seen: seen == [])
        trial = pool.submit(farm.asked, "half open")
        farm.await_received("cooled", 1)
        assert farm.rests("cooled") == ["trying"]
        assert farm.asked("half open") == "spare", "one call at a time"
        farm.release("cooled")
        assert trial.result(PATIENCE) == "cooled"
        assert farm.asked("half open") == "cooled"
        assert farm.health("cooled")["health"] == []


def test_an_account_is_left_when_its_quota_is_used_up(farm: Farm) -> None:
    assert [farm.asked("quota") for _ in range(2)] == ["small", "small"]
    spent = eventually(lambda: farm.health("small"), lambda seen: not seen["healthy"])
    eventually(lambda: farm.asked("quota"), lambda seen: seen == "large")
    used = spent["quota_usage"]["day"]
    assert (used["limit_usd"], used["used_usd"]) == ("0.00001", "0.0000108")
    assert used["resets_at"] - used["started_at"] == 24 * 3_600_000
    (rest,) = spent["health"]
    assert (rest["what"], rest["until"]) == ("quota", used["resets_at"])

    reset = farm.made(f"/accounts/{farm.accounts['small']}/reset-quota", {})
    assert (reset["healthy"], reset["quota_usage"]["day"]["used_usd"]) == (True, "0")
    eventually(lambda: farm.asked("quota"), lambda seen: seen == "small")


# --- pools and keys -------------------------------------------------------------------------------


def test_a_pool_is_asked_again_every_half_second_and_then_left(farm: Farm) -> None:
    farm.script("pool", "status=429", "status=401", "status=403", "status=429")
    with farm.one_relay():
        first = farm.call("pool")
        second = farm.call("pool")
    assert farm.trace(first) == "pool pool pool pool behind"
    assert [each["status"] for each in farm.receipt(first)["attempts"]] == [429, 401, 403, 429, 200]
    at = [call["at"] for call in farm.received("pool")]
    pauses = [after - before for before, after in pairwise(at)]
    assert all(500 <= pause < 900 for pause in pauses), pauses
    assert farm.trace(second) == "behind"
    (rest,) = farm.health("pool")["health"]
    assert (rest["what"], rest["cause"]) == ("paused", "pool_exhausted")


def test_another_key_of_the_same_account_before_the_next_account(farm: Farm) -> None:
    for key in ring(farm):
        farm.script("ring", "status=401", "", key=key)
    with farm.one_relay():
        first = farm.call("ring")
        second = farm.call("ring")
    assert farm.trace(first) == "ring ring ring last"
    assert sorted(each["key"] for each in farm.receipt(first)["attempts"][:3]) == [1, 2, 3]
    assert farm.trace(second) == "last", "all its keys rest"
    keys = farm.lab.get(f"/accounts/{farm.accounts['ring']}/keys")["keys"]
    assert [(key["number"], key["usable"]) for key in keys] == [(1, False), (2, False), (3, False)]
    farm.made(f"/accounts/{farm.accounts['ring']}/keys/2/enable", {})
    request_id = eventually(lambda: farm.call("ring"), lambda seen: farm.trace(seen) == "ring")
    assert [each["key"] for each in farm.receipt(request_id)["attempts"]] == [2]


# --- Claude Code ----------------------------------------------------------------------------------


CLAUDE_CODE: Final = {
    "user-agent": "claude-cli/2.0.31 (external, cli)",
    "x-app": "cli",
    "anthropic-beta": "claude-code-20250219",
    "anthropic-version": "2023-06-01",
}
ITS_BODY: Final = {
    "model": CLAUDE,
    "max_tokens": 100,
    "system": "You are Claude Code, Anthropic's official CLI for Claude.",
    "metadata": {"user_id": f"user_{'0a' * 32}_account__session_{UUID(int=1)}"},
    "messages": HI,
}


def test_a_group_for_claude_code_sends_others_to_its_fallback(farm: Farm) -> None:
    with farm.anthropic("claude code") as client:
        answer = client.messages.with_raw_response.create(model=CLAUDE, max_tokens=100, messages=HI)
    stranger = farm.receipt(answer.headers["x-request-id"])
    own = httpx.post(
        f"{farm.lab.url}/v1/messages",
        json=ITS_BODY,
        headers=CLAUDE_CODE | {"x-api-key": farm.secrets["claude code"]},
        timeout=PATIENCE,
    )
    assert own.status_code == 200, own.text
    known = farm.receipt(own.headers["x-request-id"])
    home, abroad = farm.groups["claude code"], farm.groups["open to all"]
    assert [
        (each["requested_group"], each["group"], farm.named(each["account"]))
        for each in (stranger, known)
    ] == [(home, abroad, "abroad"), (home, home, "at-home")]


# --- places ---------------------------------------------------------------------------------------


def test_a_second_stream_goes_to_the_other_account(farm: Farm) -> None:
    farm.script("narrow", "step")
    with farm.stream("places") as first:
        eventually(lambda: farm.health("narrow")["in_use"], lambda seen: seen == 1)
        with farm.stream("places") as second:
            assert second.read().endswith(b"data: [DONE]\n\n")
        farm.release("narrow")
        assert first.read().endswith(b"data: [DONE]\n\n")
    traces = [farm.trace(each.headers["x-request-id"]) for each in (first, second)]
    assert traces == ["narrow", "wide"]
    eventually(lambda: farm.health("narrow")["in_use"], lambda seen: seen == 0)


def test_a_place_is_waited_for_and_free_again_when_a_caller_hangs_up(farm: Farm) -> None:
    farm.script("only", "step")
    with farm.stream("one place") as first, ThreadPoolExecutor() as pool:
        waiting = pool.submit(farm.asked, "one place")
        eventually(lambda: farm.lab.wallet()["open_calls"], lambda seen: seen == 2)
        assert not waiting.done()
        first.close()
        farm.release("only")  # the relay reads on, for a while, to learn what was used
        assert waiting.result(PATIENCE) == "only"
    eventually(lambda: farm.health("only")["in_use"], lambda seen: seen == 0)
    assert len(farm.received("only")) == 2
    assert farm.asked("one place") == "only"


# --- limits ---------------------------------------------------------------------------------------


def test_the_fourth_call_within_a_minute_is_refused(farm: Farm) -> None:
    eventually(lambda: time.time() % 60, lambda second: second < 55)
    answers = [farm.post("three a minute") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert left == ["2", "1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"3"}
    refused = answers[3]
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    resets = int(refused.headers["x-ratelimit-reset-requests"].removesuffix("s"))
    assert 1 <= resets <= 60
    assert int(refused.headers["retry-after"]) == min(resets, 30)
    assert len(farm.received("steady")) == 3


def test_a_spent_budget_is_final_and_says_when_it_begins_anew(farm: Farm) -> None:
    assert farm.post("a budget").status_code == 200
    with pytest.raises(openai.RateLimitError) as refused, farm.openai("a budget") as client:
        client.chat.completions.create(model=CHAT, messages=HI, max_tokens=1_000)
    told: Any = refused.value.body
    assert (told["code"], told["type"]) == ("budget_exceeded", "insufficient_quota")
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert told["message"].endswith(f"it resets at {tomorrow} 00:00:00 UTC")
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_a_key_is_refused_from_other_networks(farm: Farm) -> None:
    answers = [farm.post(key) for key in ("from elsewhere", "from here")]
    assert [answer.status_code for answer in answers] == [403, 200]
    assert answers[0].json()["error"]["code"] == "ip_not_allowed"


# --- money ----------------------------------------------------------------------------------------


def test_what_was_charged_is_what_the_records_say(farm: Farm) -> None:
    """Runs last: everything above is in the sums, to the nano."""
    wallet = farm.lab.settled()
    assert wallet["held_usd"] == "0"
    receipts = farm.lab.usage()
    spent = sum(nanos(receipt["charge_usd"]) for receipt in receipts)
    assert nanos(wallet["debits_usd"]) == spent
    assert nanos(wallet["available_usd"]) == 5 * 10**9 - spent
