"""Which price a call gets: customer, channel or official, by which name, times which multiplier."""

from dataclasses import replace

import pytest

from tests.resolution_samples import (
    ACCOUNT,
    EVERYWHERE,
    GROUP,
    KEY,
    NOW,
    PRICES,
    PROFILE,
    channel,
    only,
    question,
    row,
)
from tollgate.domain import errors
from tollgate.domain.catalog import (
    Channel,
    ChannelPricing,
    ChannelRow,
    CustomerPrice,
    Key,
    ModelGroup,
)
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import resolve


def customer(price: CustomerPrice, key: Key = KEY, *permitted: str) -> Caller:
    """A user with a price of their own for gpt-4o."""
    profile = replace(
        PROFILE,
        prices={"gpt-4o": {price.code: (price,)}},
        permissions={"gpt-4o": frozenset(permitted)},
    )
    return Caller(profile, key)


MINE = CustomerPrice("gpt-4o", "default", 7, prices={"input": "2", "output": "4"})


@pytest.mark.parametrize(
    ("asked", "source", "price_id", "version", "input_price", "multiplier"),
    [
        pytest.param(
            question(), "official", "gpt-4o", 1, "2.5", ("1.5", "group"), id="the official price"
        ),
        pytest.param(
            question(multiplier="0.8"),
            "official",
            "gpt-4o",
            1,
            "2.5",
            ("0.8", "user"),
            id="the user's own multiplier",
        ),
        pytest.param(
            question(multiplier="0"),
            "official",
            "gpt-4o",
            1,
            "2.5",
            ("0", "user"),
            id="an explicit zero",
        ),
        pytest.param(
            question(channel=channel(row("gpt-*", input="1"))),
            "channel",
            "chn_1#openai#gpt-*",
            4,
            "1",
            ("1.5", "group"),
            id="the channel's price",
        ),
        pytest.param(
            question(channel=channel(row("gpt-4o"))),
            "official",
            "gpt-4o",
            1,
            "2.5",
            ("1.5", "group"),
            id="a row that only lists the model",
        ),
        pytest.param(
            question(channel=channel(row("gpt-4o", "anthropic", input="1"))),
            "official",
            "gpt-4o",
            1,
            "2.5",
            ("1.5", "group"),
            id="another platform's row is none",
        ),
        pytest.param(
            question(caller=customer(MINE), channel=channel(row("gpt-4o", input="1"))),
            "customer",
            "gpt-4o#default",
            7,
            "2",
            ("1.5", "group"),
            id="the customer's price goes before the channel's",
        ),
        pytest.param(
            question(
                caller=customer(replace(MINE, apply_group_multiplier=False)), multiplier="0.8"
            ),
            "customer",
            "gpt-4o#default",
            7,
            "2",
            ("1", "none"),
            id="a price net of every multiplier",
        ),
        pytest.param(
            question("unlisted", channel=channel(row("unlisted", input="3", output="4"))),
            "channel",
            "chn_1#openai#unlisted",
            4,
            "3",
            ("1.5", "group"),
            id="a channel prices what nobody else does",
        ),
    ],
)
def test_where_a_price_comes_from(
    asked: Question,
    source: str,
    price_id: str,
    version: int,
    input_price: str,
    multiplier: tuple[str, str],
) -> None:
    snapshot = only(asked).snapshot
    assert (snapshot.source, snapshot.price_id, snapshot.version) == (source, price_id, version)
    assert snapshot.prices["input"] == input_price
    assert (snapshot.multiplier, snapshot.multiplier_source) == multiplier


def test_a_customers_price_inherits_by_ratio_from_the_official_one_alone() -> None:
    asked = question(caller=customer(MINE), channel=channel(row("gpt-4o", cache_read="9")))
    assert only(asked).snapshot.prices == {"input": "2", "output": "4", "cache_read": "1"}


def test_a_row_that_prices_nothing_in_its_mode_prices_nothing() -> None:
    silent = ChannelRow("openai", "unlisted", mode="times")
    with pytest.raises(errors.ModelPriceNotConfigured):
        resolve(question("unlisted", channel=channel(silent)))


def test_the_version_of_the_channels_prices_that_counts_now() -> None:
    before = ChannelPricing(1, {"openai": {"gpt-4o": row("gpt-4o", input="1")}}, 0, NOW)
    after = ChannelPricing(2, {"openai": {"gpt-4o": row("gpt-4o", input="2")}}, NOW)
    sold = Channel("chn_1", "sold", pricing=(before, after))
    assert only(question(channel=sold)).snapshot.prices["input"] == "2"
    assert only(question(channel=sold, now_ms=NOW - 1)).snapshot.prices["input"] == "1"


