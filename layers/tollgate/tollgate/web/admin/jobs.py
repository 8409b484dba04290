"""Jobs over HTTP: what long work is under way, how far it has come, and how it is called off."""

from typing import Any, Self

from pydantic import BaseModel, Field

from tollgate.domain.jobs import Job, JobStatus
from tollgate.services.jobs import Jobs
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Entries, Limit


class JobView(BaseModel):
    """A job as people see it; `done` of `total` counts whatever its kind counts."""

    id: str
    kind: str
    status: JobStatus
    params: dict[str, Any] = Field(description="What it was asked to do.")
    done: int
    total: int
    result: Any = Field(description="What came of it, once it is done.")
    error: str = Field(description="Why it failed.")
    by: str
    created_at: int = Field(description="Epoch milliseconds.")
    updated_at: int = Field(description="Epoch milliseconds.")

    @classmethod
    def of(cls, job: Job) -> Self:
        """The view of a job."""
        return cls(**{name: getattr(job, name) for name in cls.model_fields})


class JobResource:
    """/jobs"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._store = desk.stores.jobs
        self._jobs = Jobs(self._store, {}, desk.clock)

    def endpoints(self) -> tuple[Endpoint, ...]:
        jobs, job = f"{ROOT}/jobs", f"{ROOT}/jobs/<job>"
        return (
            Endpoint("GET", jobs, "jobs.read", self.list),
            Endpoint("GET", job, "jobs.read", self.get),
            Endpoint("DELETE", job, "jobs.write", self.delete, 204),
        )

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[JobView]:
        """List jobs, newest first."""
        page = self._store.page(limit, self._desk.position(cursor))
        return Entries(
            entries=[JobView.of(job) for job in page.jobs],
            next_cursor=self._desk.cursor(page.after),
        )

    def get(self, job: str) -> JobView:
        """Read a job and how far it has come."""
        return JobView.of(self._store.get(job))

    def delete(self, job: str) -> None:
        """Cancel a job that has not ended; what it has done stays done."""
        before = JobView.of(self._store.get(job))
        after = JobView.of(self._jobs.cancel(job))
        self._desk.trail.note("job.cancel", job, before, after)
