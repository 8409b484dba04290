"""Counts what accounts cost against their quotas, and lets an account rest that has reached one.

Counted is what was really settled, once. What a crash lost is added when its hour closes, from
the usage records. Whatever else may get lost on the way, the review every few minutes puts right.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tollgate.domain.account_quota import (
    Quotas,
    Spent,
    added_everywhere,
    costs,
    exceeded_until,
    limited,
    retimed,
)
from tollgate.domain.definitions import AccountDefinition
from tollgate.domain.health import QUOTA, Cause
from tollgate.domain.holds import hour_of, parse_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.services.health import AccountHealth
from tollgate.services.settlement import AddUp
from tollgate.store.account_quotas import AccountQuotaTable, Addition, Standing, StandingChanged
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.dynamodb import Dynamo, StoreError
from tollgate.store.rollups import epoch_of
from tollgate.store.snapshots import Snapshots

QUARTER: Final = 900
"""Seconds. Zones differ from UTC by quarters of an hour, so no window ends within one."""

HOUR_MS: Final = 3_600_000
KEPT_MS: Final = 24 * HOUR_MS
"""How long after it an hour may still be corrected."""

RACES: Final = 8
BELIEVED_MS: Final = 30_000
"""How long the terms of an account's quotas are remembered by whoever counts."""

V = TypeVar("V")
Terms = Callable[[str], Quotas]
"""The quotas of an account, as the catalog has them; none of one that is not there."""


@dataclass(frozen=True, slots=True)
class Share:
    """What calls of one account cost that began in the same quarter of an hour."""

    account: str
    hour: str
    at: int
    cost: int


