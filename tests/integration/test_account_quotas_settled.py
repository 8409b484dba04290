"""Quotas count what was really settled: however a call ends, once, and by the close at last."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.gateway import ACCOUNTS, CHAT, GROUP, USAGE, Gateway, chat_answer
from tollgate.domain.catalog import GroupPart
from tollgate.domain.definitions import AccountQuota
from tollgate.domain.health import QUOTA
from tollgate.services.account_quotas import AccountQuotas, everywhere
from tollgate.services.closing import Closing
from tollgate.services.health import AccountHealth
from tollgate.services.settlement import Settlement
from tollgate.services.sweeping import Sweeping
from tollgate.store.account_quotas import AccountQuotaTable
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.snapshots import Snapshots

HOUR = "2026112212"
HOUR_MS = 3_600_000
COST = 7_500_000
"""Nanos that one of these calls costs us."""

ACCOUNT = "acc_openai"
QUOTAS = {"total": AccountQuota(4 * COST), "day": AccountQuota(3 * COST)}


class Counted:
    """A gateway whose billing counts quotas as the functions do."""

    def __init__(self, group: GroupPart = GROUP) -> None:
        self.gateway = Gateway(lambda request: chat_answer(USAGE), group=group)
        gateway, rollups = self.gateway, self.gateway.rollups
        self.table = AccountQuotaTable(gateway.dynamo, "state")
        self.snapshots = Snapshots(gateway.dynamo, "state")
        health = AccountHealth(self.snapshots, gateway.clock)
        terms: Callable[[str], Any] = {ACCOUNT: QUOTAS}.__getitem__
        self.quotas = AccountQuotas(self.table, terms, health, gateway.clock)
        add_up = everywhere(rollups.add, self.quotas.add)
        marks = rollups.mark_active, add_up
        poison = gateway.poisoned.append
        gateway.settlement = Settlement(gateway.wallets, *marks, poison, gateway.count)
        self.sweeping = Sweeping(
            gateway.wallets, gateway.records, *marks, gateway.clock, gateway.count
        )
        late = self.sweeping.finish_late
        self.closing = Closing(
            *(rollups, gateway.records, gateway.wallets, late, gateway.clock),
            correct=self.quotas.correct,
        )

    def call(self) -> None:
        assert self.gateway.post("/v1/chat/completions", CHAT).status == 200

    def used(self) -> dict[str, int]:
        standing = self.table.read(ACCOUNT)
        return {window: used.nanos for window, used in standing.spent.items()}

    def facts(self) -> Any:
        return self.snapshots.read_health().accounts.get(ACCOUNT, {})


@pytest.fixture
def counted() -> Counted:
    """Nothing was called yet but once in the hour before: counting had begun."""
    found = Counted()
    found.gateway.now -= HOUR_MS
    found.call()
    found.gateway.now += HOUR_MS
    found.gateway.settle()
    return found


def test_calls_count_once_however_often_the_stream_brings_them(counted: Counted) -> None:
    for _ in range(2):
        counted.call()
    batch = counted.gateway.dynamo.stream("usage")
    for _ in range(3):
        counted.gateway.settlement.apply(batch)
    assert counted.used() == {"total": 3 * COST, "day": 3 * COST}
    day_after = counted.gateway.now - HOUR_MS + 24 * HOUR_MS
    assert counted.facts()[QUOTA] == day_after


def test_a_swept_call_counts_as_a_settled_one(counted: Counted) -> None:
    counted.call()
    counted.gateway.now += 1_600_000
    assert counted.sweeping.sweep(counted.gateway.profile.user) == 1
    counted.gateway.settle()
    assert counted.used() == {"total": 2 * COST, "day": 2 * COST}


def test_what_a_crash_between_settling_and_counting_lost_comes_with_the_close(
    counted: Counted,
) -> None:
    counted.call()

    def killed(operation: str, request: Any) -> None:
        key = request.get("Key", {}).get("pk", {}).get("S", "")
        if operation == "UpdateItem" and key.startswith("account_quota#"):
            raise OutcomeUnknown("the aggregator died")

    counted.gateway.dynamo.before = killed
    counted.gateway.settle()
    counted.gateway.dynamo.before = None
    counted.gateway.settle()
    assert counted.used() == {"total": COST, "day": COST}

    counted.gateway.now += 2 * HOUR_MS
    assert HOUR in counted.closing.close_due()
    assert counted.used() == {"total": 2 * COST, "day": 2 * COST}
    counted.gateway.rollups.reopen(HOUR)
    assert counted.closing.close_due() == [HOUR]
    assert counted.used() == {"total": 2 * COST, "day": 2 * COST}


def test_a_call_settled_while_its_hour_is_being_closed_is_counted_once(counted: Counted) -> None:
    counted.call()
    counted.gateway.now += 2 * HOUR_MS
    counted.gateway.rollups.reopen(HOUR)
    # Its record is there, so the close finds it; its stream record comes only afterwards.
    counted.gateway.rollups.mark_active(HOUR, [counted.gateway.profile.user])
    assert HOUR in counted.closing.close_due()
    assert counted.used() == {"total": 2 * COST, "day": 2 * COST}
    counted.gateway.settle()
    assert counted.used() == {"total": 2 * COST, "day": 2 * COST}
    assert counted.closing.close_due() == [HOUR]
    assert counted.used() == {"total": 2 * COST, "day": 2 * COST}


def test_a_quota_is_in_what_the_account_costs_us_whatever_the_user_is_charged() -> None:
    cheap = replace(ACCOUNTS[0], cost_multiplier=Decimal("0.4"))
    dear = replace(GROUP, accounts=(cheap,), multiplier=Decimal(2))
    counted = Counted(dear)
    counted.call()
    counted.gateway.settle()
    assert counted.used() == {"total": 3_000_000, "day": 3_000_000}
    assert counted.gateway.record().charge == 15_000_000
