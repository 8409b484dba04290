"""What a call costs the user: exact lines, one multiplication, one rounding up to a nano.

Everything is integer arithmetic. A decimal price is a whole number of *atoms* (1e-16 USD) for
one counted unit: `usd_per_million × 1e10`, or `usd_per_unit × 1e16`; a quotient is such a number
over a denominator. A multiplier is a whole number of millionths.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tollgate.domain.amounts import MULTIPLIER_DECIMALS, fraction, scaled
from tollgate.domain.catalog import BillingMode, Currency, Interval, PriceTexts
from tollgate.domain.patterns import normal
from tollgate.domain.usage import (
    COUNTED_PER_UNIT,
    INPUT_CLASSES,
    OUTPUT_CLASSES,
    TOOL_PREFIX,
    UNIT_CLASSES,
    Usage,
)

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
PER: Final[Mapping[str, int]] = {**dict.fromkeys(PER_MILLION, MILLION), **COUNTED_PER_UNIT}
"""How many counted units of a class its price is for, where it is not for each."""

CHARGED_BY: Final[Mapping[BillingMode, tuple[str, ...]]] = {
    "tokens": (*INPUT_CLASSES, *OUTPUT_CLASSES, "images", "characters", "queries", "seconds"),
    "times": ("calls", "images"),
    "seconds": ("seconds",),
}
"""Which classes count in each billing mode; priced tools (`tool:<name>`) count in every one."""

PRICES: Final = 2
"""Where the prices are in a written interval; they are always written."""

Source = Literal["customer", "channel", "official"]
MultiplierSource = Literal["user", "group", "none"]

WRITER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class PriceSnapshot:
    """The rule a call is charged by, frozen at its hold and stored on its record (rulings R1, R2).

    Prices are texts as domain/amounts.py reads them, after all inheritance; the multiplier is a
    decimal text. `billing_model` is the name that was priced, `model_group` the resolved model
    group ("" when the model has none). `currency` and `fx` tell what the price was typed in.
    """

    source: Source
    price_id: str
    version: int
    billing_model: str
    mode: BillingMode = "tokens"
    prices: PriceTexts = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    tiers: Mapping[str, PriceTexts] = field(default_factory=dict)
    multiplier: str = "1"
    multiplier_source: MultiplierSource = "group"
    model_group: str = ""
    flags: tuple[str, ...] = ()
    currency: Currency = "USD"
    fx: str = ""

    def to_json(self) -> str:
        """Compact text that `from_json` reads back without loss; what is usual is left out."""
        row = {
            "source": self.source,
            "id": self.price_id,
            "version": self.version,
            "billing_model": self.billing_model,
            "mode": self.mode,
            "prices": dict(self.prices),
            "multiplier": self.multiplier,
            "multiplier_source": self.multiplier_source,
            "model_group": self.model_group,
        }
        if self.intervals:
            row["intervals"] = [write_interval(interval) for interval in self.intervals]
        if self.tiers:
            row["tiers"] = {tier: dict(prices) for tier, prices in self.tiers.items()}
        if self.flags:
            row["flags"] = self.flags
        if self.fx:
            row |= {"currency": self.currency, "fx": self.fx}
        return WRITER.encode(row)

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
            intervals=tuple(Interval(*interval) for interval in row.get("intervals", ())),
            tiers=row.get("tiers", {}),
            multiplier=row["multiplier"],
            multiplier_source=row["multiplier_source"],
            model_group=row["model_group"],
            flags=tuple(row.get("flags", ())),
            currency=row.get("currency", "USD"),
            fx=row.get("fx", ""),
        )


def write_interval(interval: Interval) -> list[Any]:
    """An interval as its fields in order; those at the end that are empty are left out."""
    row = [
        interval.minimum,
        interval.maximum,
        dict(interval.prices),
        {tier: dict(prices) for tier, prices in interval.tiers.items()},
        interval.label,
    ]
    while not row[-1] and row[-1] is not row[PRICES]:
        row.pop()
    return row


@dataclass(frozen=True, slots=True)
class Line:
    """One class of a charge: how much of it, its unit price, and its share of the charge.

    `per` is how many of the counted units the price is for: a million tokens, a thousand
    thousandths of a second, one call.
    """

    name: str
    quantity: int
    unit_price: str
    per: int
    nanos: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call costs its user, and which of the rule's prices applied.

    `interval` is the index of the interval, or None; `label` and `tier` are "" where the
    ordinary prices applied.
    """

    nanos: int
    lines: tuple[Line, ...]
    interval: int | None = None
    label: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Amounts:
    """The exact lines of a charge before the multiplier, in atoms over one denominator."""

    lines: tuple[tuple[str, int, str], ...]
    atoms: tuple[int, ...]
    denominator: int

    def nanos(self, multiplier: str) -> int:
        """All lines together, in nanos."""
        return nanos(sum(self.atoms), multiplier, self.denominator)


