"""Settling holds: all or none, corrected from the old image, given back where it came from."""

from typing import Any

import pytest

from tests.simulation.bank import KEY, NOON, USER, Bank, operations
from tollgate.domain.limits import Hold
from tollgate.domain.record import Windows
from tollgate.domain.wallet import Outcome, Subscription
from tollgate.domain.windows import SubscriptionTerms
from tollgate.store.dynamodb import RequestRejected, Throttled
from tollgate.store.wallet import WalletMissing
from tollgate.store.wallet_moves import settlement

DAY = NOON - NOON % 86_400
TERMS = SubscriptionTerms("g001", DAY, DAY + 86_400, DAY, DAY)
TOMORROW = SubscriptionTerms("g001", DAY + 86_400, DAY + 2 * 86_400, DAY, DAY)
LIMIT: Any = {"day": 100, "week": 500, "month": 900}


def ended(hold: Hold, charge: int) -> Outcome:
    return Outcome(hold.id, hold.amount, charge, hold.windows, hold.stale_minutes)


def subscribed() -> Bank:
    bank = Bank()
    windows = Windows(DAY, DAY, DAY)
    bank.wallets.set_subscription(
        USER, "g001", Subscription(windows, LIMIT, LIMIT, NOON + 30 * 86_400)
    )
    return bank


def left(bank: Bank) -> tuple[int, int, int]:
    parts = bank.wallet().subscriptions["g001"].left
    return parts["day"], parts["week"], parts["month"]


def test_many_holds_are_settled_by_one_write() -> None:
    bank = Bank()
    holds = [bank.hold(20) for _ in range(40)]
    bank.dynamo.sent.clear()
    removed = bank.wallets.settle(USER, 0, [ended(hold, 7) for hold in holds])
    assert operations(bank, "Wallets") == ["UpdateItem"]
    assert removed == {hold.id for hold in holds}
    assert bank.sums() == (1_000 - 280, 0, 280)
    assert bank.wallet().days == {"20231115c": 280, "20231115n": 40}


def test_more_than_forty_take_several_writes() -> None:
    bank = Bank()
    holds = [bank.hold(10) for _ in range(90)]
    bank.dynamo.sent.clear()
    bank.wallets.settle(USER, 0, [ended(hold, 1) for hold in holds])
    assert operations(bank, "Wallets") == ["UpdateItem"] * 3
    assert bank.sums() == (910, 0, 90)


def test_nothing_to_settle_asks_nobody() -> None:
    bank = Bank()
    assert bank.wallets.settle(USER, 0, []) == frozenset()
    assert bank.dynamo.sent == []


def test_settling_twice_settles_once() -> None:
    bank = Bank()
    hold = bank.hold(20)
    assert bank.wallets.settle(USER, 0, [ended(hold, 7), ended(hold, 7)]) == {hold.id}
    assert bank.wallets.settle(USER, 0, [ended(hold, 7)]) == frozenset()
    assert bank.sums() == (993, 0, 7)


def test_what_is_settled_already_does_not_stop_the_rest() -> None:
    bank = Bank()
    first, second = bank.hold(20), bank.hold(30)
    bank.wallets.settle(USER, 0, [ended(first, 7)])
    removed = bank.wallets.settle(USER, 0, [ended(first, 7), ended(second, 11)])
    assert removed == {second.id}
    assert bank.sums() == (982, 0, 18)


def test_the_wallets_own_figure_wins_over_the_records() -> None:
    bank = Bank()
    hold = bank.wallets.extend(bank.hold(20), 50)
    bank.wallets.settle(USER, 0, [Outcome(hold.id, held=20, charge=7)])
    assert bank.sums() == (993, 0, 7)


def test_a_call_that_cost_more_than_was_held_is_charged_in_full() -> None:
    bank = Bank(balance=100)
    hold = bank.hold(100)
    bank.wallets.settle(USER, 0, [ended(hold, 130)])
    assert bank.sums() == (-30, 0, 130)


def test_a_hold_without_a_record_counts_as_no_call() -> None:
    bank = Bank()
    hold = bank.hold(20)
    bank.wallets.settle(USER, 0, [Outcome(hold.id, 20, 0, recorded=False)])
    assert (bank.sums(), bank.wallet().days) == ((1_000, 0, 0), {})


def test_calls_are_counted_by_the_day_they_began() -> None:
    bank = Bank()
    today = bank.hold(20)
    bank.wait(86_400)
    tomorrow = bank.hold(30)
    bank.wallets.settle(USER, 0, [ended(today, 7), ended(tomorrow, 11)])
    assert bank.wallet().days == {
        "20231115c": 7,
        "20231115n": 1,
        "20231116c": 11,
        "20231116n": 1,
    }


def test_old_request_counters_are_dropped() -> None:
    bank = Bank()
    first = bank.hold(1, rpm=9)
    bank.wait(400)
    second = bank.hold(1, rpm=9)
    bank.wallets.settle(USER, 0, [ended(first, 0), ended(second, 0)])
    assert bank.wallet().minutes == {f"{(NOON + 400) // 60}cu": 1}


