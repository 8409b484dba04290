"""Where jobs are tried: a State table in memory, a clock, a step that counts, deaths on demand."""

from dataclasses import dataclass, field
from typing import Final

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.definitions import Author
from tollgate.domain.jobs import Job, Progress, new_job
from tollgate.services.jobs import Jobs, Step
from tollgate.store.jobs import JobStore

NOW: Final = 1_795_348_800_000
MINUTE: Final = 60_000
LEASE: Final = 16 * MINUTE
AUTHOR: Final = Author("adm_1", NOW)
COUNTED: Final = new_job("job_1", "count", {"to": 3}, AUTHOR)


class Killed(BaseException):
    """The process dies here."""


def count(job: Job) -> Progress:
    """Counts to `params["to"]`, one a step."""
    at = (job.cursor or 0) + 1
    end = job.params["to"]
    return Progress(at, at, end, {"counted": at} if at == end else None)


@dataclass
class Room:
    """A store, a clock and steps; `run` is one janitor's."""

    step: Step = count
    now: int = NOW
    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dynamo = InMemoryDynamo(["State"])
        self.store = JobStore(self.dynamo, "State")
        self.jobs = Jobs(self.store, {"count": self._step}, lambda: self.now, self._tell)

    def _step(self, job: Job) -> Progress:
        return self.step(job)

    def _tell(self, identity: str, error: Exception) -> None:
        self.told.append((identity, repr(error)))

    def start(self, to: int = 3, identity: str = "job_1") -> Job:
        """A job that counts."""
        return self.jobs.start(identity, "count", {"to": to}, AUTHOR)

    def run(self, until: int | None = None) -> int:
        """Until the time is up; a minute by default."""
        return self.jobs.run(self.now + MINUTE if until is None else until)

    def job(self, identity: str = "job_1") -> Job:
        """As it is stored."""
        return self.store.get(identity)


def raising(*errors: BaseException) -> Step:
    """A step that fails in these ways, one after the other, and then counts."""
    left = list(errors)

    def step(job: Job) -> Progress:
        if left:
            raise left.pop(0)
        return count(job)

    return step
