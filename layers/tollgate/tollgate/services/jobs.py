"""The order of a job's steps: take one, do it, keep how far it came; whoever dies is replaced.

A step may run twice from the same cursor (a janitor can be killed between the step and the write
of its cursor), so doing it twice must be as good as once: objects under names that the cursor
decides, ledger lines under references of their own.
"""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from tollgate.domain.definitions import Author
from tollgate.domain.errors import PricingMisconfigured, TollgateError
from tollgate.domain.jobs import (
    Job,
    Progress,
    advanced,
    cancelled,
    claimed,
    failed,
    given_back,
    new_job,
    stumbled,
)
from tollgate.store.dynamodb import RequestRejected, StoreError
from tollgate.store.jobs import JobChanged, JobStore

Step = Callable[[Job], Progress]
"""Does a bounded amount of work (seconds, not minutes) from `job.cursor` on.

TollgateError and ValueError end the job with their text, for people to read. StoreError, and a
TollgateError that is retryable, leave it as it was for the next run. Anything else is counted.
"""

Broken = Callable[[str, Exception], None]
"""Hears of a job whose step failed as nobody expected."""

TRIES: Final = 5


def ignore(identity: str, error: Exception) -> None:
    """What becomes of an unexpected failure where nobody is told."""


class Jobs:
    """Starts, cancels and works on jobs.

    Args:
        steps: by kind; whoever only starts and cancels jobs needs none.
        clock: epoch ms.
        broken: hears of unexpected failures; the job is tried again, five times in all.
    """

    def __init__(
        self,
        store: JobStore,
        steps: Mapping[str, Step],
        clock: Callable[[], int],
        broken: Broken = ignore,
    ) -> None:
        self._store = store
        self._steps = steps
        self._clock = clock
        self._broken = broken

    def start(self, identity: str, kind: str, params: Mapping[str, Any], author: Author) -> Job:
        """Make a job, once: where one of this id is there already, that one is given.

        Raises:
            StoreError: it may have been made; start it again with the same id.
        """
        job = new_job(identity, kind, params, author)
        try:
            self._store.create(job)
        except JobChanged:
            return self._store.get(identity)
        return job

    def cancel(self, identity: str) -> Job:
        """End a job; what it has done stays done.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended already.
            StoreError: it may go on.
        """
        for _ in range(TRIES):
            job = cancelled(self._store.get(identity), self._clock())
            with suppress(JobChanged):  # a step came in between
                self._store.replace(job)
                return job
        raise JobChanged(identity)

    def run(self, until_ms: int) -> int:
        """Work on the open jobs in turn until that time, a step each; gives the steps that counted.

        Raises:
            StoreError: the open jobs cannot be read.
        """
        waiting, steps = deque(self._store.open()), 0
        while waiting and self._clock() < until_ms:
            identity = waiting.popleft()
            job = self._advance(identity)
            if job is None:
                continue
            steps += 1
            if not job.is_over:
                waiting.append(identity)
        return steps

    def _advance(self, identity: str) -> Job | None:
        """The job after one more step; None when it is to be left alone in this run."""
        with suppress(StoreError):
            job = self._claim(identity)
            return None if job is None else self._step(job)
        return None

    def _claim(self, identity: str) -> Job | None:
        """Take the job for a step, unless it is over or somebody is at it."""
        job, now = self._store.find(identity), self._clock()
        if job is None or job.is_over or job.leased_until > now:
            return None
        taken = claimed(job, now)
        self._store.replace(taken)
        return None if taken.is_over else taken

    def _step(self, job: Job) -> Job | None:
        try:
            after = advanced(job, self._steps[job.kind](job), self._clock())
            self._store.replace(after)
        except Exception as error:  # noqa: BLE001 - whatever it was becomes part of the job
            self._store.replace(self._outcome(job, error))
            return None
        return after

    def _outcome(self, job: Job, error: Exception) -> Job:
        """What becomes of a job by a step that failed."""
        now = self._clock()
        if is_passing(error):
            return given_back(job, now)
        if isinstance(error, TollgateError | ValueError):
            return failed(job, str(error), now)
        self._broken(job.id, error)
        kind = type(error).__name__
        return stumbled(job, now, f"a step failed again and again; the log tells of {kind}")


def is_passing(error: Exception) -> bool:
    """Whether the same step may go well a minute later; a price on a record never changes."""
    if isinstance(error, TollgateError):
        return error.retryable and not isinstance(error, PricingMisconfigured)
    return isinstance(error, StoreError) and not isinstance(error, RequestRejected)
