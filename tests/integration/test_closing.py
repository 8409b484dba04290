"""The close of hours and days: exact, repeatable, not too early, not stopped by one bad hour."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.gateway import CHAT, OTHER_USER, SECRET, STREAM, USAGE, USER, Gateway, chat_answer
from tollgate import dialects
from tollgate.domain.record import UsageRecord
from tollgate.services.admission import Presented
from tollgate.services.closing import Closing, day_before, hour_name, hours_of
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.rollups import epoch_of

HOUR = "2026112212"
HOUR_MS = 3_600_000
KEY = ("rollups", f"user#{USER}", f"hour#{HOUR}")


def gateway_of(calls: int = 1) -> Gateway:
    """A gateway with settled calls at noon."""
    gateway = Gateway(lambda request: chat_answer(USAGE))
    for _ in range(calls):
        gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    return gateway


def sums(gateway: Gateway, name: str, hour: str = HOUR) -> dict[str, int]:
    """The sums of an hour's row."""
    (row,) = gateway.rollups.hours(name, hour, hour)
    return dict(row.sums)


def closing_of(gateway: Gateway, stuck: list[str]) -> Closing:
    """A closing that tells of hours it cannot close."""
    return Closing(
        gateway.rollups,
        gateway.records,
        gateway.wallets,
        gateway.sweeping.finish_late,
        gateway.clock,
        stuck=lambda hour, error: stuck.append(hour),
    )


@pytest.mark.parametrize(
    ("minutes", "closed"),
    [
        pytest.param(59, [], id="in the hour"),
        pytest.param(60 + 29, [], id="a hold of the hour may be open"),
        pytest.param(60 + 30, [HOUR], id="every hold has been swept"),
    ],
)
def test_an_hour_is_closed_when_it_can_change_no_more(minutes: int, closed: list[str]) -> None:
    gateway = gateway_of()
    gateway.now += minutes * 60_000
    assert gateway.closing.close_due() == closed


def test_closing_again_or_after_a_crash_gives_the_same_rows() -> None:
    gateway = gateway_of(3)
    gateway.now += 2 * HOUR_MS
    gateway.closing.close(HOUR)  # and crashed before it was noted as done
    first = sums(gateway, "all")
    assert gateway.closing.close_due() == [HOUR]
    assert sums(gateway, "all") == first == {**first, "calls": 3, "charge": 22_500_000}


def test_a_damaged_live_row_is_made_exact() -> None:
    gateway = gateway_of()
    item = gateway.dynamo.item(*KEY) or {}
    gateway.dynamo.call("PutItem", {"TableName": "rollups", "Item": {**item, "charge": {"N": "1"}}})
    gateway.now += 2 * HOUR_MS
    gateway.closing.close_due()
    assert sums(gateway, f"user#{USER}")["charge"] == 7_500_000


def test_a_late_record_is_counted_though_its_live_sum_was_lost() -> None:
    gateway = gateway_of()
    gateway.now += 2 * HOUR_MS
    gateway.closing.close_due()
    gateway.now -= 2 * HOUR_MS
    gateway.post("/v1/chat/completions", CHAT)
    gateway.now += 2 * HOUR_MS

    def broken(operation: str, request: Any) -> None:
        if operation == "UpdateItem" and "ADD #0" in request["UpdateExpression"]:
            raise OutcomeUnknown

    gateway.dynamo.before = broken
    gateway.settle()  # the same process had announced this hour before
    gateway.dynamo.before = None
    assert gateway.counted == [("RollupsDelayed", 1)]
    assert gateway.closing.close_due() == [HOUR]
    assert sums(gateway, "all")["calls"] == 2


def test_a_record_that_comes_while_its_hour_is_closed_closes_it_again() -> None:
    gateway = gateway_of()
    gateway.now += 2 * HOUR_MS
    came: list[bool] = []

    def meanwhile(operation: str, request: Any) -> None:
        if operation == "BatchWriteItem" and not came:
            came.append(True)
            gateway.rollups.mark_active(HOUR, [USER])

    gateway.dynamo.before = meanwhile
    assert gateway.closing.close_due() == [HOUR]
    assert gateway.closing.close_due() == [HOUR]
    assert gateway.closing.close_due() == []


