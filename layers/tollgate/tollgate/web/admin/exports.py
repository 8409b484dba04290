"""Exports over HTTP: asked for once, watched while they are made, fetched by a link that ends."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from tollgate.domain.errors import NotFound
from tollgate.domain.export import Format, file_name
from tollgate.domain.export_order import FILTERS, KIND, Order, placed, read_order
from tollgate.domain.jobs import Job, JobStatus
from tollgate.services.jobs import Jobs
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import Body, Epoch, Id, Name, Once

LINK_SECONDS: Final = 15 * 60
FILE_LIFE_MS: Final = 7 * 86_400_000
"""As the bucket's lifecycle rule says."""


class ExportCreate(Body):
    """Which calls: begun from `from` on and before `to`, or before now if that is earlier."""

    start: Epoch = Field(alias="from")
    end: Epoch = Field(alias="to")
    format: Format
    user: Id | None = None
    key: Id | None = None
    group: Id | None = Field(default=None, description="The group that was called through.")
    model: Name | None = Field(default=None, description="The requested model.")
    account: Id | None = None

    def order(self) -> Order:
        """What is asked for."""
        asked = ((name, getattr(self, name)) for name in FILTERS)
        only = {name: value for name, value in asked if value is not None}
        return Order(self.start, self.end, self.format, only)


class ExportView(BaseModel):
    """An export; `done` of `total` steps. The link is there when it is done, for 15 minutes."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    status: JobStatus
    format: Format
    start: int = Field(alias="from", description="Epoch milliseconds, a whole second.")
    end: int = Field(alias="to", description="Epoch milliseconds, a whole second.")
    only: dict[str, str] = Field(description="What else was asked for, such as one user.")
    done: int
    total: int
    rows: int = Field(description="Found so far.")
    bytes: int | None
    file_name: str
    url: str | None
    url_expires_at: int | None = Field(description="Epoch milliseconds.")
    file_expires_at: int | None = Field(description="Epoch milliseconds.")
    error: str
    by: str
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, job: Job, url: str | None, now: int) -> Self:
        """The view of an export's job."""
        order, result = read_order(job.params), job.result or {}
        own = {name: getattr(job, name) for name in SHARED}
        return cls.model_validate(
            own
            | {
                "format": order.form,
                "start": order.start,
                "end": order.end,
                "only": dict(order.only),
                "rows": (job.cursor or {}).get("rows", 0),
                "bytes": result.get("bytes"),
                "file_name": file_name(order.start, order.end, order.form),
                "url": url,
                "url_expires_at": None if url is None else now + LINK_SECONDS * 1_000,
                "file_expires_at": job.updated_at + FILE_LIFE_MS if result else None,
            }
        )


SHARED: Final = ("id", "status", "done", "total", "error", "by", "created_at", "updated_at")


class ExportResource:
    """/exports"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._store = desk.stores.jobs
        self._users = desk.stores.catalog.users
        self._bucket = desk.stores.bucket
        self._jobs = Jobs(self._store, {}, desk.clock)

    def endpoints(self) -> tuple[Endpoint, ...]:
        exports = f"{ROOT}/exports"
        return (
            Endpoint("POST", exports, "usage.export", self.create, 201),
            Endpoint("GET", f"{exports}/<export>", "usage.export", self.get),
        )

    def create(self, body: ExportCreate, key: Once = None) -> ExportView:
        """Ask for the calls of a period as one file; the janitor begins within a minute."""
        order = placed(body.order(), self._desk.clock())
        if order.user:
            self._users.get(order.user)

        def create(identity: str, _: bool) -> ExportView:
            job = self._jobs.start(identity, KIND, order.params(), self._desk.author)
            view = self._view(job)
            self._desk.trail.note("export.create", identity, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("job", create, ExportView))

    def get(self, export: str) -> ExportView:
        """Read how far an export has come, and get its link when it is done."""
        job = self._store.get(export)
        if job.kind != KIND:
            raise NotFound(f"there is no export {export!r}")
        return self._view(job)

    def _view(self, job: Job) -> ExportView:
        now = self._desk.clock()
        return ExportView.of(job, self._link(job, now), now)

    def _link(self, job: Job, now: int) -> str | None:
        """Where the file can be fetched, while there is one."""
        if job.result is None or now >= job.updated_at + FILE_LIFE_MS:
            return None
        order = read_order(job.params)
        name = file_name(order.start, order.end, order.form)
        return self._bucket.link(job.result["key"], name, LINK_SECONDS)
