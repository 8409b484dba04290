"""Jobs: what may follow what, how a run goes on where another stopped, and who may take a step."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.definitions import Author
from tollgate.domain.errors import CatalogUnavailable, Conflict, NotFound, ValidationFailed
from tollgate.domain.jobs import (
    TRANSITIONS,
    Job,
    JobStatus,
    Progress,
    advanced,
    cancelled,
    claimed,
    failed,
    new_job,
)
from tollgate.services.jobs import Jobs, Step
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, Throttled
from tollgate.store.jobs import JobChanged, JobStore

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


# --- what may follow what -------------------------------------------------------------------

MOVES: Final[dict[JobStatus, Callable[[Job], Job]]] = {
    "running": lambda job: advanced(job, Progress(1, 1, 3), NOW),
    "done": lambda job: advanced(job, Progress(3, 3, 3, {}), NOW),
    "failed": lambda job: failed(job, "no", NOW),
    "cancelled": lambda job: cancelled(job, NOW),
}
ALLOWED: Final = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "running"),
    ("running", "done"),
    ("running", "failed"),
    ("running", "cancelled"),
}


@pytest.mark.parametrize("after", MOVES)
@pytest.mark.parametrize("before", TRANSITIONS)
def test_a_status_follows_only_where_the_table_says(before: JobStatus, after: JobStatus) -> None:
    job = replace(COUNTED, status=before)
    if (before, after) in ALLOWED:
        moved = MOVES[after](job)
        assert (moved.status, moved.version) == (after, 2)
    else:
        with pytest.raises(Conflict, match=f"the job is {before}"):
            MOVES[after](job)


@pytest.mark.parametrize(
    ("status", "over"),
    [
        pytest.param("queued", False, id="queued"),
        pytest.param("running", False, id="running"),
        pytest.param("done", True, id="done"),
        pytest.param("failed", True, id="failed"),
        pytest.param("cancelled", True, id="cancelled"),
    ],
)
def test_a_job_is_over_when_nothing_can_follow(status: JobStatus, over: bool) -> None:
    assert replace(COUNTED, status=status).is_over is over


def test_a_claim_is_a_lease() -> None:
    taken = claimed(COUNTED, NOW)
    assert (taken.status, taken.leased_until, taken.failures) == ("running", NOW + LEASE, 0)


def test_a_claim_over_a_lease_that_ran_out_counts_a_death() -> None:
    again = claimed(claimed(COUNTED, NOW), NOW + LEASE)
    assert (again.status, again.failures) == ("running", 1)


def test_a_job_that_kills_whoever_works_on_it_fails() -> None:
    job = COUNTED
    for death in range(6):
        job = claimed(job, NOW + death * LEASE)
    assert (job.status, job.error) == ("failed", "its step was killed 5 times in a row")


# --- a run ----------------------------------------------------------------------------------


def test_a_job_is_done_step_by_step() -> None:
    room = Room()
    queued = room.start()
    assert (queued.status, queued.by, queued.created_at, queued.version) == (
        "queued", "adm_1", NOW, 1,
    )  # fmt: skip
    assert room.run() == 3
    job = room.job()
    assert (job.status, job.done, job.total, job.cursor) == ("done", 3, 3, 3)
    assert (job.result, job.leased_until, job.version) == ({"counted": 3}, 0, 7)
    assert room.store.open() == []


def test_a_run_ends_when_its_time_is_up_and_the_next_goes_on_from_the_cursor() -> None:
    room = Room()

    def slow(job: Job) -> Progress:
        room.now += 40_000
        return count(job)

    room.step = slow
    room.start()
    assert room.run() == 2
    assert (room.job().status, room.job().cursor, room.job().leased_until) == ("running", 2, 0)
    assert room.run() == 1
    assert room.job().status == "done"


def test_open_jobs_take_turns() -> None:
    room = Room()
    seen: list[str] = []

    def noted(job: Job) -> Progress:
        seen.append(job.id)
        return count(job)

    room.step = noted
    room.start(2, "job_1")
    room.start(3, "job_2")
    assert room.run() == 5
    assert seen == ["job_1", "job_2", "job_1", "job_2", "job_2"]


def test_nothing_is_begun_after_the_time() -> None:
    room = Room()
    room.start()
    assert room.run(NOW) == 0
    assert room.job().status == "queued"


def test_a_job_is_started_once() -> None:
    room = Room()
    room.start()
    room.run()
    assert room.start().status == "done"
    assert len(room.store.page(10).jobs) == 1


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(ValidationFailed("the period is too long"), "the period is too long", id="no"),
        pytest.param(ValueError("a record cannot be read"), "a record cannot be read", id="wrong"),
    ],
)
def test_a_refusal_ends_the_job_with_its_text(error: Exception, told: str) -> None:
    room = Room(raising(error))
    room.start()
    assert room.run() == 0
    assert (room.job().status, room.job().error) == ("failed", told)
    assert (room.store.open(), room.told) == ([], [])


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Throttled("busy"), id="the store is busy"),
        pytest.param(OutcomeUnknown("silence"), id="the store is silent"),
        pytest.param(CatalogUnavailable("no snapshot"), id="a refusal that passes"),
    ],
)
def test_what_passes_leaves_the_job_for_the_next_run(error: Exception) -> None:
    room = Room(raising(*[error] * 9))
    room.start()
    for _ in range(9):
        assert room.run() == 0
        assert (room.job().status, room.job().leased_until, room.job().failures) == (
            "running", 0, 0,
        )  # fmt: skip
    assert room.run() == 3
    assert room.told == []


def test_an_unexpected_failure_is_tried_five_times() -> None:
    room = Room(raising(*[TypeError("oops")] * 5))
    room.start()
    for failures in (1, 2, 3, 4):
        assert room.run() == 0
        assert (room.job().status, room.job().failures) == ("running", failures)
    assert room.run() == 0
    assert (room.job().status, room.job().error) == (
        "failed",
        "a step failed again and again; the log tells of TypeError",
    )
    assert room.told == [("job_1", "TypeError('oops')")] * 5


def test_a_step_that_goes_well_forgives_the_failures_before_it() -> None:
    oops = TypeError("oops")
    room = Room(raising(oops, oops, oops, oops))
    room.start(9)
    for _ in range(4):
        room.run()
    room.run(NOW + 1)
    room.step = raising(oops)
    room.now += MINUTE
    room.run()
    assert (room.job().status, room.job().failures) == ("done", 0)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda job: Progress(0.5, 1, 2), id="a cursor that is a float"),
        pytest.param(raising(RequestRejected("ValidationException", "too large")), id="rejected"),
    ],
)
def test_a_step_whose_work_cannot_be_stored_is_counted(broken: Step) -> None:
    room = Room(broken)
    room.start()
    room.run()
    assert (room.job().status, room.job().failures, len(room.told)) == ("running", 1, 1)


def test_a_kind_nobody_knows_waits_for_the_janitor_that_does() -> None:
    room = Room()
    room.jobs.start("job_1", "dance", {}, AUTHOR)
    room.run()
    assert (room.job().status, room.told) == ("running", [("job_1", "KeyError('dance')")])


# --- two janitors, and one that dies --------------------------------------------------------


def test_a_killed_janitors_job_is_taken_over_when_its_lease_ends() -> None:
    room = Room(raising(Killed()))
    room.start()
    with pytest.raises(Killed):
        room.run()
    room.now += LEASE - 1
    assert room.run() == 0
    room.now += 1
    assert room.run() == 3
    assert room.job().result == {"counted": 3}


def test_a_janitor_killed_before_it_wrote_the_cursor_repeats_the_step() -> None:
    room = Room()
    done: list[Any] = []

    def noted(job: Job) -> Progress:
        done.append(job.cursor)
        return count(job)

    room.step = noted
    room.start()
    writes = iter([None, Killed()])

    def kill(operation: str, request: Any) -> None:
        if operation == "PutItem" and (death := next(writes, None)):
            raise death

    room.dynamo.before = kill
    with pytest.raises(Killed):
        room.run()
    room.dynamo.before = None
    room.now += LEASE
    room.run()
    assert done == [None, None, 1, 2]
    assert room.job().status == "done"


def test_two_janitors_never_do_the_same_step_at_once() -> None:
    room = Room()
    inner: list[int] = []

    def meanwhile(job: Job) -> Progress:
        inner.append(room.run())
        return count(job)

    room.step = meanwhile
    room.start()
    assert room.run() == 3
    assert inner == [0, 0, 0]


def test_of_two_claims_at_once_one_counts() -> None:
    room = Room()
    room.start()

    def other(operation: str, request: Any) -> None:
        if operation == "PutItem":
            room.dynamo.before = None
            room.store.replace(claimed(room.job(), room.now))

    room.dynamo.before = other
    assert room.run() == 0
    assert room.job().version == 2


@pytest.mark.parametrize("lost", ["claim", "cursor"])
def test_a_write_without_an_answer_costs_time_and_nothing_else(lost: str) -> None:
    room = Room()
    room.start()
    skipped = iter([] if lost == "claim" else [None])

    def lose(operation: str, request: Any, answer: Any) -> None:
        if operation == "PutItem" and next(skipped, "now") == "now":
            room.dynamo.after = None
            raise OutcomeUnknown("silence")

    room.dynamo.after = lose
    assert room.run() == 0
    room.now += LEASE
    assert room.run() == 3 - (lost == "cursor")
    assert room.job().result == {"counted": 3}


# --- cancelling -----------------------------------------------------------------------------


def test_a_cancelled_job_is_never_begun() -> None:
    room = Room()
    room.start()
    assert room.jobs.cancel("job_1").status == "cancelled"
    assert (room.run(), room.store.open()) == (0, [])


def test_a_job_cancelled_during_a_step_gets_no_further() -> None:
    room = Room()

    def cancel(job: Job) -> Progress:
        room.jobs.cancel("job_1")
        return count(job)

    room.step = cancel
    room.start()
    assert room.run() == 0
    assert (room.job().status, room.job().cursor) == ("cancelled", None)


def test_a_mark_left_behind_is_passed_over() -> None:
    room = Room()
    room.start()
    room.jobs.cancel("job_1")
    mark = {"pk": {"S": "jobs_open"}, "sk": {"S": "job_1"}}
    room.dynamo.call("PutItem", {"TableName": "State", "Item": mark})
    assert room.run() == 0


def test_cancelling_looks_again_when_a_step_comes_between() -> None:
    room = Room()
    room.start()

    def claim(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems":
            room.dynamo.before = None
            room.store.replace(claimed(room.job(), room.now))

    room.dynamo.before = claim
    assert (room.jobs.cancel("job_1").status, room.job().version) == ("cancelled", 3)


def test_cancelling_gives_up_when_something_always_comes_between() -> None:
    room = Room()
    room.start()
    job = room.job()

    def race(operation: str, request: Any) -> None:
        nonlocal job
        if operation == "TransactWriteItems":
            job = claimed(replace(job, leased_until=0), room.now)
            room.store.replace(job)

    room.dynamo.before = race
    with pytest.raises(JobChanged):
        room.jobs.cancel("job_1")


def test_what_has_ended_cannot_be_cancelled() -> None:
    room = Room()
    room.start()
    room.run()
    with pytest.raises(Conflict, match="the job is done"):
        room.jobs.cancel("job_1")


def test_what_is_not_there_cannot_be_cancelled() -> None:
    with pytest.raises(NotFound, match="job_9"):
        Room().jobs.cancel("job_9")


# --- the store ------------------------------------------------------------------------------


def test_jobs_are_listed_newest_first() -> None:
    room = Room()
    for number in (1, 2, 3):
        room.start(number, f"job_{number}")
    first = room.store.page(2)
    assert ([job.id for job in first.jobs], first.after) == (["job_3", "job_2"], "job_2")
    second = room.store.page(2, first.after)
    assert ([job.id for job in second.jobs], second.after) == (["job_1"], None)
    assert room.store.open() == ["job_1", "job_2", "job_3"]


def test_a_job_that_is_over_expires_after_a_month_and_no_other_does() -> None:
    room = Room()
    room.start(1, "job_1")
    room.start(1, "job_2")
    room.jobs.cancel("job_1")
    over, waiting = (room.dynamo.item("State", "jobs", f"job_{n}") or {} for n in (1, 2))
    assert over["expires"] == {"N": str(1_795_348_800 + 30 * 86_400)}
    assert "expires" not in waiting


def test_whatever_a_job_holds_is_read_as_it_was_written() -> None:
    room = Room()
    params = {"text": "", "list": [1, None, True], "map": {"a": {"b": -1}}}
    job = room.jobs.start("job_1", "count", params, AUTHOR)
    assert room.job() == job
