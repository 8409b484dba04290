"""What past calls would cost by drafted prices: amounts typed out, and what the draft leaves be."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.catalog import ChannelRow, CustomerPrice, Interval, Price
from tollgate.domain.charge import PriceSnapshot, total
from tollgate.domain.money import CHARGE_LIMIT
from tollgate.domain.record import UsageRecord
from tollgate.domain.repricing import Draft, Replayed, replay
from tollgate.domain.usage import Usage

ANN: Final = "usr_0123456789abcdef"
OFFICIAL: Final = PriceSnapshot(
    "official", "m", 3, "m", prices={"input": "2", "output": "10"}, model_group="default"
)
CHANNEL: Final = replace(OFFICIAL, source="channel", price_id="chn_1#openai#m")
OWN: Final = replace(OFFICIAL, source="customer", price_id="m#vip", model_group="vip")
USAGE: Final = {"input": 1_000, "output": 100}
"""By OFFICIAL: 2,000,000 + 1,000,000 nanos."""


BY_CALL: Final = replace(OFFICIAL, mode="times", prices={"calls": "0.003"})
SIZE: Final = Interval(0, None, {"images": "0.009"}, label="4K")
BOTH: Final = (SIZE, Interval(0, None, {"images": "0.003"}, label="hd"))


def record(snapshot: PriceSnapshot = OFFICIAL, **facts: Any) -> UsageRecord:
    """A call that was charged by this rule."""
    plain: dict[str, Any] = {
        "user": ANN,
        "hold": "1nh8qy0abcdefgh000sw-k001",
        "held": 9_000_000,
        "group": "grp_1",
        "model": "m",
        "billing_model": snapshot.billing_model,
        "usage": USAGE,
        "usage_source": "upstream",
        "price": snapshot.to_json(),
    }
    known = plain | facts
    labels = (known["label"],) if known.get("label") else ()
    usage = Usage(known["usage"], tier=known.get("tier", ""), labels=labels)
    return UsageRecord(**{"charge": total(usage, snapshot), **known})


def price(model: str = "m", **facts: Any) -> Price:
    """A drafted official price."""
    return Price(model, 0, **{"prices": {"input": "1", "output": "20"}, **facts})


def official(*prices: Price, **more: Any) -> Draft:
    """A draft of official prices."""
    return Draft(prices={each.model: each for each in prices}, **more)


def own(**facts: Any) -> Draft:
    """A draft of Ann's price of the model, in group vip."""
    drafted = CustomerPrice("m", "vip", 0, **{"prices": {"input": "1", "output": "5"}, **facts})
    return Draft(customers={ANN: {"m": {drafted.code: drafted}}})


def channel(*rows: ChannelRow, **more: Any) -> Draft:
    """A draft of the prices of the channel that serves grp_1."""
    by_name = {row.pattern: row for row in rows}
    return Draft(
        channels={"chn_1": {"openai": by_name}}, pools={"grp_1": ("chn_1", "openai")}, **more
    )


def row(pattern: str = "m", **facts: Any) -> ChannelRow:
    return ChannelRow("openai", pattern, **facts)


def code_of_default() -> Draft:
    """Ann's price in the group a model's first price makes."""
    drafted = CustomerPrice("m", "default", 0, prices={"input": "1", "output": "5"})
    return Draft(customers={ANN: {"m": {"default": drafted}}})


GROUPED: Final = Draft(group_multipliers={"grp_1": "0.5"})
ANNS: Final = Draft(group_multipliers={"grp_1": "0.5"}, user_multipliers={"grp_1": {ANN: "0.1"}})
OF_USER: Final = replace(OFFICIAL, multiplier="0.25", multiplier_source="user")
NET: Final = replace(OWN, multiplier="1", multiplier_source="none")


