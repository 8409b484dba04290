"""Ledger lines: what enters and leaves a balance does so once, whatever is repeated."""

from typing import Any

import pytest

from tests.simulation.bank import KEY, NOON, USER, Bank
from tollgate.domain.errors import Conflict, InsufficientBalance, ValidationFailed
from tollgate.domain.ledger import Credit, LedgerLine
from tollgate.domain.money import WALLET_LIMIT
from tollgate.domain.record import UsageRecord, Windows
from tollgate.domain.wallet import Outcome, Subscription
from tollgate.domain.windows import SubscriptionTerms
from tollgate.store.dynamodb import OutcomeUnknown, Throttled, TransactionRefused
from tollgate.store.wallet import WalletMissing

TOPUP = Credit(USER, 500, "topup", "stripe", "pi_1", "stripe", "card")


def money(bank: Bank) -> tuple[int, int]:
    wallet = bank.wallet()
    return wallet.available, wallet.credits


def test_a_credit_is_a_line_and_money_in_one_transaction() -> None:
    bank = Bank(balance=0)
    line = bank.wallets.credit(TOPUP)
    assert line == LedgerLine(USER, 500, "topup", "stripe", "pi_1", "stripe", "card", NOON * 1_000)
    assert money(bank) == (500, 500)
    assert bank.wallets.line(USER, "stripe", "pi_1") == line
    assert [name for name, _ in bank.dynamo.sent[:1]] == ["TransactWriteItems"]


def test_the_same_notice_credits_once() -> None:
    bank = Bank(balance=0)
    first = bank.wallets.credit(TOPUP)
    bank.wait(86_400)
    assert bank.wallets.credit(TOPUP) == first
    assert money(bank) == (500, 500)


def test_a_credit_whose_answer_was_lost_is_made_once() -> None:
    bank = Bank(balance=0)
    bank.lose_answers(OutcomeUnknown("silence"), OutcomeUnknown("silence"))
    assert bank.wallets.credit(TOPUP).amount == 500
    assert money(bank) == (500, 500)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Credit(USER, 501, "topup", "stripe", "pi_1", "stripe"), id="another amount"),
        pytest.param(Credit(USER, 500, "bonus", "stripe", "pi_1", "stripe"), id="another kind"),
    ],
)
def test_a_reference_used_for_something_else_is_a_conflict(other: Credit) -> None:
    bank = Bank(balance=0)
    bank.wallets.credit(TOPUP)
    with pytest.raises(Conflict, match=r"already booked with 0\.0000005 USD as topup"):
        bank.wallets.credit(other)
    assert money(bank) == (500, 500)


@pytest.mark.parametrize(
    ("amount", "kind", "refusal"),
    [
        pytest.param(0, "topup", ValidationFailed, id="nothing"),
        pytest.param(WALLET_LIMIT + 1, "topup", ValidationFailed, id="more than any wallet takes"),
        pytest.param(WALLET_LIMIT, "topup", ValidationFailed, id="more than this one still takes"),
        pytest.param(-1_001, "refund", InsufficientBalance, id="taking more than there is"),
    ],
)
def test_an_impossible_movement_is_refused(
    amount: int, kind: Any, refusal: type[Exception]
) -> None:
    bank = Bank(balance=1_000)
    with pytest.raises(refusal):
        bank.wallets.credit(Credit(USER, amount, kind, "admin", "1", "adm_1"))
    assert money(bank) == (1_000, 1_000)


def test_a_dispute_takes_money_that_is_not_there() -> None:
    bank = Bank(balance=1_000)
    bank.wallets.credit(Credit(USER, -1_500, "dispute", "stripe", "dp_1", "stripe"))
    assert money(bank) == (-500, -500)


def test_money_on_other_shards_can_be_taken_too() -> None:
    bank = Bank(balance=1_000, shards=3)
    bank.wallets.transfer(USER, 0, 1, 400)
    bank.wallets.transfer(USER, 0, 2, 500)
    bank.wallets.credit(Credit(USER, -900, "refund", "admin", "1", "adm_1"))
    assert sum(bank.wallet(shard).available for shard in range(3)) == 100


def test_nobody_without_a_wallet_is_credited() -> None:
    with pytest.raises(WalletMissing):
        Bank().wallets.credit(Credit("usr_0000000000000000", 5, "topup", "x", "1", "x"))


def test_a_credit_that_cannot_be_written_may_be_repeated() -> None:
    bank = Bank(balance=0)
    bank.fail_on(lambda name, _: name == "TransactWriteItems", Throttled("busy"))
    with pytest.raises(Throttled):
        bank.wallets.credit(TOPUP)
    bank.calm()
    bank.wallets.credit(TOPUP)
    assert money(bank) == (500, 500)


def test_money_that_flees_while_it_is_gathered_is_given_up() -> None:
    bank = Bank(balance=1_000, shards=2)

    def flee(operation: str, request: Any) -> None:
        actions = request.get("TransactItems", [{}])
        if "Put" in actions[0]:
            bank.dynamo.before = None
            bank.wallets.transfer(USER, 0, 1, bank.wallet(0).available)
            bank.dynamo.before = flee

    bank.dynamo.before = flee
    with pytest.raises(Throttled):
        bank.wallets.credit(Credit(USER, -900, "refund", "admin", "1", "adm_1"))


