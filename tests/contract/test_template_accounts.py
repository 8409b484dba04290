"""Places, quotas and health of accounts, by the roles of those who keep them."""

import pytest

from tests.account_quota_room import ACCOUNT, HOUR, NOON, call, defined
from tests.dynamodb_in_memory import InMemoryDynamo
from tests.iam import AccessDenied, Role
from tollgate.domain.catalog import Account, Health
from tollgate.domain.definitions import AccountQuota
from tollgate.domain.health import QUOTA
from tollgate.services.account_quotas import AccountQuotas
from tollgate.services.health import AccountHealth
from tollgate.services.leases import LeasedSlots
from tollgate.services.slots import FREE
from tollgate.store.account_quotas import AccountQuotaTable
from tollgate.store.leases import Lease, Leases
from tollgate.store.snapshots import Snapshots

QUOTAS = {"day": AccountQuota(1_000)}


def clock() -> int:
    return NOON * 1_000


def tables(function: str) -> InMemoryDynamo:
    """A State table that only this function's role may use."""
    dynamo = InMemoryDynamo(["State"])
    dynamo.before = Role(function).guard
    return dynamo


def quotas(dynamo: InMemoryDynamo) -> AccountQuotas:
    health = AccountHealth(Snapshots(dynamo, "State"), clock)
    return AccountQuotas(AccountQuotaTable(dynamo, "State"), lambda _: QUOTAS, health, clock)


@pytest.mark.parametrize("function", ["BillingAggregator", "Janitor"])
def test_who_settles_counts_and_lets_accounts_rest(function: str) -> None:
    dynamo = tables(function)
    quotas(dynamo).add([call(NOON - HOUR, 10), call(NOON, 1_000)])
    assert QUOTA in Snapshots(dynamo, "State").read_health().accounts[ACCOUNT]


def test_the_janitor_corrects_and_reviews() -> None:
    dynamo = tables("Janitor")
    quotas(dynamo).add([call(NOON - HOUR, 10)])
    quotas(dynamo).correct("2026112212", {ACCOUNT: 2_000})
    quotas(dynamo).review([defined(day=AccountQuota(5_000))])
    assert Snapshots(dynamo, "State").read_health().accounts == {}


def test_the_admin_function_resets() -> None:
    table = AccountQuotaTable(tables("Admin"), "State")
    assert table.reset(ACCOUNT, ["day"]).spent == {}
    assert table.read_all([ACCOUNT]) == {ACCOUNT: table.read(ACCOUNT)}


def test_the_relay_takes_places_and_gives_them_back() -> None:
    limited = Account("acc_1", "a", "openai", "apikey", "https://a", {}, concurrency=1)
    dynamo = tables("Relay")
    slots = LeasedSlots(Leases(dynamo, "State"), clock, lambda below: below // 2)
    slot = slots.take(limited, clock())
    assert slot is not None
    assert slot is not FREE
    assert slots.take(limited, clock()) is None
    slot.release()
    assert Leases(dynamo, "State").look("acc_1", 1) == {}


def test_the_janitor_probes_one_at_a_time() -> None:
    leases = Leases(tables("Janitor"), "State")
    lease = Lease("probe#acc_1", 0, clock() + 60_000, 7)
    assert leases.take(lease, clock()).got
    leases.give_back(lease)


def test_all_who_keep_health_may_write_it_and_others_may_not() -> None:
    for function in ("Relay", "Admin", "BillingAggregator", "Janitor"):
        assert Snapshots(tables(function), "State").write_health(Health(0, {"acc_1": {"a": 1}}))
    with pytest.raises(AccessDenied):
        Snapshots(tables("Portal"), "State").write_health(Health())
