"""How one price is completed by another: a channel's by absolute figures, a customer's by ratio.

Decides rulings R4 and R5. The result is what a call is charged by; settlement never looks further.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tollgate.domain.amounts import in_ratio, largest
from tollgate.domain.catalog import (
    BillingMode,
    ChannelRow,
    CustomerPrice,
    Interval,
    Price,
    PriceTexts,
)
from tollgate.domain.charge import matching_interval, unit_price
from tollgate.domain.usage import INPUT_CLASSES, OUTPUT_CLASSES, TOOL_PREFIX

Tiers = Mapping[str, PriceTexts]

SCALED_BY: Final[Mapping[str, str]] = {
    **{name: "input" for name in INPUT_CLASSES if name != "input"},
    **{name: "output" for name in OUTPUT_CLASSES if name != "output"},
}
"""Which of its own prices a customer's missing class follows."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a price says, whoever set it."""

    mode: BillingMode = "tokens"
    prices: PriceTexts = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    tiers: Tiers = field(default_factory=dict)


NOTHING: Final = Terms()


def official_terms(price: Price) -> Terms:
    """What an official price says."""
    prices = ungapped(price.prices, price.intervals, price.tiers)
    return Terms(price.mode, prices, price.intervals, price.tiers)


# --- a channel's prices over a base -------------------------------------------------------------


def channel_terms(row: ChannelRow, base: Terms) -> Terms:
    """A channel's row with what it leaves out from the base, as absolute figures.

    A class with a flat price of the channel's own costs that in every context and tier, unless
    the channel says otherwise there. Labelled prices of the channel replace the base's.
    """
    mode = row.mode or base.mode
    under = base if mode == base.mode else Terms(mode, tools(base.prices))
    above = priced_only(row.intervals)
    if mode == "tokens":  # a token price knows no sizes; its ranges must not give way to one
        above = tuple(interval for interval in above if not interval.label)
    under = without_rivals(under, [row.prices, *(each.prices for each in above)])
    below = tuple(without(interval, row.prices) for interval in under.intervals)
    left = {tier: left_of(prices, row.prices) for tier, prices in under.tiers.items()}
    intervals = stacked(priced_only(below), above)
    tiers = overlaid({tier: prices for tier, prices in left.items() if prices}, row.tiers)
    return Terms(mode, ungapped({**under.prices, **row.prices}, intervals, tiers), intervals, tiers)


RIVALS: Final = frozenset({"calls", "images"})
"""What a price by times may count: whoever names one of them means it instead of the other."""


def without_rivals(base: Terms, own: Iterable[PriceTexts]) -> Terms:
    """What is left of a price by times to inherit: not the fee that the own one replaces."""
    named = RIVALS & {name for prices in own for name in prices}
    if base.mode != "times" or not named:
        return base
    taken = RIVALS - named
    return Terms(
        base.mode,
        left_of(base.prices, taken),
        tuple(without(interval, taken) for interval in base.intervals),
        {tier: left_of(prices, taken) for tier, prices in base.tiers.items()},
    )


def ungapped(prices: PriceTexts, intervals: tuple[Interval, ...], tiers: Tiers) -> PriceTexts:
    """Flat prices that leave no gap: a class priced in some cases costs its dearest in all others.

    Otherwise a size that no label names, or a context that no range holds, would be free.
    """
    if not (intervals or tiers):
        return prices
    named = [*tiers.values(), *(each for i in intervals for each in (i.prices, *i.tiers.values()))]
    gaps = {name for each in named for name in each if unit_price(prices, name) is None}
    if not gaps:
        return prices
    dearest = {name: largest(each[name] for each in named if name in each) for name in sorted(gaps)}
    return {**prices, **dearest}


def tools(prices: PriceTexts) -> PriceTexts:
    """The fees for tools, which count in every billing mode."""
    return {name: price for name, price in prices.items() if name.startswith(TOOL_PREFIX)}


def left_of(prices: PriceTexts, taken: Container[str]) -> PriceTexts:
    return {name: price for name, price in prices.items() if name not in taken}


def without(interval: Interval, taken: Container[str]) -> Interval:
    """The interval without some classes, such as those a channel has flat prices for."""
    tiers = {tier: left_of(prices, taken) for tier, prices in interval.tiers.items()}
    left = {tier: prices for tier, prices in tiers.items() if prices}
    return Interval(
        interval.minimum, interval.maximum, left_of(interval.prices, taken), left, interval.label
    )


