"""What a job is: work longer than one call may take, done step by step from a cursor."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from tollgate.domain.definitions import Author
from tollgate.domain.errors import Conflict

JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]

TRANSITIONS: Final[Mapping[JobStatus, frozenset[JobStatus]]] = {
    "queued": frozenset({"running", "cancelled"}),
    "running": frozenset({"running", "done", "failed", "cancelled"}),
    "done": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}
"""What may follow what. A status that nothing follows is the end."""

MOST_FAILURES: Final = 5
"""So many unexpected failures in a row, deaths among them, end a job: it would never get on."""

LEASE_MS: Final = 16 * 60_000
"""How long a step belongs to who took it: longer than a run of the janitor can last (15 min)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. Times in epoch ms.

    `params`, `cursor` and `result` are JSON: text, whole numbers, truth, None, lists and dicts, no
    float; together they must stay far below DynamoDB's 400 KB. `done` of `total` is how far it
    has come, in whatever its kind counts. `cursor` None is the beginning. `error` says to people
    why it failed. `leased_until` 0: nobody is at work on it. `failures` counts since the last
    step that went well.
    """

    id: str
    kind: str
    params: Mapping[str, Any]
    by: str
    created_at: int
    updated_at: int
    status: JobStatus = "queued"
    done: int = 0
    total: int = 0
    cursor: Any = None
    result: Any = None
    error: str = ""
    leased_until: int = 0
    failures: int = 0
    version: int = 1

    @property
    def is_over(self) -> bool:
        """Whether nothing can follow any more."""
        return not TRANSITIONS[self.status]

    @property
    def is_hopeless(self) -> bool:
        """Whether it failed too often to be tried again."""
        return self.failures >= MOST_FAILURES


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step gives: where the next one begins, and how far the job has come.

    A `result` that is not None ends the job as done.
    """

    cursor: Any
    done: int
    total: int
    result: Any = None


def new_job(identity: str, kind: str, params: Mapping[str, Any], author: Author) -> Job:
    """A job that waits for its first step."""
    return Job(identity, kind, params, author.by, author.at, author.at)


def claimed(job: Job, now: int) -> Job:
    """Taken for one step, or failed because whoever took it before never came back too often."""
    died = int(job.leased_until > 0)
    counted = replace(job, failures=job.failures + died)
    if counted.is_hopeless:
        return failed(counted, f"its step was killed {counted.failures} times in a row", now)
    return _moved(counted, "running", now, leased_until=now + LEASE_MS)


def advanced(job: Job, progress: Progress, now: int) -> Job:
    """One step further, or done."""
    return _moved(
        job,
        "running" if progress.result is None else "done",
        now,
        cursor=progress.cursor,
        done=progress.done,
        total=progress.total,
        result=progress.result,
        failures=0,
    )


def given_back(job: Job, now: int) -> Job:
    """Left as it was before the step, for somebody else to try."""
    return _moved(job, "running", now)


def stumbled(job: Job, now: int, why: str) -> Job:
    """A step failed as nobody expected: try again, until that is hopeless."""
    counted = replace(job, failures=job.failures + 1)
    return failed(counted, why, now) if counted.is_hopeless else given_back(counted, now)


def failed(job: Job, why: str, now: int) -> Job:
    """Ended by a reason that people can read."""
    return _moved(job, "failed", now, error=why)


def cancelled(job: Job, now: int) -> Job:
    """Ended by people; a step under way goes on, and its outcome is dropped.

    Raises:
        Conflict: it has ended already.
    """
    return _moved(job, "cancelled", now)


def _moved(job: Job, status: JobStatus, now: int, **changes: Any) -> Job:
    if status not in TRANSITIONS[job.status]:
        raise Conflict(f"the job is {job.status}; it cannot become {status}")
    fresh = {"leased_until": 0, "updated_at": now, "version": job.version + 1}
    return replace(job, status=status, **(fresh | changes))