# --- key quotas -----------------------------------------------------------------------------


def test_what_a_call_did_not_cost_returns_to_its_keys_quota() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 100)
    bank.wallets.set_key_quota(USER, "k002", 100)
    outcomes = [
        ended(bank.hold(20, limited_key=True), 7),
        ended(bank.hold(30, limited_key=True), 11),
        ended(bank.hold(50, limited_key=True, key_alias="k002"), 60),
        ended(bank.hold(40, key_alias="k003"), 5),
    ]
    bank.wallets.settle(USER, 0, outcomes)
    assert bank.wallet().keys == {KEY: 82, "k002": 40}


@pytest.mark.parametrize("again", [False, True], ids=["dropped", "dropped and set again"])
def test_a_quota_that_went_gets_nothing_back(again: bool) -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 100)
    hold = bank.hold(20, limited_key=True)
    bank.wallets.drop_key_quota(USER, KEY)
    if again:
        bank.wallets.set_key_quota(USER, KEY, 50)
    bank.wallets.settle(USER, 0, [ended(hold, 7)])
    assert bank.wallet().keys == ({KEY: 43} if again else {})
    assert bank.sums() == (993, 0, 7)


def test_a_quota_set_while_calls_are_open_counts_what_they_cost() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 100)
    limited = bank.hold(20, limited_key=True)
    other = bank.hold(20, limited_key=True, key_alias=KEY)
    bank.wallets.set_key_quota(USER, KEY, 500)
    bank.wallets.settle(USER, 0, [ended(limited, 7), ended(other, 3)])
    assert bank.wallet().keys == {KEY: 490}


def test_a_quota_set_after_a_call_began_is_not_enriched_by_it() -> None:
    bank = Bank()
    hold = bank.hold(20)
    bank.wallets.set_key_quota(USER, KEY, 100)
    bank.wallets.settle(USER, 0, [ended(hold, 7)])
    assert bank.wallet().keys == {KEY: 100}


def test_a_quota_dropped_while_settling_is_noticed() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 100)
    holds = [bank.hold(20, limited_key=True), bank.hold(20, limited_key=True)]
    bank.wallets.drop_key_quota(USER, KEY)
    image = bank.wallet()
    bank.wallets.set_key_quota(USER, KEY, 100)
    bank.wallets.settle(USER, 0, [ended(hold, 7) for hold in holds], image)
    assert bank.wallet().keys == {KEY: 86}


# --- subscriptions --------------------------------------------------------------------------


def test_what_a_call_did_not_cost_returns_to_its_windows() -> None:
    bank = subscribed()
    hold = bank.hold(30, subscription=TERMS)
    bank.wallets.settle(USER, 0, [ended(hold, 12)])
    wallet = bank.wallet()
    assert (bank.sums(), left(bank)) == ((1_000, 0, 0), (88, 488, 888))
    assert (wallet.subscription_debits, wallet.days["20231115c"]) == (12, 12)


def test_both_fundings_are_settled_by_one_write_and_counted_apart() -> None:
    bank = subscribed()
    paid, subscription = bank.hold(30), bank.hold(40, subscription=TERMS)
    bank.dynamo.sent.clear()
    bank.wallets.settle(USER, 0, [ended(paid, 12), ended(subscription, 15)])
    assert operations(bank, "Wallets") == ["UpdateItem"]
    assert (bank.sums(), bank.wallet().subscription_debits) == ((988, 0, 12), 15)


def test_a_window_that_rolled_gets_nothing_of_an_older_call() -> None:
    bank = subscribed()
    old = bank.hold(30, subscription=TERMS)
    bank.hold(10, subscription=TOMORROW)
    bank.wallets.settle(USER, 0, [ended(old, 12)])
    assert left(bank) == (90, 478, 878)


def test_calls_of_two_days_are_settled_together() -> None:
    bank = subscribed()
    old = bank.hold(30, subscription=TERMS)
    new = bank.hold(10, subscription=TOMORROW)
    bank.wallets.settle(USER, 0, [ended(old, 12), ended(new, 4)])
    assert left(bank) == (96, 484, 884)


def test_a_window_an_extension_entered_gets_back_only_what_it_gave() -> None:
    bank = subscribed()
    bank.now = (DAY + 86_390) * 1_000
    hold = bank.hold(30, subscription=TERMS)
    bank.wait(20)
    hold = bank.wallets.extend(hold, 50)
    bank.wallets.settle(USER, 0, [ended(hold, 5)])
    assert left(bank) == (100, 495, 895)


def test_a_call_beyond_its_hold_is_charged_to_its_windows() -> None:
    bank = subscribed()
    hold = bank.hold(30, subscription=TERMS)
    bank.wallets.settle(USER, 0, [ended(hold, 45)])
    assert left(bank) == (55, 455, 855)