@pytest.mark.parametrize(
    ("snapshot", "draft", "nanos"),
    [
        # 1,000 x 1 + 100 x 20 USD per million
        pytest.param(OFFICIAL, official(price()), 3_000_000, id="official: exact name"),
        pytest.param(
            OFFICIAL, official(price(prices={"input": "1"})), 1_000_000, id="output is free then"
        ),
        pytest.param(
            replace(OFFICIAL, multiplier="0.5"), official(price()), 1_500_000, id="own multiplier"
        ),
        pytest.param(
            replace(OFFICIAL, price_id="m*"), official(price("m*")), 3_000_000, id="same prefix"
        ),
        pytest.param(
            replace(OFFICIAL, price_id="*"), official(price("m*")), 3_000_000, id="better prefix"
        ),
        pytest.param(
            OFFICIAL,
            official(price(intervals=(Interval(0, None, {"input": "4"}),))),
            6_000_000,
            id="an interval of the draft",
        ),
        # 1,000 x 1 + 100 x 5, and cache_read by ratio is not used
        pytest.param(OWN, own(inherits=False), 1_500_000, id="customer: all of its own"),
        pytest.param(OFFICIAL, code_of_default(), 1_500_000, id="customer: in the default group"),
        pytest.param(
            replace(OFFICIAL, model_group=""), code_of_default(), 1_500_000, id="of no groups"
        ),
        pytest.param(
            replace(OWN, multiplier="3"),
            own(inherits=False, apply_group_multiplier=False),
            1_500_000,
            id="customer: net of multipliers",
        ),
        pytest.param(
            OFFICIAL, channel(row(prices={"input": "1"})), 2_000_000, id="channel: one class"
        ),
        pytest.param(
            OFFICIAL, channel(row("*", prices={"output": "1"})), 2_100_000, id="channel: a prefix"
        ),
        pytest.param(
            CHANNEL,
            channel(row(prices={"input": "1"}), bases={"m": price()}),
            3_000_000,
            id="channel over today's official price",
        ),
        pytest.param(
            CHANNEL,
            channel(row(prices={"input": "3"}), prices={"m": price()}),
            5_000_000,
            id="channel over the drafted official price",
        ),
        pytest.param(
            CHANNEL,
            channel(row("other"), prices={"m": price()}),
            3_000_000,
            id="a model its channel does not price any more",
        ),
        pytest.param(
            CHANNEL, channel(row(), prices={"m": price()}), 3_000_000, id="a row without prices"
        ),
        pytest.param(OFFICIAL, GROUPED, 1_500_000, id="group multiplier"),
        pytest.param(OFFICIAL, ANNS, 300_000, id="user multiplier before the group's"),
        pytest.param(OF_USER, ANNS, 300_000, id="another user multiplier"),
        pytest.param(
            OF_USER, replace(GROUPED, prices={"m": price()}), 750_000, id="who has one keeps it"
        ),
        pytest.param(
            NET,
            replace(own(inherits=False), group_multipliers={"grp_1": "2"}),
            3_000_000,
            id="a net price becomes one with a multiplier",
        ),
        pytest.param(
            OFFICIAL,
            official(price(mode="times", prices={"calls": "0.004"})),
            4_000_000,
            id="by the call",
        ),
        pytest.param(
            OFFICIAL,
            official(price(mode="times", prices={"images": "0.002"})),
            2_000_000,
            id="by the picture: at least one",
        ),
        pytest.param(
            BY_CALL,
            official(price(mode="times", prices={"images": "0.002"})),
            2_000_000,
            id="by the picture instead of by the call: at least one",
        ),
    ],
)
def test_a_call_costs_what_the_draft_says(
    snapshot: PriceSnapshot, draft: Draft, nanos: int
) -> None:
    call = record(snapshot)
    assert replay(call, draft, 0) == Replayed(call.charge, nanos)


