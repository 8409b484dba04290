"""Mistakes that other gateways made in routing, restriction and caching, and ours must not.

Each test is named after one of them, by its number in a published list of such mistakes.
"""

import random
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import Any

import httpx
import pytest

from tests.catalog_samples import record
from tests.channel_samples import asked, only
from tests.every_route import hosts
from tests.gateway import ACCOUNTS, EVERYWHERE, GROUP, USAGE, USER, Gateway, chat_answer
from tests.publishing_room import GROUP_IMAGE, Room
from tollgate.domain.catalog import Channel, ChannelPricing, GroupPart, Interval, Price
from tollgate.domain.channel_rows import SentRow, check_rows, rows_by_name
from tollgate.domain.charge import charge
from tollgate.domain.errors import CatalogUnavailable, ValidationFailed
from tollgate.domain.group_rules import check_group
from tollgate.domain.patterns import across, find, normal
from tollgate.domain.usage import Usage
from tollgate.services.catalog import Catalog
from tollgate.store.dynamodb import OutcomeUnknown

MESSAGES = {"model": "public", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 10},
}
PRICED = {
    name: (Price(name, 1, prices={"input": price, "output": price}, max_output=100),)
    for name, price in {"public": "1", "mapped": "2", "wire": "3", "other": "4"}.items()
}


