"""The wallet's real requests on moto and on the evaluator leave the very same items behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Index
from tests.locked_moto import REGION, create_table
from tests.store_clients import at_once
from tollgate.domain.catalog import Limits
from tollgate.domain.errors import (
    BudgetExceeded,
    ConcurrencyLimited,
    InsufficientBalance,
    KeyRevoked,
    RateLimited,
    SubscriptionExhausted,
    TollgateError,
)
from tollgate.domain.ledger import Correction, Credit
from tollgate.domain.limits import Hold, HoldRequest
from tollgate.domain.record import UsageRecord, Windows
from tollgate.domain.scopes import Scope, scopes_of
from tollgate.domain.wallet import Outcome, Subscription
from tollgate.domain.windows import SubscriptionTerms
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.dynamodb import Dynamo
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.store.wallet_ledger import TIME_INDEX

USER = "usr_0123456789abcdef"
NOON = 1_700_049_600
DAY = NOON - NOON % 86_400
INDEX = {TIME_INDEX: Index("ledger_user", "ledger_at", range_type="N")}
PARTS: Any = {"day": 100, "week": 300, "month": 900}


def asked(amount: int, **changes: Any) -> HoldRequest:
    plain: dict[str, Any] = {
        "user": USER,
        "key_alias": "k001",
        "amount": amount,
        "limited_key": True,
        "profile_version": 5,
        "tokens": 7,
    }
    plain |= changes
    limits = Limits(60, 10**6, 10, 10**6, 10**6, 10**6)
    scopes = scopes_of(limits, (plain["key_alias"], limits), ("g001", limits))
    return HoldRequest(**{"scopes": scopes} | plain)


def terms(days: int = 0) -> SubscriptionTerms:
    day = DAY + days * 86_400
    return SubscriptionTerms("g001", day, day + 86_400, DAY, DAY)


@dataclass
class Life:
    """Everything that is done to wallets and records, in one long day; `said` is what came back."""

    dynamo: Dynamo
    now: int = NOON * 1_000
    said: list[Any] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)

    def __post_init__(self) -> None:
        drawn = count()
        self.wallets = Wallets(
            self.dynamo, "wallets", lambda below: next(drawn) % below, lambda: self.now
        )
        self.records = UsageRecords(self.dynamo, "usage")

    def found(self) -> None:
        """Create, credit, limit, subscribe."""
        topup = Credit(USER, 1_000, "topup", "stripe", "pi_1", "stripe")
        self.wallets.create(USER, profile_version=1)
        self.said += [self.wallets.credit(topup), self.wallets.credit(topup)]
        self.wallets.set_key_quota(USER, "k001", 500)
        self.wallets.add_key_quota(USER, "k001", 50)
        windows = Windows(DAY, DAY, DAY)
        self.wallets.set_subscription(
            USER, "g001", Subscription(windows, PARTS, PARTS, NOON + 10**7)
        )

    def call(self) -> None:
        """Hold, extend, roll windows, be refused."""
        paid = self.wallets.extend(self.wallets.hold(asked(100)), 150)
        task = self.wallets.hold(asked(5, ttl_class="t", deadline=NOON + 60))
        first = self.wallets.hold(asked(30, subscription=terms()))
        self.now += 86_400_000
        rolled = self.wallets.extend(self.wallets.hold(asked(20, subscription=terms(1))), 25)
        self.holds = {"paid": paid, "task": task, "first": first, "rolled": rolled}
        self.refused(asked(2_000, limited_key=False, key_alias="k009"), InsufficientBalance)
        self.refused(asked(100, subscription=terms(1)), SubscriptionExhausted)
        for limits, kind in (
            (Limits(rpm=1), RateLimited),
            (Limits(tpm=8), RateLimited),
            (Limits(concurrency=1), ConcurrencyLimited),
            (Limits(spend_day=25), BudgetExceeded),
        ):
            self.refused(asked(1, scopes=(Scope("key", limits, "k001"),)), kind)

    def refused(self, request: HoldRequest, kind: type[TollgateError]) -> None:
        """Be refused so."""
        with pytest.raises(kind) as caught:
            self.wallets.hold(request)
        self.said.append(caught.value.message)

    def settle(self) -> None:
        """Record, abandon, come late, settle twice."""
        charges = {"paid": 120, "first": 11, "rolled": 30}
        facts = [self.fact(name, charge) for name, charge in charges.items()]
        self.said += [self.records.put(fact) for fact in [*facts, facts[0]]]
        self.records.draft(self.fact("task", 2))
        task = self.holds["task"]
        self.said.append(self.records.abandon(USER, task.id, 5))
        self.said.append(self.records.put(self.fact("task", 4)))
        late = self.records.get(USER, task.rid)
        assert late is not None
        second = self.now // 1_000
        ends = [
            Outcome(f.hold, 0, f.charge, f.windows, tokens=9, ended=second, entered=f.entered)
            for f in [*facts, late]
        ]
        for _ in range(2):
            self.said.append(sorted(self.wallets.settle(USER, 0, ends)))
            self.said.append(self.wallets.late_debit(late))
        self.said.append(self.wallets.close_day(USER, 0, "20231115", (133, 3)))

    def correct(self) -> None:
        """Correct calls of both fundings, twice, back and forth, and too much."""
        for name, amount in (("paid", 7), ("rolled", -9)):
            fact = self.fact(name, 120)
            first = Correction(fact, amount, 0, "job_1", "wrong list")
            self.said += [self.wallets.correct(first), self.wallets.correct(first)]
            self.said.append(self.wallets.correct(replace(first, amount=-amount, number=1)))
            with pytest.raises((InsufficientBalance, SubscriptionExhausted)) as caught:
                self.wallets.correct(replace(first, amount=-5_000, number=2))
            rid = self.holds[name].rid
            self.said += [caught.value.message, self.wallets.corrections(USER, rid)]
        self.said.append(self.wallets.corrections_between(USER, "0", "z"))

    def fact(self, name: str, charge: int) -> UsageRecord:
        """The record of a call."""
        hold = self.holds[name]
        return UsageRecord(
            USER,
            hold.id,
            hold.amount,
            charge,
            windows=hold.windows,
            entered=hold.entered,
            price='{"x":1}',
        )

    def administer(self) -> None:
        """Revoke, publish, shard, transfer, suspend."""
        self.wallets.revoke_key(USER, "k002", 5)
        self.refused(asked(1, key_alias="k002", limited_key=False), KeyRevoked)
        self.wallets.set_profile_version(USER, 5)
        self.wallets.add_shards(USER, 2)
        self.said += [self.wallets.transfer(USER, 0, 1, amount) for amount in (300, 10_000)]
        self.said.append(self.wallets.consolidate(USER, 2))
        self.wallets.drop_key_quota(USER, "k003")
        self.wallets.set_status(USER, "suspended")

    def look(self) -> None:
        """Read, list, scan."""
        newest = self.wallets.ledger(USER, limit=1)
        self.said += [self.wallets.read(USER), newest, self.wallets.ledger(USER, newest.cursor)]
        self.said.append(self.records.list(USER, NOON * 1_000, self.now + 1, limit=2))
        self.said.append(list(self.wallets.scan()))
        self.now += 8 * 86_400_000
        for wallet in self.wallets.scan():
            self.wallets.clear_idle(wallet)
        self.said.append(list(self.wallets.scan()))


def lived(dynamo: Dynamo) -> list[Any]:
    """What came back over a whole life."""
    life = Life(dynamo)
    for part in (life.found, life.call, life.settle, life.correct, life.administer, life.look):
        part()
    return life.said


def items(client: Any, table: str) -> list[Mapping[str, Any]]:
    """All items of a table on moto, by key, with numbers and maps in one form."""
    found = client.scan(TableName=table)["Items"]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def test_moto_and_the_evaluator_agree_on_a_wallets_whole_life(moto: None) -> None:
    client = boto3_client("dynamodb", REGION, read_timeout=60)
    create_table(client, "wallets", INDEX)
    create_table(client, "usage")
    ours = InMemoryDynamo({"wallets": INDEX, "usage": {}})
    assert lived(Boto3Dynamo(client, at_once)) == lived(ours)
    for table in ("wallets", "usage"):
        assert items(client, table) == ours.items(table)
