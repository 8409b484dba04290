"""The close of an hour: every row of it counted afresh from the usage records, then its days.

An hour is closed when no hold of it can be open any more. Closing twice, or after a crash half
way, gives the same rows: they are replaced, never added to.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from tollgate.domain.account_quota import costs
from tollgate.domain.errors import TollgateError
from tollgate.domain.holds import SKEW, TTL_SECONDS, parse_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.domain.rollup import Row, requests_by_account, summed
from tollgate.store.dynamodb import StoreError
from tollgate.store.rollups import Rollups, epoch_of
from tollgate.store.usage import UsageRecords
from tollgate.store.usage_item import UnreadableRecord
from tollgate.store.wallet import WalletMissing, Wallets

Stuck = Callable[[str, Exception], None]
"""Hears of an hour that could not be closed, and why; it is tried again next time."""


def ignore(hour: str, error: Exception) -> None:
    """What becomes of an hour that cannot be closed where nobody is told."""


CorrectCosts = Callable[[str, Mapping[str, int]], None]
"""Hears what each account's calls of an hour come to (nanos), however often it is closed."""


def uncorrected(hour: str, costs: Mapping[str, int]) -> None:
    """What becomes of accounts' costs where nobody counts them."""


SWEPT_SECONDS: Final = TTL_SECONDS["s"] + SKEW + 300
"""After so long every hold of a call was settled or swept: its life, the skew, one sweep more."""

PAGE: Final = 200
HOUR_FORMAT: Final = "%Y%m%d%H"


def hour_name(epoch: int) -> str:
    """The hour of an epoch second, as rows name it."""
    return datetime.fromtimestamp(epoch, UTC).strftime(HOUR_FORMAT)


def hours_of(day: str) -> list[str]:
    """The 24 hours of a UTC day."""
    return [f"{day}{hour:02d}" for hour in range(24)]


def day_before(day: str) -> str:
    """The day before a day, both as `20261122`."""
    began = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    return (began - timedelta(days=1)).strftime("%Y%m%d")


class Closing:
    """Closes hours and days.

    Args:
        finish_late: debits late records whose stream record may be lost.
        clock: epoch ms.
        settle_seconds: how long after its end an hour may still change.
        stuck: hears of hours that cannot be closed; the others are, nevertheless.
        correct: hears what accounts cost, once the hour's rows take no more live sums.
    """

    def __init__(
        self,
        rollups: Rollups,
        records: UsageRecords,
        wallets: Wallets,
        finish_late: Callable[[Iterable[UsageRecord]], None],
        clock: Callable[[], int],
        settle_seconds: int = SWEPT_SECONDS,
        stuck: Stuck = ignore,
        correct: CorrectCosts = uncorrected,
    ) -> None:
        self._stuck = stuck
        self._correct = correct
        self._rollups = rollups
        self._records = records
        self._wallets = wallets
        self._finish_late = finish_late
        self._clock = clock
        self._settle_seconds = settle_seconds

    def close_due(self) -> list[str]:
        """Close every hour that waits and can change no more; gives their names."""
        latest = hour_name(self._clock() // 1_000 - self._settle_seconds)
        waiting = self._rollups.open_hours(latest)
        closed = [hour for hour, asked in waiting if self._try(hour, asked)]
        for day in sorted({hour[:8] for hour in closed}):
            if f"{day}23" < latest:
                self.close_wallet_days(day)
        return closed

    def _try(self, hour: str, asked: int) -> bool:
        """Close one hour; one that cannot be closed keeps no other one open."""
        try:
            self.close(hour)
            self._rollups.done(hour, asked)
        except (StoreError, TollgateError, UnreadableRecord) as error:
            self._stuck(hour, error)
            return False
        return True

    def close(self, hour: str) -> None:
        """Replace the rows of one hour, and the days they belong to."""
        rows: dict[Row, Counter[str]] = {}
        ids: dict[Row, list[str]] = {}
        spent: Counter[str] = Counter()
        for user in self._rollups.active_users(hour):
            for page in self.pages(user, hour):
                self._finish_late(page)
                for row, sums in summed(page).items():
                    rows.setdefault(row, Counter()).update(sums)
                for record in page:
                    spent.update(costs(record))
                for row, found in requests_by_account(page).items():
                    ids.setdefault(row, []).extend(found)
        self._rollups.put_exact(rows)
        self._correct(hour, spent)
        for (account, began), found in ids.items():
            self._rollups.put_request_ids(account, began, sorted(found))
        for name in {name for name, _ in rows}:
            self._put_day(name, hour[:8])

    def _put_day(self, name: str, day: str) -> None:
        hours = self._rollups.hours(name, f"{day}00", f"{day}23")
        total: Counter[str] = Counter()
        for row in hours:
            total.update(row.sums)
        over = f"{day}23" < hour_name(self._clock() // 1_000 - self._settle_seconds)
        exact = all(row.closed for row in hours)  # another hour of the day may be stuck
        self._rollups.put_day(name, day, total, closed=over and exact)

    def close_wallet_days(self, day: str) -> None:
        """Let wallets forget the counters of a day whose usage was counted."""
        users = {user for hour in hours_of(day) for user in self._rollups.active_users(hour)}
        for user in sorted(users):
            for shard, totals in self.day_totals(user, day).items():
                self._wallets.close_day(user, shard, day, totals)

    def day_totals(self, user: str, day: str) -> dict[int, tuple[int, int]]:
        """What a user's calls of a day were settled at, by shard: nanos and number."""
        totals: dict[int, tuple[int, int]] = {}
        for hour in hours_of(day):
            for page in self.pages(user, hour):
                for record in page:
                    shard = parse_hold_id(record.hold).shard
                    nanos, calls = totals.get(shard, (0, 0))
                    totals[shard] = (nanos + record.charge, calls + 1)
        return totals

    def pages(self, user: str, hour: str) -> Iterator[Sequence[UsageRecord]]:
        """A user's records of an hour, some at a time."""
        began = epoch_of(hour) * 1_000
        shards = self._shards(user)
        cursor: str | None = None
        while True:
            page = self._records.list(user, began, began + 3_600_000, cursor, PAGE, shards=shards)
            yield page.records
            cursor = page.cursor
            if cursor is None:
                return

    def _shards(self, user: str) -> int:
        """How many shards the user ever had; records outlive a wallet."""
        try:
            return self._wallets.shard(user, 0).shards
        except WalletMissing:
            return 1
