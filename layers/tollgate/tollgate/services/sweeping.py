"""How a call is finished whose relay or stream record got lost: from its hold and record alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tollgate.domain.holds import rid_of
from tollgate.domain.record import UsageRecord
from tollgate.domain.wallet import Outcome, Wallet, sweepable
from tollgate.services.settlement import AddUp, MarkActive, mark, outcome
from tollgate.store.dynamodb import StoreError
from tollgate.store.usage import UsageRecords
from tollgate.store.usage_item import UnreadableRecord
from tollgate.store.wallet import Wallets

MESSAGE_TYPE: Final = "sweep"
QUIET_MS: Final = 5 * 60 * 1_000
REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Sweeping:
    """Finishes expired holds. Its wallets must not ask for sweeps themselves.

    Args:
        clock: epoch ms.
        count: adds to a metric by name.
    """

    wallets: Wallets
    records: UsageRecords
    mark_active: MarkActive
    add_up: AddUp
    clock: Callable[[], int]
    count: Callable[[str, int], None]

    def sweep(self, user: str) -> int:
        """Finish the expired holds of one user; gives how many were open until now.

        Raises:
            StoreError: some may be finished; call again.
        """
        return sum(self.sweep_wallet(wallet) for wallet in self.wallets.read(user).shards)

    def sweep_all(self, segment: int = 0, segments: int = 1) -> int:
        """Finish the expired holds of every wallet in one segment of the table."""
        return sum(self.sweep_wallet(wallet) for wallet in self.wallets.scan(segment, segments))

    def sweep_wallet(self, wallet: Wallet) -> int:
        """Finish the expired holds of an image just read."""
        facts = self._facts(wallet, sweepable(wallet, self.clock() // 1_000))
        if not facts:
            self.wallets.clear_idle(wallet)
            return 0
        mark(self.mark_active, facts.values())
        ends = [ended(hold, wallet.open[hold], fact) for hold, fact in facts.items()]
        removed = self.wallets.settle(wallet.user, wallet.shard, ends, wallet)
        own = [fact for hold, fact in facts.items() if fact.hold == hold]
        self.finish_late(own)
        self._add_up([fact for fact in own if fact.hold in removed])
        return len(removed)

    def finish_late(self, records: Iterable[UsageRecord]) -> None:
        """Debit late records whose stream record may be lost; those debited before stay so.

        For whoever reads all records of an hour, when closing it.
        """
        for record in records:
            if record.late_charge:
                self.wallets.late_debit(record)

    def _facts(self, wallet: Wallet, holds: list[str]) -> dict[str, UsageRecord]:
        """The record of each hold's call; a tombstone first where there is none."""
        facts: dict[str, UsageRecord] = {}
        for hold in holds:
            try:
                known = self.records.get(wallet.user, rid_of(hold))
                facts[hold] = known or self.records.abandon(wallet.user, hold, wallet.open[hold])
            except UnreadableRecord:
                self.count("StuckHolds", 1)  # people must look; the others need not wait
        return facts

    def _add_up(self, settled: list[UsageRecord]) -> None:
        try:
            self.add_up(settled)
        except StoreError:
            self.count("RollupsDelayed", len(settled))


def ended(hold: str, held: int, fact: UsageRecord) -> Outcome:
    """How a hold ends by the record found; one that names another hold is not this one's.

    Then this hold is of an attempt whose answer was lost, and nobody used it. It was charged to
    the windows the call's other attempt was, unless that one was extended into new ones.
    """
    if fact.hold == hold:
        return outcome(fact)
    known = fact.windows is not None and not fact.windows.entered
    return Outcome(hold, held, 0, fact.windows if known else None, recorded=False)


@dataclass(slots=True)
class SweepRequests:
    """Asks the janitor to sweep a user, at most once in five minutes from here."""

    enqueue: Callable[[dict[str, Any]], None]
    clock: Callable[[], int]
    asked: dict[str, int] = field(default_factory=dict)

    def __call__(self, user: str) -> None:
        """Queue one request; if that fails, the next reply that shows the hold asks again."""
        now = self.clock()
        if self.asked.get(user, now - QUIET_MS) > now - QUIET_MS:
            return
        if len(self.asked) >= REMEMBERED:
            self.asked.clear()
        try:
            self.enqueue({"type": MESSAGE_TYPE, "user": user})
        except StoreError:
            return
        self.asked[user] = now


def swept_user(message: Mapping[str, Any]) -> str:
    """The user a sweep request names."""
    return str(message["user"])
