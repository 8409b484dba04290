"""What-if and re-rating over HTTP: a draft is replayed as a dry run, and applied exactly as it ran.

A re-rating names a simulation that is done; period, filters and draft are that one's.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tollgate.domain.errors import Conflict, NotFound
from tollgate.domain.jobs import Job, JobStatus
from tollgate.domain.money import usd
from tollgate.domain.replay_order import (
    FILTERS,
    RERATE,
    SIMULATION,
    ReplayOrder,
    placed,
    read_order,
)
from tollgate.domain.tally import Row, add_row, read_tally
from tollgate.services.jobs import Jobs
from tollgate.store.price_sets import write_draft
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.admin.draft_bodies import DraftSet, draft_of
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import PRINTABLE, Body, Epoch, Id, Name, Once

SHOWN: Final = 100
"""Users and models with rows of their own in an answer; the others share one."""


class SimulationCreate(Body):
    """Which calls to price again: begun from `from` on and before `to`, and by which prices."""

    start: Epoch = Field(alias="from")
    end: Epoch = Field(alias="to")
    user: Id | None = None
    group: Id | None = Field(default=None, description="The group that was called through.")
    model: Name | None = Field(default=None, description="The requested model.")
    draft: DraftSet

    def order(self) -> ReplayOrder:
        """What is asked for."""
        asked = ((name, getattr(self, name)) for name in FILTERS)
        only = {name: value for name, value in asked if value is not None}
        return ReplayOrder(self.start, self.end, only)


class RerateCreate(Body):
    """Book what a simulation found; the reason stands on the receipt of every call it changes."""

    simulation: Id
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]


class Sums(BaseModel):
    """Calls that were priced again: what they were charged, would be, and cost us."""

    calls: int
    old_usd: str = Field(description="With what came late and was corrected before.")
    new_usd: str
    difference_usd: str
    cost_usd: str

    @classmethod
    def of(cls, row: Row, **more: Any) -> Self:
        """The sums of a row."""
        calls, old, new, cost = row
        return cls(
            calls=calls,
            old_usd=usd(old),
            new_usd=usd(new),
            difference_usd=usd(new - old),
            cost_usd=usd(cost),
            **more,
        )


class NamedSums(Sums):
    """Of one user or requested model."""

    name: str


class Flagged(BaseModel):
    """A correction that could not be booked: positive gives back, negative takes."""

    request_id: str
    amount_usd: str
    reason: str


class ReplayView(BaseModel):
    """How far a replay has come and what it found so far; `done` of `total` hours.

    `kept` counts calls that keep their charge, by reason: `silent` (the draft does not speak of
    them), `no_usage`, `suspect`, `capped` (charged their hold) and `incomplete` (the record does
    not tell what the draft needs). They are in no sums.
    """

    model_config = ConfigDict(populate_by_name=True)

    id: str
    status: JobStatus
    start: int = Field(alias="from", description="Epoch milliseconds, a whole second.")
    end: int = Field(alias="to", description="Epoch milliseconds, a whole second.")
    only: dict[str, str] = Field(description="What else was asked for, such as one user.")
    draft: dict[str, Any] = Field(description="As it is kept, with official prices it goes by.")
    done: int
    total: int
    calls: int = Field(description="Looked at, with those that are kept.")
    changed: int = Field(description="With another charge.")
    kept: dict[str, int]
    sums: Sums
    users: list[NamedSums] = Field(description="Most changed first, at most 100.")
    other_users: Sums
    models: list[NamedSums] = Field(description="Most changed first, at most 100.")
    other_models: Sums
    error: str
    by: str
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, job: Job) -> Self:
        """The view of a job."""
        return cls.model_validate(facts_of(job))


class SimulationView(ReplayView):
    """A simulation: nothing is booked."""


class RerateView(ReplayView):
    """A re-rating: `booked_usd` is the sum of its ledger lines, positive where it gave back.

    `refused` counts what could not be booked, by reason; `flagged` names the first 100 of them.
    """

    simulation: str
    reason: str
    lines: int
    booked_usd: str
    refused: dict[str, int]
    flagged: list[Flagged]


SHARED: Final = ("id", "status", "done", "total", "error", "by", "created_at", "updated_at")


class RepricingResource:
    """/pricing/simulations and /pricing/rerates"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._store = desk.stores.jobs
        self._users = desk.stores.catalog.users
        self._jobs = Jobs(self._store, {}, desk.clock)

    def endpoints(self) -> tuple[Endpoint, ...]:
        simulations, rerates = f"{ROOT}/pricing/simulations", f"{ROOT}/pricing/rerates"
        simulate, rerate = "pricing.simulate", "pricing.rerate"
        return (
            Endpoint("POST", simulations, simulate, self.simulate, 201),
            Endpoint("GET", f"{simulations}/<simulation>", simulate, self.simulation),
            Endpoint("POST", rerates, rerate, self.rerate, 201),
            Endpoint("GET", f"{rerates}/<rerate>", rerate, self.rerating),
        )

    def simulate(self, body: SimulationCreate, key: Once = None) -> SimulationView:
        """Ask what the calls of a period would cost by drafted prices; nothing is booked."""
        now = self._desk.clock()
        order = placed(body.order(), now)
        if order.user:
            self._users.get(order.user)
        draft = draft_of(body.draft, self._desk.stores.catalog, now)
        params = order.params() | {"draft": write_draft(draft)}

        def create(identity: str, _: bool) -> SimulationView:
            job = self._jobs.start(identity, SIMULATION, params, self._desk.author)
            view = SimulationView.of(job)
            self._desk.trail.note("pricing.simulate", identity, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("job", create, SimulationView))

    def simulation(self, simulation: str) -> SimulationView:
        """Read how far a simulation has come, and what it found."""
        return SimulationView.of(self._job(simulation, SIMULATION))

    def rerate(self, body: RerateCreate, key: Once = None) -> RerateView:
        """Book the differences that a simulation found, as ledger lines of their calls."""
        dry = self._job(body.simulation, SIMULATION)
        if dry.status != "done":
            raise Conflict(f"simulation {dry.id} is {dry.status}; wait until it is done")
        params = {**dry.params, "simulation": dry.id, "reason": body.reason}

        def create(identity: str, _: bool) -> RerateView:
            job = self._jobs.start(identity, RERATE, params, self._desk.author)
            view = RerateView.of(job)
            self._desk.trail.note("pricing.rerate", identity, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("job", create, RerateView))

    def rerating(self, rerate: str) -> RerateView:
        """Read how far a re-rating has come, and what it booked."""
        return RerateView.of(self._job(rerate, RERATE))

    def _job(self, identity: str, kind: str) -> Job:
        job = self._store.get(identity)
        if job.kind != kind:
            raise NotFound(f"there is no {kind} {identity!r}")
        return job


