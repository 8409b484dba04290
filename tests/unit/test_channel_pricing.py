"""What calls cost through a channel: the case tables of the reference, typed out to the nano.

Rows are given as staff send them; a call is resolved and its usage charged by what was frozen.
"""

from dataclasses import replace

import pytest

from tests.channel_samples import SONNET, asked, only, sold
from tollgate.domain.catalog import Channel, ChannelPricing, Interval
from tollgate.domain.channel_rows import SentRow, rows_by_name
from tollgate.domain.charge import charge
from tollgate.domain.errors import ModelPriceNotConfigured
from tollgate.domain.resolution import resolve
from tollgate.domain.usage import Usage


def tokens(**prices: str) -> SentRow:
    """A row for the reference's model, by tokens."""
    return SentRow("anthropic", (SONNET,), "tokens", prices)


# --- sub2api.md §4.2: what a call costs ---------------------------------------------------------

PLAIN = Usage({"input": 1_000, "output": 500})
TWO_RANGES = replace(
    tokens(),
    intervals=(
        Interval(0, 128_000, {"input": "2", "output": "8"}),
        Interval(128_000, None, {"input": "4", "output": "16"}),
    ),
)
PER_CALL = SentRow(
    "anthropic",
    (SONNET,),
    "times",
    {"calls": "0.05"},
    (Interval(0, 128_000, {"calls": "0.03"}), Interval(128_000, None, {"calls": "0.10"})),
)
PER_IMAGE = SentRow(
    "anthropic",
    ("picture",),
    "times",
    {"images": "0.08"},
    (
        Interval(0, None, {"images": "0.04"}, label="1K"),
        Interval(0, None, {"images": "0.08"}, label="2K"),
        Interval(0, None, {"images": "0.16"}, label="4K"),
    ),
)


@pytest.mark.parametrize(
    ("rows", "usage", "source", "nanos"),
    [
        pytest.param([], PLAIN, "official", 10_500_000, id="no row: the official price"),
        pytest.param(
            [tokens(input="10", output="50")], PLAIN, "channel", 35_000_000, id="both of its own"
        ),
        pytest.param(
            [tokens(input="10", output="50")],
            replace(PLAIN, tier="priority"),
            "channel",
            35_000_000,
            id="its own in the priority tier, too",
        ),
        pytest.param(
            [], replace(PLAIN, tier="priority"), "official", 21_000_000, id="the official tier"
        ),
        pytest.param(
            [tokens(input="20")], PLAIN, "channel", 27_500_000, id="only the input is its own"
        ),
        pytest.param(
            [tokens(input="20")],
            Usage({"cache_read": 1_000, "cache_write_5m": 1_000}),
            "channel",
            4_050_000,
            id="cache classes inherit absolute prices",
        ),
        pytest.param(
            [tokens(output="0")], PLAIN, "channel", 3_000_000, id="an explicit zero is free"
        ),
        pytest.param([tokens()], PLAIN, "channel", 10_500_000, id="only the mode is said"),
        pytest.param(
            [replace(tokens(), mode=None)], PLAIN, "official", 10_500_000, id="only the name"
        ),
        pytest.param(
            [replace(tokens(input="10"), mode=None)],
            PLAIN,
            "channel",
            17_500_000,
            id="no mode is the base's",
        ),
        pytest.param(
            [replace(tokens(input="10"), platform="openai")],
            PLAIN,
            "official",
            10_500_000,
            id="another platform's row",
        ),
        pytest.param(
            [TWO_RANGES],
            Usage({"input": 50_000, "output": 1_000}),
            "channel",
            108_000_000,
            id="the first range",
        ),
        pytest.param(
            [TWO_RANGES],
            Usage({"input": 128_000, "output": 1_000}),
            "channel",
            264_000_000,
            id="the first range ends with 128,000",
        ),
        pytest.param(
            [TWO_RANGES],
            Usage({"input": 128_001, "output": 1_000}),
            "channel",
            528_004_000,
            id="the second begins with 128,001",
        ),
        pytest.param(
            [TWO_RANGES],
            Usage({"input": 100_000, "cache_read": 20_000, "cache_write_5m": 8_001}),
            "channel",
            436_003_750,
            id="the size counts cache reads and writes; those keep the base's prices",
        ),
        pytest.param(
            [TWO_RANGES], Usage({"output": 1_000}), "channel", 15_000_000, id="size 0: the base"
        ),
        pytest.param(
            [replace(TWO_RANGES, intervals=(Interval(10_000, 50_000, {"input": "2"}),))],
            Usage({"input": 5_000}),
            "channel",
            15_000_000,
            id="no range fits: the base",
        ),
        pytest.param(
            [replace(tokens(input="10"), intervals=(Interval(0, None, {"output": "1"}),))],
            PLAIN,
            "channel",
            10_500_000,
            id="a range without an input price takes the channel's flat one",
        ),
        pytest.param(
            [tokens(output_image="30")],
            Usage({"output": 500, "output_image": 100}),
            "channel",
            10_500_000,
            id="image tokens at the channel's price",
        ),
        pytest.param(
            [tokens(input="10")],
            Usage({"output": 500, "output_image": 100}),
            "channel",
            9_000_000,
            id="image tokens without a price of their own cost as text",
        ),
        pytest.param(
            [tokens(output_image="0")],
            Usage({"output": 500, "output_image": 100}),
            "channel",
            7_500_000,
            id="free image tokens",
        ),
        pytest.param(
            [PER_CALL],
            Usage({"calls": 1, "input": 50_000, "output": 9}),
            "channel",
            30_000_000,
            id="a call of the first range, whatever its tokens",
        ),
        pytest.param(
            [PER_CALL], Usage({"calls": 1, "input": 128_000}), "channel", 30_000_000, id="its end"
        ),
        pytest.param(
            [PER_CALL], Usage({"calls": 1, "input": 200_000}), "channel", 100_000_000, id="long"
        ),
        pytest.param(
            [PER_CALL], Usage({"calls": 1}), "channel", 50_000_000, id="a call of no size"
        ),
        pytest.param(
            [replace(PER_CALL, intervals=(Interval(0, None, {"calls": "0"}),))],
            Usage({"calls": 1, "input": 1}),
            "channel",
            0,
            id="a free range is free, not missing",
        ),
    ],
)  # fmt: skip
def test_what_a_call_costs(rows: list[SentRow], usage: Usage, source: str, nanos: int) -> None:
    snapshot = only(asked(SONNET, sold(*rows))).snapshot
    assert (snapshot.source, charge(usage, snapshot).nanos) == (source, nanos)


