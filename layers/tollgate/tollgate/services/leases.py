"""Who gets one of an account's numbered places, and how long one waits for one.

No more calls than an account takes are under way at once, in all environments together. A place
is given back when its call ends, however it ends; that of a worker who died is free again a
minute after the call could have lasted at most.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tollgate.domain.catalog import Account
from tollgate.services.slots import FREE, Slot
from tollgate.store.dynamodb import OutcomeUnknown, StoreError, Throttled
from tollgate.store.leases import MARKS, PLACES, Lease, Leases, Taken

MARGIN_MS: Final = 60_000
TRIES: Final = 6
"""Races lost for a place before the account counts as full: others are getting theirs."""

KNOWN_MS: Final = 5_000
"""How long what was seen of an account's places is believed; others take and free them, too."""

LONGEST_WAIT_MS: Final = 10_000
FIRST_PAUSE_MS: Final = 100
LONGEST_PAUSE_MS: Final = 2_000


class Seen(NamedTuple):
    """What an account's places looked like at some time (epoch ms)."""

    at: int
    taken: Taken


@dataclass(slots=True)
class LeasedSlots:
    """The places of accounts with finite concurrency.

    Args:
        clock: epoch ms.
        random: a number below the one given.
    """

    leases: Leases
    clock: Callable[[], int]
    random: Callable[[int], int]
    seen: dict[str, Seen] = field(default_factory=dict)

    def take(self, account: Account, until: int) -> Slot | None:
        """A place for a call that ends by `until` (epoch ms); None when all are taken.

        An account that takes any number of calls costs nothing. Where the places cannot be
        reached there is one: the upstream says itself when it has too much to do.
        """
        if not account.concurrency:
            return FREE
        try:
            return self._take(account, until + MARGIN_MS)
        except Throttled:
            return None  # nothing is written, and so much traffic is no reason to let more in
        except StoreError:
            return FREE

    def in_use(self) -> Mapping[str, int]:
        """By account, how many places are taken, as far as was seen here of late."""
        if not self.seen:
            return {}
        now = self.clock()
        old = [name for name, seen in list(self.seen.items()) if now - seen.at >= KNOWN_MS]
        for account in old:
            self.seen.pop(account, None)
        return {
            account: sum(until >= now for until in seen.taken.values())
            for account, seen in list(self.seen.items())
        }

    def give_back(self, lease: Lease) -> None:
        """Free a place; if that fails, its lease ends by itself. Never raises."""
        with suppress(StoreError):
            self.leases.give_back(lease)
        now = self.clock()
        left = dict(self._known(lease.account, now))
        if left.pop(lease.number, None) is not None:
            self.seen[lease.account] = Seen(self.seen[lease.account].at, left)

    def _take(self, account: Account, until: int) -> Slot | None:
        taken, looked = self._known(account.id, self.clock()), False
        for _ in range(TRIES):
            now = self.clock()
            free = [n for n in range(account.concurrency) if taken.get(n, 0) < now]
            if free:
                number = free[self.random(len(free))]
                lease = Lease(account.id, number, until, self.random(MARKS))
                try:
                    tried = self.leases.take(lease, now)
                except OutcomeUnknown:
                    return LeasedSlot(self, lease)  # it may be ours, and must not stay taken
                taken = self._learn(account.id, {**elsewhere(taken, number), **tried.taken})
                if tried.got:
                    return LeasedSlot(self, lease)
            elif looked:
                return None
            else:
                looked = True
                taken = self._learn(account.id, self.leases.look(account.id, account.concurrency))
        return None

    def _learn(self, account: str, taken: Taken) -> Taken:
        self.seen[account] = Seen(self.clock(), taken)
        return taken

    def _known(self, account: str, now: int) -> Taken:
        seen = self.seen.get(account)
        return seen.taken if seen is not None and now - seen.at < KNOWN_MS else {}


class LeasedSlot(NamedTuple):
    """One call's place."""

    slots: LeasedSlots
    lease: Lease

    def release(self) -> None:
        """Give the place back; never raises."""
        self.slots.give_back(self.lease)


def elsewhere(taken: Taken, number: int) -> dict[int, int]:
    """What is known of the places in other items than that of a number."""
    return {n: until for n, until in taken.items() if n // PLACES != number // PLACES}


def pauses(left_ms: int, random: Callable[[int], int]) -> Iterator[int]:
    """How long to wait (ms) before each new try to get any place at all; ends when enough is.

    100 ms, and half as much more each time up to 2 s, each a fifth shorter to a fifth longer, so
    that waiting calls do not come back together. At most 10 s in all, or what time there is.
    """
    left, pause = min(left_ms, LONGEST_WAIT_MS), FIRST_PAUSE_MS
    while left > 0:
        scattered = pause - pause // 5 + random(2 * (pause // 5) + 1)
        yield min(scattered, left)
        left -= scattered
        pause = min(pause * 3 // 2, LONGEST_PAUSE_MS)
