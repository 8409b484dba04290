"""Whether the money explains itself: nine checks over wallets, ledger, records and rollups.

A mismatch is a finding for people, never something to correct in passing.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tollgate.domain.holds import SKEW, day_of, hour_of, parse_hold_id, rid_of
from tollgate.domain.ledger import LedgerLine
from tollgate.domain.receipt import bill, explained, paid
from tollgate.domain.record import UsageRecord
from tollgate.domain.rollup import of_user
from tollgate.domain.spending_check import first_second, miscounted
from tollgate.domain.wallet import Wallet, violations
from tollgate.services.closing import Closing, day_before, hour_name, hours_of
from tollgate.store.rollups import Rollups, SumRow
from tollgate.store.usage import UsageRecords
from tollgate.store.usage_item import UnreadableRecord
from tollgate.store.wallet import TornRead, WalletMissing, Wallets, WalletView

Check = Literal["R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9"]

LATE_SWEEP: Final = SKEW + 3_600 + 600
"""Seconds after its expiry by which a hold must have been swept: wallets nobody uses are looked at
once an hour."""

LATE_SETTLE_MS: Final = 300_000
"""Age at which a record's hold must be settled."""

LEDGER_PAGE: Final = 100
END_OF_TIME: Final = "9999999999"
LOOKS: Final = 3
"""How often what changes while it is looked at is looked at."""