class AccountQuotas:
    """What accounts have cost.

    Args:
        terms: raises StoreError where they cannot be read.
        clock: epoch ms.
    """

    def __init__(
        self,
        table: AccountQuotaTable,
        terms: Terms,
        health: AccountHealth,
        clock: Callable[[], int],
    ) -> None:
        self._table = table
        self._terms = terms
        self._health = health
        self._clock = clock

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Count calls, each handed over once by who really settled it.

        Raises:
            StoreError: part of them will be missing until their hour closes.
        """
        each(self._add, shares(records))

    def correct(self, hour: str, exact: Mapping[str, int]) -> None:
        """Add what is missing of an hour, from what each account's calls of it come to.

        Live additions to it count no more: whoever has one opens the hour again, so that it is
        closed, and corrected, once more.

        Raises:
            StoreError: call again; what was added is not added twice.
        """
        if hour < self._oldest():
            return
        for account, cost in exact.items():
            quotas = limited(self._terms(account))
            if quotas:
                self._rest(account, quotas, self._correct(account, quotas, hour, cost))

    def review(self, accounts: Iterable[AccountDefinition]) -> None:
        """Let each account rest just as long as its quotas say now, and its windows end so.

        For accounts that were changed, and now and then for all. A window that is limited no more
        is forgotten.

        Raises:
            StoreError: call again.
        """
        quotas = {account.id: limited(account.quotas) for account in accounts}
        standings = self._table.read_all(quotas)
        self._health.look()
        for account, terms in quotas.items():
            standing = self._retimed(account, terms, standings.get(account, Standing()))
            if not self._rest(account, terms, standing) and self._health.facts(account).get(QUOTA):
                self._health.clear(account, QUOTA)

    def _oldest(self) -> str:
        return hour_of((self._clock() - KEPT_MS) // 1_000)

    def _add(self, share: Share) -> None:
        quotas = limited(self._terms(share.account))
        if not quotas:
            return

        def addition(seen: Standing) -> Addition | None:
            if share.hour in seen.exact:
                return None  # its close has counted this call, or will when it is closed again
            spent = added_everywhere(quotas, seen.spent, share.cost, share.at)
            return Addition(
                *(share.account, seen, spent, share.cost, share.hour, share.at),
                oldest=self._oldest(),
            )

        self._rest(share.account, quotas, self._write(share.account, addition))

    def _correct(self, account: str, quotas: Quotas, hour: str, cost: int) -> Standing:
        at = epoch_of(hour) * 1_000

        def addition(seen: Standing) -> Addition | None:
            counted = seen.exact.get(hour, seen.live.get(hour, 0))
            if at < seen.since or not seen.since or (hour in seen.exact and cost <= counted):
                return None  # before anybody counted, or corrected already
            # Costs only grow, by records that come late; what was counted stays counted.
            missing = cost - counted if cost > counted else 0
            spent = with_missing(quotas, seen.spent, missing, at + HOUR_MS - 1)
            exact = counted + missing
            return Addition(account, seen, spent, missing, hour, at, exact, self._oldest())

        return self._write(account, addition)

    def _write(self, account: str, addition: Callable[[Standing], Addition | None]) -> Standing:
        """Add to what there is; whoever loses a race looks at what there is then."""
        seen = self._table.read(account)
        for _ in range(RACES):
            wanted = addition(seen)
            if wanted is None:
                return seen
            try:
                return self._table.add(wanted)
            except StandingChanged as changed:
                seen = changed.standing
        raise StandingChanged(seen)

    def _retimed(self, account: str, quotas: Quotas, seen: Standing) -> Standing:
        unlimited = [window for window in seen.spent if window not in quotas]
        if unlimited:
            seen = self._table.reset(account, unlimited)
        if not quotas:
            return seen
        now = self._clock()
        moved = {
            window: retimed(quotas[window], window, used, now)
            for window, used in seen.spent.items()
            if window in quotas
        }
        if seen.since and moved == seen.spent:
            return seen
        try:
            return self._table.retime(account, seen, moved, now)
        except StandingChanged as changed:
            return changed.standing  # somebody counts just now; the next review moves it

    def _rest(self, account: str, quotas: Quotas, standing: Standing) -> bool:
        """Whether an account has to rest: then it does."""
        until = exceeded_until(quotas, standing.spent, self._clock())
        if until:
            self._health.block(account, QUOTA, until, Cause.QUOTA_USED)
        return until > 0


def open_quotas(
    dynamo: Dynamo, state_table: str, catalog: CatalogTable, clock: Callable[[], int]
) -> AccountQuotas:
    """Whoever counts by the terms of the catalog; `clock` is in epoch ms."""

    def terms(account: str) -> Quotas:
        found = catalog.accounts.find(account)
        return found.quotas if found else {}

    health = AccountHealth(Snapshots(dynamo, state_table), clock)
    table = AccountQuotaTable(dynamo, state_table)
    return AccountQuotas(table, remembered(terms, clock), health, clock)


def with_missing(quotas: Quotas, spent: Spent, missing: int, at: int) -> Spent:
    """Windows with what was missing; without any, none of them begins."""
    if missing:
        return added_everywhere(quotas, spent, missing, at)
    return {window: used for window, used in spent.items() if window in quotas}


def shares(records: Iterable[UsageRecord]) -> list[Share]:
    """What these calls cost their accounts, oldest first; what cost nothing counts nowhere."""
    found: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for record in records:
        start = parse_hold_id(record.hold).start
        for account, cost in costs(record).items():
            found.setdefault((account, start // QUARTER), []).append((start, cost))
    made = (share_of(account, together) for (account, _), together in found.items())
    return sorted(made, key=lambda share: share.at)


def share_of(account: str, calls: Sequence[tuple[int, int]]) -> Share:
    """Calls of one account and one quarter of an hour together, each by its second and cost."""
    start = min(second for second, _ in calls)
    return Share(account, hour_of(start), start * 1_000, sum(cost for _, cost in calls))


def remembered(terms: Terms, clock: Callable[[], int]) -> Terms:
    """The same terms, read again when they are half a minute old."""
    known: dict[str, tuple[int, Quotas]] = {}

    def read(account: str) -> Quotas:
        until, quotas = known.get(account, (0, {}))
        if clock() >= until:
            quotas = terms(account)
            known[account] = (clock() + BELIEVED_MS, quotas)
        return quotas

    return read


def everywhere(*places: AddUp) -> AddUp:
    """Adds up in several places; one that fails keeps no other from it."""
    return lambda records: each(lambda place: place(records), places)


def each(act: Callable[[V], None], values: Iterable[V]) -> None:
    """Act on every value, whether or not it fails for others.

    Raises:
        StoreError: it failed for some.
    """
    failed: StoreError | None = None
    for value in values:
        try:
            act(value)
        except StoreError as error:
            failed = error
    if failed is not None:
        raise failed
