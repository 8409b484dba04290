"""Jobs: what may follow what, how a run goes on where another stopped, what failures do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from tests.job_room import AUTHOR, COUNTED, LEASE, MINUTE, NOW, Room, count, raising
from tollgate.domain.errors import (
    CatalogUnavailable,
    Conflict,
    PricingMisconfigured,
    ValidationFailed,
)
from tollgate.domain.jobs import (
    TRANSITIONS,
    Job,
    JobStatus,
    Progress,
    advanced,
    cancelled,
    claimed,
    failed,
)
from tollgate.services.jobs import Step
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, Throttled

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
        pytest.param(PricingMisconfigured("'x' is no price"), "'x' is no price", id="a bad price"),
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
