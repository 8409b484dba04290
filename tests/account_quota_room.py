"""A State table with the figures of accounts, some aggregators, and what all know of health."""

from collections.abc import Mapping
from typing import Any

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.catalog import Health
from tollgate.domain.definitions import AccountDefinition, AccountQuota
from tollgate.domain.health import Facts
from tollgate.domain.holds import Birth, new_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.services.account_quotas import AccountQuotas
from tollgate.services.health import AccountHealth
from tollgate.store.account_quotas import AccountQuotaTable
from tollgate.store.snapshots import Snapshots

NOON = 1_795_348_800
"""2026-11-22 12:00:00 UTC, in seconds: a Sunday."""

SECOND, MINUTE, HOUR, DAY = 1, 60, 3_600, 86_400
ACCOUNT = "acc_0123456789abcdef"


def call(
    at: int = NOON, cost: int = 100, account: str = ACCOUNT, number: int = 0, **more: Any
) -> UsageRecord:
    """A finished call that began in that second."""
    return UsageRecord(
        user="usr_0123456789abcdef",
        hold=new_hold_id(Birth(at, number, 0, 0, "k001")),
        held=1_000,
        charge=2 * cost,
        cost=cost,
        account=account,
        **more,
    )


def defined(account: str = ACCOUNT, **quotas: AccountQuota) -> AccountDefinition:
    """An account with these quotas."""
    return AccountDefinition(account, "a", "openai", "apikey", "https://a", {}, quotas=quotas)


class Room:
    """Accounts with quotas; `now` is in epoch seconds."""

    def __init__(self, **quotas: AccountQuota) -> None:
        self.now = NOON
        self.dynamo = InMemoryDynamo(["state"])
        self.table = AccountQuotaTable(self.dynamo, "state")
        self.snapshots = Snapshots(self.dynamo, "state")
        self.quotas: dict[str, Mapping[str, AccountQuota]] = {ACCOUNT: quotas}

    def clock(self) -> int:
        return self.now * 1_000

    def aggregator(self) -> AccountQuotas:
        """Whoever counts, in an environment of their own."""
        health = AccountHealth(self.snapshots, self.clock)
        return AccountQuotas(self.table, self.terms, health, self.clock)

    def terms(self, account: str) -> Mapping[str, AccountQuota]:
        return self.quotas.get(account, {})

    def facts(self, account: str = ACCOUNT) -> Facts:
        """What all know of an account."""
        health: Health = self.snapshots.read_health()
        return health.accounts.get(account, {})

    def used(self, account: str = ACCOUNT) -> dict[str, int]:
        """Nanos by window."""
        return {window: used.nanos for window, used in self.table.read(account).spent.items()}
