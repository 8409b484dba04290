"""One price completed by another: what a channel overrides, what a customer's price inherits."""

import pytest

from tollgate.domain.catalog import ChannelRow, CustomerPrice, Interval, Price
from tollgate.domain.price_terms import (
    NOTHING,
    Terms,
    channel_terms,
    customer_terms,
    official_terms,
    stacked,
)

SONNET = Price(
    "claude-sonnet-4",
    1,
    prices={"input": "3", "output": "15", "cache_write_5m": "3.75", "cache_read": "0.3"},
    intervals=(Interval(200_000, None, {"input": "6", "output": "22.5"}),),
    tiers={"priority": {"input": "6", "cache_read": "0.6"}},
)
BASE = official_terms(SONNET)
LONG = Interval(200_000, None, {"input": "6", "output": "22.5"})


def row(**fields: object) -> ChannelRow:
    """A channel's row for the model."""
    return ChannelRow("anthropic", "claude-sonnet-4", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(row(), BASE, id="a row that says nothing keeps the base"),
        pytest.param(
            row(prices={"input": "10", "output": "50"}),
            Terms(
                prices={**SONNET.prices, "input": "10", "output": "50"},
                tiers={"priority": {"cache_read": "0.6"}},
            ),
            id="flat prices hold in every context and tier",
        ),
        pytest.param(
            row(prices={"input": "20"}),
            Terms(
                prices={**SONNET.prices, "input": "20"},
                intervals=(Interval(200_000, None, {"output": "22.5"}),),
                tiers={"priority": {"cache_read": "0.6"}},
            ),
            id="only the input is the channel's own",
        ),
        pytest.param(
            row(prices={"cache_read": "0"}),
            Terms(
                prices={**SONNET.prices, "cache_read": "0"},
                intervals=(LONG,),
                tiers={"priority": {"input": "6"}},
            ),
            id="an explicit zero is free, not missing",
        ),
        pytest.param(
            row(
                intervals=(
                    Interval(0, 128_000, {"input": "2"}),
                    Interval(128_000, None, {"input": "4"}),
                )
            ),
            Terms(
                prices=SONNET.prices,
                intervals=(
                    Interval(0, 128_000, {"input": "2"}),
                    Interval(128_000, 200_000, {"input": "4"}),
                    Interval(200_000, None, {"output": "22.5", "input": "4"}),
                ),
                tiers=SONNET.tiers,
            ),
            id="ranges of both, the channel's on top",
        ),
        pytest.param(
            row(intervals=(Interval(0, None, {}),)),
            BASE,
            id="an empty interval matches nothing",
        ),
        pytest.param(
            row(mode="times", prices={"calls": "0.05"}),
            Terms("times", {"calls": "0.05"}),
            id="another mode takes nothing of the tokens",
        ),
        pytest.param(
            row(tiers={"priority": {"input": "9"}}),
            Terms(
                prices=SONNET.prices,
                intervals=(LONG,),
                tiers={"priority": {"input": "9", "cache_read": "0.6"}},
            ),
            id="a tier of the channel's own, class by class",
        ),
    ],
)
def test_a_channels_row_over_the_base(own: ChannelRow, expected: Terms) -> None:
    assert channel_terms(own, BASE) == expected


def test_a_channels_row_is_a_price_by_itself_where_there_is_no_official_one() -> None:
    own = row(prices={"input": "7", "output": "21"})
    assert channel_terms(own, NOTHING) == Terms(prices={"input": "7", "output": "21"})


def test_labels_of_the_channel_replace_those_of_the_base() -> None:
    base = Terms("times", {"images": "0.04"}, (Interval(0, None, {"images": "0.2"}, label="hd"),))
    own = row(
        mode="times",
        prices={"images": "0.08"},
        intervals=(Interval(0, None, {"images": "0.16"}, label="4K"),),
    )
    assert channel_terms(own, base) == Terms(
        "times", {"images": "0.08"}, (Interval(0, None, {"images": "0.16"}, label="4K"),)
    )


def test_tools_cost_in_every_mode_what_they_cost() -> None:
    base = Terms(prices={"input": "3", "tool:web_search": "0.01"})
    assert channel_terms(row(mode="times", prices={"calls": "1"}), base).prices == {
        "tool:web_search": "0.01",
        "calls": "1",
    }


def test_a_gap_in_the_upper_list_shows_the_lower_one() -> None:
    below = (Interval(0, None, {"input": "1"}, {"flex": {"input": "0.5", "output": "2"}}),)
    above = (Interval(100, 200, {"input": "9"}), Interval(300, None, {"input": "8"}))
    assert stacked(below, above) == (
        Interval(0, 100, {"input": "1"}, {"flex": {"input": "0.5", "output": "2"}}),
        Interval(100, 200, {"input": "9"}, {"flex": {"output": "2"}}),
        Interval(200, 300, {"input": "1"}, {"flex": {"input": "0.5", "output": "2"}}),
        Interval(300, None, {"input": "8"}, {"flex": {"output": "2"}}),
    )


