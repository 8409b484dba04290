"""How many calls an account takes at once, and what this environment is doing with each now."""

from collections.abc import Mapping
from threading import Lock
from typing import Final, Protocol

from tollgate.domain.catalog import Account


class Slot(Protocol):
    """One call's place on an account; given back once, whatever became of the call."""

    def release(self) -> None:
        """Give the place back; never raises."""


class Slots(Protocol):
    """The places of accounts with finite concurrency."""

    def take(self, account: Account, until: int) -> Slot | None:
        """A place for a call that ends by `until` (epoch ms); None when all are taken.

        Asked for every attempt, so an account without a limit costs nothing. Never raises: where
        the places cannot be read, there is one.
        """

    def in_use(self) -> Mapping[str, int]:
        """By account, how many places are taken in all environments, as far as was seen of late."""


class Free:
    """A place where nobody counts."""

    def release(self) -> None:
        """Nothing is given back."""


FREE: Final = Free()


class Workload:
    """Calls of this environment by account id: those under way, and whose turn was when."""

    def __init__(self) -> None:
        self._in_use: dict[str, int] = {}
        self._last_used: dict[str, int] = {}
        self._turn = 0
        self._lock = Lock()

    @property
    def in_use(self) -> Mapping[str, int]:
        """How many calls are under way."""
        return self._in_use

    @property
    def last_used(self) -> Mapping[str, int]:
        """The number of the last turn of each."""
        return self._last_used

    @property
    def turn(self) -> int:
        """How many turns there have been."""
        return self._turn

    def begin(self, account: str) -> None:
        """A call begins."""
        with self._lock:
            self._turn += 1
            self._last_used[account] = self._turn
            self._in_use[account] = self._in_use.get(account, 0) + 1

    def end(self, account: str) -> None:
        """A call that began has ended."""
        with self._lock:
            left = self._in_use.get(account, 0) - 1
            if left > 0:
                self._in_use[account] = left
            else:
                self._in_use.pop(account, None)
