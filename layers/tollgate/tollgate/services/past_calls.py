"""Which calls of a period there are: page by page, newest first, from any position on.

Everybody's calls are read hour by hour, and within an hour user by user, as the marks of who was
active name them; one user's are read as their own list. What is recorded late of an hour that was
read already is not found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tollgate.domain.holds import hour_of, start_of
from tollgate.domain.record import UsageRecord
from tollgate.store.rollups import Rollups, slice_of
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import WalletMissing, Wallets

HOUR: Final = 3_600
HOUR_MS: Final = HOUR * 1_000
PAGE: Final = 1_000
"""Records of one page: about as many as one answer of the table holds."""


@dataclass(frozen=True, slots=True)
class Period:
    """Calls begun from second `start` on and before second `end`, of one user or of everybody."""

    start: int
    end: int
    user: str = ""

    @property
    def hours(self) -> int:
        """How many hours it touches; none when it is empty."""
        return -(-self.end // HOUR) - self.start // HOUR if self.start < self.end else 0


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading goes on: before second `end`, behind `user`, at `cursor` of their list.

    Without a cursor `user` is finished ("" is nobody yet).
    """

    end: int
    user: str = ""
    cursor: str | None = None

    def write(self) -> list[str | int | None]:
        """As JSON, for the cursor of a job."""
        return [self.end, self.user, self.cursor]


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some records, and where the next page begins; None: that was all.

    An hour that is finished gives a page without records, so that whoever counts pages sees work.
    """

    records: Sequence[UsageRecord]
    position: Position | None


@dataclass(frozen=True, slots=True)
class PastCalls:
    """Reads usage records of a period, `size` to a page; refused calls and drafts are left out."""

    rollups: Rollups
    records: UsageRecords
    wallets: Wallets
    size: int = PAGE

    def pages(self, period: Period, position: Position | None = None) -> Iterator[CallPage]:
        """The pages from a position on, or all of them.

        Raises:
            StoreError, UnreadableRecord: as the stores do; go on from the last page's position.
        """
        at: Position | None = position or Position(period.end)
        while at is not None and at.end > period.start:
            start = period.start if period.user else began(at.end, period.start)
            for user in [period.user] if period.user else self._users(at):
                yield from self._user(user, Period(start, at.end), at)
            at = Position(start) if start > period.start else None
            yield CallPage((), at)

    def _users(self, at: Position) -> Iterator[str]:
        """Who was active in the hour of a position and is not finished."""
        for user in self.rollups.active_users(hour_of(at.end - 1)):
            if not at.user or rank(user) >= rank(at.user):
                yield user

    def _user(self, user: str, hour: Period, at: Position) -> Iterator[CallPage]:
        resumed = user == at.user
        cursor = at.cursor if resumed else None
        if resumed and cursor is None:
            return
        shards = self._shards(user)
        while True:
            page = self.records.list(
                user, hour.start * 1_000, hour.end * 1_000, cursor, self.size, shards=shards
            )
            cursor = page.cursor
            yield CallPage(page.records, Position(at.end, user, cursor))
            if cursor is None:
                return

    def _shards(self, user: str) -> int:
        """How many shards the user ever had; records outlive a wallet."""
        try:
            return self.wallets.shard(user, 0).shards
        except WalletMissing:
            return 1


def began(end: int, earliest: int) -> int:
    """The second the hour before `end` began, or the period, if that is later."""
    return max(earliest, (end - 1) // HOUR * HOUR)


def rank(user: str) -> tuple[int, str]:
    """Where a user stands among those of an hour."""
    return slice_of(user), user


def read_position(written: Sequence[str | int | None] | None) -> Position | None:
    """The position that `write` wrote."""
    if written is None:
        return None
    end, user, cursor = written
    return Position(int(str(end)), str(user), None if cursor is None else str(cursor))


def hours_read(period: Period, position: Position | None) -> int:
    """How many hours of a period are read when reading goes on there."""
    if position is None:
        return period.hours
    end = position.end
    if period.user and position.cursor is not None:
        end = start_of(position.cursor)
    return min(period.hours, max(0, -(-period.end // HOUR) - -(-end // HOUR)))
