"""How a price rule is written for people: exact unit prices, ranges, tiers, and in which units.

What a price is called inside (its id) and which of our names it was found by is for staff and
not written here (ruling R12).
"""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.amounts import decimal_text, shown
from tollgate.domain.catalog import Interval, PriceTexts
from tollgate.domain.charge import PriceSnapshot, per
from tollgate.domain.usage import COUNTED_PER_UNIT


def quantity(name: str, counted: int) -> int | str:
    """How much of a class in the unit that is priced; what is counted in fractions as a decimal."""
    parts = COUNTED_PER_UNIT.get(name)
    return counted if parts is None else decimal_text(counted, len(str(parts)) - 1)


def quantities(usage: Mapping[str, int]) -> dict[str, int | str]:
    """A usage in the units that are priced."""
    return {name: quantity(name, counted) for name, counted in usage.items()}


def unit_price(name: str, price: str) -> dict[str, Any]:
    """What so many units of a class cost: rounded to 12 places where it is not exact, and exact."""
    return {
        "unit_price_usd": shown(price),
        "unit_price": price,
        "per": per(name) // COUNTED_PER_UNIT.get(name, 1),
    }


def table(prices: PriceTexts) -> dict[str, Any]:
    """Unit prices by class."""
    return {name: unit_price(name, price) for name, price in prices.items()}


def tables(tiers: Mapping[str, PriceTexts]) -> dict[str, Any]:
    """Unit prices of service tiers, of the classes that differ."""
    return {tier: table(prices) for tier, prices in tiers.items()}


def bounds(interval: Interval) -> dict[str, Any]:
    """Which calls an interval is for: of a label, else of a context size in (over, up_to]."""
    if interval.label:
        return {"label": interval.label}
    return {"over": interval.minimum, "up_to": interval.maximum}


def origin(snapshot: PriceSnapshot) -> dict[str, Any]:
    """Where a rule is from, and what its prices are multiplied by."""
    return {
        "source": snapshot.source,
        "version": snapshot.version,
        "mode": snapshot.mode,
        "model_group": snapshot.model_group,
        "multiplier": snapshot.multiplier,
        "multiplier_source": snapshot.multiplier_source,
        "currency": snapshot.currency,
        "fx": snapshot.fx or None,
        "flags": list(snapshot.flags),
    }


def rule(snapshot: PriceSnapshot) -> dict[str, Any]:
    """A whole rule, before it is known what of it will apply."""
    return {
        **origin(snapshot),
        "prices": table(snapshot.prices),
        "intervals": [
            {**bounds(each), "prices": table(each.prices), "tiers": tables(each.tiers)}
            for each in snapshot.intervals
        ],
        "tiers": tables(snapshot.tiers),
    }
