"""What people and jobs change on wallets: at once, everywhere, and never against a running call."""

from typing import Any

import pytest

from tests.simulation.bank import KEY, NOON, USER, Bank
from tollgate.domain.errors import (
    Conflict,
    KeyQuotaExhausted,
    KeyRevoked,
    UserDisabled,
    ValidationFailed,
)
from tollgate.domain.limits import StaleProfile
from tollgate.domain.record import Windows
from tollgate.domain.wallet import Outcome, Subscription
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.wallet import WalletMissing

NOBODY = "usr_0000000000000000"
ONES: Any = {"day": 1, "week": 1, "month": 1}


def test_a_new_wallet_is_empty_and_complete() -> None:
    bank = Bank(balance=0)
    item = bank.dynamo.item("Wallets", f"{USER}#0", "wallet")
    zero = {"N": "0"}
    empty: dict[str, Any] = {"M": {}}
    assert item == {
        "pk": {"S": "usr_0123456789abcdef#0"},
        "sk": {"S": "wallet"},
        "status": {"S": "active"},
        "version": zero,
        "profile_version": {"N": "1"},
        "shards": {"N": "1"},
        "available": zero,
        "held": zero,
        "debits": zero,
        "credits": zero,
        "transfers": zero,
        "subscription_debits": zero,
        "closed": zero,
        "late": zero,
        "updated_at": zero,
        "holds": empty,
        "task_holds": empty,
        "keys": empty,
        "revoked": empty,
        "subscriptions": empty,
        "minutes": empty,
        "days": empty,
    }


def test_creating_a_wallet_twice_keeps_what_is_in_it() -> None:
    bank = Bank(balance=100)
    bank.wallets.create(USER, shards=2, profile_version=5)
    assert (bank.sums(), len(bank.wallets.read(USER).shards)) == ((100, 0, 0), 2)


def test_a_status_counts_at_once_on_every_shard() -> None:
    bank = Bank(shards=3)
    bank.wallets.set_status(USER, "suspended")
    for _ in range(6):
        with pytest.raises(UserDisabled):
            bank.hold(0)
    bank.wallets.set_status(USER, "active")
    assert bank.hold(0)


def test_a_revoked_key_is_refused_at_once_and_others_are_not() -> None:
    bank = Bank(shards=2)
    bank.wallets.revoke_key(USER, KEY, 2)
    for _ in range(4):
        with pytest.raises(KeyRevoked):
            bank.hold(0)
    assert bank.hold(0, key_alias="k002")


def test_a_revocation_is_forgotten_once_the_profile_without_the_key_is_published() -> None:
    bank = Bank()
    bank.wallets.revoke_key(USER, KEY, 3)
    bank.wallets.set_profile_version(USER, 2)
    assert bank.wallet().revoked == {KEY: 3}
    bank.wallets.set_profile_version(USER, 3)
    assert bank.wallet().revoked == {}
    with pytest.raises(StaleProfile):
        bank.hold(0, profile_version=2)


def test_a_revocation_is_remembered_while_the_keys_calls_run() -> None:
    bank = Bank()
    hold = bank.hold(10)
    bank.wallets.revoke_key(USER, KEY, 2)
    bank.wallets.set_profile_version(USER, 2)
    with pytest.raises(KeyRevoked):
        bank.wallets.extend(hold, 20)
    bank.wallets.settle(USER, 0, [Outcome(hold.id, 10, 5)])
    bank.wallets.set_profile_version(USER, 2)
    assert bank.wallet().revoked == {}


def test_a_profile_version_never_goes_back() -> None:
    bank = Bank(shards=2)
    bank.wallets.set_profile_version(USER, 7)
    bank.wallets.set_profile_version(USER, 4)
    assert [shard.profile_version for shard in bank.wallets.read(USER).shards] == [7, 7]


# --- quotas ---------------------------------------------------------------------------------


def test_a_quota_counts_from_the_next_call_on() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 50)
    bank.wallets.add_key_quota(USER, KEY, 25)
    bank.wallets.add_key_quota(USER, KEY, -5)
    assert bank.wallet().keys == {KEY: 70}
    with pytest.raises(KeyQuotaExhausted):
        bank.hold(71, limited_key=True)
    bank.wallets.drop_key_quota(USER, KEY)
    bank.wallets.drop_key_quota(USER, KEY)
    assert bank.hold(71).amount == 71


def test_only_so_many_keys_have_a_quota() -> None:
    bank = Bank()
    for index in range(20):
        bank.wallets.set_key_quota(USER, f"l{index:03d}", 1)
    with pytest.raises(ValidationFailed, match="at most 20 keys"):
        bank.wallets.set_key_quota(USER, KEY, 1)
    bank.wallets.set_key_quota(USER, "l007", 9)
    assert len(bank.wallet().keys) == 20


