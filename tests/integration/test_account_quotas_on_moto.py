"""Aggregators at once on one account on locked moto: one window begins, and no nano is lost."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final

import pytest

from tests.account_quota_room import ACCOUNT, DAY, NOON, call, defined
from tests.locked_moto import REGION, create_table
from tests.store_clients import at_once
from tollgate.domain.definitions import AccountQuota
from tollgate.domain.health import QUOTA
from tollgate.services.account_quotas import AccountQuotas
from tollgate.services.health import AccountHealth
from tollgate.store.account_quotas import AccountQuotaTable, StandingChanged
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.snapshots import Snapshots

QUOTAS: Final = {"total": AccountQuota(10_000), "day": AccountQuota(60, "fixed", 0)}
THREADS: Final = 4


@pytest.fixture
def dynamo(moto: None) -> Boto3Dynamo:
    """An empty State table."""
    client = boto3_client("dynamodb", REGION, read_timeout=60)
    create_table(client, "state")
    return Boto3Dynamo(client, at_once)


def aggregator(dynamo: Boto3Dynamo) -> AccountQuotas:
    def clock() -> int:
        return NOON * 1_000

    health = AccountHealth(Snapshots(dynamo, "state"), clock)
    table = AccountQuotaTable(dynamo, "state")
    return AccountQuotas(table, lambda _: QUOTAS, health, clock)


def test_the_life_of_a_quota(dynamo: Boto3Dynamo) -> None:
    table, snapshots = AccountQuotaTable(dynamo, "state"), Snapshots(dynamo, "state")
    aggregator(dynamo).add([call(NOON - DAY, 500)])
    start = Barrier(THREADS)

    def count(number: int) -> None:
        own = aggregator(dynamo)
        start.wait()
        for _ in range(5):
            while True:
                try:
                    own.add([call(NOON + number, 2)])
                except StandingChanged:
                    continue
                break

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(count, range(THREADS)))

    def used() -> dict[str, int]:
        return {name: each.nanos for name, each in table.read(ACCOUNT).spent.items()}

    midnight = (NOON + DAY // 2) * 1_000
    assert used() == {"total": 540, "day": 40}
    aggregator(dynamo).correct("2026112212", {ACCOUNT: 60})
    aggregator(dynamo).correct("2026112212", {ACCOUNT: 60})
    assert used() == {"total": 560, "day": 60}
    assert snapshots.read_health().accounts[ACCOUNT][QUOTA] == midnight

    aggregator(dynamo).review([defined(total=QUOTAS["total"], day=AccountQuota(70, "fixed", 12))])
    assert table.read(ACCOUNT).spent["day"].resets_at == (NOON + DAY) * 1_000
    assert snapshots.read_health().accounts == {}
    table.reset(ACCOUNT, ["day", "total"])
    assert used() == {}
