"""The aggregator: batches in any order, any number of times, with anything broken in them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.bank import NOON, USER, Bank, operations
from tollgate.domain.limits import Hold
from tollgate.domain.wallet import Outcome
from tollgate.services.settlement import Settlement, lowest_first
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, Throttled


def finished(bank: Bank, *charges: int, amount: int = 100) -> list[Hold]:
    """Calls that were held and recorded."""
    holds = [bank.hold(amount) for _ in charges]
    for hold, charge in zip(holds, charges, strict=True):
        bank.records.put(bank.fact(hold, charge))
    return holds


def sequence(raw: Any) -> str:
    number: str = raw["dynamodb"]["SequenceNumber"]
    return number


def failing(error: Exception) -> Any:
    def fail(*given: Any) -> None:
        raise error

    return fail


# --- the ordinary way -----------------------------------------------------------------------


def test_a_batch_is_settled_by_one_write_for_each_wallet() -> None:
    bank = Bank()
    finished(bank, 7, 11, 13)
    bank.dynamo.sent.clear()
    assert bank.settle_stream() == []
    assert operations(bank, "Wallets") == ["UpdateItem"]
    assert bank.sums() == (969, 0, 31)


def test_users_are_marked_active_before_anything_is_settled() -> None:
    bank = Bank()
    finished(bank, 7)
    bank.wait(3_600)
    finished(bank, 11)
    open_then: list[int] = []
    Settlement(
        bank.wallets,
        lambda hour, users: open_then.append(len(bank.wallet().open)),
        bank.added.extend,
        bank.poisoned.append,
        bank.count,
    ).apply(bank.dynamo.stream("Usage"))
    assert open_then == [2, 2]
    assert bank.settle_stream() == []
    assert bank.active == [("2023111512", [USER]), ("2023111513", [USER])]


def test_rollups_are_added_once_for_the_whole_batch() -> None:
    bank = Bank()
    holds = finished(bank, *range(45), amount=20)
    calls: list[int] = []
    Settlement(
        bank.wallets,
        bank.mark_active,
        lambda records: calls.append(len(records)),
        bank.poisoned.append,
        bank.count,
    ).apply(bank.dynamo.stream("Usage"))
    assert (calls, len(holds)) == ([45], 45)


def test_only_what_this_batch_settled_is_added_up() -> None:
    bank = Bank()
    first, second = finished(bank, 7, 11)
    bank.wallets.settle(USER, 0, [Outcome(first.id, 100, 7)])
    bank.settle_stream()
    bank.settle_stream()
    assert [record.hold for record in bank.added] == [second.id]


def test_drafts_refusals_and_removals_settle_nothing() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.records.draft(bank.fact(hold, 7))
    bank.records.refuse(bank.fact(hold, 0, state="refused"))
    bank.dynamo.apply(
        "DeleteItem",
        {
            "TableName": "Usage",
            "Key": {"pk": {"S": f"{USER}#20231115#0"}, "sk": {"S": f"{hold.rid}#draft"}},
        },
    )
    assert bank.settle_stream() == []
    assert (bank.sums(), bank.poisoned) == ((900, 100, 0), [])


def test_a_tombstone_on_the_stream_gives_the_hold_back() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.records.abandon(USER, hold.id, 100)
    bank.settle_stream()
    assert bank.sums() == (1_000, 0, 0)
    assert bank.wallet().days == {"20231115c": 0, "20231115n": 1}


def test_a_late_record_is_debited_once() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.records.abandon(USER, hold.id, 100)
    bank.records.put(bank.fact(hold, 7))
    for _ in range(3):
        assert bank.settle_stream() == []
    assert bank.sums() == (993, 0, 7)
    assert bank.wallet().late == 7


# --- batches as they come -------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_batches_of_any_order_come_to_the_same(data: st.DataObject) -> None:
    bank = Bank(shards=data.draw(st.sampled_from([1, 3])))
    finished(bank, *range(8), amount=20)
    late = bank.hold(30)
    bank.records.abandon(USER, late.id, 30)
    bank.records.put(bank.fact(late, 9))
    records = bank.dynamo.stream("Usage")
    picks = st.lists(st.sampled_from(range(len(records))), max_size=12)
    for picked in data.draw(st.lists(picks, max_size=4)):
        batch = [records[index] for index in picked]
        if data.draw(st.booleans()):
            batch.insert(data.draw(st.integers(0, len(batch))), {"dynamodb": {"NewImage": {}}})
        assert bank.settlement.apply(batch) == []
    assert bank.settlement.apply(records) == []
    view = bank.wallets.read(USER)
    assert (view.available, view.held, view.debits) == (1_000 - 37, 0, 37)
    assert len({record.hold for record in bank.added}) == len(bank.added) == 9


# --- trouble --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Throttled("busy"), OutcomeUnknown("silence")])
def test_a_wallet_that_cannot_be_written_makes_its_records_come_again(error: Exception) -> None:
    bank = Bank()
    finished(bank, 7, 11)
    bank.fail_on(lambda name, _: name == "UpdateItem", error)
    records = bank.dynamo.stream("Usage")
    assert bank.settlement.apply(records) == [sequence(raw) for raw in records]
    bank.calm()
    assert bank.settle_stream() == []
    assert bank.sums() == (982, 0, 18)


def test_only_the_failed_wallets_records_come_again() -> None:
    bank = Bank(shards=3)
    finished(bank, *range(6), amount=10)
    bank.fail_on(
        lambda name, request: name == "UpdateItem" and request["Key"]["pk"]["S"].endswith("#1"),
        Throttled("busy"),
    )
    records = bank.dynamo.stream("Usage")
    mine = [raw for raw in records if raw["dynamodb"]["Keys"]["pk"]["S"].endswith("#1")]
    assert 0 < len(mine) < len(records)
    assert bank.settlement.apply(records) == [sequence(raw) for raw in mine]


def test_without_the_marks_nothing_is_settled() -> None:
    bank = Bank()
    finished(bank, 7)
    records = bank.dynamo.stream("Usage")
    settlement = Settlement(
        bank.wallets,
        failing(Throttled("busy")),
        bank.added.extend,
        bank.poisoned.append,
        bank.count,
    )
    assert settlement.apply(records) == [sequence(raw) for raw in records]
    assert bank.sums() == (900, 100, 0)


def test_rollups_that_fail_are_left_to_the_hours_close() -> None:
    bank = Bank()
    finished(bank, 7, 11)
    settlement = Settlement(
        bank.wallets, bank.mark_active, failing(Throttled("busy")), bank.poisoned.append, bank.count
    )
    assert settlement.apply(bank.dynamo.stream("Usage")) == []
    assert bank.counted == {"RollupsDelayed": 2}
    assert bank.sums() == (982, 0, 18)


def test_a_late_debit_that_fails_makes_its_record_come_again() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.records.abandon(USER, hold.id, 100)
    bank.records.put(bank.fact(hold, 7))
    records = bank.dynamo.stream("Usage")
    bank.fail_on(lambda name, _: name == "TransactWriteItems", Throttled("busy"))
    assert bank.settlement.apply(records) == [sequence(records[1])]


# --- poison ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({}, id="nothing"),
        pytest.param(None, id="not even a record"),
        pytest.param({"dynamodb": {"SequenceNumber": "1", "NewImage": {}}}, id="empty image"),
        pytest.param(
            {"dynamodb": {"SequenceNumber": "1", "NewImage": {"schema": {"N": "9"}}}},
            id="another version's",
        ),
        pytest.param(
            {"dynamodb": {"SequenceNumber": "1", "NewImage": {"schema": {"X": "9"}}}},
            id="no type of DynamoDB's",
        ),
    ],
)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_poisoned_record_is_copied_out_and_stops_nobody(raw: Any, index: int) -> None:
    bank = Bank()
    finished(bank, 7, 11)
    records = bank.dynamo.stream("Usage")
    records.insert(index, raw)
    assert bank.settlement.apply(records) == []
    assert bank.poisoned == [raw]
    assert bank.counted == {"PoisonRecords": 1}
    assert bank.sums() == (982, 0, 18)


def test_a_record_of_nobodys_wallet_is_poison() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.records.put(bank.fact(hold, 7, user="usr_0000000000000000"))
    finished(bank, 11)
    records = bank.dynamo.stream("Usage")
    assert bank.settlement.apply(records) == []
    assert bank.poisoned == [records[0]]
    assert bank.sums() == (889, 100, 11)


def test_a_late_record_of_nobodys_wallet_is_poison() -> None:
    bank = Bank()
    stray = bank.fact(bank.hold(100), 0, user="usr_0000000000000000")
    bank.records.abandon(stray.user, stray.hold, 100)
    bank.records.put(bank.fact(bank.hold(0), 5))
    bank.settle_stream()
    assert len(bank.poisoned) == 1


def test_a_record_the_store_will_never_take_is_poison_and_the_others_are_settled() -> None:
    bank = Bank()
    holds = finished(bank, 7, 11, 13)
    bank.fail_on(
        lambda _, request: holds[1].id in request.get("ExpressionAttributeNames", {}).values(),
        RequestRejected("ValidationException", "?"),
    )
    records = bank.dynamo.stream("Usage")
    assert bank.settlement.apply(records) == []
    bank.calm()
    assert bank.poisoned == [records[1]]
    assert bank.sums() == (880, 100, 20)


def test_a_late_debit_the_store_will_never_take_is_poison() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.records.abandon(USER, hold.id, 100)
    bank.records.put(bank.fact(hold, 7))
    records = bank.dynamo.stream("Usage")
    bank.fail_on(
        lambda name, _: name == "TransactWriteItems", RequestRejected("ValidationException", "?")
    )
    assert bank.settlement.apply(records) == []
    assert bank.poisoned == [records[1]]


def test_poison_that_cannot_be_copied_out_comes_again() -> None:
    bank = Bank()
    finished(bank, 7)
    raw: Any = {"dynamodb": {"SequenceNumber": "5", "NewImage": {}}}
    settlement = Settlement(
        bank.wallets, bank.mark_active, bank.added.extend, failing(Throttled("busy")), bank.count
    )
    assert settlement.apply([raw, *bank.dynamo.stream("Usage")]) == ["5"]
    assert bank.sums() == (993, 0, 7)


def test_sequence_numbers_are_ordered_as_numbers() -> None:
    assert lowest_first({"100", "99", "101"}) == ["99", "100", "101"]


def test_the_hour_is_the_one_the_call_began_in() -> None:
    bank = Bank(now=(NOON + 3_599) * 1_000)
    finished(bank, 7)
    bank.wait(900)
    bank.settle_stream()
    assert bank.active == [("2023111512", [USER])]
