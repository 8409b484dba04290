"""Opening and extending holds: one write against every limit, fresh ids, money from siblings."""

from typing import Any

import pytest

from tests.simulation.bank import KEY, NOON, USER, Bank, operations
from tollgate.domain.errors import (
    BillingUnavailable,
    ConcurrencyLimited,
    InsufficientBalance,
    KeyQuotaExhausted,
    KeyRevoked,
    RateLimited,
    SubscriptionExhausted,
    TollgateError,
    UserDisabled,
)
from tollgate.domain.limits import StaleProfile
from tollgate.domain.record import Windows
from tollgate.domain.sharding import home
from tollgate.domain.wallet import Outcome, Subscription
from tollgate.domain.windows import WEEK, SubscriptionTerms
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, Throttled
from tollgate.store.wallet import IdentityViolated, WalletMissing, Wallets

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


# --- open -----------------------------------------------------------------------------------


def test_a_hold_moves_money_from_available_to_held_in_one_write() -> None:
    bank = Bank(balance=1_000)
    hold = bank.hold(300)
    assert operations(bank, "Wallets") == ["UpdateItem"]
    assert bank.sums() == (700, 300, 0)
    assert bank.wallet().holds == {hold.id: 300}
    assert (hold.user, hold.shard, hold.amount, hold.funding) == (USER, 0, 300, "wallet")
    assert (hold.started, hold.windows, hold.stale_minutes) == (NOON * 1_000, None, ())
    assert hold.id.startswith(hold.rid)


def test_every_limit_is_counted_by_the_same_write() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 500)
    bank.dynamo.sent.clear()
    bank.hold(300, limited_key=True, rpm=2, concurrency=2)
    wallet = bank.wallet()
    assert operations(bank, "Wallets")[0] == "UpdateItem"
    assert (wallet.keys, wallet.minutes) == ({KEY: 200}, {NOON // 60: 1})


@pytest.mark.parametrize(
    ("changes", "limits", "refusal"),
    [
        pytest.param({"amount": 1_001}, {}, InsufficientBalance, id="more than the balance"),
        pytest.param({"concurrency": 1}, {}, ConcurrencyLimited, id="one call too many at once"),
        pytest.param({"rpm": 1}, {}, RateLimited, id="one call too many in a minute"),
        pytest.param({"limited_key": True}, {"quota": 99}, KeyQuotaExhausted, id="key quota"),
        pytest.param({}, {"revoked": True}, KeyRevoked, id="revoked key"),
        pytest.param({}, {"status": "suspended"}, UserDisabled, id="suspended user"),
        pytest.param({"profile_version": 0}, {}, StaleProfile, id="stale profile"),
        pytest.param(
            {"subscription": TERMS}, {}, SubscriptionExhausted, id="no subscription of that group"
        ),
    ],
)
def test_a_refusal_moves_nothing(
    changes: dict[str, Any], limits: dict[str, Any], refusal: type[TollgateError]
) -> None:
    bank = Bank(balance=1_000)
    bank.hold(0, rpm=60)
    if "quota" in limits:
        bank.wallets.set_key_quota(USER, KEY, limits["quota"])
    if "revoked" in limits:
        bank.wallets.revoke_key(USER, KEY, 2)
    if "status" in limits:
        bank.wallets.set_status(USER, limits["status"])
    before = bank.wallet()
    bank.dynamo.sent.clear()
    with pytest.raises(refusal):
        bank.hold(**{"amount": 100} | changes)
    assert len(bank.dynamo.sent) == 1
    assert bank.wallet() == before


def test_a_free_call_passes_on_an_empty_balance() -> None:
    bank = Bank(balance=0)
    assert bank.wallet().holds == {}
    assert bank.hold(0).amount == 0
    with pytest.raises(InsufficientBalance):
        bank.hold(1)


def test_a_quota_the_profile_does_not_know_of_yet_counts_at_once() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 150)
    assert bank.hold(100, limited_key=False).id[20] == "k"
    with pytest.raises(KeyQuotaExhausted):
        bank.hold(100, limited_key=False)


def test_a_task_holds_beside_the_calls_but_within_held() -> None:
    bank = Bank()
    hold = bank.hold(40, ttl_class="t", deadline=NOON + 7_200)
    assert (bank.wallet().task_holds, bank.wallet().holds) == ({hold.id: 40}, {})
    assert bank.sums() == (960, 40, 0)


def test_nobody_without_a_wallet_holds_anything() -> None:
    with pytest.raises(WalletMissing):
        Bank().hold(1, user="usr_0000000000000000")


def test_old_request_counters_are_named_for_the_settlement() -> None:
    bank = Bank()
    bank.hold(1, rpm=9)
    bank.wait(400)
    assert bank.hold(1, rpm=9).stale_minutes == (NOON // 60,)


# --- unclear answers ------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [Throttled("busy"), OutcomeUnknown("silence")])
def test_every_attempt_has_a_fresh_id(trouble: Exception) -> None:
    bank = Bank()
    bank.fail(trouble, trouble)
    hold = bank.hold(10)
    sent = [request["ExpressionAttributeNames"]["#hold"] for _, request in bank.dynamo.sent]
    assert len(set(sent)) == 3
    assert hold.id == sent[-1]
    assert bank.wallet().holds == {hold.id: 10}


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param([Throttled("busy")] * 3, id="throttled"),
        pytest.param([OutcomeUnknown("silence")] * 3, id="no answers"),
        pytest.param([RequestRejected("ValidationException", "?")], id="rejected"),
    ],
)
def test_without_a_clear_answer_nothing_is_relayed(troubles: list[Exception]) -> None:
    bank = Bank()
    bank.fail(*troubles)
    with pytest.raises(BillingUnavailable):
        bank.hold(10)
    assert len(bank.dynamo.sent) == len(troubles)


