"""The steps of simulations and re-ratings: price the calls of a period again, and book differences.

A simulation only adds up. A re-rating books one correction for each call that it changes, and
finds those it has booked already by their lines, so a step done twice counts and moves what it
did once. What was corrected before counts as part of what a call was charged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from tollgate.domain.errors import (
    Conflict,
    InsufficientBalance,
    SubscriptionExhausted,
    TollgateError,
    UserDisabled,
    ValidationFailed,
)
from tollgate.domain.holds import request_id, rid_of
from tollgate.domain.jobs import Job, Progress
from tollgate.domain.ledger import Correction, LedgerLine, corrected
from tollgate.domain.record import UsageRecord
from tollgate.domain.replay_order import read_order
from tollgate.domain.repricing import Draft, replay
from tollgate.domain.tally import Tally, read_tally
from tollgate.services.past_calls import PastCalls, Period, hours_read, read_position
from tollgate.store.dynamodb import Throttled
from tollgate.store.price_sets import read_draft
from tollgate.store.wallet import WalletMissing, Wallets

TRIES: Final = 5
REFUSALS: Final[Mapping[type[TollgateError], str]] = {
    InsufficientBalance: "insufficient_balance",
    SubscriptionExhausted: "subscription_exhausted",
    UserDisabled: "user_deleted",
    ValidationFailed: "wallet_limit",
    WalletMissing: "no_wallet",
}
"""Why a correction cannot be booked now; a later re-rating finds the difference again."""

Lines = Sequence[LedgerLine]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one step does at most: it reads `rows` and a page more, or `pages`."""

    rows: int = 1_000
    pages: int = 100


@dataclass(frozen=True, slots=True)
class Work:
    """What one step works with."""

    job: Job
    draft: Draft
    tally: Tally


Count = Callable[[Work, UsageRecord, Lines], None]


class Replays:
    """Works on jobs of the kinds `simulation` and `rerate`."""

    def __init__(self, calls: PastCalls, wallets: Wallets, bounds: Bounds = Bounds()) -> None:
        self._calls = calls
        self._wallets = wallets
        self._bounds = bounds

    def simulate(self, job: Job) -> Progress:
        """One step of a simulation.

        Raises:
            StoreError, UnreadableRecord: as the stores do.
        """
        return self._step(job, look)

    def rerate(self, job: Job) -> Progress:
        """One step of a re-rating; raises as `simulate`."""
        return self._step(job, self._correct)

    def _step(self, job: Job, count: Count) -> Progress:
        cursor: Mapping[str, Any] = job.cursor or {"at": None, "tally": None}
        work = Work(job, read_draft(job.params["draft"]), read_tally(cursor["tally"]))
        order, position = read_order(job.params), read_position(cursor["at"])
        period = Period(order.start // 1_000, order.end // 1_000, order.user)
        rows = 0
        for pages, page in enumerate(self._calls.pages(period, position), start=1):
            position = page.position
            wanted = [record for record in page.records if order.wants(record)]
            self._page(work, wanted, count)
            rows += len(page.records)
            if rows >= self._bounds.rows or pages >= self._bounds.pages:
                break
        tally, read = work.tally.write(), hours_read(period, position)
        if position is None:
            return Progress(None, read, period.hours, {"tally": tally})
        return Progress({"at": position.write(), "tally": tally}, read, period.hours)

    def _page(self, work: Work, records: Sequence[UsageRecord], count: Count) -> None:
        """Count records of one user."""
        if not records:
            return
        rids = [rid_of(record.hold) for record in records]
        found = self._wallets.corrections_between(records[0].user, min(rids), max(rids))
        for rid, record in zip(rids, records, strict=True):
            count(work, record, found.get(rid, ()))

    def _correct(self, work: Work, record: UsageRecord, lines: Lines) -> None:
        """Count a call and book what it was charged too little or too much, once for this job."""
        for _ in range(TRIES):
            earlier = tuple(takewhile(lambda line: line.by != work.job.id, lines))
            replayed = replay(record, work.draft, corrected(earlier))
            if len(earlier) < len(lines):
                work.tally.book(lines[len(earlier)].amount)
                break
            amount = replayed.old - replayed.new
            if not amount or self._is_booked(work, record, amount, len(lines)):
                break
            lines = self._wallets.corrections(record.user, rid_of(record.hold))
        else:
            raise Throttled(f"{record.hold}: several jobs correct it at once")
        work.tally.add(record, replayed)

    def _is_booked(self, work: Work, record: UsageRecord, amount: int, number: int) -> bool:
        """Book a correction, or note why that cannot be; False when another job took its number."""
        reason = work.job.params["reason"]
        correction = Correction(record, amount, number, work.job.id, reason)
        try:
            line = self._wallets.correct(correction)
        except Conflict:
            return False
        except tuple(REFUSALS) as refusal:
            request = request_id(rid_of(record.hold), record.user)
            work.tally.refuse(request, amount, REFUSALS[type(refusal)])
            return True
        if line.by != work.job.id:
            return False
        work.tally.book(amount)
        return True


def look(work: Work, record: UsageRecord, lines: Lines) -> None:
    """Count a call and move nothing."""
    work.tally.add(record, replay(record, work.draft, corrected(lines)))
