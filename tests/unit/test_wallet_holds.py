"""Opening holds: one write against every limit, fresh ids, money from sibling shards."""

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
from tollgate.domain.sharding import home
from tollgate.domain.windows import SubscriptionTerms
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, Throttled
from tollgate.store.wallet import IdentityViolated, WalletMissing, Wallets

DAY = NOON - NOON % 86_400
TERMS = SubscriptionTerms("g001", DAY, DAY + 86_400, DAY, DAY)


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
    assert (wallet.keys, wallet.minutes) == ({KEY: 200}, {f"{NOON // 60}cu": 1})


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
    assert bank.hold(1, rpm=9).stale_minutes == (f"{NOON // 60}cu",)


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
