"""What a call costs: sums typed out to the nano, and properties against exact fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.catalog import Interval
from tollgate.domain.charge import PriceSnapshot, apportion, charge, matching_interval, total
from tollgate.domain.usage import Usage


def snapshot(prices: dict[str, str], **changes: object) -> PriceSnapshot:
    """An official price with multiplier 1."""
    fields: dict[str, object] = {
        "source": "official",
        "price_id": "m",
        "version": 1,
        "billing_model": "m",
        "prices": prices,
    }
    return PriceSnapshot(**{**fields, **changes})  # type: ignore[arg-type]


GPT = {"input": "2.5", "output": "10", "cache_read": "1.25"}
CLAUDE = {
    "input": "3",
    "output": "15",
    "cache_read": "0.3",
    "cache_write_5m": "3.75",
    "cache_write_1h": "6",
}
LONG = (Interval(200_000, None, {"input": "6", "output": "22.5"}),)


@pytest.mark.parametrize(
    ("prices", "quantities", "nanos"),
    [
        pytest.param({"input": "0.15"}, {"input": 1}, 150, id="one cheap token is never free"),
        pytest.param(GPT, {"input": 1_000, "output": 500}, 7_500_000, id="input and output"),
        pytest.param(
            GPT, {"input": 600, "cache_read": 400}, 2_000_000, id="cached input is cheaper"
        ),
        pytest.param(
            CLAUDE,
            {"input": 10, "cache_write_5m": 100, "cache_write_1h": 1_000, "output": 3},
            6_450_000,
            id="both cache writes",
        ),
        pytest.param(
            {"input": "1", "output": "2"}, {"cache_read": 7}, 7_000, id="no cache price: as input"
        ),
        pytest.param(
            {"input": "1"}, {"cache_write_1h": 5}, 5_000, id="1 h write inherits through 5 m"
        ),
        pytest.param(
            {"input": "1", "cache_write_5m": "2"},
            {"cache_write_1h": 5},
            10_000,
            id="1 h write costs what 5 m do",
        ),
        pytest.param(
            {"input": "1", "cache_read": "0"}, {"cache_read": 9}, 0, id="explicit 0 is free"
        ),
        pytest.param({"output": "8"}, {"reasoning": 100}, 800_000, id="added reasoning as output"),
        pytest.param(
            {"output": "2.5", "output_image": "30"},
            {"output": 100, "output_image": 1_290},
            38_950_000,
            id="image tokens at their own price",
        ),
        pytest.param({"input": "0.02"}, {"input": 10}, 200, id="a small embedding"),
        pytest.param({"input": "0.0000000001"}, {"input": 1}, 1, id="rounds up to one nano"),
        pytest.param(GPT, {}, 0, id="nothing used, nothing charged"),
        pytest.param(
            {"input": "1", "tool:web_search": "0.01"},
            {"input": 1, "tool:web_search": 2},
            20_001_000,
            id="a priced tool costs per use",
        ),
        pytest.param({"input": "1"}, {"tool:web_search": 2}, 0, id="an unpriced tool adds nothing"),
        pytest.param({"input": "1"}, {"calls": 1}, 0, id="a call is no unit of a token price"),
    ],
)
def test_token_prices(prices: dict[str, str], quantities: dict[str, int], nanos: int) -> None:
    assert charge(Usage(quantities), snapshot(prices)).nanos == nanos


@pytest.mark.parametrize(
    ("size", "nanos", "interval"),
    [
        pytest.param(200_000, 600_000_000, None, id="exactly at the edge: still flat"),
        pytest.param(200_001, 1_200_006_000, 0, id="one more: the whole call at the higher price"),
    ],
)
def test_an_interval_prices_the_whole_call(size: int, nanos: int, interval: int | None) -> None:
    bill = charge(Usage({"input": size}), snapshot(CLAUDE, intervals=LONG))
    assert (bill.nanos, bill.interval) == (nanos, interval)


@pytest.mark.parametrize(
    ("size", "interval"),
    [(0, None), (1, 0), (128_000, 0), (128_001, 1), (200_000, 1), (200_001, None)],
)
def test_a_range_holds_its_end_and_not_its_beginning(size: int, interval: int | None) -> None:
    ranges = (Interval(0, 128_000, {"input": "2"}), Interval(128_000, 200_000, {"input": "4"}))
    assert matching_interval(ranges, size) == interval


def test_the_interval_is_chosen_by_all_input_classes_together() -> None:
    usage = Usage({"input": 1, "cache_read": 150_000, "cache_write_5m": 50_000, "output": 10})
    bill = charge(usage, snapshot(CLAUDE, intervals=LONG))
    # 1 × 6 + 150,000 × 0.3 + 50,000 × 3.75 + 10 × 22.5 micro-dollars
    assert (bill.interval, bill.nanos) == (0, 232_731_000)


@pytest.mark.parametrize(
    ("multiplier", "nanos"),
    [
        pytest.param("1", 7_500_000, id="one"),
        pytest.param("0.8", 6_000_000, id="a discount"),
        pytest.param("1.000001", 7_500_008, id="six decimals, rounded up once"),
        pytest.param("0", 0, id="zero is free"),
    ],
)
def test_the_multiplier_applies_once(multiplier: str, nanos: int) -> None:
    bill = charge(Usage({"input": 1_000, "output": 500}), snapshot(GPT, multiplier=multiplier))
    assert bill.nanos == nanos
    assert sum(line.nanos for line in bill.lines) == nanos


def test_a_times_price_counts_calls_and_nothing_else() -> None:
    bill = charge(Usage({"calls": 1, "input": 5_000}), snapshot({"calls": "0.04"}, mode="times"))
    assert bill.nanos == 40_000_000


def test_a_seconds_price_counts_seconds_and_nothing_else() -> None:
    bill = charge(
        Usage({"seconds": 8_000, "output": 99}), snapshot({"seconds": "0.1"}, mode="seconds")
    )
    assert bill.nanos == 800_000_000


@pytest.mark.parametrize(
    ("price", "milliseconds", "multiplier", "nanos"),
    [
        pytest.param("0.70/7.0", 10_000, "1", 1_000_000_000, id="0.70 yuan, 10 s"),
        pytest.param("0.50/7.0", 8_000, "1", 571_428_572, id="0.50 yuan, 8 s"),
        pytest.param("0.50/7.3", 8_000, "1", 547_945_206, id="at another rate"),
        pytest.param("0.70/7.0", 10_000, "0.8", 800_000_000, id="with a multiplier"),
        pytest.param("1.20/7.0", 8_040, "1", 1_378_285_715, id="a fraction of a second"),
    ],
)
def test_the_five_worked_examples_of_a_seconds_price(
    price: str, milliseconds: int, multiplier: str, nanos: int
) -> None:
    rule = snapshot({"seconds": price}, mode="seconds", multiplier=multiplier)
    assert charge(Usage({"seconds": milliseconds}), rule).nanos == nanos


def test_a_line_says_what_its_price_is_for() -> None:
    rule = snapshot({"input": "2", "seconds": "0.5", "images": "0.04"})
    bill = charge(Usage({"input": 10, "seconds": 1_500, "images": 2}), rule)
    assert [(line.name, line.quantity, line.per, line.nanos) for line in bill.lines] == [
        ("input", 10, 1_000_000, 20_000),
        ("seconds", 1_500, 1_000, 750_000_000),
        ("images", 2, 1, 80_000_000),
    ]


SIZES = (
    Interval(0, None, {"images": "0.16"}, label="4K"),
    Interval(0, None, {"images": "0.25"}, label="high/1024x1024"),
    Interval(0, None, {"images": "0"}, label="free"),
)


@pytest.mark.parametrize(
    ("labels", "nanos", "interval", "label"),
    [
        pytest.param(
            ("high/1024x1024", "1024x1024", "1K"),
            250_000_000,
            1,
            "high/1024x1024",
            id="most special",
        ),
        pytest.param(("3840x2160", "4k"), 160_000_000, 0, "4K", id="by its class, in any case"),
        pytest.param(("free",), 0, 2, "free", id="a label may be free"),
        pytest.param(("8K",), 80_000_000, None, "", id="a label without a price: the flat one"),
        pytest.param((), 80_000_000, None, "", id="no label, whatever the context"),
    ],
)
def test_labels_choose_among_prices(
    labels: tuple[str, ...], nanos: int, interval: int | None, label: str
) -> None:
    rule = snapshot({"images": "0.08"}, mode="times", intervals=SIZES)
    bill = charge(Usage({"images": 1, "input": 5_000}, labels=labels), rule)
    assert (bill.nanos, bill.interval, bill.label) == (nanos, interval, label)


TIERED = {
    "intervals": (Interval(100, None, {"input": "4"}, {"priority": {"output": "40"}}),),
    "tiers": {"priority": {"input": "5", "output": "20"}, "flex": {"input": "1"}},
}


@pytest.mark.parametrize(
    ("tier", "size", "nanos", "charged"),
    [
        pytest.param("", 100, 300_000, "", id="ordinary"),
        pytest.param("priority", 100, 700_000, "priority", id="the tier's prices"),
        pytest.param("flex", 100, 200_000, "flex", id="what a tier leaves out costs as ever"),
        pytest.param(
            "priority",
            200,
            1_200_000,
            "priority",
            id="the range goes before the tier, the tier within it first",
        ),
        pytest.param("flex", 200, 900_000, "flex", id="the range goes before the tier"),
        pytest.param("scale", 100, 300_000, "", id="a tier without prices"),
    ],
)
def test_tiers_choose_among_prices(tier: str, size: int, nanos: int, charged: str) -> None:
    rule = snapshot({"input": "2", "output": "10"}, **TIERED)
    bill = charge(Usage({"input": size, "output": 10}, tier=tier), rule)
    assert (bill.nanos, bill.tier) == (nanos, charged)


@pytest.mark.parametrize(
    "rule",
    [
        snapshot(CLAUDE, intervals=LONG, multiplier="0.85", flags=("no_model_group",)),
        snapshot({"input": "0.5/7.0"}, **TIERED, currency="CNY", fx="7.0"),
        snapshot({"images": "0.08"}, mode="times", intervals=SIZES, multiplier_source="none"),
        snapshot({}, intervals=(Interval(0, None, {}),)),
        snapshot({}),
    ],
)
def test_a_snapshot_survives_its_json(rule: PriceSnapshot) -> None:
    assert PriceSnapshot.from_json(rule.to_json()) == rule


DECIMALS = st.decimals("0", "1000", places=10).map(lambda d: format(d, "f"))
RATES = st.decimals("0.0001", "100", places=4).map(lambda d: format(d, "f"))
QUOTIENTS = st.tuples(DECIMALS, RATES).map("/".join)
PRICES = DECIMALS | QUOTIENTS
MULTIPLIERS = st.decimals("0", "100", places=6).map(lambda d: format(d, "f"))
COUNTS = st.integers(0, 10**8)
PRICED = st.fixed_dictionaries({"input": PRICES, "output": PRICES, "cache_read": PRICES})
COUNTED = st.fixed_dictionaries({"input": COUNTS, "output": COUNTS, "cache_read": COUNTS})


def value(price: str) -> Fraction:
    """What a price's text means, by rational numbers."""
    above, _, below = price.partition("/")
    return Fraction(above) / Fraction(below or "1")