def test_an_hour_that_cannot_be_closed_keeps_no_other_open() -> None:
    gateway = gateway_of()
    gateway.now += HOUR_MS
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    (first, second) = gateway.dynamo.items("usage")
    bad = min((first, second), key=lambda item: item["sk"]["S"])
    gateway.dynamo.call("PutItem", {"TableName": "usage", "Item": {**bad, "schema": {"N": "99"}}})
    gateway.now += 3 * HOUR_MS
    stuck: list[str] = []
    assert closing_of(gateway, stuck).close_due() == ["2026112213"]
    assert stuck == [HOUR]
    gateway.dynamo.call("PutItem", {"TableName": "usage", "Item": bad})
    assert closing_of(gateway, stuck).close_due() == [HOUR]
    assert stuck == [HOUR]


def test_an_active_user_without_a_wallet_stops_nothing() -> None:
    gateway = gateway_of()
    gateway.rollups.mark_active(HOUR, [OTHER_USER])
    gateway.now += 2 * HOUR_MS
    assert gateway.closing.close_due() == [HOUR]
    assert sums(gateway, "all")["calls"] == 1


def test_a_killed_call_that_is_recorded_late_leaves_no_row_behind() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    admitted = gateway.admission.admit(*_call(gateway))
    gateway.now += 26 * 60_000
    gateway.sweeping.sweep(USER)
    gateway.now += 2 * HOUR_MS
    gateway.closing.close_due()
    assert sums(gateway, "all")["calls"] == 1
    late = UsageRecord(
        USER, admitted.hold.id, admitted.hold.amount, 7_500_000, group="grp_1", model="gpt-4o"
    )
    gateway.recording.record(late)
    gateway.settle()
    gateway.closing.close_due()
    assert sums(gateway, "model#gpt-4o")["charge"] == 7_500_000
    assert sums(gateway, "all") == {**sums(gateway, "all"), "calls": 1, "charge": 7_500_000}
    assert gateway.rollups.hours("model#", HOUR, HOUR) == []


def _call(gateway: Gateway) -> Any:
    """Caller, call and dialect of a stream."""
    dialect = dialects.load("openai_chat")
    body = json.dumps(STREAM).encode()
    presented = Presented(SECRET, "192.0.2.1")
    return presented, dialect.read_call(dialect.routes[0], {}, {}, body), dialect


def test_a_day_is_the_sum_of_its_hours_and_closed_after_the_last_of_them() -> None:
    gateway = gateway_of(2)
    gateway.now += 2 * HOUR_MS
    gateway.closing.close_due()
    (day,) = gateway.rollups.days("all", "20261122", "20261122")
    assert (day.sums["calls"], day.closed) == (2, False)
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    gateway.now += 24 * HOUR_MS
    gateway.closing.close_due()
    (day,) = gateway.rollups.days("all", "20261122", "20261122")
    assert (day.sums["calls"], day.sums["charge"], day.closed) == (3, 22_500_000, True)
    assert gateway.wallets.read(USER).first.days == {}
    assert gateway.wallets.read(USER).first.closed == 22_500_000


def test_a_day_is_not_closed_while_one_of_its_hours_is_stuck() -> None:
    gateway = gateway_of()
    gateway.now += HOUR_MS
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    gateway.now += 24 * HOUR_MS
    gateway.closing.close("2026112213")
    (day,) = gateway.rollups.days("all", "20261122", "20261122")
    assert (day.sums["calls"], day.closed) == (2, False)
    gateway.closing.close(HOUR)
    (day,) = gateway.rollups.days("all", "20261122", "20261122")
    assert (day.sums["calls"], day.closed) == (2, True)


def test_a_user_of_many_models_is_summed_in_pieces() -> None:
    gateway = gateway_of()
    (record,) = gateway.all_records()
    many = [replace(record, model=f"model-{n}") for n in range(60)]
    gateway.rollups.add(many)
    found = sums(gateway, f"user#{USER}")
    assert found["calls"] == 61
    assert sum(1 for name in found if name.startswith("model.model-")) == 60 * 6


@pytest.mark.parametrize(
    ("day", "before"),
    [
        pytest.param("20261122", "20261121", id="within a month"),
        pytest.param("20270101", "20261231", id="over a year"),
        pytest.param("20280301", "20280229", id="a leap day"),
    ],
)
def test_the_day_before(day: str, before: str) -> None:
    assert day_before(day) == before


def test_hours_have_their_names() -> None:
    assert hours_of("20261122")[::23] == ["2026112200", "2026112223"]
    assert hour_name(1_795_348_800) == HOUR
    assert epoch_of(HOUR) == 1_795_348_800
