"""Keeping a record: in the table, else in the queue, else in the log, and once in the end."""

import json
from typing import Any

import pytest

from tests.simulation.bank import Bank
from tollgate.domain.record import Windows
from tollgate.services.recording import Recording, UnreadableMessage, read_message, write_message
from tollgate.store.dynamodb import OutcomeUnknown, Throttled


def test_a_record_goes_into_the_table() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.recording.record(bank.fact(hold, 7))
    assert bank.records.get(hold.user, hold.rid) == bank.fact(hold, 7)
    assert (bank.queued, bank.lines) == ([], [])


def test_a_table_that_fails_is_stood_in_for_by_the_queue() -> None:
    bank = Bank()
    hold = bank.hold(100)
    fact = bank.fact(hold, 7, chain=("a", "b"), attempts=({"account": "acc_1", "ms": 3},))
    bank.fail(*[Throttled("busy")] * 3)
    bank.recording.record(fact)
    bank.calm()
    (message,) = bank.queued
    bank.recording.receive(json.loads(json.dumps(message)))
    bank.recording.receive(message)
    assert bank.records.get(hold.user, hold.rid) == fact


@pytest.mark.parametrize("error", [Throttled("busy"), ValueError("too large")])
def test_a_queue_that_fails_too_leaves_a_line_that_can_be_replayed(error: Exception) -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.fail(*[OutcomeUnknown("silence")] * 3)

    def full(message: dict[str, Any]) -> None:
        raise error

    Recording(bank.records, full, bank.lines.append).record(bank.fact(hold, 7))
    bank.calm()
    bank.recording.receive(json.loads(bank.lines[0]))
    assert bank.records.get(hold.user, hold.rid) == bank.fact(hold, 7)


def test_a_second_record_of_a_call_is_told_to_people_and_not_queued() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.recording.record(bank.fact(hold, 7))
    bank.recording.record(bank.fact(hold, 8))
    assert bank.queued == []
    assert len(bank.lines) == 1
    assert hold.id in bank.lines[0]


def test_a_message_is_read_back_as_it_was() -> None:
    bank = Bank()
    fact = bank.fact(bank.hold(100), 7, windows=Windows(1, 2, 3, {"day": 5}), usage={"input": 3})
    assert read_message(json.loads(json.dumps(write_message(fact)))) == fact


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"record": 7}, id="no record"),
        pytest.param({"record": {"user": "usr_1"}}, id="half a record"),
        pytest.param(
            {"record": {**write_message(Bank().fact(Bank().hold(1), 1))["record"], "x": 1}},
            id="more than a record",
        ),
    ],
)
def test_a_message_of_another_kind_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(UnreadableMessage):
        read_message(message)