MAPPED = {"openai": {"gpt-4o": "mapped"}}
WIRED = replace(ACCOUNT, model_mapping={"mapped": "wire"})


@pytest.mark.parametrize(
    ("source", "name", "official", "channels"),
    [
        ("requested", "gpt-4o", "2.5", "0.1"),
        ("channel_mapped", "mapped", "8", "0.2"),
        ("upstream", "wire", "7", "0.3"),
    ],
)
def test_the_billing_name_prices_by_channel_and_officially(
    source: str, name: str, official: str, channels: str
) -> None:
    plain = channel(model_mapping=MAPPED, billing_model_source=source)
    rows = [row("gpt-4o", input="0.1"), row("mapped", input="0.2"), row("wire", input="0.3")]
    sold = channel(*rows, model_mapping=MAPPED, billing_model_source=source)
    for each, price in ((plain, official), (sold, channels)):
        found = only(question(group=replace(GROUP, channel=each, accounts=(WIRED,))))
        assert found.snapshot.billing_model == name
        assert found.snapshot.prices["input"] == price
        assert found.chain == ("gpt-4o", "mapped", "wire")
        assert found.snapshot.model_group == "default"


def test_accounts_billed_by_their_wire_names_have_their_own_snapshots_and_limits() -> None:
    other = replace(ACCOUNT, id="acc_2", model_mapping={"mapped": "gpt-4o"}, priority=-1)
    sold = channel(model_mapping=MAPPED, billing_model_source="upstream")
    group = replace(GROUP, channel=sold, accounts=(WIRED, other))
    assert [
        (found.account.id, found.snapshot.prices["input"], found.price and found.price.version)
        for found in resolve(question(group=group))
    ] == [("acc_1", "7", 3), ("acc_2", "2.5", 1)]


def test_accounts_billed_by_one_name_share_its_snapshot_and_cost_what_they_cost() -> None:
    other = replace(ACCOUNT, id="acc_2", model_mapping={"mapped": "gpt-4o"}, priority=-1)
    group = replace(GROUP, channel=channel(model_mapping=MAPPED), accounts=(WIRED, other))
    one, two = resolve(question(group=group))
    assert one.snapshot is two.snapshot
    assert (one.cost.price_id, two.cost.price_id) == ("wire", "gpt-4o")


@pytest.mark.parametrize(
    ("source", "sold", "refused"),
    [
        pytest.param("channel_mapped", "opus", True, id="mapped name not sold"),
        pytest.param("channel_mapped", "mapped", False, id="mapped name sold"),
        pytest.param("channel_mapped", "MAP*", False, id="by a prefix in another case"),
        pytest.param("requested", "mapped", True, id="requested name not sold"),
        pytest.param("requested", "gpt-4o", False, id="requested name sold"),
        pytest.param("upstream", "mapped", True, id="wire name not sold"),
        pytest.param("upstream", "wire", False, id="wire name sold"),
    ],
)
def test_a_restricted_channel_sells_only_what_it_prices(
    source: str, sold: str, *, refused: bool
) -> None:
    sells = channel(
        row(sold.lower(), input="1", output="1"),
        model_mapping=MAPPED,
        billing_model_source=source,
        restrict_models=True,
    )
    asked = question(group=replace(GROUP, channel=sells, accounts=(WIRED,)))
    if refused:
        with pytest.raises(errors.ModelNotAllowed):
            resolve(asked)
    else:
        assert only(asked).snapshot.source == "channel"


def test_a_price_agreed_with_the_customer_counts_as_sold() -> None:
    sells = channel(row("opus", input="1"), restrict_models=True)
    asked = question(caller=customer(MINE), channel=sells)
    assert only(asked).snapshot.source == "customer"


def test_an_account_whose_wire_name_is_not_sold_drops_out() -> None:
    other = replace(ACCOUNT, id="acc_2", model_mapping={"mapped": "gpt-4o"}, priority=5)
    sells = channel(
        row("wire", input="1"),
        model_mapping=MAPPED,
        billing_model_source="upstream",
        restrict_models=True,
    )
    asked = question(group=replace(GROUP, channel=sells, accounts=(WIRED, other)))
    assert only(asked).account.id == "acc_1"


