"""Extending holds, and subscriptions: every limit again, windows that roll under a running call."""

from typing import Any

import pytest

from tests.simulation.bank import KEY, NOON, USER, Bank, operations
from tollgate.domain.errors import (
    BillingUnavailable,
    InsufficientBalance,
    KeyQuotaExhausted,
    KeyRevoked,
    SubscriptionExhausted,
    TollgateError,
    UserDisabled,
)
from tollgate.domain.record import Windows
from tollgate.domain.wallet import Outcome, Subscription
from tollgate.domain.windows import WEEK, SubscriptionTerms
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, Throttled

DAY = NOON - NOON % 86_400
TERMS = SubscriptionTerms("g001", DAY, DAY + 86_400, DAY, DAY)
LIMIT: Any = {"day": 100, "week": 500, "month": 900}
RUNNING = Subscription(Windows(DAY, DAY, DAY), LIMIT, LIMIT, NOON + 30 * 86_400)


def subscribed(**left: int) -> Bank:
    bank = Bank()
    parts: Any = {**LIMIT, **left}
    bank.wallets.set_subscription(
        USER, "g001", Subscription(RUNNING.windows, parts, RUNNING.limit, RUNNING.expires)
    )
    bank.dynamo.sent.clear()
    return bank


def left(bank: Bank) -> tuple[int, int, int]:
    parts = bank.wallet().subscriptions["g001"].left
    return parts["day"], parts["week"], parts["month"]


# --- extend ---------------------------------------------------------------------------------


def test_an_extension_charges_what_the_hold_charged() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 500)
    hold = bank.wallets.extend(bank.hold(100, limited_key=True), 250)
    assert (hold.amount, bank.sums(), bank.wallet().keys) == (250, (750, 250, 0), {KEY: 250})


def test_an_extension_by_nothing_asks_nobody() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.dynamo.sent.clear()
    assert bank.wallets.extend(hold, 100) is hold
    assert bank.dynamo.sent == []


@pytest.mark.parametrize(
    ("obstacle", "refusal"),
    [
        pytest.param("balance", InsufficientBalance, id="balance used up"),
        pytest.param("quota", KeyQuotaExhausted, id="key quota used up"),
        pytest.param("revoked", KeyRevoked, id="key revoked meanwhile"),
        pytest.param("suspended", UserDisabled, id="user suspended meanwhile"),
        pytest.param("settled", BillingUnavailable, id="hold settled meanwhile"),
    ],
)
def test_an_extension_is_refused_like_a_hold(obstacle: str, refusal: type[TollgateError]) -> None:
    bank = Bank(balance=400)
    bank.wallets.set_key_quota(USER, KEY, 150 if obstacle == "quota" else 1_000)
    hold = bank.hold(100, limited_key=True)
    if obstacle == "revoked":
        bank.wallets.revoke_key(USER, KEY, 2)
    if obstacle == "suspended":
        bank.wallets.set_status(USER, "suspended")
    if obstacle == "settled":
        bank.wallets.settle(USER, 0, [Outcome(hold.id, 100, 5)])
    before = bank.wallet()
    with pytest.raises(refusal):
        bank.wallets.extend(hold, 500 if obstacle == "balance" else 200)
    assert bank.wallet() == before


def test_neither_new_limits_nor_new_profiles_stop_a_running_call() -> None:
    bank = Bank()
    hold = bank.hold(100, concurrency=1, rpm=1)
    bank.wallets.set_profile_version(USER, 9)
    assert bank.wallets.extend(hold, 150).amount == 150


def test_an_extension_is_not_charged_to_a_quota_that_came_later_or_went() -> None:
    bank = Bank()
    unlimited = bank.hold(100)
    bank.wallets.set_key_quota(USER, KEY, 500)
    bank.wallets.extend(unlimited, 200)
    assert bank.wallet().keys == {KEY: 500}
    limited = bank.hold(100, limited_key=True)
    bank.wallets.drop_key_quota(USER, KEY)
    assert bank.wallets.extend(limited, 200).amount == 200


def test_an_extension_whose_answer_was_lost_is_recognised() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.lose_answers(OutcomeUnknown("silence"))
    assert bank.wallets.extend(hold, 150).amount == 150
    assert bank.sums() == (850, 150, 0)


