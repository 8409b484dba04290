"""How often something guessable was tried: so many times per window, however many try at once.

The first try opens a window and every further one takes a place in it by a conditional write, so
two that come together never share a place. A full window lets nobody in until it ends.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from pynamodb.exceptions import DoesNotExist

from tollgate.domain.errors import TooManyAttempts
from tollgate.store.catalog.attributes import IntegerAttribute
from tollgate.store.catalog.writing import foreign_errors
from tollgate.store.dynamodb import ConditionFailed, Throttled
from tollgate.store.state import StateItem

PREFIX: Final = "attempts#"
SORT_KEY: Final = "attempts"
WINDOW_MS: Final = 900_000
TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A try that was let in: what it counts for, and when its window ends (epoch ms)."""

    name: str
    until: int


class AttemptsItem(StateItem):
    taken = IntegerAttribute()
    until = IntegerAttribute()
    expires = IntegerAttribute()


class Attempts:
    """Counts tries; `clock` is in epoch milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock

    def take(self, name: str, limit: int) -> Place:
        """Count one try of `name`, of at most `limit` per window.

        Raises:
            TooManyAttempts: the window is full; says when it ends.
            StoreError: as the port says.
        """
        for _ in range(TRIES):
            now = self._clock()
            place = self._join(name, limit, now) or self._open(name, now)
            if place is not None:
                return place
            until = full_until(name, limit)
            if until > now:
                wait = -((now - until) // 1_000)
                raise TooManyAttempts(
                    f"too many attempts; try again in {wait} seconds", retry_after=wait
                )
        raise Throttled(f"{name}: tried by too many at once")

    def give_back(self, place: Place) -> None:
        """Let a try not count: it was no guess. Only within its own window.

        The last one takes the window along, so that nothing shows that there was one.
        """
        item, same = item_of(place.name), AttemptsItem.until == place.until
        with suppress(ConditionFailed), foreign_errors():
            item.delete(same & (AttemptsItem.taken == 1))
            return
        with suppress(ConditionFailed), foreign_errors():
            item.update([AttemptsItem.taken.add(-1)], condition=same & (AttemptsItem.taken > 0))

    def _join(self, name: str, limit: int, now: int) -> Place | None:
        """A place in a window that is open and has one."""
        item = item_of(name)
        free = (AttemptsItem.until > now) & (AttemptsItem.taken < limit)
        with suppress(ConditionFailed), foreign_errors():
            item.update([AttemptsItem.taken.add(1)], condition=free)
            return Place(name, item.until)
        return None

    def _open(self, name: str, now: int) -> Place | None:
        """The first place of a new window, when none is open."""
        until = now + WINDOW_MS
        item = item_of(name, taken=1, until=until, expires=until // 1_000 + 1)
        none = AttemptsItem.pk.does_not_exist() | (AttemptsItem.until <= now)
        with suppress(ConditionFailed), foreign_errors():
            item.save(none)
            return Place(name, until)
        return None


def full_until(name: str, limit: int) -> int:
    """When a window without room ends; 0 where there is room, or no window."""
    with foreign_errors():
        try:
            item = AttemptsItem.get(PREFIX + name, SORT_KEY, consistent_read=True)
        except DoesNotExist:
            return 0
    return item.until if item.taken >= limit else 0


def item_of(name: str, **attributes: Any) -> AttemptsItem:
    """The item that counts tries of a name."""
    return AttemptsItem(PREFIX + name, SORT_KEY, **attributes)
