"""Which of a price's versions counts at an instant, and which can still come to count.

A version is in force from its start until before its end. Of those whose window contains an
instant the one with the latest start counts, and of several with the same start the newest; so
when a limited version ends, the one below it resumes.
"""

from collections.abc import Iterable
from dataclasses import Field
from typing import Any, ClassVar, Protocol, TypeVar


class Dated(Protocol):
    """What has a number and a window, in epoch milliseconds (an end of None: no end)."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def version(self) -> int: ...
    @property
    def effective_from(self) -> int: ...
    @property
    def effective_to(self) -> int | None: ...


V = TypeVar("V", bound=Dated)


def order(version: Dated) -> tuple[int, int]:
    """Later starts, then newer versions, go above."""
    return version.effective_from, version.version


def contains(version: Dated, now_ms: int) -> bool:
    """Whether an instant is in a version's window."""
    end = version.effective_to
    return version.effective_from <= now_ms and (end is None or now_ms < end)


def in_force(versions: Iterable[V], now_ms: int) -> V | None:
    """The version that counts at an instant; None when none does.

    Four times in every call, mostly of one version: a loop takes half the time of `max`.
    """
    found: V | None = None
    for each in versions:
        if contains(each, now_ms) and (found is None or order(each) > order(found)):
            found = each
    return found


def living(versions: Iterable[V], now_ms: int) -> tuple[V, ...]:
    """The versions that count now or will at some later instant, by their start."""
    known = sorted(versions, key=order)
    turns = {now_ms}
    for each in known:
        turns |= {turn for turn in (each.effective_from, each.effective_to) if turn is not None}
    ahead = [in_force(known, turn) for turn in turns if turn >= now_ms]
    return tuple(each for each in known if any(each is found for found in ahead))