def own_price(**fields: object) -> CustomerPrice:
    """A customer's price for the model's default group."""
    return CustomerPrice("claude-sonnet-4", "default", 1, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        pytest.param(
            own_price(prices={"input": "1.5", "output": "10"}),
            Terms(
                prices={
                    "input": "1.5",
                    "output": "10",
                    "cache_write_5m": "1.875",
                    "cache_read": "0.15",
                },
                intervals=(Interval(200_000, None, {"input": "3", "output": "15"}),),
                tiers={"priority": {"input": "3", "cache_read": "0.3"}},
            ),
            id="everything else follows by ratio",
        ),
        pytest.param(
            own_price(prices={"input": "1", "output": "10", "cache_read": "0.9"}),
            Terms(
                prices={
                    "input": "1",
                    "output": "10",
                    "cache_write_5m": "1.25",
                    "cache_read": "0.9",
                },
                intervals=(Interval(200_000, None, {"input": "2", "output": "15"}),),
                tiers={"priority": {"input": "2", "cache_read": "1.8"}},
            ),
            id="a class of its own keeps its price, also under a factor",
        ),
        pytest.param(
            own_price(prices={"output": "30"}),
            Terms(
                prices={
                    "output": "30",
                    "input": "3",
                    "cache_write_5m": "3.75",
                    "cache_read": "0.3",
                },
                intervals=(Interval(200_000, None, {"input": "6", "output": "45"}),),
                tiers={"priority": {"input": "6", "cache_read": "0.6"}},
            ),
            id="only the output is agreed",
        ),
        pytest.param(
            own_price(prices={"input": "1", "output": "2"}, intervals=(), tiers={}),
            Terms(
                prices={"input": "1", "output": "2", "cache_write_5m": "1.25", "cache_read": "0.1"}
            ),
            id="context and service tiers switched off",
        ),
        pytest.param(
            own_price(prices={"input": "1", "output": "2"}, inherits=False),
            Terms(prices={"input": "1", "output": "2"}),
            id="nothing is inherited",
        ),
        pytest.param(
            own_price(prices={"input": "0.7/7.0", "output": "1"}),
            Terms(
                prices={
                    "input": "0.7/7.0",
                    "output": "1",
                    "cache_write_5m": "0.125",
                    "cache_read": "0.01",
                },
                intervals=(Interval(200_000, None, {"input": "0.2", "output": "1.5"}),),
                tiers={"priority": {"input": "0.2", "cache_read": "0.02"}},
            ),
            id="typed in yuan",
        ),
        pytest.param(
            own_price(mode="seconds", prices={"seconds": "0.1"}),
            Terms("seconds", {"seconds": "0.1"}),
            id="by the second, with nothing of the tokens",
        ),
        pytest.param(
            own_price(
                prices={"input": "1"},
                intervals=(Interval(0, 10, {"input": "5"}), Interval(10, 20, {})),
                tiers={},
            ),
            Terms(
                prices={
                    "input": "1",
                    "output": "15",
                    "cache_write_5m": "1.25",
                    "cache_read": "0.1",
                },
                intervals=(Interval(0, 10, {"input": "5"}),),
            ),
            id="ranges of its own",
        ),
    ],
)
def test_a_customers_price_beside_the_official_one(price: CustomerPrice, expected: Terms) -> None:
    assert customer_terms(price, BASE) == expected


def test_fees_are_inherited_as_they_are_and_labels_not_at_all() -> None:
    base = Terms(
        prices={"input": "0", "cache_read": "0.4", "queries": "0.002", "tool:web_search": "0.01"},
        intervals=(Interval(0, None, {"images": "0.16"}, label="4K"),),
        tiers={"fast": {"cache_write_1h": "8"}},
    )
    assert customer_terms(own_price(prices={"input": "2"}), base) == Terms(
        prices={"input": "2", "cache_read": "0.4", "queries": "0.002", "tool:web_search": "0.01"},
        tiers={"fast": {"cache_write_1h": "8"}},
    )


def test_a_price_in_another_mode_inherits_the_tools_alone() -> None:
    base = Terms(prices={"input": "3", "tool:web_search": "0.01"})
    price = own_price(mode="times", prices={"calls": "0.05"})
    assert customer_terms(price, base).prices == {"tool:web_search": "0.01", "calls": "0.05"}


TIERED = Terms(
    prices={"input": "2", "output": "10"},
    intervals=(Interval(100, None, {"input": "4", "output": "15"}, {"priority": {"input": "10"}}),),
    tiers={"priority": {"input": "5"}, "flex": {"input": "1", "output": "5"}},
)