def answering(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/messages"):
        return httpx.Response(200, json=MESSAGE)
    return chat_answer(USAGE)


def channel(*rows: SentRow, **fields: Any) -> Channel:
    check_rows(rows)
    pricing = (ChannelPricing(1, rows_by_name(rows)),) if rows else ()
    return Channel("chn_1", "sold", pricing=pricing, **fields)


def gateway(group: GroupPart, *others: GroupPart, **more: Any) -> Gateway:
    everywhere = replace(EVERYWHERE, prices=PRICED, default_groups={})
    return Gateway(
        more.pop("serve", answering), group=group, others=others, everywhere=everywhere, **more
    )


def accounts(*wires: str) -> Any:
    """One account of Anthropic for each name that is sent, the first one first."""
    return tuple(
        replace(
            ACCOUNTS[1],
            id=f"acc_{wire}",
            base_url=f"https://{wire}.example.com",
            model_mapping={"mapped": wire},
            priority=-number,
        )
        for number, wire in enumerate(wires)
    )


UPSTREAM = {
    "model_mapping": {"anthropic": {"public": "mapped"}, "openai": {"public": "mapped"}},
    "billing_model_source": "upstream",
}


def test_01_upstream_billing_uses_the_name_after_the_accounts_mapping_on_messages() -> None:
    made = gateway(replace(GROUP, channel=channel(**UPSTREAM), accounts=accounts("wire")))
    assert made.post("/v1/messages", MESSAGES).status == 200
    assert (made.record().billing_model, made.record().charge) == ("wire", 60_000)


def test_02_restriction_by_upstream_name_counts_for_every_account_of_many() -> None:
    rows = SentRow("openai", ("wire",), None, {"input": "3", "output": "3"})
    narrow = channel(rows, **UPSTREAM, restrict_models=True)
    pool = accounts("other", "wire", "mapped", "public")
    made = gateway(replace(GROUP, channel=narrow, accounts=pool))
    for number in range(20):
        headers = made.event("", "")["headers"] | {"x-session-id": f"session {number}"}
        assert made.post("/v1/messages", MESSAGES, headers).status == 200
    assert set(hosts(made)) == {"wire.example.com"}


def test_03_mapping_price_and_multiplier_are_of_the_group_that_restriction_looks_at() -> None:
    row = SentRow("openai", ("mapped",), None, {"input": "7", "output": "7"})
    fallback = channel(row, model_mapping={"openai": {"public": "mapped"}}, restrict_models=True)
    own = replace(
        GROUP,
        claude_code_only=True,
        fallback_group="grp_2",
        multiplier=Decimal(9),
        channel=replace(channel(), model_mapping={"openai": {"public": "other"}}),
    )
    other = replace(
        GROUP,
        id="grp_2",
        alias="g002",
        multiplier=Decimal(2),
        channel=replace(fallback, id="chn_2"),
    )
    made = gateway(own, other)
    assert made.post("/v1/messages", MESSAGES).status == 200
    found = made.record()
    assert (found.group, found.channel, found.mapped_model) == ("grp_2", "chn_2", "mapped")
    assert found.charge == 280_000


def test_04_a_range_without_a_price_for_output_charges_the_ordinary_one() -> None:
    row = SentRow(
        "anthropic",
        ("m",),
        "tokens",
        {"input": "1", "output": "2"},
        (Interval(0, None, {"input": "5"}),),
    )
    snapshot = only(asked("m", channel(row), prices={})).snapshot
    assert charge(Usage({"input": 1_000, "output": 1_000}), snapshot).nanos == 7_000_000


def test_05_one_channels_price_does_not_leak_into_another_group() -> None:
    row = SentRow("openai", ("public",), None, {"input": "50", "output": "50"})
    dear = replace(GROUP, channel=channel(row))
    assert only_price(dear) == {"input": "50", "output": "50"}
    assert only_price(GROUP) == {"input": "1", "output": "1"}
    assert only_price(dear) == {"input": "50", "output": "50"}


def only_price(group: GroupPart) -> dict[str, str]:
    """What a call costs in a group, by the official prices all groups share."""
    question = replace(asked("public", prices=PRICED), group=group, platforms=("openai",))
    return dict(only(question).snapshot.prices)


def test_06_an_unknown_label_does_not_fall_into_the_first_range() -> None:
    row = SentRow(
        "anthropic",
        ("m",),
        "times",
        {"images": "0.04"},
        (Interval(0, None, {"images": "0"}, label="1K"),),
    )
    snapshot = only(asked("m", channel(row), prices={})).snapshot
    assert charge(Usage({"images": 1}, labels=("8K",)), snapshot).nanos == 40_000_000
    assert charge(Usage({"images": 1}, labels=("1K",)), snapshot).nanos == 0


NAMES = ("claude-*", "claude-opus-*", "claude-opus-4*", "*")


@pytest.mark.parametrize("order", list(permutations(NAMES)))
def test_07_and_08_the_longest_prefix_wins_in_whatever_order_rows_come(
    order: tuple[str, ...],
) -> None:
    rows = dict.fromkeys(order, 1)
    finds = [find(rows, name) for name in ("claude-opus-4-6", "claude-opus-3", "claude-x", "gpt")]
    assert [found and found[0] for found in finds] == [
        "claude-opus-4*",
        "claude-opus-*",
        "claude-*",
        "*",
    ]


@pytest.mark.parametrize("first", ["anthropic", "gemini", "antigravity"])
def test_07_platforms_are_searched_in_one_order_whichever_was_written_first(first: str) -> None:
    rows = {first: {"shared": first}}
    rows |= {each: {"shared": each} for each in ("gemini", "antigravity", "anthropic")}
    assert across(rows, "antigravity", "shared") == ("shared", "antigravity")


def test_10_a_groups_new_platform_is_looked_up_by_at_once() -> None:
    room = Room()
    room.publishing.publish(frozenset({"grp_1"}))
    now = [1_000_000]
    relay = Catalog(room.snapshots, lambda: now[0])
    assert relay.group("grp_1").platform == "openai"
    room.definitions.groups["grp_1"] = replace(
        room.definitions.groups["grp_1"], platform="antigravity"
    )
    room.publishing.apply([record(GROUP_IMAGE, GROUP_IMAGE)])
    now[0] += 5_000
    assert relay.group("grp_1").platform == "antigravity"


SPELLINGS = ("Claude-3.5", "claude-3.5 ", "CLAUDE-3.5", "claude-3-5", "claude-3.5*", "claude 3.5")


@pytest.mark.parametrize("one", SPELLINGS)
@pytest.mark.parametrize("other", SPELLINGS)
def test_11_two_names_are_refused_together_just_when_one_would_hide_the_other(
    one: str, other: str
) -> None:
    rows = [SentRow("openai", (one,), None, {"input": "1"}),
            SentRow("openai", (other,), None, {"input": "2"})]  # fmt: skip
    collapsed = len(rows_by_name(rows)["openai"]) == 1
    try:
        check_rows(rows)
        refused = False
    except ValidationFailed:
        refused = True
    assert refused is collapsed is (normal(one) == normal(other))


@pytest.mark.parametrize(
    ("multiplier", "nanos"), [pytest.param("0", 0, id="free"), pytest.param("1", 20_000, id="one")]
)
def test_13_a_multiplier_of_zero_is_free_and_never_one(multiplier: str, nanos: int) -> None:
    made = gateway(replace(GROUP, multiplier=Decimal(multiplier)))
    made.post("/v1/messages", MESSAGES)
    assert made.record().charge == nanos


def test_13_a_negative_multiplier_is_not_saved() -> None:
    with pytest.raises(ValidationFailed):
        check_group(replace(Room().definitions.groups["grp_1"], multiplier=Decimal("-0.1")))


@pytest.mark.parametrize("source", ["requested", "channel_mapped", "upstream"])
def test_15_what_nothing_prices_is_refused_before_it_is_sent(source: str) -> None:
    sold = channel(
        model_mapping={"openai": {"alias": "unpriced"}},
        billing_model_source=source,  # a price of another name never stands in
    )
    made = gateway(replace(GROUP, channel=sold))
    seen = made.post("/v1/messages", MESSAGES | {"model": "alias"})
    assert (seen.status, seen.headers["x-should-retry"]) == (400, "false")
    assert hosts(made) == []
    assert made.wallets.read(USER).held == 0


def test_26_input_stays_what_the_upstream_calls_it_after_a_failed_attempt() -> None:
    tries = iter([httpx.Response(529), httpx.Response(200, json=MESSAGE)])
    made = gateway(replace(GROUP, accounts=accounts("public", "wire")), serve=lambda _: next(tries))
    assert made.post("/v1/messages", MESSAGES | {"model": "mapped"}).status == 200
    assert made.record().usage == {"input": 10, "output": 10}


def test_28_an_upstreams_complaint_reaches_the_caller_once() -> None:
    complaint = {"error": {"message": "messages.0: unknown role", "type": "x"}}
    made = gateway(GROUP, serve=lambda _: httpx.Response(400, json=complaint))
    seen = made.post("/v1/messages", MESSAGES)
    assert seen.body.count(b"unknown role") == 1


def test_28_an_answer_of_success_that_is_no_json_leads_on_to_the_next_account() -> None:
    tries = iter([httpx.Response(200, text="<html>"), httpx.Response(200, json=MESSAGE)])
    made = gateway(replace(GROUP, accounts=accounts("public", "wire")), serve=lambda _: next(tries))
    assert made.post("/v1/messages", MESSAGES | {"model": "mapped"}).status == 200
    assert hosts(made) == ["public.example.com", "wire.example.com"]


# --- beside the list: what a cache that fails open lets through -----------------------------------


def broken(operation: str, request: Any) -> None:
    raise OutcomeUnknown("the table is gone")


def test_a_catalog_that_cannot_be_read_keeps_what_is_restricted_and_priced() -> None:
    row = SentRow("openai", ("public",), None, {"input": "5", "output": "5"})
    made = gateway(replace(GROUP, channel=channel(row, restrict_models=True)))
    assert made.post("/v1/messages", MESSAGES).status == 200
    made.dynamo.before = lambda operation, request: (
        broken(operation, request) if "snapshot" in repr(request) else None
    )
    for seconds in (5, 60, 600):
        made.now += seconds * 1_000
        assert made.post("/v1/messages", MESSAGES | {"model": "other"}).status == 403
        assert made.post("/v1/messages", MESSAGES).status == 200
    assert {found.charge for found in made.all_records()} == {100_000}


def test_a_relay_that_never_read_the_catalog_serves_nobody() -> None:
    made = gateway(GROUP)
    made.dynamo.before = broken
    with pytest.raises(CatalogUnavailable):
        Catalog(made.catalog._snapshots, made.clock).global_part()


def test_after_a_failed_load_the_next_one_comes_within_five_seconds() -> None:
    made = gateway(GROUP)
    assert made.post("/v1/messages", MESSAGES).status == 200
    made.group = replace(GROUP, multiplier=Decimal(2))
    made.publish()
    made.dynamo.before = lambda operation, request: (
        broken(operation, request) if "snapshot" in repr(request) else None
    )
    made.now += 5_000
    made.post("/v1/messages", MESSAGES)
    made.dynamo.before = lambda operation, request: None
    made.now += 4_999
    made.post("/v1/messages", MESSAGES)
    made.now += 1
    made.post("/v1/messages", MESSAGES)
    assert sorted(found.charge for found in made.all_records()) == [20_000, 20_000, 20_000, 40_000]


def test_names_are_found_alike_however_often_and_in_whatever_order_they_are_asked_for() -> None:
    rows = {f"{'m' * length}*": length for length in range(1, 30)} | {"mmm": 0}
    names = ["m" * length for length in range(1, 40)] * 3
    random.Random(11).shuffle(names)
    expected = {name: 0 if name == "mmm" else min(len(name), 29) for name in names}
    assert {name: (find(rows, name) or ("", -1))[1] for name in names} == expected