CHECKS: Final[dict[Check, str]] = {
    "R1": "a wallet's identities hold, and transfers between shards cancel out",
    "R2": "credits are the sum of the ledger lines",
    "R3": "a past day's counters are the sum of that day's usage",
    "R4": "debits are explained by days and late lines",
    "R5": "no hold outlives its expiry and a sweep",
    "R6": "no record's hold stays open for long",
    "R7": "a closed hour's rollup is the sum of its usage",
    "R8": "a closed hour's charges follow from their records alone",
    "R9": "a running spend window counts what its calls were charged and hold",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not add up."""

    check: Check
    user: str
    detail: str


def sums_of(view: WalletView) -> tuple[int, int]:
    """What the ledger must explain of a wallet: its credits, and its late debits."""
    return view.credits, sum(shard.late for shard in view.shards)


def readable(check: Check, user: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of a check that reads records; one that cannot be read is a finding, too."""
    try:
        yield from findings
    except UnreadableRecord as broken:
        yield Finding(check, user, str(broken))


def unexplained(record: UsageRecord) -> Iterator[Finding]:
    """A charge that the rule and the usage stored beside it do not give."""
    if not explained(record):
        detail = f"{record.hold}: charged {paid(record)}, by its own rule {bill(record).nanos}"
        yield Finding("R8", record.user, detail)


class Reconciliation:
    """Runs the checks, user by user."""

    def __init__(
        self,
        wallets: Wallets,
        records: UsageRecords,
        rollups: Rollups,
        closing: Closing,
        clock: Callable[[], int],
    ) -> None:
        self._wallets = wallets
        self._records = records
        self._rollups = rollups
        self._closing = closing
        self._clock = clock

    def everyone(self) -> Iterator[Finding]:
        """Check every user who has a wallet."""
        seen: set[str] = set()
        for wallet in self._wallets.scan():
            if wallet.user not in seen:
                seen.add(wallet.user)
                yield from self.user(wallet.user)

    def user(self, user: str) -> Iterator[Finding]:
        """Check one user."""
        try:
            view = self._wallets.read(user)
        except WalletMissing:
            yield Finding("R1", user, "the wallet's first shard is missing")
            return
        except TornRead as torn:
            yield Finding("R1", user, str(torn))
            return
        if len(view.shards) != view.first.shards:
            yield Finding("R1", user, f"{len(view.shards)} of {view.first.shards} shards are there")
        for shard in view.shards:
            yield from self._identities(shard)
            yield from self._overdue(shard)
            yield from readable("R6", user, self._unsettled(shard))
            yield from readable("R3", user, self._days(shard))
        yield from self._credits(view)
        yield from readable("R7", user, self._hours(view))
        for number in range(len(view.shards)):
            yield from readable("R9", user, self._spending(view, number))

    def _identities(self, wallet: Wallet) -> Iterator[Finding]:
        for broken in violations(wallet):
            check: Check = "R4" if broken.startswith("debits") else "R1"
            yield Finding(check, wallet.user, f"shard {wallet.shard}: {broken}")

    def _credits(self, view: WalletView) -> Iterator[Finding]:
        """A line that is made between two reads is no finding: look again."""
        for _ in range(LOOKS):
            lines = self._sums(view.user)
            if lines == sums_of(view):
                return
            before, view = view, self._wallets.read(view.user)
            if sums_of(before) == sums_of(view):
                break
        credited, late = sums_of(view)
        if lines[0] != credited:
            yield Finding("R2", view.user, f"lines add up to {lines[0]}, credits {credited}")
        if lines[1] != late:
            yield Finding("R4", view.user, f"lines debit {lines[1]} late, the wallet {late}")

    def _sums(self, user: str) -> tuple[int, int]:
        """What a user's lines have credited, and debited late or by a subscription's correction."""
        credited = late = 0
        for line in self._lines(user):
            credited += line.credited
            late -= line.amount - line.credited
        return credited, late

    def _lines(self, user: str) -> Iterator[LedgerLine]:
        cursor: str | None = None
        while True:
            page = self._wallets.ledger(user, cursor, LEDGER_PAGE)
            yield from page.lines
            cursor = page.cursor
            if cursor is None:
                return

    def _days(self, wallet: Wallet) -> Iterator[Finding]:
        """Days that are over, and whose calls have all been settled."""
        today = hour_name(self._clock() // 1_000)[:8]
        for day in sorted({name[:8] for name in wallet.days}):
            running = any(day_of(parse_hold_id(hold).start) == day for hold in wallet.open)
            if day >= day_before(today) or running:
                continue
            counted = (wallet.days.get(f"{day}c", 0), wallet.days.get(f"{day}n", 0))
            used = self._closing.day_totals(wallet.user, day).get(wallet.shard, (0, 0))
            if counted != used:
                yield Finding("R3", wallet.user, f"{day}: counted {counted}, recorded {used}")

    def _spending(self, view: WalletView, number: int) -> Iterator[Finding]:
        """A wallet that is written between two reads is looked at again."""
        for _ in range(LOOKS):
            wallet, now = view.shards[number], self._clock() // 1_000
            records = self._since(view, first_second(wallet, now), now)
            wrong = list(miscounted(wallet, records, now))
            if not wrong:
                return
            before, view = view, self._wallets.read(view.user)
            if before.shards[number].version == view.shards[number].version:
                break
        for sentence in wrong:
            yield Finding("R9", view.user, f"shard {number}: {sentence}")

    def _since(self, view: WalletView, first: int | None, now: int) -> list[UsageRecord]:
        if first is None:
            return []
        hours = range(first // 3_600, (now + SKEW) // 3_600 + 1)
        names = (hour_name(hour * 3_600) for hour in hours)
        return [
            record
            for name in names
            for page in self._closing.pages(view.user, name)
            for record in page
        ]

    def _overdue(self, wallet: Wallet) -> Iterator[Finding]:
        now = self._clock() // 1_000
        for hold in wallet.open:
            late = now - parse_hold_id(hold).expires
            if late > LATE_SWEEP:
                yield Finding("R5", wallet.user, f"hold {hold} expired {late} s ago")

    def _unsettled(self, wallet: Wallet) -> Iterator[Finding]:
        for hold in wallet.open:
            record = self._records.get(wallet.user, rid_of(hold))
            if record is None or record.hold != hold or not record.ended:
                continue
            age = self._clock() - record.ended
            if age > LATE_SETTLE_MS:
                yield Finding("R6", wallet.user, f"hold {hold} was recorded {age} ms ago")

    def _hours(self, view: WalletView) -> Iterator[Finding]:
        """The closed hours of today and yesterday; not those that are about to be closed again."""
        user, today = view.user, hour_name(self._clock() // 1_000)[:8]
        for day in (day_before(today), today):
            rows = self._rollups.hours(f"user#{user}", *(hours_of(day)[i] for i in (0, -1)))
            for row in rows:
                if row.closed:
                    yield from self._hour(view, row)

    def _hour(self, view: WalletView, row: SumRow) -> Iterator[Finding]:
        """One closed hour, read once for both of its checks."""
        used: Counter[str] = Counter()
        for page in self._closing.pages(view.user, row.period):
            for record in page:
                used.update(of_user(record))
                yield from unexplained(record)
        if dict(row.sums) != dict(used) and not self._changing(view, row.period):
            yield Finding("R7", view.user, f"{row.period}: {dict(row.sums)} is not {dict(used)}")

    def _changing(self, view: WalletView, hour: str) -> bool:
        """Whether a call of an hour is still to be settled, or its close has been asked for."""
        if any(hour_of(parse_hold_id(hold).start) == hour for hold in view.open):
            return True
        return any(hour == waiting for waiting, _ in self._rollups.open_hours(END_OF_TIME))