@pytest.mark.parametrize(
    ("price", "intervals", "tiers"),
    [
        pytest.param(
            own_price(prices={"input": "1", "output": "10"}, tiers={}),
            (Interval(100, None, {"input": "2", "output": "15"}),),
            {},
            id="service tiers switched off are off in every context",
        ),
        pytest.param(
            own_price(prices={"input": "1", "output": "10"}, tiers={"priority": {"input": "3"}}),
            (Interval(100, None, {"input": "2", "output": "15"}, {"priority": {"input": "6"}}),),
            {"priority": {"input": "3"}},
            id="a tier of its own rises with the context as the official one does",
        ),
        pytest.param(
            own_price(prices={"input": "1", "output": "10"}, tiers={"flex": {"output": "8"}}),
            (Interval(100, None, {"input": "2", "output": "15"}, {"flex": {"output": "12"}}),),
            {"flex": {"output": "8"}},
            id="a tier without a price for the context rises as the ordinary price does",
        ),
        pytest.param(
            own_price(
                prices={"input": "1", "output": "10"},
                intervals=(
                    Interval(50, None, {"input": "3"}),
                    Interval(0, 50, {"input": "2"}, {"priority": {"input": "9"}}),
                ),
            ),
            (
                Interval(
                    50,
                    None,
                    {"input": "3"},
                    {"priority": {"input": "7.5"}, "flex": {"input": "1.5"}},
                ),
                Interval(
                    0, 50, {"input": "2"}, {"priority": {"input": "9"}, "flex": {"input": "1"}}
                ),
            ),
            {"priority": {"input": "2.5"}, "flex": {"input": "0.5", "output": "5"}},
            id="inherited tiers are factors in ranges of its own, too",
        ),
    ],
)
def test_tiers_and_ranges_of_a_customers_price_go_together(
    price: CustomerPrice,
    intervals: tuple[Interval, ...],
    tiers: dict[str, dict[str, str]],
) -> None:
    found = customer_terms(price, TIERED)
    assert found.intervals == intervals
    assert found.tiers == tiers


GAPPED = (Interval(100, 200, {"input": "4"}), Interval(300, None, {"input": "6"}))


def test_no_price_has_a_gap_in_which_a_class_is_free() -> None:
    """A class that is priced in some contexts costs its dearest where none of them holds."""
    official = official_terms(Price("m", 1, prices={"output": "1"}, intervals=GAPPED))
    assert official.prices == {"output": "1", "input": "6"}
    price = own_price(prices={"output": "1"}, intervals=GAPPED, inherits=False)
    assert customer_terms(price, BASE).prices == {"output": "1", "input": "6"}
    tool = own_price(
        mode="times",
        prices={"tool:web_search": "0.01"},
        intervals=(Interval(0, None, {"calls": "0.5"}, label="4K"),),
    )
    assert customer_terms(tool, BASE).prices == {"tool:web_search": "0.01", "calls": "0.5"}


def test_a_class_whose_base_has_no_price_is_inherited_as_it_is() -> None:
    base = Terms(prices={"cache_read": "0.4", "output": "2"})
    assert customer_terms(own_price(prices={"input": "2"}), base).prices == {
        "input": "2",
        "cache_read": "0.4",
        "output": "2",
    }


BY_CALL = Terms("times", {"calls": "0.05", "tool:web_search": "0.01"})
BY_SIZE = (Interval(0, None, {"images": "0.16"}, label="4K"),)


@pytest.mark.parametrize(
    ("own", "prices"),
    [
        pytest.param({"images": "0.08"}, {"images": "0.08"}, id="by the picture, not the call"),
        pytest.param({"calls": "0.02"}, {"calls": "0.02"}, id="by the call"),
        pytest.param({}, {"calls": "0.05"}, id="nothing of its own"),
    ],
)
def test_a_price_by_times_counts_calls_or_pictures_and_never_both_by_inheritance(
    own: dict[str, str], prices: dict[str, str]
) -> None:
    expected = {**prices, "tool:web_search": "0.01"}
    assert channel_terms(row(mode="times", prices=own), BY_CALL).prices == expected
    assert customer_terms(own_price(mode="times", prices=own), BY_CALL).prices == expected


def test_sizes_alone_replace_a_fee_for_the_call() -> None:
    expected = {"images": "0.16", "tool:web_search": "0.01"}
    assert channel_terms(row(mode="times", intervals=BY_SIZE), BY_CALL).prices == expected
    own = own_price(mode="times", intervals=BY_SIZE)
    assert customer_terms(own, BY_CALL).prices == expected


def test_a_size_takes_no_range_of_a_token_price_away() -> None:
    painted = Interval(0, None, {"output_image": "60"}, label="4K")
    assert channel_terms(row(intervals=(painted,)), BASE) == BASE


LONG_CALLS = Interval(200_000, None, {"calls": "0.10"}, {"priority": {"calls": "0.20"}})


def test_sizes_of_a_channel_leave_the_ranges_of_a_price_by_times() -> None:
    base = Terms("times", {"images": "0.05"}, (Interval(200_000, None, {"images": "0.10"}),))
    own = channel_terms(row(mode="times", intervals=BY_SIZE), base)
    assert own.intervals == (*BY_SIZE, *base.intervals)


def test_the_fee_for_the_call_is_replaced_in_every_range_and_tier() -> None:
    base = Terms("times", {"calls": "0.05"}, (LONG_CALLS,), {"priority": {"calls": "0.07"}})
    by_picture = Terms("times", {"images": "0.08"})
    assert channel_terms(row(mode="times", prices={"images": "0.08"}), base) == by_picture
    own = customer_terms(own_price(mode="times", prices={"images": "0.08"}), base)
    assert (own.prices, own.intervals) == ({"images": "0.08"}, ())
