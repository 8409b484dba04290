"""Which prices are refused, official, customers' and channels' alike, and with which words.

Every refusal names the field and says the same in English and in Chinese. Rows are numbered from
1, in the order in which they were sent, so that a form can point at the row it shows.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, pairwise
from typing import Final, Protocol

from tollgate.domain.amounts import PRICE_DECIMALS, is_free
from tollgate.domain.catalog import BillingMode, Interval, PriceTexts
from tollgate.domain.charge import KNOWN_CLASSES, counted
from tollgate.domain.definition_rules import check_model, require
from tollgate.domain.patterns import normal
from tollgate.domain.usage import TOOL_PREFIX
from tollgate.domain.versions import Dated

PRICE_LIMIT: Final = Decimal(1_000_000)
"""USD per million tokens or per unit: dearer than anything sold, so a slip of the unit shows."""

MOST_FIGURES: Final = 600
"""Of one price; as quotients of any three prices they take a third of what an item holds."""

LONGEST_LABEL: Final = 50
FIGURE: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
"""No exponent, no sign but a minus, no spaces, no digits of other scripts: what people read."""

TOOL: Final = re.compile(rf"{re.escape(TOOL_PREFIX)}[A-Za-z0-9_.:/-]{{1,64}}")
SHOWN: Final = 40


# --- figures ----------------------------------------------------------------------------------


def check_figure(text: str, field: str) -> None:
    """A price is a decimal, or the exact quotient of two ("0.5/7.0"), from 0 to the limit.

    Raises:
        ValidationFailed: it is no number, negative, too large or too fine.
    """
    amount, slash, divisor = text.partition("/")
    value = check_decimal(amount, field)
    by = check_decimal(divisor, field) if slash else Decimal(1)
    require(by > 0, field, "the divisor must be > 0", "除数必须大于 0")
    fits = value <= PRICE_LIMIT * by
    require(fits, field, f"must be <= {PRICE_LIMIT}", f"不能大于 {PRICE_LIMIT}")


def check_decimal(text: str, field: str) -> Decimal:
    """A plain decimal that is not negative.

    Raises:
        ValidationFailed: it is something else.
    """
    shown = repr(text[:SHOWN])
    plain = FIGURE.fullmatch(text) is not None
    require(
        plain,
        field,
        f"{shown} is not a price; write a decimal such as 2.50",
        f"{shown} 不是价格，请填写小数，例如 2.50",
    )
    require(not text.startswith("-"), field, "must be >= 0", "不能小于 0")
    decimals = len(text.partition(".")[2].rstrip("0"))
    require(
        decimals <= PRICE_DECIMALS,
        field,
        f"at most {PRICE_DECIMALS} decimals",
        f"最多 {PRICE_DECIMALS} 位小数",
    )
    return Decimal(text)


def check_prices(prices: PriceTexts, field: str = "prices") -> None:
    """Every class is one that is counted somewhere, and every figure is a price.

    Raises:
        ValidationFailed: naming the class.
    """
    for name, text in prices.items():
        known = name in KNOWN_CLASSES or TOOL.fullmatch(name) is not None
        require(known, f"{field}.{name}", "no such usage class", "没有这种用量类别")
        check_figure(text, f"{field}.{name}")


def check_tiers(tiers: Mapping[str, PriceTexts], field: str = "tiers") -> None:
    """The prices of every service tier.

    Raises:
        ValidationFailed: naming the tier and the class.
    """
    for tier, prices in tiers.items():
        check_prices(prices, f"{field}.{tier}")


def check_charging(mode: BillingMode, prices: Iterable[str], field: str = "prices") -> None:
    """Something in a price is charged in its mode.

    Raises:
        ValidationFailed: a call would cost nothing, whatever it used.
    """
    charged = any(counted(mode, name) for name in prices)
    require(
        charged,
        field,
        f"nothing in it is charged in mode {mode}",
        f"按 {mode} 方式计费时，其中没有任何一项会被计费",
    )


# --- a whole price ----------------------------------------------------------------------------


class Figured(Protocol):
    """A price or the draft of one; intervals or tiers that are None are not said."""

    @property
    def mode(self) -> BillingMode: ...
    @property
    def prices(self) -> PriceTexts: ...
    @property
    def intervals(self) -> tuple[Interval, ...] | None: ...
    @property
    def tiers(self) -> Mapping[str, PriceTexts] | None: ...


def check_terms(price: Figured) -> None:
    """Refuse figures that could not be charged by, whatever they are for.

    Raises:
        ValidationFailed: naming the field, and the row.
    """
    check_prices(price.prices)
    check_tiers(price.tiers or {})
    check_intervals(price.intervals or (), price.mode)
    check_charging(price.mode, price.prices)
    found = sum(map(len, lists_of(price)))
    fits = found <= MOST_FIGURES
    english = f"{found} figures in all ranges and tiers; {MOST_FIGURES} is the most"
    require(fits, "prices", english, f"所有区间和档位共 {found} 个价格，最多 {MOST_FIGURES} 个")


def lists_of(price: Figured) -> list[PriceTexts]:
    """Every list of figures in a price."""
    found = [price.prices, *(price.tiers or {}).values()]
    for interval in price.intervals or ():
        found += [interval.prices, *interval.tiers.values()]
    return found


def check_confirmed(price: Figured, *, free: bool) -> None:
    """Refuse a price that is zero throughout, unless that is what is meant (onehub.md C13).

    Raises:
        ValidationFailed: naming `free`.
    """
    zero = all(is_free(text) for prices in lists_of(price) for text in prices.values())
    require(free or not zero, "free", "confirm a price of zero", "请确认价格为零")


# --- intervals --------------------------------------------------------------------------------


def interval_classes(interval: Interval) -> Iterator[str]:
    """Every class that an interval prices, its service tiers included."""
    return chain(interval.prices, *interval.tiers.values())


def check_intervals(
    intervals: Sequence[Interval], mode: BillingMode | None, field: str = "intervals"
) -> None:
    """The rows of one price, as they were sent (pricing.md §5).

    Tokens are priced by ranges of context size; calls, images and seconds by labels, or by ranges
    where no row has a label. `mode` None is the mode of whatever the price is laid over.

    Raises:
        ValidationFailed: naming the first row that is wrong and its field.
    """
    for row, interval in enumerate(intervals, start=1):
        check_bounds(row, interval, field)
        check_content(row, interval, mode, field)
    if any(interval.label for interval in intervals):
        check_labels(intervals, mode, field)
    else:
        check_ranges(intervals, field)


def check_bounds(row: int, interval: Interval, field: str) -> None:
    low, high = interval.minimum, interval.maximum
    begins, ends = f"{field}[{row}].minimum", f"{field}[{row}].maximum"
    require(low >= 0, begins, f"row {row} must begin >= 0", f"第 {row} 行的下限不能小于 0")
    if high is None:
        return
    require(high > 0, ends, f"row {row} must end > 0", f"第 {row} 行的上限必须大于 0")
    require(
        high > low,
        ends,
        f"row {row} must end > its minimum {low}",
        f"第 {row} 行的上限必须大于下限 {low}",
    )


def check_content(row: int, interval: Interval, mode: BillingMode | None, field: str) -> None:
    where = f"{field}[{row}]"
    check_prices(interval.prices, f"{where}.prices")
    check_tiers(interval.tiers, f"{where}.tiers")
    classes = tuple(interval_classes(interval))
    require(
        bool(classes),
        f"{where}.prices",
        f"row {row} has no price; set at least one",
        f"第 {row} 行没有任何价格，请至少填写一个",
    )
    if mode is not None:
        check_charging(mode, classes, f"{where}.prices")


def check_labels(intervals: Sequence[Interval], mode: BillingMode | None, field: str) -> None:
    """One row for each label, and nothing but labels."""
    seen: dict[str, int] = {}
    for row, interval in enumerate(intervals, start=1):
        where, label = f"{field}[{row}].label", normal(interval.label)
        check_label(row, interval, mode, where)
        first = seen.setdefault(label, row)
        require(
            first == row,
            where,
            f"row {row} has the same label as row {first}",
            f"第 {row} 行与第 {first} 行的标签重复",
        )


def check_label(row: int, interval: Interval, mode: BillingMode | None, where: str) -> None:
    require(
        mode != "tokens",
        where,
        f"row {row} has a label; tokens are priced by ranges",
        f"第 {row} 行有标签；按 token 计费只能使用区间",
    )
    named = bool(normal(interval.label)) and len(interval.label) <= LONGEST_LABEL
    require(
        named,
        where,
        f"row {row} needs a label of 1 to {LONGEST_LABEL} characters, as other rows have one",
        f"第 {row} 行需要 1 到 {LONGEST_LABEL} 个字符的标签，因为其他行有标签",
    )
    require(
        interval.minimum == 0 and interval.maximum is None,
        where,
        f"row {row} has a label and a range; use one of the two",
        f"第 {row} 行同时有标签和区间，只能使用其中一种",
    )


def check_ranges(intervals: Sequence[Interval], field: str) -> None:
    """In the order of their beginnings no range overlaps the next, and only the last is open."""
    ordered = sorted(enumerate(intervals, start=1), key=lambda each: each[1].minimum)
    for (row, below), (next_row, above) in pairwise(ordered):
        end = below.maximum
        require(
            end is not None,
            f"{field}[{row}].maximum",
            f"row {row} is unbounded, so it must be the last; row {next_row} follows it",
            f"第 {row} 行没有上限，必须是最后一个区间，但第 {next_row} 行在它之后",
        )
        require(
            end is None or end <= above.minimum,
            f"{field}[{next_row}].minimum",
            f"row {next_row} overlaps row {row}, which ends at {end}",
            f"第 {next_row} 行与第 {row} 行重叠，第 {row} 行到 {end} 为止",
        )


# --- patterns ---------------------------------------------------------------------------------


def check_patterns(patterns: Iterable[tuple[str, str, str]]) -> None:
    """Platform, pattern and field of each: only identical patterns of a platform conflict (R8).

    Raises:
        ValidationFailed: a pattern is none, or is there already.
    """
    seen: dict[tuple[str, str], str] = {}
    for platform, pattern, field in patterns:
        check_model(pattern, field)
        first = seen.setdefault((platform, normal(pattern)), field)
        require(
            first == field,
            field,
            f"{pattern!r} is in {first} already",
            f"{pattern!r} 与 {first} 重复",
        )


# --- windows ----------------------------------------------------------------------------------


def check_window(version: Dated, now_ms: int) -> None:
    """Refuse a window that is empty, or over before it is written.

    Raises:
        ValidationFailed: naming `effective_to`.
    """
    end = version.effective_to
    after = end is None or end > version.effective_from
    require(after, "effective_to", "after effective_from", "必须晚于生效时间 effective_from")
    ahead = end is None or end > now_ms
    require(ahead, "effective_to", "in the future", "必须是将来的时间")