@pytest.mark.parametrize(
    ("row", "labels", "nanos"),
    [
        pytest.param(PER_IMAGE, ("1K",), 80_000_000, id="1K"),
        pytest.param(PER_IMAGE, ("2k",), 160_000_000, id="2K in another case"),
        pytest.param(PER_IMAGE, ("4K",), 320_000_000, id="4K"),
        pytest.param(PER_IMAGE, ("high/1024x1024", "4K"), 320_000_000, id="by its second label"),
        pytest.param(PER_IMAGE, ("8K",), 160_000_000, id="an unknown label takes the default"),
        pytest.param(PER_IMAGE, (), 160_000_000, id="no label takes the default"),
        pytest.param(
            replace(PER_IMAGE, prices={}), ("8K",), 80_000_000, id="no default: the official price"
        ),
    ],
)
def test_what_two_images_cost(row: SentRow, labels: tuple[str, ...], nanos: int) -> None:
    snapshot = only(asked("picture", sold(row))).snapshot
    usage = Usage({"calls": 1, "images": 2, "output_image": 4_000}, labels=labels)
    assert charge(usage, snapshot).nanos == nanos


def test_a_channel_may_sell_what_has_no_official_price() -> None:
    row = SentRow("anthropic", ("new",), None, {"input": "7", "output": "21"})
    snapshot = only(asked("new", sold(row))).snapshot
    assert charge(PLAIN, snapshot).nanos == 17_500_000


@pytest.mark.parametrize(
    ("row", "usage", "nanos"),
    [
        pytest.param(
            SentRow("anthropic", ("new",), "times", {}, PER_IMAGE.intervals),
            Usage({"images": 2}, labels=("8K",)),
            320_000_000,
            id="a size that no label names",
        ),
        pytest.param(
            SentRow("anthropic", ("new",), "times", {}, PER_IMAGE.intervals),
            Usage({"images": 2}, labels=("1K",)),
            80_000_000,
            id="a size that one names",
        ),
        pytest.param(
            SentRow(
                "anthropic",
                ("new",),
                "tokens",
                {},
                (
                    Interval(0, 9, {"input": "1/3"}),
                    Interval(9, 99, {"input": "0.3", "output": "2"}),
                ),
            ),
            Usage({"input": 1_000, "output": 500}),
            1_333_334,
            id="a context that no range holds",
        ),
        pytest.param(
            SentRow(
                "anthropic", ("new",), None, {}, (Interval(0, None, {}, {"flex": {"input": "2"}}),)
            ),
            Usage({"input": 1_000}),
            2_000_000,
            id="a service tier that has no price",
        ),
    ],
)
def test_what_is_priced_in_some_cases_costs_its_dearest_in_the_others(
    row: SentRow, usage: Usage, nanos: int
) -> None:
    assert charge(usage, only(asked("new", sold(row))).snapshot).nanos == nanos


def test_what_nothing_prices_is_refused() -> None:
    with pytest.raises(ModelPriceNotConfigured):
        resolve(asked("new", sold(SentRow("anthropic", ("new",)))))


def test_the_record_names_the_row_and_its_version() -> None:
    row = SentRow("anthropic", ("Claude-*",), None, {"input": "1"})
    snapshot = only(asked(SONNET, sold(row))).snapshot
    assert (snapshot.price_id, snapshot.version) == ("chn_1#anthropic#claude-*", 4)


def test_one_channels_prices_do_not_leak_into_the_official_ones() -> None:
    question = asked(SONNET, sold(tokens(input="10")))
    resolve(question)
    assert question.everywhere.prices[SONNET][0].prices["input"] == "3"
    assert only(asked(SONNET)).snapshot.prices["input"] == "3"


# --- versions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "input_price", "version"),
    [
        pytest.param(999, "3", 1, id="before: the official price"),
        pytest.param(1_000, "10", 1, id="from its first instant"),
        pytest.param(1_999, "10", 1, id="until the next one"),
        pytest.param(2_000, "20", 2, id="the scheduled one, in its turn"),
        pytest.param(2_999, "20", 2, id="to its last instant"),
        pytest.param(3_000, "10", 1, id="then the one below resumes"),
    ],
)
def test_a_version_counts_in_its_window(now: int, input_price: str, version: int) -> None:
    first = ChannelPricing(1, rows_by_name([tokens(input="10")]), 1_000)
    second = ChannelPricing(2, rows_by_name([tokens(input="20")]), 2_000, 3_000)
    question = asked(SONNET, Channel("chn_1", "sold", pricing=(first, second)))
    snapshot = only(replace(question, now_ms=now)).snapshot
    assert (snapshot.prices["input"], snapshot.version) == (input_price, version)
