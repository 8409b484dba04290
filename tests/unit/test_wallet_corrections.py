"""Corrections of what calls were charged: booked once, on the balance or on a subscription."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.bank import KEY, NOON, USER, Bank
from tollgate.domain.errors import (
    Conflict,
    InsufficientBalance,
    SubscriptionExhausted,
    UserDisabled,
    ValidationFailed,
)
from tollgate.domain.ledger import Correction, LedgerLine, corrected
from tollgate.domain.money import WALLET_LIMIT
from tollgate.domain.record import UsageRecord, Windows
from tollgate.domain.wallet import Outcome, Subscription
from tollgate.domain.windows import SubscriptionTerms
from tollgate.store.dynamodb import OutcomeUnknown, Throttled
from tollgate.store.wallet import WalletMissing

DAY = NOON - NOON % 86_400
WINDOWS = Windows(DAY, DAY, DAY)
TERMS = SubscriptionTerms("g001", DAY, DAY + 86_400, DAY, DAY)
LEFT: Any = {"day": 500, "week": 600, "month": 700}


def paid(bank: Bank, charge: int = 30, **changes: Any) -> UsageRecord:
    """The record of a settled call."""
    hold = bank.hold(100, **changes)
    bank.wallets.settle(USER, hold.shard, [Outcome(hold.id, 100, charge, hold.windows)])
    return bank.fact(hold, charge, model="m")


def subscribed(**changes: Any) -> tuple[Bank, UsageRecord]:
    """A call of 30 that a subscription paid."""
    bank = Bank()
    subscription = Subscription(WINDOWS, LEFT, LEFT, NOON + 300 * 86_400)
    bank.wallets.set_subscription(USER, "g001", subscription)
    return bank, paid(bank, subscription=TERMS, **changes)


def correction(record: UsageRecord, amount: int, **changes: Any) -> Correction:
    """The first correction of a call by a job."""
    return replace(Correction(record, amount, 0, "job_1", "wrong list"), **changes)


def left(bank: Bank) -> tuple[int, int, int]:
    """What is left of each window."""
    found = bank.wallet().subscriptions["g001"].left
    return found["day"], found["week"], found["month"]


# --- what the balance paid ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "available", "credited"),
    [
        pytest.param(10, 980, 1_010, id="given back"),
        pytest.param(-10, 960, 990, id="taken"),
        pytest.param(-970, 0, 30, id="taken to the last nano"),
    ],
)
def test_a_correction_moves_balance_and_credits(amount: int, available: int, credited: int) -> None:
    bank = Bank()
    record = paid(bank)
    line = bank.wallets.correct(correction(record, amount))
    assert line == LedgerLine(
        USER, amount, "rerate", "rerate", f"{record.hold[:17]}.000", "job_1", "wrong list",
        NOON * 1_000,
    )  # fmt: skip
    wallet = bank.wallet()
    assert (bank.sums(), wallet.credits) == ((available, 0, 30), credited)
    assert bank.wrong == []


def test_the_same_correction_is_booked_once() -> None:
    bank = Bank()
    record = paid(bank)
    bank.lose_answers(OutcomeUnknown("silence"))
    first = bank.wallets.correct(correction(record, 10))
    bank.wait(86_400)
    assert bank.wallets.correct(correction(record, 10)) == first
    assert bank.sums() == (980, 0, 30)


def test_a_number_that_another_job_took_is_not_booked_again() -> None:
    bank = Bank()
    record = paid(bank)
    bank.wallets.correct(correction(record, 10))
    assert bank.wallets.correct(correction(record, 10, job="job_2")).by == "job_1"
    with pytest.raises(Conflict):
        bank.wallets.correct(correction(record, 11, job="job_2"))
    assert bank.sums() == (980, 0, 30)


@pytest.mark.parametrize(
    ("amount", "status", "refusal"),
    [
        pytest.param(-971, "active", InsufficientBalance, id="more than there is"),
        pytest.param(WALLET_LIMIT, "active", ValidationFailed, id="more than a wallet takes"),
        pytest.param(10, "deleted", UserDisabled, id="a deleted user gets nothing"),
        pytest.param(-10, "deleted", UserDisabled, id="a deleted user pays nothing"),
    ],
)
def test_what_cannot_be_booked_moves_nothing(
    amount: int, status: Any, refusal: type[Exception]
) -> None:
    bank = Bank()
    record = paid(bank)
    bank.wallets.set_status(USER, status)
    with pytest.raises(refusal):
        bank.wallets.correct(correction(record, amount))
    assert bank.sums() == (970, 0, 30)
    assert bank.wallets.corrections(USER, record.hold[:17]) == ()


def test_a_suspended_user_is_corrected() -> None:
    bank = Bank()
    record = paid(bank)
    bank.wallets.set_status(USER, "suspended")
    bank.wallets.correct(correction(record, -10))
    assert bank.sums() == (960, 0, 30)


def test_money_on_another_shard_pays_a_correction() -> None:
    bank = Bank(shards=2)
    record = paid(bank)
    bank.wallets.transfer(USER, 0, 1, bank.wallet().available)
    bank.wallets.correct(correction(record, -40))
    assert sum(bank.wallet(shard).available for shard in (0, 1)) == 930


def test_a_key_quota_is_left_alone() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 200)
    record = paid(bank, limited_key=True)
    bank.wallets.correct(correction(record, 10))
    assert bank.wallet().keys == {KEY: 170}


def test_nobody_without_a_wallet_is_corrected() -> None:
    bank = Bank()
    stranger = replace(paid(bank), user="usr_0000000000000000")
    with pytest.raises(WalletMissing):
        bank.wallets.correct(correction(stranger, 10))


def test_money_that_flees_delays_a_correction() -> None:
    bank = Bank(shards=2)
    record = paid(bank)

    def flee(operation: str, request: Mapping[str, Any]) -> None:
        if "Put" in request.get("TransactItems", [{}])[0]:
            bank.dynamo.before = None
            bank.wallets.transfer(USER, 0, 1, bank.wallet(0).available)
            bank.dynamo.before = flee

    bank.dynamo.before = flee
    with pytest.raises(Throttled):
        bank.wallets.correct(correction(record, -40))


# --- what a subscription paid ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "debits", "windows"),
    [
        pytest.param(10, 20, (480, 580, 680), id="given back"),
        pytest.param(30, 0, (500, 600, 700), id="given back whole"),
        pytest.param(-10, 40, (460, 560, 660), id="taken"),
    ],
)
def test_a_subscriptions_call_moves_only_its_counters(
    amount: int, debits: int, windows: tuple[int, int, int]
) -> None:
    bank, record = subscribed()
    line = bank.wallets.correct(correction(record, amount))
    wallet = bank.wallet()
    assert (bank.sums(), wallet.credits) == ((1_000, 0, 0), 1_000)
    assert (wallet.subscription_debits, wallet.late) == (debits, -amount)
    assert (left(bank), bank.wrong) == (windows, [])
    assert (line.funding, line.amount, line.credited) == ("subscription", amount, 0)
    assert bank.wallets.line(USER, "rerate", line.reference) == line


@pytest.mark.parametrize(
    ("seconds", "windows"),
    [
        pytest.param(86_400, (470, 580, 680), id="the day is over"),
        pytest.param(7 * 86_400, (470, 570, 680), id="the week is over"),
        pytest.param(30 * 86_400, (470, 570, 670), id="the month is over"),
    ],
)
def test_windows_that_are_over_stay(seconds: int, windows: tuple[int, int, int]) -> None:
    bank, record = subscribed()
    bank.wait(seconds)
    bank.wallets.correct(correction(record, 10))
    assert (left(bank), bank.wallet().subscription_debits) == (windows, 20)


def test_a_window_that_has_rolled_stays() -> None:
    bank, record = subscribed()
    later = replace(WINDOWS, day=DAY + 86_400)
    bank.wallets.set_subscription(USER, "g001", Subscription(later, LEFT, LEFT, NOON + 86_400))
    bank.wallets.correct(correction(record, -10))
    assert left(bank) == (500, 590, 690)


@pytest.mark.parametrize(
    ("facts", "windows"),
    [
        pytest.param({"windows": None}, (470, 570, 670), id="a call that knows no windows"),
        pytest.param({"state": "late"}, (470, 570, 670), id="a call recorded late"),
        pytest.param(
            {"windows": Windows(DAY, DAY, DAY, {"day": 20})}, (470, 580, 680), id="one entered"
        ),
    ],
)
def test_windows_that_bore_an_unknown_part_stay(
    facts: dict[str, Any], windows: tuple[int, int, int]
) -> None:
    bank, record = subscribed()
    bank.wallets.correct(correction(replace(record, **facts), 10))
    assert (left(bank), bank.wallet().subscription_debits) == (windows, 20)


def test_a_subscription_that_is_gone_keeps_its_debits_right() -> None:
    bank, record = subscribed()
    other = replace(record, hold=f"{record.hold[:-4]}g002")
    bank.wallets.correct(correction(other, 10))
    assert (left(bank), bank.wallet().subscription_debits) == ((470, 570, 670), 20)


@pytest.mark.parametrize(
    ("amount", "status", "refusal"),
    [
        pytest.param(-471, "active", SubscriptionExhausted, id="more than is left of the day"),
        pytest.param(10, "deleted", UserDisabled, id="a deleted user"),
    ],
)
def test_what_a_subscription_cannot_bear_moves_nothing(
    amount: int, status: Any, refusal: type[Exception]
) -> None:
    bank, record = subscribed()
    bank.wallets.set_status(USER, status)
    with pytest.raises(refusal):
        bank.wallets.correct(correction(record, amount))
    assert (left(bank), bank.wallet().subscription_debits) == ((470, 570, 670), 30)


def test_a_subscriptions_correction_is_booked_once_even_where_nothing_is_left_by_now() -> None:
    bank, record = subscribed()
    first = bank.wallets.correct(correction(record, -400))
    assert left(bank) == (70, 170, 270)
    assert bank.wallets.correct(correction(record, -400)) == first
    assert bank.wallets.correct(correction(record, -400, job="job_2")).by == "job_1"
    with pytest.raises(Conflict):
        bank.wallets.correct(correction(record, -401))
    assert (left(bank), bank.wallet().subscription_debits) == ((70, 170, 270), 430)


@pytest.mark.parametrize("answered", range(3))
def test_a_subscriptions_correction_whose_answer_was_lost_is_booked_once(answered: int) -> None:
    bank, record = subscribed()
    bank.lose_answers(*[None] * answered, *[OutcomeUnknown("silence")] * 3)
    with suppress(OutcomeUnknown):
        bank.wallets.correct(correction(record, -10))
    bank.calm()
    bank.wallets.correct(correction(record, -10))
    assert (left(bank), bank.wallet().subscription_debits) == ((460, 560, 660), 40)


def test_a_window_that_moves_meanwhile_is_looked_at_again() -> None:
    bank, record = subscribed()

    def roll(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "TransactWriteItems":
            bank.dynamo.before = None
            later = replace(WINDOWS, day=DAY + 86_400)
            again = Subscription(later, LEFT, LEFT, NOON + 86_400)
            bank.wallets.set_subscription(USER, "g001", again)

    bank.dynamo.before = roll
    bank.wallets.correct(correction(record, -10))
    assert (left(bank), bank.wallet().subscription_debits) == ((500, 590, 690), 40)


def test_a_wallet_deleted_meanwhile_is_left_alone() -> None:
    bank, record = subscribed()

    def delete(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "TransactWriteItems":
            bank.dynamo.before = None
            bank.wallets.set_status(USER, "deleted")

    bank.dynamo.before = delete
    with pytest.raises(UserDisabled):
        bank.wallets.correct(correction(record, -10))
    assert bank.wallet().subscription_debits == 30


# --- finding them ---------------------------------------------------------------------------


def test_corrections_are_found_by_call_and_by_range() -> None:
    bank = Bank()
    first, second, third = (paid(bank) for _ in range(3))
    bank.wallets.correct(correction(first, 10))
    bank.wallets.correct(correction(first, -4, number=1, job="job_2"))
    bank.wallets.correct(correction(third, 7))
    rids = [record.hold[:17] for record in (first, second, third)]
    assert [line.amount for line in bank.wallets.corrections(USER, rids[0])] == [10, -4]
    assert corrected(bank.wallets.corrections(USER, rids[0])) == 6
    assert bank.wallets.corrections(USER, rids[1]) == ()
    low, high = min(rids), max(rids)
    found = bank.wallets.corrections_between(USER, low, high)
    assert {rid: [line.amount for line in lines] for rid, lines in found.items()} == {
        rids[0]: [10, -4],
        rids[2]: [7],
    }
    assert bank.wallets.corrections_between(USER, rids[1], rids[1]) == {}


def test_many_corrections_are_read_page_by_page() -> None:
    bank = Bank()
    record = paid(bank)
    for number in range(4):
        bank.wallets.correct(correction(record, 1, number=number, reason="x" * 390_000))
    rid = record.hold[:17]
    assert corrected(bank.wallets.corrections_between(USER, rid, rid)[rid]) == 4
