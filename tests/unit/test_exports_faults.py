"""Exports that meet faults: nothing missing and nothing twice, whatever dies or is silent."""

from contextlib import suppress
from typing import Any

import pytest

from tests.export_room import ANN, BOB, HOUR, LEASE, NOON, Killed, Room, sheet
from tollgate.store.dynamodb import OutcomeUnknown, Throttled


def small(form: str) -> Room:
    """An export of a few calls within an hour, about to be begun."""
    room = Room()
    for user, number in ((ANN, 0), (ANN, 1), (ANN, 2), (BOB, 3)):
        room.call(user, NOON + 2 * HOUR + number)
    room.order(form, start=2)
    room.dynamo.sent.clear()
    return room


def contents(room: Room, form: str) -> list[str]:
    """What names the calls of a finished export, in order."""
    body = room.objects.objects[room.job.result["key"]]
    if form == "csv":
        return [row["upstream_id"] for row in room.rows(room.job.result["key"])]
    return [row[-1][1] for row in sheet(body)[1:]]


def disturbed(form: str, store: str, moment: str, number: int, fault: BaseException) -> Room:
    """An export in which one request meets a fault, and then runs until it ends."""
    room = small(form)
    hooked: Any = room.dynamo if store == "table" else room.objects

    def fail(*_: Any) -> None:
        if len(hooked.sent) == number:
            setattr(hooked, moment, None)
            raise fault

    setattr(hooked, moment, fail)
    while not room.job.is_over:
        with suppress(Killed, OutcomeUnknown):  # the latter: open jobs cannot be read
            room.run()
        room.now += LEASE
    return room


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Killed(), id="killed"),
        pytest.param(OutcomeUnknown("silence"), id="no answer"),
    ],
)
@pytest.mark.parametrize(
    ("form", "store"),
    [
        pytest.param("csv", "table", id="csv, at the tables"),
        pytest.param("csv", "bucket", id="csv, at the bucket"),
        pytest.param("xlsx", "bucket", id="xlsx, at the bucket"),
    ],
)
def test_whatever_fails_wherever_no_call_is_missing_or_there_twice(
    form: str, store: str, moment: str, fault: BaseException
) -> None:
    calm = small(form)
    calm.run()
    expected = contents(calm, form)
    assert expected == ["call-3", "call-2", "call-1", "call-4"]
    requests = len(calm.dynamo.sent if store == "table" else calm.objects.sent)
    for number in range(1, requests + 1):
        room = disturbed(form, store, moment, number, fault)
        assert (room.job.status, contents(room, form)) == ("done", expected), number
        assert room.told == []


def test_a_part_written_before_the_janitor_died_is_written_again_over_itself() -> None:
    room = Room()
    names = room.fill()
    room.order()

    def die(operation: str, key: str) -> None:
        if key.endswith("part-000002"):
            room.objects.after = None
            raise Killed

    room.objects.after = die
    with pytest.raises(Killed):
        room.run()
    room.now += LEASE
    room.run()
    assert sorted(room.exported()) == sorted(names)
    assert [key for _, key in room.objects.sent].count("exports/job_1/part-000002") == 3


def test_a_store_that_stays_away_keeps_the_export_open() -> None:
    room = Room()
    room.fill()
    room.order()

    def away(operation: str, key: str) -> None:
        raise Throttled("slow down")

    room.objects.before = away
    for _ in range(9):
        room.run()
        assert (room.job.status, room.job.failures) == ("running", 0)
    room.objects.before = None
    room.run()
    assert len(room.exported()) == 12


def test_a_record_nobody_can_read_fails_the_export_and_says_so() -> None:
    room = Room()
    room.call(ANN, NOON)
    (item,) = room.dynamo.items("Usage")
    room.dynamo.apply("PutItem", {"TableName": "Usage", "Item": {**item, "schema": {"N": "9"}}})
    room.order()
    room.run()
    assert room.job.status == "failed"
    assert room.job.error.startswith("a usage record that cannot be read")


def test_an_upload_that_is_gone_without_its_file_is_told() -> None:
    room = Room()
    room.order()

    def lose(operation: str, key: str) -> None:
        if operation == "CompleteMultipartUpload":
            room.objects.uploads.clear()

    room.objects.before = lose
    room.run()
    assert (room.job.status, room.job.failures) == ("running", 1)
    assert "NoSuchKey" in str(room.told)


def test_a_cancelled_export_leaves_no_file() -> None:
    room = Room()
    room.fill()
    room.order()

    def cancel(operation: str, key: str) -> None:
        if operation == "CreateMultipartUpload":
            room.jobs.cancel("job_1")

    room.objects.before = cancel
    room.run()
    assert room.job.status == "cancelled"
    assert [key for key in room.objects.objects if "usage_" in key] == []
    assert room.run() == 0