def priced_only(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Those that price anything; an empty one matches nothing (sub2api.md §3.2)."""
    return tuple(interval for interval in intervals if interval.prices or interval.tiers)


def overlaid(below: Tiers, above: Tiers) -> Tiers:
    """The tiers of both; where both price a class, the upper one does."""
    return {tier: {**below.get(tier, {}), **above.get(tier, {})} for tier in {**below, **above}}


def stacked(below: tuple[Interval, ...], above: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """One list of ranges in which the upper list's prices lie over the lower one's."""
    if not (below and above):
        return above or below
    ranges = [interval for interval in below if not interval.label]
    if any(interval.label for interval in above):
        return (*above, *ranges)
    bounds = sorted({bound for each in (*ranges, *above) for bound in (each.minimum, each.maximum)
                     if bound is not None})  # fmt: skip
    ends: list[int | None] = [*bounds[1:], None]
    pieces = (piece(start, end, ranges, above) for start, end in zip(bounds, ends, strict=True))
    return priced_only(pieces)


def piece(
    start: int, end: int | None, below: Iterable[Interval], above: Iterable[Interval]
) -> Interval:
    """What holds between two neighbouring bounds."""
    lower, upper = at(tuple(below), start + 1), at(tuple(above), start + 1)
    rest = without(lower, upper.prices)
    return Interval(start, end, {**rest.prices, **upper.prices}, overlaid(rest.tiers, upper.tiers))


def at(intervals: tuple[Interval, ...], size: int) -> Interval:
    """The interval of a context size, or one that says nothing."""
    index = matching_interval(intervals, size)
    return Interval(0, None, {}) if index is None else intervals[index]


# --- a customer's price beside the official one -------------------------------------------------


def customer_terms(price: CustomerPrice, base: Terms) -> Terms:
    """A customer's price with what it leaves out by ratio to the official one.

    Flat fees (calls, images, seconds, queries, characters, tools) are inherited as they are, and
    so is a token class whose base is free. Channel prices play no part in it.
    """
    if not price.inherits or price.mode != base.mode:
        fees = tools(base.prices) if price.inherits else {}
        return whole(price.mode, {**fees, **price.prices}, price.intervals or (), price.tiers or {})
    base = without_rivals(base, [price.prices, *(each.prices for each in price.intervals or ())])
    prices = {**price.prices}
    for name, official in base.prices.items():
        prices.setdefault(name, inherited(name, official, price.prices, base.prices))
    tiers = price.tiers
    if tiers is None:
        tiers = {tier: factors(each, prices, base.prices) for tier, each in base.tiers.items()}
    return whole(price.mode, prices, ranges_of(price, prices, base), tiers)


def whole(
    mode: BillingMode, prices: PriceTexts, intervals: Iterable[Interval], tiers: Tiers
) -> Terms:
    """Terms without empty ranges and without gaps."""
    ranges = priced_only(intervals)
    return Terms(mode, ungapped(prices, ranges, tiers), ranges, tiers)


def ranges_of(price: CustomerPrice, prices: PriceTexts, base: Terms) -> tuple[Interval, ...]:
    """A customer's own ranges, else the official ones as factors; each with the tiers that hold."""
    if price.intervals is None:
        ranges = (each for each in base.intervals if not each.label)
        return tuple(followed(each, prices, base, price.tiers) for each in ranges)
    if price.tiers is not None:
        return price.intervals
    return tuple(hastened(each, base) for each in price.intervals)


def hastened(interval: Interval, base: Terms) -> Interval:
    """A range of the customer's own, with the official tiers as factors on what it names."""
    tiers = {
        tier: {
            name: factor(each[name], own, unit_price(base.prices, name))
            for name, own in interval.prices.items()
            if name in each
        }
        for tier, each in base.tiers.items()
    }
    named = {tier: prices for tier, prices in tiers.items() if prices}
    return replace(interval, tiers=overlaid(named, interval.tiers))


def inherited(name: str, official: str, own: PriceTexts, base: PriceTexts) -> str:
    """The price of a class the customer's price leaves out."""
    scale = SCALED_BY.get(name)
    if scale is None or scale not in own or scale not in base:
        return official
    return in_ratio(own[scale], official, base[scale])


def factors(special: PriceTexts, own: PriceTexts, base: PriceTexts) -> PriceTexts:
    """Special prices of the official price, as so many times what each class costs ordinarily."""
    return {name: factor(price, unit_price(own, name), unit_price(base, name))
            for name, price in special.items()}  # fmt: skip


def factor(special: str, own: str | None, ordinary: str | None) -> str:
    """A special price as so many times the own one; itself where there is nothing to compare."""
    return special if own is None or ordinary is None else in_ratio(own, special, ordinary)


def followed(interval: Interval, own: PriceTexts, base: Terms, tiers: Tiers | None) -> Interval:
    """A range of the official price, as factors on the customer's; `tiers` are their own, if any.

    A tier of their own rises as the official tier does there, else as the ordinary price does.
    """
    prices = factors(interval.prices, own, base.prices)
    if tiers is None:
        inside = {t: factors(each, own, base.prices) for t, each in interval.tiers.items()}
        return replace(interval, prices=prices, tiers=inside)
    risen = {
        tier: {
            **factors({n: p for n, p in interval.prices.items() if n in each}, each, base.prices),
            **factors(
                interval.tiers.get(tier, {}),
                {**own, **each},
                {**base.prices, **base.tiers.get(tier, {})},
            ),
        }
        for tier, each in tiers.items()
    }
    return replace(interval, prices=prices, tiers={t: each for t, each in risen.items() if each})