def facts_of(job: Job) -> dict[str, Any]:
    """The fields of any view of a replay."""
    tally, order = read_tally(tally_of(job)), read_order(job.params)
    users, other_users = most_changed(tally.users, tally.other_users)
    models, other_models = most_changed(tally.models, tally.other_models)
    own = {name: getattr(job, name) for name in SHARED}
    asked = {name: job.params[name] for name in ("simulation", "reason") if name in job.params}
    return (
        own
        | asked
        | {
            "start": order.start,
            "end": order.end,
            "only": dict(order.only),
            "draft": job.params["draft"],
            "calls": tally.calls,
            "changed": tally.changed,
            "kept": tally.kept,
            "sums": Sums.of([tally.replayed, tally.old, tally.new, tally.cost]),
            "users": users,
            "other_users": other_users,
            "models": models,
            "other_models": other_models,
            "lines": tally.lines,
            "booked_usd": usd(tally.booked),
            "refused": tally.refused,
            "flagged": [
                Flagged(request_id=request, amount_usd=usd(amount), reason=reason)
                for request, amount, reason in tally.flagged
            ],
        }
    )


def tally_of(job: Job) -> Mapping[str, Any] | None:
    """What a replay has found so far; None before its first step."""
    found: Mapping[str, Any] = job.result or job.cursor or {"tally": None}
    tally: Mapping[str, Any] | None = found["tally"]
    return tally


def most_changed(rows: Mapping[str, Row], others: Row) -> tuple[list[NamedSums], Sums]:
    """The rows with the largest differences, and the sums of all others."""
    ranked = sorted(rows.items(), key=lambda named: (-abs(named[1][2] - named[1][1]), named[0]))
    rest = list(others)
    for _, row in ranked[SHOWN:]:
        add_row(rest, row)
    return [NamedSums.of(row, name=name) for name, row in ranked[:SHOWN]], Sums.of(rest)