def test_a_second_of_trouble_is_enough() -> None:
    bank = Bank()

    def slow(operation: str, request: object) -> None:
        bank.wait(1)
        raise OutcomeUnknown("silence")

    bank.dynamo.before = slow
    with pytest.raises(BillingUnavailable):
        bank.hold(10)
    assert len(bank.dynamo.sent) == 1


def test_a_lost_answer_leaves_an_orphan_that_no_record_names() -> None:
    bank = Bank()
    bank.lose_answers(OutcomeUnknown("silence"))
    hold = bank.hold(10)
    assert sorted(bank.wallet().holds.values()) == [10, 10]
    (orphan,) = bank.wallet().holds.keys() - {hold.id}
    assert orphan[:17] == hold.rid


def test_a_lost_answer_is_found_again_where_its_money_is_missing() -> None:
    bank = Bank(balance=10)
    bank.lose_answers(OutcomeUnknown("silence"))
    hold = bank.hold(10)
    assert bank.wallet().holds == {hold.id: 10}


def test_a_wallet_that_changes_all_the_time_is_given_up() -> None:
    bank = Bank()

    def flip(operation: str, request: Any) -> None:
        if "#hold" not in request.get("ExpressionAttributeNames", {}):
            return
        bank.dynamo.before = None
        if KEY in bank.wallet().keys:
            bank.wallets.drop_key_quota(USER, KEY)
        else:
            bank.wallets.set_key_quota(USER, KEY, 100)
        bank.dynamo.before = flip

    bank.dynamo.before = flip
    with pytest.raises(BillingUnavailable):
        bank.hold(10)


# --- what replies show ----------------------------------------------------------------------


def test_a_reply_that_shows_an_expired_hold_asks_for_a_sweep() -> None:
    bank = Bank()
    bank.hold(10)
    bank.wait(1_500)
    bank.hold(10)
    assert bank.expired == []
    bank.wait(1)
    bank.hold(10)
    assert bank.expired == [USER]


def test_a_violated_identity_is_an_alarm_not_a_repair() -> None:
    bank = Bank()
    damaged = bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {}
    damaged["available"] = {"N": "1001"}
    bank.dynamo.apply("PutItem", {"TableName": "Wallets", "Item": damaged})
    bank.hold(10)
    assert len(bank.wrong) == 1
    assert bank.wrong[0].startswith('available + held + debits != credits + transfers: {"')
    loud = Wallets(bank.dynamo, "Wallets", lambda n: n - 1, lambda: bank.now)
    with pytest.raises(IdentityViolated, match=USER):
        loud.read(USER)


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


# --- shards ---------------------------------------------------------------------------------


def test_money_on_sibling_shards_is_gathered_after_a_refusal() -> None:
    bank = Bank(balance=1_000, shards=4)
    for shard in (1, 2, 3):
        bank.wallets.transfer(USER, 0, shard, 250)
    hold = bank.hold(900)
    assert hold.amount == 900
    assert sum(bank.wallet(shard).available for shard in range(4)) == 100
    assert sum(bank.wallet(shard).transfers for shard in range(4)) == 0


def test_a_refusal_is_proven_over_all_shards() -> None:
    bank = Bank(balance=1_000, shards=4)
    with pytest.raises(InsufficientBalance, match=r"0\.000001 USD is available"):
        bank.hold(1_001)


def test_an_extension_gathers_too() -> None:
    bank = Bank(balance=1_000, shards=2)
    hold = bank.hold(400)
    other = 1 - hold.shard
    bank.wallets.transfer(USER, hold.shard, other, bank.wallet(hold.shard).available)
    assert bank.wallets.extend(hold, 700).amount == 700


def test_money_that_others_take_while_it_is_gathered_is_not_called_missing() -> None:
    bank = Bank(balance=100, shards=2)

    def take_away(operation: str, request: Any) -> None:
        if operation == "UpdateItem":
            bank.dynamo.before = None
            for shard in (0, 1):
                bank.wallets.transfer(USER, shard, 1 - shard, bank.wallet(shard).available - 50)
            bank.dynamo.before = take_away

    bank.dynamo.before = take_away
    with pytest.raises(BillingUnavailable):
        bank.hold(100)


def test_a_limited_key_holds_at_its_home_only() -> None:
    bank = Bank(shards=4)
    place = home(KEY, 4)
    bank.wallets.transfer(USER, 0, place, 500)
    bank.wallets.set_key_quota(USER, KEY, 150, place)
    assert bank.hold(100, limited_key=True).shard == place
    with pytest.raises(KeyQuotaExhausted):
        bank.hold(100, limited_key=True)


def test_a_limited_key_without_its_quota_is_refused_until_it_is_there() -> None:
    with pytest.raises(StaleProfile):
        Bank().hold(100, limited_key=True)