@pytest.mark.parametrize(
    ("snapshot", "draft"),
    [
        pytest.param(OFFICIAL, Draft(), id="empty"),
        pytest.param(OFFICIAL, official(price("other")), id="another model"),
        pytest.param(OFFICIAL, official(price("*")), id="a prefix below its exact price"),
        pytest.param(OWN, official(price()), id="official, and it had a price of its own"),
        pytest.param(CHANNEL, official(price()), id="official, and its channel priced it"),
        pytest.param(OFFICIAL, own(), id="another model group"),
        pytest.param(OFFICIAL, channel(row("other")), id="a channel that leaves it official"),
        pytest.param(OFFICIAL, channel(row()), id="a channel's row without prices"),
        pytest.param(NET, GROUPED, id="a price net of multipliers"),
        pytest.param(
            replace(OF_USER, multiplier="1"), GROUPED, id="a multiplier of its user's own"
        ),
        pytest.param(
            OFFICIAL, Draft(group_multipliers={"grp_2": "2"}), id="the multiplier of another group"
        ),
    ],
)
def test_calls_that_the_draft_does_not_speak_of_stay(snapshot: PriceSnapshot, draft: Draft) -> None:
    assert replay(record(snapshot), draft, 0) == Replayed(3_000_000, 3_000_000, "silent")


@pytest.mark.parametrize(
    ("snapshot", "draft", "facts"),
    [
        pytest.param(OWN, own(), {}, id="a customer's price whose official one is not known"),
        pytest.param(
            CHANNEL, channel(row(prices={"input": "1"})), {}, id="likewise a channel's row"
        ),
        pytest.param(CHANNEL, channel(row("other")), {}, id="likewise where no row is left"),
        pytest.param(NET, own(inherits=False), {}, id="a multiplier that was not applied then"),
        pytest.param(
            OFFICIAL,
            official(price(mode="seconds", prices={"seconds": "1"})),
            {},
            id="seconds that nobody counted",
        ),
        pytest.param(
            replace(OFFICIAL, mode="times", prices={"calls": "0.003"}),
            official(price()),
            {"usage": {"calls": 1}},
            id="tokens that nobody counted",
        ),
        pytest.param(
            replace(OFFICIAL, mode="times", prices={"images": "0.003"}),
            official(price(mode="times", prices={"images": "0.001"}, intervals=(SIZE,))),
            {"usage": {"images": 1}},
            id="a size that nobody kept",
        ),
        pytest.param(
            replace(OFFICIAL, mode="times", prices={"images": "0.001"}, intervals=BOTH),
            official(price(mode="times", prices={"images": "0.001"}, intervals=(SIZE,))),
            {"usage": {"images": 1}, "label": "hd"},
            id="a size beside the quality that was kept",
        ),
    ],
)
def test_a_call_whose_record_tells_too_little_stays(
    snapshot: PriceSnapshot, draft: Draft, facts: dict[str, Any]
) -> None:
    assert replay(record(snapshot, **facts), draft, 0) == Replayed(
        3_000_000, 3_000_000, "incomplete"
    )


@pytest.mark.parametrize(
    ("facts", "old", "reason"),
    [
        pytest.param({"suspect": True}, 3_000_000, "suspect", id="figures that cannot be true"),
        pytest.param({"usage": {}, "usage_source": "none"}, 0, "no_usage", id="nothing used"),
        pytest.param({"price": "", "charge": 0}, 0, "no_usage", id="no rule"),
        pytest.param({"charge": 2_999_999}, 2_999_999, "capped", id="charged its hold"),
    ],
)
def test_a_call_that_was_not_charged_by_its_rule_stays(
    facts: dict[str, Any], old: int, reason: Any
) -> None:
    assert replay(record(**facts), official(price()), 0) == Replayed(old, old, reason)


def test_a_late_charge_is_part_of_what_was_charged() -> None:
    late = record(state="late", charge=1_000_000, late_charge=2_000_000)
    assert replay(late, official(price(prices={"input": "1"})), 0) == Replayed(3_000_000, 1_000_000)


