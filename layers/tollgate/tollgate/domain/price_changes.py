"""What another price changes of one that is there, and which changes nobody makes by accident.

A figure that becomes free, was free, or moves by more than ten times is held back until somebody
confirms it: a price typed per million where per token was meant looks exactly like that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tollgate.domain.amounts import fraction, is_free
from tollgate.domain.catalog import Interval, Price
from tollgate.domain.charge import unit_price
from tollgate.domain.definition_rules import require

JUMP: Final = 10
HUNDREDTHS: Final = 10_000

REASONS: Final = {
    "free": ("becomes free", "变为免费"),
    "was free": ("was free", "原为免费"),
    "jump": (f"moves by more than {JUMP} times", f"变动超过 {JUMP} 倍"),
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A figure with the class it is for and the field it is sent in."""

    name: str
    text: str
    field: str


Places = dict[str, Placed]
"""Figures by where they stand, as people name it: `input`, `priority.input`, `0-128000.input`."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure before and after, None where there is none; `percent` where both are prices."""

    figure: str
    old: str | None
    new: str | None
    percent: str = ""


def changes_of(old: Price | None, new: Price) -> tuple[Change, ...]:
    """Every figure that differs, and what else does."""
    return (*facts_changed(old, new), *figures_changed(old, new))


def figures_changed(old: Price | None, new: Price) -> Iterator[Change]:
    """Figures that differ; a class without one of its own costs what it inherits."""
    before = {} if old is None else figures_in(old)
    after = figures_in(new)
    both = before | after
    for place in sorted(both):
        name = both[place].name
        was = None if old is None else figure_at(before, place, old, name)
        will = figure_at(after, place, new, name)
        if was is None or will is None:
            yield Change(place, was, will)
        elif fraction(was) != fraction(will):
            yield Change(place, was, will, percent(was, will))


def figure_at(figures: Places, place: str, price: Price, name: str) -> str | None:
    """The figure in a place, or what the class costs there without one."""
    return figures[place].text if place in figures else unit_price(price.prices, name)


def facts_changed(old: Price | None, new: Price) -> Iterator[Change]:
    """What differs besides figures."""
    if old is None:
        return
    for name in ("mode", "max_output", "reasoning"):
        was, will = getattr(old, name), getattr(new, name)
        if was != will:
            yield Change(name, told(was), told(will))


def told(fact: object) -> str | None:
    return None if fact is None else str(fact).lower()


def figures_in(price: Price) -> Places:
    """Every figure of a price under the place it stands in."""
    found = placed(price, "", "")
    for row, interval in enumerate(price.intervals, start=1):
        found |= placed(interval, f"{range_of(interval)}.", f"intervals[{row}].")
    return found


def placed(of: Price | Interval, place: str, field: str) -> Places:
    """The figures of a price or of one interval, its tiers included."""
    lists = {f"{field}prices": (place, of.prices)}
    lists |= {f"{field}tiers.{t}": (f"{place}{t}.", prices) for t, prices in of.tiers.items()}
    return {
        f"{where}{name}": Placed(name, text, f"{sent}.{name}")
        for sent, (where, prices) in lists.items()
        for name, text in prices.items()
    }


def range_of(interval: Interval) -> str:
    """An interval as people name it: its label, or its bounds."""
    end = "" if interval.maximum is None else interval.maximum
    return interval.label or f"{interval.minimum}-{end}"


def percent(old: str, new: str) -> str:
    """By how much a price rises, to a hundredth; empty from nothing."""
    if is_free(old):
        return ""
    (a, b), (c, d) = fraction(new), fraction(old)
    hundredths = (2 * HUNDREDTHS * (a * d - b * c) + b * c) // (2 * b * c)
    sign = "-" if hundredths < 0 else "+"
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"


def guards_of(old: Price | None, new: Price) -> Iterator[str]:
    """Why somebody must confirm what another price makes of a model."""
    if old is not None and old.mode != new.mode:
        yield f"billed by {new.mode} instead of {old.mode}"
    for figure, why in guarded(old, new):
        yield f"{figure} {REASONS[why][0]}"


def guarded(old: Price | None, new: Price) -> Iterator[tuple[str, str]]:
    """The figures that must be confirmed, each with its reason among REASONS."""
    for change in figures_changed(old, new):
        if change.old is None or change.new is None:
            continue
        if is_free(change.new):
            yield change.figure, "free"
        elif is_free(change.old):
            yield change.figure, "was free"
        elif jumps(change.old, change.new):
            yield change.figure, "jump"


def check_changes(old: Price | None, new: Price) -> None:
    """Refuse what nobody makes by accident; who means it confirms it.

    Raises:
        ValidationFailed: naming the figure's field, and its row.
    """
    figures = figures_in(new)
    for figure, why in guarded(old, new):
        english, chinese = REASONS[why]
        field = figures[figure].field if figure in figures else "prices"
        require(False, field, f"{english}; confirm it", f"{chinese}，请确认")


def jumps(old: str, new: str) -> bool:
    """Whether a price moves by more than ten times, either way."""
    (a, b), (c, d) = fraction(new), fraction(old)
    return a * d > JUMP * b * c or b * c > JUMP * a * d
