"""What a call costs the user: exact lines, one multiplication, one rounding up to a nano.

Everything is integer arithmetic. A price with at most ten decimals is a whole number of
*atoms* (1e-16 USD): `usd_per_million × 1e10`, or `usd_per_unit × 1e16`. A multiplier is a whole
number of millionths.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, Literal

from tollgate.domain.catalog import BillingMode, Interval
from tollgate.domain.errors import PricingMisconfigured
from tollgate.domain.usage import (
    INPUT_CLASSES,
    OUTPUT_CLASSES,
    TOOL_PREFIX,
    UNIT_CLASSES,
    Usage,
)

PRICE_DECIMALS: Final = 10
MULTIPLIER_DECIMALS: Final = 6
ATOMS_PER_NANO: Final = 10**7
MILLION: Final = 1_000_000
MULTIPLIER_UNIT: Final = 10**MULTIPLIER_DECIMALS

INHERITS: Final[Mapping[str, str]] = {
    "cache_read": "input",
    "cache_write_5m": "input",
    "cache_write_1h": "cache_write_5m",
    "input_audio": "input",
    "input_image": "input",
    "reasoning": "output",
    "output_audio": "output",
    "output_image": "output",
}
"""Where a token class without a price of its own takes it from. An explicit 0 is free."""

PER_MILLION: Final = frozenset({*INPUT_CLASSES, *OUTPUT_CLASSES, "characters"})
CHARGED_BY: Final[Mapping[BillingMode, tuple[str, ...]]] = {
    "tokens": (*INPUT_CLASSES, *OUTPUT_CLASSES, "images", "characters", "queries", "seconds"),
    "times": ("calls", "images"),
    "seconds": ("seconds",),
}
"""Which classes count in each billing mode; priced tools (`tool:<name>`) count in every one."""

Source = Literal["customer", "channel", "official"]

WRITER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class PriceSnapshot:
    """The rule a call is charged by, frozen at its hold and stored on its record (rulings R1, R2).

    Prices and the multiplier are decimal strings, as they were set. `billing_model` is the name
    that was priced, `model_group` the resolved model group ("" when the model has none).
    """

    source: Source
    price_id: str
    version: int
    billing_model: str
    mode: BillingMode = "tokens"
    prices: Mapping[str, str] = ()  # type: ignore[assignment]
    intervals: tuple[Interval, ...] = ()
    multiplier: str = "1"
    multiplier_source: Literal["user", "group", "none"] = "group"
    model_group: str = ""
    flags: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Compact text that `from_json` reads back without loss."""
        return WRITER.encode(
            {
                "source": self.source,
                "id": self.price_id,
                "version": self.version,
                "billing_model": self.billing_model,
                "mode": self.mode,
                "prices": dict(self.prices),
                "intervals": [[i.minimum, i.maximum, dict(i.prices)] for i in self.intervals],
                "multiplier": self.multiplier,
                "multiplier_source": self.multiplier_source,
                "model_group": self.model_group,
                "flags": self.flags,
            },
        )

    @classmethod
    def from_json(cls, text: str) -> "PriceSnapshot":
        """Read what `to_json` wrote."""
        row: dict[str, Any] = json.loads(text)
        return cls(
            source=row["source"],
            price_id=row["id"],
            version=row["version"],
            billing_model=row["billing_model"],
            mode=row["mode"],
            prices=row["prices"],
            intervals=tuple(Interval(*interval) for interval in row["intervals"]),
            multiplier=row["multiplier"],
            multiplier_source=row["multiplier_source"],
            model_group=row["model_group"],
            flags=tuple(row["flags"]),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One class of a charge: how much of it, at which unit price, and its share of the charge."""

    name: str
    quantity: int
    unit_price: str
    per: int
    nanos: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call costs its user. `interval` is the index of the one that applied, or None."""

    nanos: int
    lines: tuple[Line, ...]
    interval: int | None = None


@lru_cache(maxsize=4096)
def scaled(text: str, decimals: int) -> int:
    """A decimal string as a whole number of 10^-decimals.

    Raises:
        PricingMisconfigured: not a finite, non-negative decimal with so few places.
    """
    try:
        value = Decimal(text).scaleb(decimals)
    except InvalidOperation as error:
        raise PricingMisconfigured(f"{text!r} is not a price") from error
    if not value.is_finite() or value < 0 or value != value.to_integral_value():
        raise PricingMisconfigured(f"{text!r} is not a price with at most {decimals} decimals")
    return int(value)


def matching_interval(intervals: tuple[Interval, ...], size: int) -> int | None:
    """The interval a context size falls into: left-open, right-closed; size 0 matches none."""
    for index, interval in enumerate(intervals):
        if interval.minimum < size and (interval.maximum is None or size <= interval.maximum):
            return index
    return None


def prices_for(snapshot: PriceSnapshot, interval: int | None) -> Mapping[str, str]:
    """The flat prices with the interval's own on top: an interval prices the whole call."""
    if interval is None:
        return snapshot.prices
    return {**snapshot.prices, **snapshot.intervals[interval].prices}


def unit_price(prices: Mapping[str, str], name: str) -> str | None:
    """The price of a class, its own or the one it inherits; None when nothing prices it."""
    while name not in prices:
        if name not in INHERITS:
            return None
        name = INHERITS[name]
    return prices[name]


def counted(mode: BillingMode, name: str) -> bool:
    """Whether a class counts in a billing mode."""
    return name in CHARGED_BY[mode] or name.startswith(TOOL_PREFIX)


def atoms(price: str, name: str, quantity: int) -> int:
    """Exact amount of one line before the multiplier."""
    per_unit = 1 if name in PER_MILLION else MILLION
    return scaled(price, PRICE_DECIMALS) * quantity * per_unit


def nanos(total_atoms: int, multiplier: str) -> int:
    """The only rounding there is: up, to one nano. Zero stays zero."""
    product = total_atoms * scaled(multiplier, MULTIPLIER_DECIMALS)
    return -(-product // (ATOMS_PER_NANO * MULTIPLIER_UNIT))


def charge(usage: Usage, snapshot: PriceSnapshot) -> Charge:
    """Price what a call consumed by the rule frozen at its hold.

    A `times` price counts one call even when nothing else was reported. A class that counts but
    that nothing prices contributes nothing; unpriced models and tools were refused before.
    """
    intervals = snapshot.intervals
    interval = matching_interval(intervals, usage.context_size) if intervals else None
    prices = prices_for(snapshot, interval)
    exact = [
        (name, quantity, price, atoms(price, name, quantity))
        for name, quantity in usage.quantities.items()
        if quantity
        and counted(snapshot.mode, name)
        and (price := unit_price(prices, name)) is not None
    ]
    total = nanos(sum(amount for *_, amount in exact), snapshot.multiplier)
    shares = apportion(total, [amount for *_, amount in exact])
    lines = tuple(
        Line(name, quantity, price, MILLION if name in PER_MILLION else 1, share)
        for (name, quantity, price, _), share in zip(exact, shares, strict=True)
    )
    return Charge(total, lines, interval)


def apportion(total: int, weights: list[int]) -> list[int]:
    """Split `total` by weight into whole parts that add up to it (largest remainder)."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


KNOWN_CLASSES: Final = frozenset({*INPUT_CLASSES, *OUTPUT_CLASSES, *UNIT_CLASSES})
"""Every class a price may name, besides `tool:<name>`."""