def test_what_was_corrected_before_is_part_of_what_was_charged() -> None:
    assert replay(record(), official(price(prices={"input": "1"})), 500_000) == Replayed(
        2_500_000, 1_000_000
    )
    assert replay(record(), Draft(), 500_000) == Replayed(2_500_000, 2_500_000, "silent")


@pytest.mark.parametrize(
    ("facts", "draft", "nanos"),
    [
        pytest.param(
            {"usage_source": "estimated"}, price(prices={"input": "9"}), 9_000_000, id="below"
        ),
        pytest.param(
            {"usage_source": "estimated"}, price(prices={"input": "10"}), 9_000_000, id="capped"
        ),
        pytest.param({}, price(prices={"input": "10"}), 10_000_000, id="reported usage is not"),
        pytest.param(
            {"usage": {"input": 100_000_000}, "held": CHARGE_LIMIT, "charge": 200_000_000_000},
            price(prices={"input": "20000000"}),
            CHARGE_LIMIT,
            id="beyond what any call may cost",
        ),
    ],
)
def test_an_estimate_costs_at_most_its_hold(
    facts: dict[str, Any], draft: Price, nanos: int
) -> None:
    assert replay(record(**facts), official(draft), 0).new == nanos


def test_a_drawing_by_tokens_is_one_call_of_a_price_by_the_call() -> None:
    drawn = record(usage={"input": 5, "output": 100, "images": 2})
    draft = official(price(mode="times", prices={"calls": "0.004"}))
    assert replay(drawn, draft, 0).new == 4_000_000


def test_a_call_keeps_its_tier_and_label() -> None:
    snapshot = replace(
        OFFICIAL,
        mode="times",
        prices={"images": "0.01"},
        intervals=(Interval(0, None, {"images": "0.04"}, label="4K"),),
        tiers={"priority": {"images": "0.02"}},
    )
    drafted = price(
        mode="times",
        prices={"images": "0.01"},
        intervals=(Interval(0, None, {"images": "0.05"}, label="4k"),),
        tiers={"priority": {"images": "0.03"}},
    )
    facts: dict[str, Any] = {"usage": {"images": 2}, "held": 10**9}
    assert replay(record(snapshot, label="4K", **facts), official(drafted), 0).new == 100_000_000
    assert (
        replay(record(snapshot, tier="priority", **facts), official(drafted), 0).new == 60_000_000
    )


def test_a_pattern_of_the_billed_name_counts_where_the_requested_one_has_none() -> None:
    mapped = replace(OFFICIAL, price_id="wire", billing_model="wire")
    drafted = CustomerPrice("wire", "default", 0, prices={"input": "1"}, inherits=False)
    draft = Draft(customers={ANN: {"wire": {"default": drafted}}})
    assert replay(record(mapped), draft, 0).new == 1_000_000


TOKENS = st.dictionaries(
    st.sampled_from(["input", "output", "cache_read", "reasoning", "tool:web_search"]),
    st.integers(1, 10**4),
    min_size=1,
)
FIGURES = st.fixed_dictionaries(
    dict.fromkeys(["input", "output", "tool:web_search"], st.decimals("0", "10", places=4))
)


@given(usage=TOKENS, figures=FIGURES, multiplier=st.decimals("0", "2", places=6))
def test_a_draft_of_the_same_price_changes_nothing(
    usage: dict[str, int], figures: dict[str, Any], multiplier: Any
) -> None:
    prices = {name: format(figure, "f") for name, figure in figures.items()}
    stored = replace(OFFICIAL, prices=prices, multiplier=format(multiplier, "f"))
    call = record(stored, usage=usage)
    assert replay(call, official(price(prices=prices)), 0) == Replayed(call.charge, call.charge)
    same = Draft(group_multipliers={"grp_1": stored.multiplier})
    assert replay(call, same, 0) == Replayed(call.charge, call.charge)