def test_an_extension_given_up_may_still_have_worked() -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.lose_answers(OutcomeUnknown("silence"))
    bank.fail(None, OutcomeUnknown("silence"), OutcomeUnknown("silence"))
    with pytest.raises(BillingUnavailable):
        bank.wallets.extend(hold, 150)
    bank.calm()
    assert bank.wallets.extend(hold, 200).amount == 200
    assert bank.sums() == (800, 200, 0)


@pytest.mark.parametrize("trouble", [Throttled("busy"), RequestRejected("Broken", "?")])
def test_an_extension_without_an_answer_leaves_the_hold_as_it_was(trouble: Exception) -> None:
    bank = Bank()
    hold = bank.hold(100)
    bank.fail(trouble, trouble, trouble)
    with pytest.raises(BillingUnavailable):
        bank.wallets.extend(hold, 150)
    bank.calm()
    assert bank.sums() == (900, 100, 0)


# --- subscriptions --------------------------------------------------------------------------


def test_a_subscription_pays_from_every_window_and_not_from_the_balance() -> None:
    bank = subscribed()
    hold = bank.hold(30, subscription=TERMS)
    assert (bank.sums(), left(bank)) == ((1_000, 0, 0), (70, 470, 870))
    assert (hold.funding, hold.windows) == ("subscription", Windows(DAY, DAY, DAY))
    assert operations(bank, "Wallets")[0] == "UpdateItem"


def test_the_first_call_of_a_day_rolls_the_window_forward() -> None:
    bank = subscribed(day=3)
    bank.wait(86_400)
    tomorrow = SubscriptionTerms("g001", DAY + 86_400, DAY + 2 * 86_400, DAY, DAY)
    hold = bank.hold(30, subscription=tomorrow)
    assert left(bank) == (70, 470, 870)
    assert hold.windows == Windows(DAY + 86_400, DAY, DAY)
    assert bank.wallet().subscriptions["g001"].windows == hold.windows


def test_all_windows_may_roll_at_once() -> None:
    bank = subscribed(day=1, week=1, month=1)
    later = DAY + 5 * WEEK
    bank.now = later * 1_000
    bank.wallets.set_subscription(
        USER,
        "g001",
        Subscription(RUNNING.windows, LIMIT, RUNNING.limit, later + 86_400),
    )
    bank.hold(30, subscription=SubscriptionTerms("g001", later, later + 86_400, later, later))
    assert left(bank) == (70, 470, 870)


def test_a_slow_clock_is_charged_to_the_window_a_faster_one_opened() -> None:
    bank = subscribed()
    tomorrow = DAY + 86_400
    bank.hold(10, subscription=SubscriptionTerms("g001", tomorrow, tomorrow + 86_400, DAY, DAY))
    hold = bank.hold(30, subscription=TERMS)
    assert hold.windows == Windows(tomorrow, DAY, DAY)
    assert left(bank) == (60, 460, 860)


def test_an_extension_past_midnight_is_charged_to_the_new_day() -> None:
    bank = subscribed()
    bank.now = (DAY + 86_390) * 1_000
    hold = bank.hold(30, subscription=TERMS)
    bank.wait(20)
    hold = bank.wallets.extend(hold, 50)
    assert left(bank) == (80, 450, 850)
    assert hold.windows == Windows(DAY + 86_400, DAY, DAY, {"day": 20})
    hold = bank.wallets.extend(hold, 55)
    assert hold.windows == Windows(DAY + 86_400, DAY, DAY, {"day": 25})
    assert left(bank) == (75, 445, 845)


def test_an_extension_past_midnight_may_find_the_day_rolled() -> None:
    bank = subscribed()
    bank.now = (DAY + 86_390) * 1_000
    hold = bank.hold(30, subscription=TERMS)
    bank.wait(20)
    tomorrow = SubscriptionTerms("g001", DAY + 86_400, DAY + 2 * 86_400, DAY, DAY)
    bank.hold(1, subscription=tomorrow)
    hold = bank.wallets.extend(hold, 50)
    assert left(bank) == (79, 449, 849)
    assert hold.windows == Windows(DAY + 86_400, DAY, DAY, {"day": 20})


def test_an_extension_beyond_a_window_is_refused() -> None:
    bank = subscribed()
    hold = bank.hold(30, subscription=TERMS)
    with pytest.raises(SubscriptionExhausted, match="left this day"):
        bank.wallets.extend(hold, 101)
