"""The crash matrix: wherever something dies, all ends as `finished` says.

No hold open, the debits what the records charge, each call charged once. What the relay itself
does at its deadline or when a caller hangs up is tested with the relay.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from tests.simulation.bank import NOON, SWEPT, USER, Bank
from tests.simulation.fibers import Crash
from tollgate.domain.errors import BillingUnavailable
from tollgate.domain.ledger import Credit
from tollgate.domain.limits import Hold
from tollgate.services.recording import Recording
from tollgate.services.settlement import Settlement
from tollgate.store.dynamodb import OutcomeUnknown, Throttled


def finished(bank: Bank, charged: int) -> None:
    """After whatever happened, and a sweep: everything adds up to that charge."""
    bank.calm()
    bank.wait(SWEPT)
    bank.sweeping.sweep_all()
    records = bank.records.list(USER, NOON * 1_000, bank.now, limit=1_000).records
    bank.sweeping.finish_late(records)
    wallet = bank.wallet()
    assert wallet.open == {}
    assert (wallet.available, wallet.held, wallet.debits) == (1_000 - charged, 0, charged)
    assert sum(record.charge + record.late_charge for record in records) == charged
    assert wallet.days.get("20231115n", 0) == len(records)
    assert len({record.hold for record in bank.added}) == len(bank.added)
    assert bank.wrong == []


def dies_at(bank: Bank, operation: str, table: str, *, after: bool = False) -> None:
    """Whoever sends the next such request is gone: before it is applied, or right after."""

    def hook(name: str, request: Mapping[str, Any], *answer: Any) -> None:
        if (name, request.get("TableName")) == (operation, table):
            bank.calm()
            raise Crash

    setattr(bank.dynamo, "after" if after else "before", hook)


def gone(run: Callable[[], object]) -> None:
    """Run until it dies."""
    with pytest.raises(Crash):
        run()


def call() -> tuple[Bank, Hold]:
    """A call that is held."""
    bank = Bank()
    return bank, bank.hold(100)


# --- before the upstream --------------------------------------------------------------------


def test_dies_before_the_hold() -> None:
    bank = Bank()
    dies_at(bank, "UpdateItem", "Wallets")
    gone(lambda: bank.hold(100))
    finished(bank, 0)


def test_the_holds_request_is_lost() -> None:
    bank = Bank()
    bank.fail(OutcomeUnknown("silence"))
    bank.recording.record(bank.fact(bank.hold(100), 7))
    finished(bank, 7)


def test_the_hold_is_applied_and_its_answer_lost() -> None:
    bank = Bank()
    bank.lose_answers(OutcomeUnknown("silence"))
    bank.recording.record(bank.fact(bank.hold(100), 7))
    assert bank.settle_stream() == []
    assert bank.sums() == (893, 100, 7)
    finished(bank, 7)


def test_a_hold_arrives_after_everything_was_settled() -> None:
    bank = Bank()
    delayed: list[Mapping[str, Any]] = []

    def delay(operation: str, request: Mapping[str, Any]) -> None:
        if not delayed:
            delayed.append(request)
            raise OutcomeUnknown("silence")

    bank.dynamo.before = delay
    bank.recording.record(bank.fact(bank.hold(100), 7))
    bank.calm()
    bank.settle_stream()
    bank.dynamo.apply("UpdateItem", delayed[0])
    assert bank.sums() == (893, 100, 7)
    finished(bank, 7)


def test_dies_after_the_hold() -> None:
    bank = Bank()
    dies_at(bank, "UpdateItem", "Wallets", after=True)
    gone(lambda: bank.hold(100))
    assert bank.sums() == (900, 100, 0)
    finished(bank, 0)


def test_the_wallet_is_throttled_at_the_hold() -> None:
    bank = Bank()
    bank.fail(*[Throttled("busy")] * 3)
    with pytest.raises(BillingUnavailable) as refused:
        bank.hold(100)
    assert refused.value.retry_after == 1
    finished(bank, 0)


def test_dynamodb_is_down() -> None:
    bank = Bank()
    bank.fail_on(lambda name, request: True, OutcomeUnknown("silence"))
    with pytest.raises(BillingUnavailable):
        bank.hold(100)
    finished(bank, 0)


# --- while the upstream works ---------------------------------------------------------------


def test_dies_after_the_upstream_accepted() -> None:
    finished(call()[0], 0)


def test_is_killed_in_mid_stream_after_a_draft() -> None:
    bank, hold = call()
    bank.records.draft(bank.fact(hold, 40))
    finished(bank, 40)


def test_dies_while_it_extends() -> None:
    bank, hold = call()
    dies_at(bank, "UpdateItem", "Wallets", after=True)
    gone(lambda: bank.wallets.extend(hold, 300))
    assert bank.sums() == (700, 300, 0)
    finished(bank, 0)


def test_the_deadline_ends_the_call_with_what_it_produced() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 55, usage_source="estimated", error="time_limit"))
    assert bank.settle_stream() == []
    finished(bank, 55)


def test_the_caller_hangs_up_and_pays_for_what_was_produced() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 60, usage_source="estimated", error="caller_gone"))
    finished(bank, 60)


def test_another_account_answers_under_the_same_hold() -> None:
    bank, hold = call()
    attempts: Any = ({"account": "acc_1", "status": 529}, {"account": "acc_2", "status": 200})
    bank.recording.record(bank.fact(hold, 7, account="acc_2", attempts=attempts))
    bank.settle_stream()
    assert [record.account for record in bank.added] == ["acc_2"]
    finished(bank, 7)


# --- at the record --------------------------------------------------------------------------


def test_the_record_is_applied_and_its_answer_lost() -> None:
    bank, hold = call()
    bank.lose_answers(OutcomeUnknown("silence"))
    bank.recording.record(bank.fact(hold, 7))
    assert bank.queued == []
    finished(bank, 7)


def test_dies_right_after_the_record() -> None:
    bank, hold = call()
    dies_at(bank, "PutItem", "Usage", after=True)
    gone(lambda: bank.recording.record(bank.fact(hold, 7)))
    finished(bank, 7)


def test_the_usage_table_is_throttled_for_long() -> None:
    bank, hold = call()
    bank.fail(*[Throttled("busy")] * 3)
    bank.recording.record(bank.fact(hold, 7))
    bank.calm()
    bank.recording.receive(bank.queued[0])
    bank.settle_stream()
    finished(bank, 7)


def test_the_queue_fails_too_and_the_log_line_is_replayed() -> None:
    bank, hold = call()
    bank.fail(*[Throttled("busy")] * 3)

    def full(message: dict[str, Any]) -> None:
        raise Throttled("busy")

    Recording(bank.records, full, bank.lines.append).record(bank.fact(hold, 7))
    assert len(bank.lines) == 1
    finished(bank, 0)


def test_the_record_comes_after_the_tombstone() -> None:
    bank, hold = call()
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    assert bank.sums() == (1_000, 0, 0)
    bank.recording.record(bank.fact(hold, 7))
    bank.settle_stream()
    finished(bank, 7)


def test_the_late_record_is_lost_on_the_stream() -> None:
    bank, hold = call()
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    bank.recording.record(bank.fact(hold, 7))
    finished(bank, 7)


# --- in the aggregator ----------------------------------------------------------------------


def test_the_aggregator_dies_before_it_settles() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))
    dies_at(bank, "UpdateItem", "Wallets")
    gone(bank.settle_stream)
    assert bank.settle_stream() == []
    finished(bank, 7)


def test_the_aggregator_dies_between_settling_and_adding_up() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))
    dies_at(bank, "UpdateItem", "Wallets", after=True)
    gone(bank.settle_stream)
    assert bank.settle_stream() == []
    assert (bank.added, bank.active[0]) == ([], ("2023111512", [USER]))
    finished(bank, 7)


def test_the_aggregator_dies_after_adding_up() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))

    def add_and_die(records: Any) -> None:
        bank.added.extend(records)
        if records:
            raise Crash

    settlement = Settlement(
        bank.wallets, bank.mark_active, add_and_die, bank.poisoned.append, bank.count
    )
    records = bank.dynamo.stream("Usage")
    gone(lambda: settlement.apply(records))
    assert settlement.apply(records) == []
    assert len(bank.added) == 1
    finished(bank, 7)


def test_part_of_a_batch_fails() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))
    stranger = Bank(shards=2)
    stranger.wallets.transfer(USER, 0, 1, 500)
    for charge in range(8):
        stranger.records.put(stranger.fact(stranger.hold(10), charge))
    records = stranger.dynamo.stream("Usage")
    stranger.fail_on(
        lambda name, request: request.get("Key", {}).get("pk") == {"S": f"{USER}#1"},
        Throttled("busy"),
    )
    failed = stranger.settlement.apply(records)
    assert 0 < len(failed) < 8
    stranger.calm()
    again = [raw for raw in records if raw["dynamodb"]["SequenceNumber"] >= failed[0]]
    assert stranger.settlement.apply(again) == []
    assert stranger.wallets.read(USER).debits == 28
    finished(bank, 7)


def test_the_wallet_is_throttled_while_settling() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))
    bank.fail(Throttled("busy"), Throttled("busy"))
    assert bank.settle_stream() == []
    bank.fail(*[Throttled("busy")] * 3)
    finished(bank, 7)


def test_a_poisoned_record_lies_before_a_good_one() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))
    raw: Any = {"dynamodb": {"SequenceNumber": "0", "NewImage": {"schema": {"N": "99"}}}}
    assert bank.settlement.apply([raw, *bank.dynamo.stream("Usage")]) == []
    assert bank.poisoned == [raw]
    finished(bank, 7)


def test_retries_are_exhausted() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))
    bank.fail_on(lambda name, request: name == "UpdateItem", Throttled("busy"))
    for _ in range(10):
        assert len(bank.settle_stream()) == 1
    finished(bank, 7)


def test_the_stream_is_off_for_days() -> None:
    bank = Bank()
    for charge in range(5):
        bank.recording.record(bank.fact(bank.hold(10), charge))
    bank.wait(3 * 86_400)
    finished(bank, 10)


def test_the_whole_stream_comes_again_after_all() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))
    finished(bank, 7)
    for _ in range(3):
        assert bank.settle_stream() == []
    finished(bank, 7)


# --- in the sweeper -------------------------------------------------------------------------


def test_the_sweeper_dies_between_tombstone_and_release() -> None:
    bank, _ = call()
    bank.wait(SWEPT)
    dies_at(bank, "UpdateItem", "Wallets")
    gone(lambda: bank.sweeping.sweep(USER))
    assert bank.sums() == (900, 100, 0)
    finished(bank, 0)


def test_a_sweeper_and_the_aggregator_meet() -> None:
    bank, hold = call()
    bank.recording.record(bank.fact(hold, 7))
    bank.wait(SWEPT)

    def aggregate(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "UpdateItem":
            bank.calm()
            bank.settle_stream()

    bank.dynamo.before = aggregate
    assert bank.sweeping.sweep(USER) == 0
    assert len(bank.added) == 1
    finished(bank, 7)


def test_two_sweepers_meet() -> None:
    bank, _ = call()
    bank.wait(SWEPT)

    def sweep(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "PutItem":
            bank.calm()
            bank.sweeping.sweep(USER)

    bank.dynamo.before = sweep
    bank.sweeping.sweep(USER)
    assert len(bank.added) == 1
    finished(bank, 0)


# --- credits --------------------------------------------------------------------------------


@pytest.mark.parametrize("applied", [False, True], ids=["not applied", "applied"])
def test_nobody_knows_whether_a_topup_was_made(applied: bool) -> None:
    bank = Bank(balance=0)
    topup = Credit(USER, 1_000, "topup", "stripe", "pi_1", "stripe")
    silence = [OutcomeUnknown("silence")] * 3
    if applied:
        bank.lose_answers(*silence)
        bank.fail(None, *silence)
    else:
        bank.fail(*silence)
    with suppress(OutcomeUnknown):
        bank.wallets.credit(topup)
    bank.calm()
    bank.wallets.credit(topup)
    assert bank.wallet().credits == 1_000
    finished(bank, 0)