def exact(quantities: dict[str, int], prices: dict[str, str], multiplier: str) -> Fraction:
    """The charge in nanos before rounding, by rational numbers."""
    dollars = sum(value(prices[name]) * n / 1_000_000 for name, n in quantities.items())
    return dollars * Fraction(multiplier) * 1_000_000_000


@given(COUNTED, PRICED, MULTIPLIERS)
def test_a_charge_is_the_exact_sum_rounded_up(
    quantities: dict[str, int], prices: dict[str, str], multiplier: str
) -> None:
    bill = charge(Usage(quantities), snapshot(prices, multiplier=multiplier))
    assert bill.nanos == math.ceil(exact(quantities, prices, multiplier))
    assert sum(line.nanos for line in bill.lines) == bill.nanos


ANY = st.fixed_dictionaries({}, optional={"input": PRICES, "output": PRICES, "cache_read": PRICES})


@given(COUNTED, PRICED, st.lists(ANY, min_size=3, max_size=3), st.sampled_from(["", "priority"]))
def test_a_range_and_a_tier_are_chosen_as_rational_numbers_say(
    quantities: dict[str, int], flat: dict[str, str], special: list[dict[str, str]], tier: str
) -> None:
    in_tier, in_range, in_both = special
    rule = snapshot(
        flat,
        tiers={"priority": in_tier},
        intervals=(Interval(10**7, 10**8, in_range, {"priority": in_both}),),
    )
    within = 10**7 < quantities["input"] + quantities["cache_read"] <= 10**8
    prices = dict(flat)
    if tier:
        prices |= in_tier
    if within:
        prices |= in_range
    if within and tier:
        prices |= in_both
    bill = charge(Usage(quantities, tier=tier), rule)
    assert bill.nanos == math.ceil(exact(quantities, prices, "1"))
    assert bill.nanos == total(Usage(quantities, tier=tier), rule)
    assert sum(line.nanos for line in bill.lines) == bill.nanos


@given(COUNTED, PRICED, MULTIPLIERS, st.sampled_from(["input", "output", "cache_read"]))
def test_more_units_never_cost_less(
    quantities: dict[str, int], prices: dict[str, str], multiplier: str, name: str
) -> None:
    rule = snapshot(prices, multiplier=multiplier)
    more = {**quantities, name: quantities[name] + 1}
    assert charge(Usage(more), rule).nanos >= charge(Usage(quantities), rule).nanos


@given(COUNTED, COUNTED, PRICED)
def test_two_calls_cost_what_one_call_of_both_costs_within_a_nano(
    one: dict[str, int], other: dict[str, int], prices: dict[str, str]
) -> None:
    rule = snapshot(prices)
    both = {name: one[name] + other[name] for name in one}
    apart = charge(Usage(one), rule).nanos + charge(Usage(other), rule).nanos
    assert charge(Usage(both), rule).nanos <= apart <= charge(Usage(both), rule).nanos + 1


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**24), min_size=1, max_size=8))
def test_shares_add_up(total: int, weights: list[int]) -> None:
    parts = apportion(total, weights)
    assert sum(parts) == (total if sum(weights) else 0)
    assert min(parts) >= 0
