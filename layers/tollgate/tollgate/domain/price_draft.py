"""A price before it has a version: what one may say, and what is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import chain, pairwise
from typing import Final

from tollgate.domain.catalog import BillingMode, Interval, Price
from tollgate.domain.charge import KNOWN_CLASSES, PRICE_DECIMALS, counted
from tollgate.domain.definition_rules import check_model, require
from tollgate.domain.patterns import normal
from tollgate.domain.usage import TOOL_PREFIX

PRICE_LIMIT: Final = Decimal(1_000_000)
"""USD per million tokens or per unit: dearer than anything sold, so a slip of the unit shows."""

Prices = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PriceDraft:
    """What somebody wants a model to cost, in the units of domain/catalog.py `Price`.

    `effective_from` is epoch milliseconds, None is now. `source` says where the figures are from.
    `free` confirms a price that is zero throughout.
    """

    model: str
    mode: BillingMode = "tokens"
    prices: Prices = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    tiers: Mapping[str, Prices] = field(default_factory=dict)
    max_output: int | None = None
    reasoning: bool = False
    effective_from: int | None = None
    source: str = ""
    free: bool = False


def price_of(draft: PriceDraft, number: int, now_ms: int) -> Price:
    """The draft as version `number`, in force from its start or from now."""
    start = now_ms if draft.effective_from is None else draft.effective_from
    return Price(
        model=normal(draft.model),
        version=number,
        mode=draft.mode,
        prices=dict(draft.prices),
        intervals=draft.intervals,
        tiers=dict(draft.tiers),
        max_output=draft.max_output,
        reasoning=draft.reasoning,
        effective_from=start,
    )


def living(versions: tuple[Price, ...], now_ms: int) -> tuple[Price, ...]:
    """The version in force and those that start later, by their start; the newest wins a tie."""
    ordered = sorted(versions, key=lambda price: (price.effective_from, price.version))
    started = sum(price.effective_from <= now_ms for price in ordered)
    return tuple(ordered[max(0, started - 1) :])


def price_lists(draft: PriceDraft) -> Iterator[tuple[str, Prices]]:
    """Every list of prices in a draft, with the field it stands in."""
    yield "prices", draft.prices
    for tier, prices in draft.tiers.items():
        yield f"tiers.{tier}", prices
    for row, interval in enumerate(draft.intervals, start=1):
        yield f"intervals[{row}].prices", interval.prices
        for tier, prices in interval.tiers.items():
            yield f"intervals[{row}].tiers.{tier}", prices


def check_amount(text: str, field: str) -> Decimal:
    """The decimal behind a price; negative, infinite, not a number or too fine is refused."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    require(value.is_finite() and 0 <= value <= PRICE_LIMIT, field, f"{text!r} is not a price")
    scaled = value.scaleb(PRICE_DECIMALS)
    require(scaled == scaled.to_integral_value(), field, f"at most {PRICE_DECIMALS} decimals")
    return value


def check_intervals(intervals: tuple[Interval, ...]) -> None:
    """Ranges are in order, do not overlap, and only the last is unbounded (pricing.md §5)."""
    for row, interval in enumerate(intervals, start=1):
        where = f"intervals[{row}]"
        require(interval.minimum >= 0, f"{where}.minimum", "not negative")
        require(
            interval.maximum is None or interval.maximum > interval.minimum,
            f"{where}.maximum",
            "greater than the minimum",
        )
        require(bool(interval.prices), f"{where}.prices", "at least one price")
    for row, (below, above) in enumerate(pairwise(intervals), start=2):
        fits = below.maximum is not None and below.maximum <= above.minimum
        require(fits, f"intervals[{row}].minimum", "begins before the row above ends")


def check_price(draft: PriceDraft) -> None:
    """Refuse a draft that could not be charged by, or that is free without saying so.

    Raises:
        ValidationFailed: naming the field.
    """
    check_model(draft.model)
    check_intervals(draft.intervals)
    for where, prices in price_lists(draft):
        for name, text in prices.items():
            known = name in KNOWN_CLASSES or name.startswith(TOOL_PREFIX)
            require(known, f"{where}.{name}", "no such usage class")
            check_amount(text, f"{where}.{name}")
    require(
        any(counted(draft.mode, name) for name in draft.prices),
        "prices",
        f"nothing in it is charged in mode {draft.mode}",
    )
    amounts = chain.from_iterable(prices.values() for _, prices in price_lists(draft))
    require(draft.free or any(map(Decimal, amounts)), "free", "confirm a price of zero")
    require(draft.max_output is None or draft.max_output > 0, "max_output", "greater than 0")
