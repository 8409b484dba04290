"""Jobs that several hands reach for: janitors at once, one that dies, people who call them off."""

from dataclasses import replace
from typing import Any

import pytest

from tests.job_room import AUTHOR, LEASE, Killed, Room, count, raising
from tollgate.domain.errors import Conflict, NotFound
from tollgate.domain.jobs import Job, Progress, claimed
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.jobs import JobChanged

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