@pytest.mark.parametrize("amount", [1, 9 * 10**15])
def test_a_quota_that_is_not_there_or_would_overflow_is_not_raised(amount: int) -> None:
    bank = Bank()
    if amount > 1:
        bank.wallets.set_key_quota(USER, KEY, 1)
    with pytest.raises(ValidationFailed):
        bank.wallets.add_key_quota(USER, KEY, amount)


def test_raising_a_quota_is_never_repeated_by_itself() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 50)
    bank.lose_answers(OutcomeUnknown("silence"))
    with pytest.raises(OutcomeUnknown):
        bank.wallets.add_key_quota(USER, KEY, 25)
    assert bank.wallet().keys == {KEY: 75}


def test_a_quota_is_set_again_where_calls_come_in_between() -> None:
    bank = Bank()
    bank.wallets.set_key_quota(USER, KEY, 50)
    calls = iter([10, 15])

    def call(operation: str, request: Any) -> None:
        if operation == "UpdateItem" and (amount := next(calls, None)):
            bank.dynamo.before = None
            bank.hold(amount, limited_key=True)
            bank.dynamo.before = call

    bank.dynamo.before = call
    bank.wallets.set_key_quota(USER, KEY, 500)
    assert bank.wallet().keys == {KEY: 475}


def test_a_quota_of_a_wallet_that_never_holds_still_is_a_conflict() -> None:
    bank = Bank()

    def call(operation: str, request: Any) -> None:
        if operation == "UpdateItem":
            bank.dynamo.before = None
            bank.hold(1, key_alias="k002")
            bank.dynamo.before = call

    bank.dynamo.before = call
    with pytest.raises(Conflict, match="busy"):
        bank.wallets.set_key_quota(USER, KEY, 500)


# --- days and subscriptions -----------------------------------------------------------------


def test_a_day_is_dropped_only_as_it_was_counted() -> None:
    bank = Bank()
    hold = bank.hold(20)
    bank.wallets.settle(USER, 0, [Outcome(hold.id, 20, 7)])
    assert not bank.wallets.close_day(USER, 0, "20231115", (7, 2))
    assert not bank.wallets.close_day(USER, 0, "20231115", (8, 1))
    assert not bank.wallets.close_day(USER, 0, "20231116", (0, 0))
    assert bank.wallets.close_day(USER, 0, "20231115", (7, 1))
    assert not bank.wallets.close_day(USER, 0, "20231115", (7, 1))
    wallet = bank.wallet()
    assert (wallet.days, wallet.closed) == ({}, 7)


def test_a_subscription_replaces_the_one_before() -> None:
    bank = Bank()
    parts: Any = {"day": 1, "week": 2, "month": 3}
    for end in (NOON + 5, NOON + 9):
        bank.wallets.set_subscription(
            USER, "g001", Subscription(Windows(1, 2, 3), parts, parts, end)
        )
    assert bank.wallet().subscriptions == {
        "g001": Subscription(Windows(1, 2, 3), parts, parts, NOON + 9)
    }


def test_every_wallet_is_found_by_segments() -> None:
    bank = Bank(shards=3)
    bank.wallets.create("usr_1111111111111111", profile_version=1)
    found = [(w.user, w.shard) for part in range(4) for w in bank.wallets.scan(part, 4)]
    assert sorted(found) == [(USER, 0), (USER, 1), (USER, 2), ("usr_1111111111111111", 0)]


def test_a_long_scan_goes_on_from_page_to_page() -> None:
    bank = Bank(balance=0)
    for number in range(600):
        bank.wallets.create(f"usr_{number:016d}", profile_version=1)
    bank.dynamo.sent.clear()
    assert len(list(bank.wallets.scan())) == 601
    assert len(bank.dynamo.sent) == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda w: w.set_status(NOBODY, "active"), id="status"),
        pytest.param(lambda w: w.revoke_key(NOBODY, KEY, 1), id="revoke"),
        pytest.param(lambda w: w.set_profile_version(NOBODY, 1), id="profile"),
        pytest.param(lambda w: w.set_key_quota(NOBODY, KEY, 1), id="set quota"),
        pytest.param(lambda w: w.add_key_quota(NOBODY, KEY, 1), id="add quota"),
        pytest.param(lambda w: w.drop_key_quota(NOBODY, KEY), id="drop quota"),
        pytest.param(lambda w: w.close_day(NOBODY, 0, "20231115", (0, 0)), id="day"),
        pytest.param(lambda w: w.read(NOBODY), id="read"),
        pytest.param(
            lambda w: w.set_subscription(
                NOBODY, "g001", Subscription(Windows(1, 2, 3), ONES, ONES, 1)
            ),
            id="subscription",
        ),
    ],
)
def test_nobody_has_no_wallet_to_change(change: Any) -> None:
    with pytest.raises(WalletMissing):
        change(Bank().wallets)