@pytest.mark.parametrize(
    ("rolled", "expected"),
    [
        pytest.param(False, (100, 500, 900), id="its window is still open"),
        pytest.param(True, (90, 490, 890), id="the day has rolled since"),
    ],
)
def test_a_tombstone_finds_out_which_windows_its_call_was_charged_to(
    rolled: bool, expected: tuple[int, int, int]
) -> None:
    bank = subscribed()
    hold = bank.hold(30, subscription=TERMS)
    if rolled:
        bank.hold(10, subscription=TOMORROW)
    bank.wallets.settle(USER, 0, [Outcome(hold.id, 30, 0)])
    assert left(bank) == expected


def test_a_subscription_that_went_gets_nothing_back() -> None:
    bank = subscribed()
    hold = bank.hold(30, subscription=TERMS)
    item = bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {}
    item["subscriptions"] = {"M": {}}
    bank.dynamo.apply("PutItem", {"TableName": "Wallets", "Item": item})
    bank.wallets.settle(USER, 0, [ended(hold, 12)])
    assert (bank.wallet().open, bank.wallet().subscription_debits) == ({}, 12)


# --- trouble --------------------------------------------------------------------------------


def test_a_shard_that_is_not_there_is_said_to_be_missing() -> None:
    bank = Bank()
    hold = bank.hold(20)
    with pytest.raises(WalletMissing):
        bank.wallets.settle(USER, 5, [ended(hold, 7)])


def test_one_hold_nobody_can_settle_does_not_stop_the_rest() -> None:
    bank = Bank()
    holds = [bank.hold(20) for _ in range(4)]

    def reject(operation: str, request: Any) -> None:
        if holds[2].id in request.get("ExpressionAttributeNames", {}).values():
            raise RequestRejected("ValidationException", "?")

    bank.dynamo.before = reject
    with pytest.raises(RequestRejected):
        bank.wallets.settle(USER, 0, [ended(hold, 7) for hold in holds])
    bank.calm()
    assert holds[0].id not in bank.wallet().open
    assert holds[2].id in bank.wallet().open


def test_a_wallet_that_never_holds_still_is_left_for_later() -> None:
    bank = Bank()
    holds = [bank.hold(20), bank.hold(20)]
    bank.wallets.set_key_quota(USER, KEY, 100)
    limited = bank.hold(20, limited_key=True)

    def contradict(operation: str, request: Any) -> None:
        bank.dynamo.before = None
        if "attribute_exists(#keys.#key0" in request["ConditionExpression"]:
            bank.wallets.drop_key_quota(USER, KEY)
        else:
            bank.wallets.set_key_quota(USER, KEY, 100)
        bank.dynamo.before = contradict

    bank.dynamo.before = contradict
    with pytest.raises(Throttled):
        bank.wallets.settle(USER, 0, [ended(hold, 7) for hold in [limited, *holds]])
    bank.calm()
    bank.wallets.settle(USER, 0, [ended(hold, 7) for hold in [limited, *holds]])
    assert bank.sums() == (979, 0, 21)


def worst(bank: Bank, groups: int) -> list[Outcome]:
    """Forty holds with as many keys and subscriptions among them as a wallet can have."""
    for index in range(20):
        bank.wallets.set_key_quota(USER, f"l{index:03d}", 10_000)
    windows = Windows(DAY, DAY, DAY)
    for index in range(groups):
        plenty: Any = dict.fromkeys(("day", "week", "month"), 10**6)
        bank.wallets.set_subscription(
            USER, f"g{index:03d}", Subscription(windows, plenty, plenty, NOON + 30 * 86_400)
        )
    holds = []
    for index in range(40):
        terms = SubscriptionTerms(f"g{index % groups:03d}", DAY, DAY + 86_400, DAY, DAY)
        holds.append(
            bank.hold(
                10,
                key_alias=f"l{index % 20:03d}",
                limited_key=True,
                subscription=terms if groups and index % 2 else None,
                rpm=1_000,
            )
        )
    return [ended(hold, 3) for hold in holds]


@pytest.mark.parametrize(("groups", "writes"), [(1, 1), (2, 1), (10, 2)])
def test_even_the_worst_forty_fit_dynamodbs_limits(groups: int, writes: int) -> None:
    bank = Bank(balance=10_000)
    outcomes = worst(bank, groups)
    bank.dynamo.sent.clear()
    assert len(bank.wallets.settle(USER, 0, outcomes)) == 40
    assert operations(bank, "Wallets").count("UpdateItem") == writes
    for _, request in bank.dynamo.sent:
        assert len(request["UpdateExpression"]) <= 4_096
        assert len(request["ConditionExpression"]) <= 4_096
    assert bank.wallet().open == {}


def test_forty_plain_holds_stay_far_below_the_limits() -> None:
    bank = Bank()
    outcomes = [ended(bank.hold(10), 3) for _ in range(40)]
    request = settlement(outcomes, None, 0).request()
    assert len(request["ConditionExpression"]) < 2_000
    assert len(request["UpdateExpression"]) < 1_500
