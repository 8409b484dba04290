"""The sweeper: finishes any call from its hold and record alone, and disturbs no running one."""

from typing import Any

import pytest

from tests.simulation.bank import NOON, SWEPT, USER, Bank
from tollgate.domain.record import UsageRecord, Windows
from tollgate.domain.wallet import Subscription
from tollgate.domain.windows import SubscriptionTerms
from tollgate.services.sweeping import Sweeping, SweepRequests, swept_user
from tollgate.store.dynamodb import OutcomeUnknown, Throttled


def test_a_running_call_is_left_alone() -> None:
    bank = Bank()
    bank.hold(100)
    bank.wait(1_500)
    assert bank.sweeping.sweep(USER) == 0
    assert (bank.sums(), bank.active) == ((900, 100, 0), [])


def test_a_call_nobody_recorded_is_given_back_behind_a_tombstone() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.wait(SWEPT)
    assert bank.sweeping.sweep(USER) == 1
    assert bank.sums() == (1_000, 0, 0)
    record = bank.records.get(USER, hold.rid)
    assert record is not None
    assert (record.state, record.charge, record.error) == ("abandoned", 0, "abandoned")
    assert [fact.hold for fact in bank.added] == [hold.id]
    assert bank.active == [("2023111512", [USER])]
    assert bank.sweeping.sweep(USER) == 0


def test_a_recorded_call_whose_stream_record_is_lost_is_settled() -> None:
    bank = Bank()
    bank.records.put(bank.fact(bank.hold(100), 7))
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    assert bank.sums() == (993, 0, 7)
    assert [fact.charge for fact in bank.added] == [7]
    assert bank.settle_stream() == []
    assert (bank.sums(), len(bank.added)) == ((993, 0, 7), 1)


def test_a_drafted_call_is_charged_as_far_as_it_had_come() -> None:
    bank = Bank()
    bank.records.draft(bank.fact(bank.hold(100), 40))
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    assert bank.sums() == (960, 0, 40)


def test_an_orphan_is_given_back_and_the_call_is_charged_once() -> None:
    bank = Bank()
    bank.lose_answers(OutcomeUnknown("silence"))
    hold = bank.hold(100)
    bank.records.put(bank.fact(hold, 7))
    bank.wait(SWEPT)
    assert bank.sweeping.sweep(USER) == 2
    assert bank.sums() == (993, 0, 7)
    assert [fact.hold for fact in bank.added] == [hold.id]
    assert bank.wallet().days == {"20231115c": 7, "20231115n": 1}


@pytest.mark.parametrize(
    ("more", "day_left"),
    [
        pytest.param(0, 93, id="it was charged as the call was"),
        pytest.param(1, 63, id="the call was extended into another day: nobody knows"),
    ],
)
def test_an_orphan_of_a_slow_clock_returns_to_the_day_it_was_charged_to(
    more: int, day_left: int
) -> None:
    bank = Bank()
    day = NOON - NOON % 86_400
    parts: Any = {"day": 100, "week": 500, "month": 500}
    windows = Windows(day + 86_400, day, day)
    bank.wallets.set_subscription(
        USER, "g001", Subscription(windows, parts, parts, NOON + 9 * 86_400)
    )
    bank.now = (day + 86_390) * 1_000
    bank.lose_answers(OutcomeUnknown("silence"))
    slow = SubscriptionTerms("g001", day + 86_400, day + 2 * 86_400, day, day)
    hold = bank.hold(30, subscription=slow)
    if more:
        entered = Windows(day + 86_400, day, day, {"day": 30})
        bank.records.put(bank.fact(hold, 7, windows=entered))
    else:
        bank.records.put(bank.fact(hold, 7))
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    assert bank.wallet().subscriptions["g001"].left["day"] == day_left


def test_a_late_record_found_with_its_hold_is_finished_whole() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.records.abandon(USER, hold.id, 100)
    bank.records.put(bank.fact(hold, 7))
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    assert (bank.sums(), bank.wallet().late) == ((993, 0, 7), 7)


def test_late_records_are_finished_by_whoever_reads_them_all() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    bank.records.put(bank.fact(hold, 7))
    record = bank.records.get(USER, hold.rid)
    assert record is not None
    bank.sweeping.finish_late([record, bank.fact(hold, 0)])
    bank.sweeping.finish_late([record])
    assert bank.sums() == (993, 0, 7)