# --- late debits ----------------------------------------------------------------------------


def late(bank: Bank, amount: int, charge: int, **changes: Any) -> UsageRecord:
    """A record that came after its hold was settled at nothing."""
    hold = bank.hold(amount, **changes)
    bank.wallets.settle(USER, hold.shard, [Outcome(hold.id, amount, 0)])
    return bank.fact(hold, 0, state="late", late_charge=charge, model="m")


def test_a_late_charge_is_a_line_and_a_debit() -> None:
    bank = Bank()
    record = late(bank, 100, 30)
    bank.wallets.late_debit(record)
    bank.wallets.late_debit(record)
    wallet = bank.wallet()
    assert (bank.sums(), wallet.late, wallet.credits) == ((970, 0, 30), 30, 1_000)
    line = bank.wallets.line(USER, "late", record.hold[:17])
    assert line is not None
    assert (line.kind, line.amount, line.note) == ("late", -30, "m")


def test_a_late_charge_counts_against_the_keys_quota() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 200)
    record = late(bank, 100, 30, limited_key=True)
    bank.wallets.late_debit(record)
    assert bank.wallet().keys == {KEY: 170}


def test_a_late_charge_finds_the_keys_quota_gone() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 200)
    record = late(bank, 100, 30, limited_key=True)
    bank.wallets.drop_key_quota(USER, KEY)
    bank.wallets.late_debit(record)
    assert (bank.sums(), bank.wallet().keys) == ((970, 0, 30), {})


def test_a_late_charge_of_a_subscriptions_call_moves_only_its_counter() -> None:
    bank = Bank()
    day = NOON - NOON % 86_400
    parts: Any = {"day": 500, "week": 500, "month": 500}
    bank.wallets.set_subscription(
        USER, "g001", Subscription(Windows(day, day, day), parts, parts, NOON + 86_400)
    )
    terms = SubscriptionTerms("g001", day, day + 86_400, day, day)
    bank.wallets.late_debit(late(bank, 100, 30, subscription=terms))
    wallet = bank.wallet()
    assert (bank.sums(), wallet.subscription_debits, wallet.late) == ((1_000, 0, 0), 30, 30)
    assert wallet.subscriptions["g001"].left == parts


def test_a_late_charge_that_never_finds_the_wallet_still_is_made_later() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 200)
    record = late(bank, 100, 30, limited_key=True)

    def contradict(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems":
            bank.dynamo.before = None
            condition = request["TransactItems"][1]["Update"]["ConditionExpression"]
            if "#key" in condition:
                bank.wallets.drop_key_quota(USER, KEY)
        elif operation == "GetItem":
            bank.dynamo.before = None
            bank.wallets.set_key_quota(USER, KEY, 200)
        bank.dynamo.before = contradict

    bank.dynamo.before = contradict
    with pytest.raises(Throttled):
        bank.wallets.late_debit(record)


def test_a_credit_refused_for_a_wallet_that_has_room_again_is_tried_again() -> None:
    bank = Bank(balance=0)
    once = iter([TransactionRefused(["None", "ConditionalCheckFailed"])])

    def before(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems" and (refused := next(once, None)):
            raise refused

    bank.dynamo.before = before
    assert bank.wallets.credit(TOPUP).amount == 500
    assert money(bank) == (500, 500)


def test_a_late_charge_of_a_missing_wallet_is_said_to_be_so() -> None:
    bank = Bank()
    record = late(bank, 100, 30)
    stranger = UsageRecord("usr_0000000000000000", record.hold, 0, 0, "late", late_charge=5)
    with pytest.raises(WalletMissing):
        bank.wallets.late_debit(stranger)


def test_a_quota_that_comes_and_goes_delays_a_late_charge() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 200)
    record = late(bank, 100, 30, limited_key=True)

    def flip(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems":
            bank.dynamo.before = None
            bank.wallets.drop_key_quota(USER, KEY)
            bank.dynamo.after = unflip

    def unflip(operation: str, request: Any, answer: Any) -> None:
        bank.dynamo.after = None
        bank.wallets.set_key_quota(USER, KEY, 200)
        bank.dynamo.after, bank.dynamo.before = unflip, flip

    bank.dynamo.before = flip
    bank.wallets.late_debit(record)
    assert bank.wallet().late == 30


# --- listing --------------------------------------------------------------------------------


def test_lines_are_listed_newest_first_page_by_page() -> None:
    bank = Bank(balance=0)
    for number in range(5):
        bank.wait(60)
        bank.wallets.credit(Credit(USER, number + 1, "topup", "stripe", f"pi_{number}", "x"))
    first = bank.wallets.ledger(USER, limit=2)
    second = bank.wallets.ledger(USER, first.cursor, limit=2)
    third = bank.wallets.ledger(USER, second.cursor, limit=2)
    amounts = [[line.amount for line in page.lines] for page in (first, second, third)]
    assert amounts == [[5, 4], [3, 2], [1]]
    assert third.cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "12", "x:ledger#a#b", "12:wallet", "12;ledger#a#b"])
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        Bank().wallets.ledger(USER, cursor)


def test_a_line_that_is_not_there_is_none() -> None:
    assert Bank().wallets.line(USER, "stripe", "pi_9") is None
