"""Calls that an upstream finds too long: which group takes them over, and what that costs."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.every_route import hosts, prices
from tests.gateway import (
    ACCOUNTS,
    CHAT,
    EVERYWHERE,
    GROUP,
    PROFILE,
    USAGE,
    USER,
    Gateway,
    chat_answer,
)
from tollgate.domain.catalog import Channel, ChannelPricing, GroupPart, Limits
from tollgate.domain.channel_rows import SentRow, rows_by_name
from tollgate.store.dynamodb import OutcomeUnknown

OPENAI = ACCOUNTS[0]
PRICED = replace(EVERYWHERE, prices=prices("gpt-4o"), default_groups={})


def at(name: str) -> Any:
    """One account whose host tells the group."""
    return (replace(OPENAI, id=f"acc_{name}", base_url=f"https://{name}.example.com"),)


def gateway(own: GroupPart, *others: GroupPart, serve: Any, **more: Any) -> Gateway:
    return Gateway(serve, group=own, others=others, everywhere=PRICED, **more)


def sold(price: str, channel: str) -> Channel:
    """A channel that sells the model at so much, input and output alike."""
    rows = rows_by_name([SentRow("openai", ("gpt-4o",), None, {"input": price, "output": price})])
    return Channel(channel, channel, pricing=(ChannelPricing(1, rows),))


def answering(request: httpx.Request) -> httpx.Response:
    return chat_answer(USAGE)


TOO_LONG = {"error": {"message": "prompt is too long: 208310 tokens > 200000 maximum"}}
SHORT = replace(
    GROUP,
    name="short",
    invalid_request_group="grp_2",
    accounts=at("short"),
    channel=sold("2", "chn_1"),
)
LONG = replace(
    GROUP,
    id="grp_2",
    alias="g002",
    name="long",
    accounts=at("long"),
    channel=sold("10", "chn_2"),
    multiplier=Decimal(2),
)


def short_only(request: httpx.Request) -> httpx.Response:
    """Upstreams of which only the long group's takes the call."""
    if request.url.host == "short.example.com":
        return httpx.Response(400, json=TOO_LONG)
    return chat_answer(USAGE)


def test_what_is_too_long_is_taken_over_and_charged_there() -> None:
    made = gateway(SHORT, LONG, serve=short_only)
    seen = made.post("/v1/chat/completions", CHAT)
    assert seen.status == 200, seen.body
    assert hosts(made) == ["short.example.com", "long.example.com"]
    record = made.record()
    assert (record.group, record.requested_group, record.channel) == ("grp_2", "grp_1", "chn_2")
    assert record.account == "acc_long"
    assert record.charge == 30_000_000
    assert [(each["account"], each["status"]) for each in record.attempts] == [
        ("acc_short", 400),
        ("acc_long", 200),
    ]
    made.settle()
    wallet = made.wallets.read(USER)
    assert (wallet.debits, wallet.held) == (30_000_000, 0)


def test_the_users_own_multiplier_is_the_one_in_the_group_that_takes_over() -> None:
    made = gateway(replace(SHORT, slices=1), replace(LONG, slices=1), serve=short_only)
    claim = made.publications.claim()
    for group, multiplier in (("grp_1", "9"), ("grp_2", "0.5")):
        made.publications.put_multipliers(group, claim.seen.groups[group], [{USER: multiplier}])
    assert made.post("/v1/chat/completions", CHAT).status == 200
    assert made.record().charge == 7_500_000