def test_every_shard_of_every_user_is_swept() -> None:
    bank = Bank(shards=3)
    for _ in range(9):
        bank.hold(10)
    bank.wait(SWEPT)
    assert sum(bank.sweeping.sweep_all(part, 2) for part in range(2)) == 9
    assert bank.wallets.read(USER).open == {}


def test_a_task_is_swept_an_hour_after_its_deadline() -> None:
    bank = Bank()
    bank.hold(100, ttl_class="t", deadline=NOON + 7_200)
    bank.wait(7_200 + 3_600 + 300)
    assert bank.sweeping.sweep(USER) == 0
    bank.wait(1)
    assert bank.sweeping.sweep(USER) == 1


def test_a_record_nobody_can_read_is_left_to_people_and_stops_nobody() -> None:
    bank = Bank()
    stuck, fine = bank.hold(100), bank.hold(50)
    bank.records.put(bank.fact(stuck, 7))
    (item,) = bank.dynamo.items("Usage")
    item["schema"] = {"N": "9"}
    bank.dynamo.apply("PutItem", {"TableName": "Usage", "Item": item})
    bank.wait(SWEPT)
    assert bank.sweeping.sweep(USER) == 1
    assert bank.wallet().open == {stuck.id: 100}
    assert (bank.counted, fine.id in bank.wallet().open) == ({"StuckHolds": 1}, False)


def test_a_store_that_fails_leaves_the_hold_for_the_next_sweep() -> None:
    bank = Bank()
    bank.hold(100)
    bank.wait(SWEPT)
    bank.fail_on(lambda name, _: name == "PutItem", Throttled("busy"))
    with pytest.raises(Throttled):
        bank.sweeping.sweep(USER)
    bank.calm()
    assert bank.sweeping.sweep(USER) == 1


def test_rollups_that_fail_are_left_to_the_hours_close() -> None:
    bank = Bank()
    bank.hold(100)
    bank.wait(SWEPT)

    def fail(records: object) -> None:
        raise Throttled("busy")

    sweeping = Sweeping(
        bank.wallets, bank.records, bank.mark_active, fail, lambda: bank.now, bank.count
    )
    assert sweeping.sweep(USER) == 1
    assert bank.counted == {"RollupsDelayed": 1}


def test_two_sweepers_at_once_finish_a_call_once() -> None:
    bank = Bank()
    bank.hold(100)
    bank.wait(SWEPT)

    def other(operation: str, request: Any) -> None:
        if operation == "UpdateItem":
            bank.dynamo.before = None
            assert bank.sweeping.sweep(USER) == 1

    bank.dynamo.before = other
    assert bank.sweeping.sweep(USER) == 0
    assert (bank.sums(), len(bank.added)) == ((1_000, 0, 0), 1)


def test_a_record_stored_in_the_last_moment_wins_over_the_tombstone() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.wait(SWEPT)

    def record(operation: str, request: Any) -> None:
        if operation == "PutItem":
            bank.dynamo.before = None
            bank.records.put(bank.fact(hold, 7))

    bank.dynamo.before = record
    bank.sweeping.sweep(USER)
    assert bank.sums() == (993, 0, 7)
    stored = bank.records.get(USER, hold.rid)
    assert isinstance(stored, UsageRecord)
    assert stored.state == "final"


# --- requests for sweeps --------------------------------------------------------------------


def test_a_user_is_asked_for_once_in_five_minutes() -> None:
    bank = Bank()
    requests = SweepRequests(bank.queued.append, lambda: bank.now)
    requests("usr_1")
    requests("usr_1")
    requests("usr_2")
    bank.wait(299)
    requests("usr_1")
    bank.wait(1)
    requests("usr_1")
    assert [swept_user(message) for message in bank.queued] == ["usr_1", "usr_2", "usr_1"]
    assert {message["type"] for message in bank.queued} == {"sweep"}


def test_a_request_that_cannot_be_queued_is_made_again() -> None:
    bank = Bank()

    def full(message: dict[str, Any]) -> None:
        raise Throttled("busy")

    requests = SweepRequests(full, lambda: bank.now)
    requests("usr_1")
    requests.enqueue = bank.queued.append
    requests("usr_1")
    assert len(bank.queued) == 1


def test_what_is_remembered_of_requests_is_bounded() -> None:
    bank = Bank()
    requests = SweepRequests(bank.queued.append, lambda: bank.now)
    for number in range(10_001):
        requests(f"usr_{number}")
    assert len(requests.asked) == 1