def matching_interval(
    intervals: tuple[Interval, ...], size: int, labels: Iterable[str] = ()
) -> int | None:
    """The interval of a label, else the one a context size falls into.

    Ranges are left-open and right-closed, so size 0 is in none. Of several labels the first that
    has a price counts.
    """
    for wanted in map(normal, labels):
        for index, interval in enumerate(intervals):
            if interval.label and normal(interval.label) == wanted:
                return index
    for index, interval in enumerate(intervals):
        fits = interval.minimum < size and (interval.maximum is None or size <= interval.maximum)
        if fits and not interval.label:
            return index
    return None


def prices_for(snapshot: PriceSnapshot, interval: int | None, tier: str = "") -> PriceTexts:
    """The prices of one call: flat, the tier's own, the interval's, and the tier's within it.

    An interval prices the whole call. What is more special names only the classes it changes.
    """
    chosen = snapshot.intervals[interval] if interval is not None else None
    if chosen is None and not tier:
        return snapshot.prices
    prices = {**snapshot.prices, **snapshot.tiers.get(tier, {})}
    return prices if chosen is None else {**prices, **chosen.prices, **chosen.tiers.get(tier, {})}


def priced_tier(snapshot: PriceSnapshot, tier: str) -> bool:
    """Whether the rule has prices of its own for a service tier."""
    return tier in snapshot.tiers or any(tier in interval.tiers for interval in snapshot.intervals)


def unit_price(prices: PriceTexts, name: str) -> str | None:
    """The price of a class, its own or the one it inherits; None when nothing prices it."""
    while name not in prices:
        if name not in INHERITS:
            return None
        name = INHERITS[name]
    return prices[name]


def counted(mode: BillingMode, name: str) -> bool:
    """Whether a class counts in a billing mode."""
    return name in CHARGED_BY[mode] or name.startswith(TOOL_PREFIX)


def per(name: str) -> int:
    """How many counted units of a class its price is for."""
    return PER.get(name, 1)


def atoms(price: str, name: str, quantity: int) -> tuple[int, int]:
    """Exact amount of one line before the multiplier, as numerator and denominator."""
    numerator, denominator = fraction(price)
    return numerator * quantity * (MILLION // per(name)), denominator


def nanos(total_atoms: int, multiplier: str, denominator: int = 1) -> int:
    """The only rounding there is: up, to one nano. Zero stays zero."""
    product = total_atoms * scaled(multiplier, MULTIPLIER_DECIMALS)
    return -(-product // (ATOMS_PER_NANO * MULTIPLIER_UNIT * denominator))


def amounts(usage: Usage, mode: BillingMode, prices: PriceTexts) -> Amounts:
    """What counts of a usage, priced. A class that counts but that nothing prices adds nothing."""
    lines = tuple(
        (name, quantity, price)
        for name, quantity in usage.quantities.items()
        if quantity and counted(mode, name) and (price := unit_price(prices, name)) is not None
    )
    exact = [atoms(price, name, quantity) for name, quantity, price in lines]
    common = math.lcm(*(denominator for _, denominator in exact))
    whole = tuple(numerator * (common // denominator) for numerator, denominator in exact)
    return Amounts(lines, whole, common)


def applied(usage: Usage, snapshot: PriceSnapshot) -> tuple[int | None, PriceTexts]:
    """Which interval of a rule a usage falls into, and the prices that hold for it."""
    intervals = snapshot.intervals
    interval = matching_interval(intervals, usage.context_size, usage.labels) if intervals else None
    return interval, prices_for(snapshot, interval, usage.tier)


def charge(usage: Usage, snapshot: PriceSnapshot) -> Charge:
    """Price what a call consumed by the rule frozen at its hold.

    Unpriced models and tools were refused before; a class that nothing prices adds nothing.
    """
    interval, prices = applied(usage, snapshot)
    exact = amounts(usage, snapshot.mode, prices)
    total = exact.nanos(snapshot.multiplier)
    shares = apportion(total, exact.atoms)
    lines = tuple(
        Line(name, quantity, price, per(name), share)
        for (name, quantity, price), share in zip(exact.lines, shares, strict=True)
    )
    label = "" if interval is None else snapshot.intervals[interval].label
    tier = usage.tier if priced_tier(snapshot, usage.tier) else ""
    return Charge(total, lines, interval, label, tier)


def total(usage: Usage, snapshot: PriceSnapshot) -> int:
    """The nanos of `charge` alone."""
    _, prices = applied(usage, snapshot)
    return amounts(usage, snapshot.mode, prices).nanos(snapshot.multiplier)


def apportion(total: int, weights: Sequence[int]) -> list[int]:
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
