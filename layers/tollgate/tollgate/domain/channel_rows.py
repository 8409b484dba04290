"""A channel's price rows: which are refused, and how those that were sent become a version.

People send rows for several names of a platform; calls find one row per name. Rows are numbered
from 1 as they were sent, and every refusal names the row and the field.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tollgate.domain import price_entry
from tollgate.domain.catalog import BillingMode, ChannelRow, Interval, PriceTexts
from tollgate.domain.charge import counted
from tollgate.domain.definition_rules import check_channel_platform, require
from tollgate.domain.patterns import normal
from tollgate.domain.price_rules import (
    check_charging,
    check_intervals,
    check_patterns,
    check_prices,
    check_tiers,
    interval_classes,
)

MOST_MODELS: Final = 100
MOST_ROWS: Final = 200

Rows = Mapping[str, Mapping[str, ChannelRow]]


@dataclass(frozen=True, slots=True)
class SentRow:
    """The same prices for several names or prefixes of one platform.

    `mode` None keeps the mode of the price below.
    """

    platform: str
    models: tuple[str, ...]
    mode: BillingMode | None = None
    prices: PriceTexts = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    tiers: Mapping[str, PriceTexts] = field(default_factory=dict)


def check_rows(rows: Sequence[SentRow], where: str = "pricing") -> None:
    """Refuse rows that could not be charged by, or two that the same name would find.

    Raises:
        ValidationFailed: naming the row, counted from 1, and its field.
    """
    most = len(rows) <= MOST_ROWS
    require(most, where, f"at most {MOST_ROWS} rows", f"最多 {MOST_ROWS} 行")
    for number, row in enumerate(rows, start=1):
        check_row(row, f"{where}[{number}]")
    check_patterns(
        (row.platform, model, f"{where}[{number}].models[{place}]")
        for number, row in enumerate(rows, start=1)
        for place, model in enumerate(row.models, start=1)
    )


def check_row(row: SentRow, where: str) -> None:
    """One row by itself."""
    check_channel_platform(row.platform, f"{where}.platform")
    require(
        1 <= len(row.models) <= MOST_MODELS,
        f"{where}.models",
        f"1 to {MOST_MODELS} names",
        f"应为 1 到 {MOST_MODELS} 个名称",
    )
    check_prices(row.prices, f"{where}.prices")
    check_tiers(row.tiers, f"{where}.tiers")
    check_intervals(row.intervals, row.mode, f"{where}.intervals")
    if row.mode is not None and row.prices:
        check_charging(row.mode, row.prices, f"{where}.prices")
    if row.mode in ("times", "seconds"):
        check_unit_price(row, f"{where}.prices")


def check_unit_price(row: SentRow, where: str) -> None:
    """A row by calls, images or seconds has nothing to take its price from."""
    named = [*row.prices, *(name for each in row.intervals for name in interval_classes(each))]
    require(
        any(row.mode is not None and counted(row.mode, name) for name in named),
        where,
        f"mode {row.mode} needs a price or intervals",
        f"按 {row.mode} 方式计费时，必须填写价格或区间",
    )


def in_dollars(row: SentRow, fx: str) -> SentRow:
    """A row whose figures were typed in yuan at an exchange rate; "" leaves dollars as they are.

    A figure keeps what was typed: 0.5 yuan at 7.0 is "0.5/7.0" dollars.
    """
    return replace(
        row,
        prices=price_entry.in_dollars(row.prices, fx),
        intervals=price_entry.intervals_in_dollars(row.intervals, fx),
        tiers=price_entry.tiers_in_dollars(row.tiers, fx),
    )


def rows_by_name(rows: Sequence[SentRow]) -> Rows:
    """What every name and prefix finds, by platform; the rows are those `check_rows` let pass."""
    found: dict[str, dict[str, ChannelRow]] = {}
    for row in rows:
        own = found.setdefault(row.platform, {})
        for model in row.models:
            pattern = normal(model)
            own[pattern] = ChannelRow(
                row.platform, pattern, row.mode, row.prices, row.intervals, row.tiers
            )
    return found


def as_sent(rows: Rows) -> tuple[SentRow, ...]:
    """The rows of a version for people: names with the same prices together, in their order."""
    together: dict[str, tuple[ChannelRow, list[str]]] = {}
    for row in every_row(rows):
        plain = replace(row, pattern="")
        together.setdefault(repr(plain), (plain, []))[1].append(row.pattern)
    return tuple(
        SentRow(row.platform, tuple(models), row.mode, row.prices, row.intervals, row.tiers)
        for row, models in together.values()
    )


def every_row(rows: Rows) -> Iterator[ChannelRow]:
    """All rows of a version."""
    for own in rows.values():
        yield from own.values()