@pytest.mark.parametrize(
    ("rows", "model", "expected"),
    [
        pytest.param(
            [row("claude-*", "antigravity", input="1"), row("claude-x", "gemini", input="2")],
            "claude-x",
            "2",
            id="an exact name on any platform goes before every prefix",
        ),
        pytest.param(
            [row("claude-x", "anthropic", input="1"), row("claude-x", "gemini", input="2")],
            "claude-x",
            "1",
            id="exact on two: the earlier platform",
        ),
        pytest.param(
            [row("c*", "antigravity", input="1"), row("claude-*", "anthropic", input="2")],
            "claude-x",
            "1",
            id="prefixes platform by platform, not by length over all",
        ),
        pytest.param(
            [row("claude-*", "anthropic", input="1"), row("claude-x*", "anthropic", input="2")],
            "claude-xy",
            "2",
            id="the longest prefix of a platform",
        ),
        pytest.param(
            [row("claude-x", "openai", input="1")], "claude-x", None, id="openai is not looked at"
        ),
    ],
)
def test_antigravity_is_priced_by_three_platforms_in_order(
    rows: list[ChannelRow], model: str, expected: str | None
) -> None:
    account = replace(ACCOUNT, platform="antigravity")
    group = replace(GROUP, platform="antigravity", channel=channel(*rows), accounts=(account,))
    asked = question(model, group=group, platforms=("antigravity",))
    if expected is None:
        with pytest.raises(errors.ModelPriceNotConfigured):
            resolve(asked)
    else:
        assert only(asked).snapshot.prices == {"input": expected}


def test_what_the_upstream_takes_is_its_official_price() -> None:
    sold = channel(row("mapped", input="1", output="1"), model_mapping=MAPPED)
    found = only(question(group=replace(GROUP, channel=sold, accounts=(WIRED,))))
    assert found.cost.prices == {"input": "7", "output": "6"}
    assert (found.cost.multiplier, found.cost.multiplier_source) == ("1", "none")
    assert (found.cost.billing_model, found.cost.version) == ("wire", 3)


def test_the_billed_names_price_stands_in_for_an_unlisted_wire_name() -> None:
    account = replace(ACCOUNT, model_mapping={"gpt-4o": "in-house"})
    found = only(question(group=replace(GROUP, accounts=(account,))))
    assert found.cost.prices == PRICES["gpt-4o"][0].prices


def test_without_any_official_price_the_calls_own_stands_in() -> None:
    found = only(question("x", channel=channel(row("x", input="3", output="4"))))
    assert found.cost.prices == {"input": "3", "output": "4"}
    assert (found.cost.multiplier, found.price) == ("1", None)


def test_a_customers_price_follows_the_official_one_of_the_public_name() -> None:
    """Whatever name the channel bills: what was agreed is about the name that was agreed."""
    sold = channel(model_mapping={"openai": {"gpt-4o": "mapped"}})
    found = only(question(caller=customer(MINE), channel=sold)).snapshot
    assert found.billing_model == "mapped"
    assert found.prices == {"input": "2", "output": "4", "cache_read": "1"}


@pytest.mark.parametrize(
    ("everywhere", "permitted", "refusal"),
    [
        pytest.param({}, (), errors.ModelGroupNotFound, id="row 10"),
        pytest.param(
            {"vip": ModelGroup("tokens", enabled=False)}, (), errors.ModelGroupDisabled, id="row 12"
        ),
        pytest.param({"vip": ModelGroup("tokens")}, (), errors.ModelGroupNotPermitted, id="row 14"),
        pytest.param(
            {"vip": ModelGroup("tokens")},
            ("vip",),
            errors.ModelGroupPriceNotConfigured,
            id="row 18",
        ),
    ],
)
def test_a_refusal_names_the_alias_that_was_asked_for_and_not_what_it_maps_to(
    everywhere: dict[str, ModelGroup],
    permitted: tuple[str, ...],
    refusal: type[errors.TollgateError],
) -> None:
    """The mapping chain is for staff only (R12)."""
    catalog = replace(EVERYWHERE, model_groups={"gpt-4o": everywhere})
    caller = customer(MINE, replace(KEY, pricing_group="vip"), *permitted)
    sold = channel(model_mapping={"openai": {"my-alias": "gpt-4o"}})
    asked = question("my-alias", caller=caller, channel=sold, everywhere=catalog)
    with pytest.raises(refusal) as caught:
        resolve(asked)
    assert "'my-alias'" in caught.value.message
    assert "gpt-4o" not in caught.value.message