def test_the_hold_covers_the_group_that_may_take_over() -> None:
    alone = gateway(replace(SHORT, invalid_request_group=""), LONG, serve=answering)
    alone.post("/v1/chat/completions", CHAT)
    both = gateway(SHORT, LONG, serve=answering)
    both.post("/v1/chat/completions", CHAT)
    assert (alone.record().held, alone.record().charge) == (2_176_000, 3_000_000)
    assert (both.record().held, both.record().charge) == (21_760_000, 3_000_000)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        pytest.param(400, {"error": {"message": "messages.0: unknown role"}}, id="another fault"),
        pytest.param(500, {"error": {"message": "prompt is too long"}}, id="a failure"),
        pytest.param(429, {"error": {"message": "prompt is too long"}}, id="a limit"),
    ],
)
def test_nothing_else_is_taken_over(status: int, answer: Any) -> None:
    made = gateway(SHORT, LONG, serve=lambda _: httpx.Response(status, json=answer))
    assert made.post("/v1/chat/completions", CHAT).status >= 400
    assert set(hosts(made)) == {"short.example.com"}
    assert made.record().group == "grp_1"


def test_what_is_too_long_there_as_well_is_passed_on_no_further() -> None:
    other = replace(LONG, id="grp_3", alias="g003", accounts=at("longest"))
    made = gateway(
        SHORT,
        replace(LONG, invalid_request_group="grp_3"),
        other,
        serve=lambda _: httpx.Response(400, json=TOO_LONG),
    )
    seen = made.post("/v1/chat/completions", CHAT)
    assert (seen.status, b"too long" in seen.body) == (400, True)
    assert hosts(made) == ["short.example.com", "long.example.com"]
    made.settle()
    assert made.wallets.read(USER).debits == 0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(LONG, status="disabled"), id="switched off"),
        pytest.param(replace(LONG, exclusive=True), id="not open to the user"),
        pytest.param(replace(LONG, claude_code_only=True), id="for Claude Code only"),
        pytest.param(replace(LONG, accounts=()), id="without an account"),
        pytest.param(
            replace(LONG, channel=Channel("chn_2", "two", restrict_models=True)), id="unsold"
        ),
        pytest.param(replace(LONG, id="grp_3"), id="gone"),
    ],
)
def test_a_group_that_cannot_take_over_changes_nothing(other: GroupPart) -> None:
    made = gateway(SHORT, other, serve=short_only)
    assert made.post("/v1/chat/completions", CHAT).status == 400
    assert hosts(made) == ["short.example.com"]


@pytest.mark.parametrize(
    ("other", "own", "status"),
    [
        pytest.param(replace(LONG, limits=Limits(spend_day=1)), {}, 400, id="its own limits"),
        pytest.param(LONG, {"grp_2": Limits(rpm=1)}, 400, id="the user's limits in it"),
        pytest.param(
            replace(LONG, limits=Limits(rpm=1)), {"grp_2": Limits()}, 200, id="lifted for the user"
        ),
    ],
)
def test_a_group_takes_over_no_call_that_its_limits_would_not_see(
    other: GroupPart, own: dict[str, Limits], status: int
) -> None:
    made = gateway(SHORT, other, serve=short_only, profile=replace(PROFILE, group_limits=own))
    assert made.post("/v1/chat/completions", CHAT).status == status


def test_a_group_that_cannot_be_read_now_holds_nobody_up() -> None:
    made = gateway(SHORT, LONG, serve=answering)

    def before(operation: str, request: Any) -> None:
        if "snapshot#grp_2" in repr(request):
            raise OutcomeUnknown("no answer")

    made.dynamo.before = before
    assert made.post("/v1/chat/completions", CHAT).status == 200
    assert (hosts(made), made.record().held) == (["short.example.com"], 2_176_000)


def test_an_account_of_both_groups_is_asked_for_another_name_only() -> None:
    (account,) = SHORT.accounts
    both = replace(LONG, accounts=(account,))
    made = gateway(SHORT, both, serve=lambda _: httpx.Response(400, json=TOO_LONG))
    made.post("/v1/chat/completions", CHAT)
    assert hosts(made) == ["short.example.com"]
    larger = replace(both, accounts=(replace(account, model_mapping={"gpt-4o": "gpt-4o-large"}),))
    made = gateway(SHORT, larger, serve=lambda _: httpx.Response(400, json=TOO_LONG))
    made.post("/v1/chat/completions", CHAT)
    assert [b"gpt-4o-large" in sent.content for sent in made.upstream.requests] == [False, True]
