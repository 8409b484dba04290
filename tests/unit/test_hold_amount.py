"""How much is held for a demand, and when a hold grows with its stream."""

import pytest

from tollgate.domain.catalog import Interval
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.estimate import (
    Demand,
    enough_until,
    grown,
    hold_amount,
    produced_tokens,
)


def rule(prices: dict[str, str], **changes: object) -> PriceSnapshot:
    """A snapshot of these prices."""
    return PriceSnapshot("official", "m", 1, "m", prices=prices, **changes)  # type: ignore[arg-type]


SIZES = (
    Interval(0, None, {"images": "0.02"}, label="1K"),
    Interval(0, None, {"images": "0.16"}, label="4K"),
)
QUALITIES = (
    Interval(0, None, {"images": "0.02"}, label="1K"),
    Interval(0, None, {"images": "0.08"}, label="high/1024x1024"),
    Interval(0, None, {"images": "0.30"}, label="low/4096x4096"),
    Interval(0, None, {"images": "0.06"}, label="low"),
)
TIERS = {"priority": {"input": "2", "output": "20"}, "flex": {"input": "0.5"}}


@pytest.mark.parametrize(
    ("snapshot", "wanted", "output", "nanos"),
    [
        pytest.param(
            rule({"input": "1", "output": "10"}), Demand(1_000), 100, 2_000_000, id="two classes"
        ),
        pytest.param(
            rule({"input": "1", "cache_write_1h": "2", "output": "10"}),
            Demand(1_000),
            0,
            2_000_000,
            id="the dearest input class",
        ),
        pytest.param(
            rule(
                {"input": "1", "output": "10"},
                intervals=(Interval(128_000, None, {"output": "30"}),),
            ),
            Demand(0),
            100,
            3_000_000,
            id="the dearest interval",
        ),
        pytest.param(
            rule({"input": "1", "output": "10"}, multiplier="0.5"),
            Demand(1_000),
            100,
            1_000_000,
            id="the multiplier counts",
        ),
        pytest.param(
            rule({"calls": "0.04"}, mode="times"), Demand(10, calls=2), 0, 80_000_000, id="per call"
        ),
        pytest.param(
            rule({"input": "0", "output": "0"}),
            Demand(1_000),
            100,
            0,
            id="all free: nothing to hold",
        ),
        pytest.param(
            rule({"input": "1", "tool:web_search": "0.01"}),
            Demand(0, tools=("tool:web_search",)),
            0,
            100_000_000,
            id="ten uses of a priced tool",
        ),
        pytest.param(
            rule({"seconds": "0.5/7.0"}, mode="seconds"),
            Demand(9, sound_ms=8_000),
            0,
            571_428_572,
            id="by the second, in yuan",
        ),
        pytest.param(
            rule({"calls": "30000001/30000000000000000"}, mode="times"),
            Demand(9),
            0,
            2,
            id="a third of an atom over one nano is held, as it is charged",
        ),
        pytest.param(
            rule({"images": "0.04"}, mode="times"),
            Demand(9, images=2),
            0,
            80_000_000,
            id="pictures",
        ),
        pytest.param(
            rule({"images": "0.04"}, mode="times", intervals=SIZES),
            Demand(0, images=2),
            0,
            320_000_000,
            id="the vendor chooses the size: the dearest",
        ),
        pytest.param(
            rule({"images": "0.04"}, mode="times", intervals=SIZES),
            Demand(0, images=2, labels=("1024x1024", "1k")),
            0,
            80_000_000,
            id="a named size, but never less than the flat price",
        ),
        *(
            pytest.param(
                rule({"images": "0.01"}, mode="times", intervals=QUALITIES),
                Demand(0, images=2, labels=labels, named=named),
                0,
                nanos,
                id=told,
            )
            for labels, named, nanos, told in (
                (("high/1024x1024", "1K"), True, 160_000_000, "size and quality named"),
                (("1024x1024", "1K"), False, 160_000_000, "the dearest quality of a named size"),
                (("1K",), False, 600_000_000, "any pixels may be of a class of sizes"),
                (("low",), False, 600_000_000, "the dearest size of a named quality"),
                (("8K",), False, 600_000_000, "a size without a price of its own may be any"),
            )
        ),
        pytest.param(
            rule({"images": "0.04"}, mode="times", intervals=SIZES),
            Demand(0, images=2, labels=("8K",)),
            0,
            320_000_000,
            id="a size without a price of its own",
        ),
        pytest.param(
            rule({"input": "1", "output": "10"}, tiers=TIERS),
            Demand(1_000),
            100,
            2_000_000,
            id="tiers nobody asked for",
        ),
        pytest.param(
            rule({"input": "1", "output": "10"}, tiers=TIERS),
            Demand(1_000, tier="priority"),
            100,
            4_000_000,
            id="the tier asked for",
        ),
        pytest.param(
            rule({"input": "1", "output": "10"}, tiers=TIERS),
            Demand(1_000, tier="flex"),
            100,
            2_000_000,
            id="a cheaper tier may not be served",
        ),
    ],
)
def test_hold_amount(snapshot: PriceSnapshot, wanted: Demand, output: int, nanos: int) -> None:
    assert hold_amount(snapshot, wanted, output) == nanos


@pytest.mark.parametrize(
    ("wanted", "held", "produced", "expected"),
    [
        pytest.param(Demand(0, 0, 1_024, 8_000), 1_024, 767, 1_024, id="below 75 %"),
        pytest.param(Demand(0, 0, 1_024, 8_000), 1_024, 768, 2_048, id="at 75 %: doubled"),
        pytest.param(
            Demand(0, 0, 1_024, 8_000), 1_024, 4_000, 8_000, id="a burst: up to the bound"
        ),
        pytest.param(Demand(0, 0, 8_000, 8_000), 8_000, 9_000, 8_000, id="never beyond the bound"),
        pytest.param(
            Demand(0, 0, 1_024, None), 1_024, 5_000, 8_192, id="no bound: doubled until it covers"
        ),
        pytest.param(
            Demand(0, 500, 1_024, 1_600),
            1_024,
            1_000,
            1_100,
            id="hidden output is not counted again",
        ),
    ],
)
def test_growth(wanted: Demand, held: int, produced: int, expected: int) -> None:
    assert grown(wanted, held, produced) == expected


@pytest.mark.parametrize(
    ("held", "enough"),
    [
        pytest.param(0, -2, id="nothing held: ask at once"),
        pytest.param(1, 0, id="one token"),
        pytest.param(1_024, 1_534, id="the first thousand"),
        pytest.param(8_000, 11_998, id="a whole percentage"),
    ],
)
def test_growth_need_not_be_asked_for_before_it_is_due(held: int, enough: int) -> None:
    endless = Demand(0, 0, held, None)
    assert enough_until(held) == enough
    assert grown(endless, held, produced_tokens(max(enough, 0))) == held or held == 0
    assert grown(endless, held, produced_tokens(enough + 1)) > held or held == 0
