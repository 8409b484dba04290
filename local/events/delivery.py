"""In which order and how often stream records are delivered, and when one is given up.

Records leave in the order of the stream. A failure stops everything behind it: what came before the
lowest reported failure is done, the rest is halved (when the mapping bisects) or tried again, and a
batch that fails once more than it may goes to the failure destination.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from local.events.invoke import Invoke
from local.events.mapping import FOREVER, StreamMapping
from local.events.record import Record, created, sequence
from local.functions.invocation import InvocationFailed


@dataclass(frozen=True, slots=True)
class Batch:
    """Neighbouring records that are tried together."""

    records: tuple[Record, ...]
    failures: int = 0
    """How often it, or the batch it was cut from, has failed."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Records that are given up, and why."""

    records: tuple[Record, ...]
    attempts: int
    condition: str
    """`RetryAttemptsExhausted` or `RecordAgeExceeded`."""


class Delivery:
    """Delivers the records of one shard.

    Args:
        mapping: the rules.
        invoke: calls the function.
        discard: keeps what is given up.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        mapping: StreamMapping,
        invoke: Invoke,
        discard: Callable[[Discard], None],
        clock: Callable[[], float],
    ) -> None:
        self._mapping = mapping
        self._invoke = invoke
        self._discard = discard
        self._clock = clock
        self._batches: deque[Batch] = deque()

    @property
    def pending(self) -> list[Record]:
        """Records that are neither delivered nor given up."""
        return [record for batch in self._batches for record in batch.records]

    @property
    def failures(self) -> int:
        """How often the batch that is next has failed."""
        return self._batches[0].failures if self._batches else 0

    def add(self, records: Iterable[Record]) -> None:
        """Queue records behind those that are pending."""
        records = tuple(records)
        size = self._mapping.batch_size
        self._batches.extend(
            Batch(records[start : start + size]) for start in range(0, len(records), size)
        )

    def step(self) -> None:
        """Call the function once with the next batch, and act on its answer.

        Whatever `discard` raises leaves the batch where it is.
        """
        batch = self._batches[0]
        rest = batch.records[self._call(batch.records) :]
        again = self._after_failure(rest, batch.failures) if rest else []
        self._batches.popleft()
        self._batches.extendleft(reversed(again))

    def _call(self, records: tuple[Record, ...]) -> int:
        """How many records from the front are done."""
        try:
            result = self._invoke({"Records": list(records)})
        except InvocationFailed:
            return 0
        return self._done(records, result) if self._mapping.reports_failures else len(records)

    def _done(self, records: tuple[Record, ...], result: Any) -> int:
        failed = _reported(result)
        if failed is None:
            return 0
        places = {sequence(record): place for place, record in enumerate(records)}
        # An id that was never sent makes the whole batch a failure, as on Lambda.
        return min((places.get(identity, 0) for identity in failed), default=len(records))

    def _after_failure(self, rest: tuple[Record, ...], failures: int) -> list[Batch]:
        """What is to be tried again; the rest is given up."""
        if old := self._too_old(rest):
            self._discard(Discard(rest[:old], failures + 1, "RecordAgeExceeded"))
            rest = rest[old:]
        if len(rest) > 1 and self._mapping.bisects:
            middle = len(rest) // 2  # halving costs no retry
            return [Batch(rest[:middle], failures), Batch(rest[middle:], failures)]
        if rest and self._mapping.retries != FOREVER and failures >= self._mapping.retries:
            self._discard(Discard(rest, failures + 1, "RetryAttemptsExhausted"))
            return []
        return [Batch(rest, failures + 1)] if rest else []

    def _too_old(self, records: tuple[Record, ...]) -> int:
        """How many from the front have passed the age at which they are given up."""
        if self._mapping.longest_age == FOREVER:
            return 0
        limit = self._clock() - self._mapping.longest_age
        return sum(1 for _ in takewhile(lambda record: created(record) < limit, records))


def _reported(result: Any) -> list[str] | None:
    """Identifiers of the failed records; None when the answer makes no sense."""
    if result is None:
        return []
    failures = result.get("batchItemFailures") if isinstance(result, dict) else None
    if failures is None:
        return [] if isinstance(result, dict) else None
    try:
        return [str(failure["itemIdentifier"]) for failure in failures]
    except (TypeError, KeyError):
        return None
