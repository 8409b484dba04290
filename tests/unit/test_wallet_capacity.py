"""What a call costs in write units, counted by DynamoDB's rules from what was really sent (R18)."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.item_size import item_size, write_units
from tests.simulation.bank import KEY, NOON, USER, Bank
from tollgate.domain.catalog import Interval, Limits
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.limits import Hold
from tollgate.domain.record import UsageRecord, Windows
from tollgate.domain.scopes import Scope, scopes_of
from tollgate.domain.wallet import Subscription
from tollgate.domain.windows import SubscriptionTerms
from tollgate.store.marshal import values_of

DAY = NOON - NOON % 86_400
TERMS = SubscriptionTerms("g001", DAY, DAY + 86_400, DAY - 86_400, DAY - 86_400)
RICH = 4_999_123_456_789
PLAIN_ATTRIBUTES = (
    *("pk", "sk", "status", "version", "profile_version", "shards", "available", "held", "debits"),
    *("credits", "transfers", "subscription_debits", "closed", "late", "updated_at", "holds"),
    *("task_holds", "keys", "revoked", "subscriptions", "minutes", "days"),
)
READS = {"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"}
PRICES = {
    "input": "3",
    "output": "15",
    "cache_read": "0.3",
    "cache_write_5m": "3.75",
    "cache_write_1h": "6",
}
SNAPSHOT = PriceSnapshot(
    source="official",
    price_id="claude-sonnet-4-5",
    version=3,
    billing_model="claude-sonnet-4-5-20250929",
    prices=PRICES,
    intervals=(Interval(200_000, None, {"input": "6", "output": "22.5", "cache_read": "0.6"}),),
    multiplier="0.85",
    model_group="standard",
)


def ordinary(bank: Bank, hold: Hold) -> UsageRecord:
    """The record of an ordinary streamed call, with everything a real one has."""
    return bank.fact(
        hold,
        12_345_678,
        cost=9_876_543,
        key="key_01m2ab3cdxk9q2zt",
        group="grp_01m2ab3cdxk9q2zt",
        requested_group="grp_01m2ab3cdxk9q2zt",
        channel="chn_01m2ab3cdxk9q2zt",
        account="acc_01m2ab3cdxk9q2zt",
        model="claude-sonnet-4-5",
        billing_model="claude-sonnet-4-5-20250929",
        upstream_model="claude-sonnet-4-5-20250929",
        chain=("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        model_group="standard",
        usage={"input": 2_345, "output": 678, "cache_read": 12_345, "cache_write_5m": 1_024},
        usage_source="upstream",
        price=SNAPSHOT.to_json(),
        price_source="official",
        price_version=3,
        first_byte=bank.now + 812,
        ended=bank.now + 15_321,
        status=200,
        finish="end_turn",
        upstream_id="msg_01XFDUDYJgAACzvnptvVoYEL",
        dialect="anthropic_messages",
        stream=True,
        attempts=({"account": "acc_01m2ab3cdxk9q2zt", "status": 200, "ms": 812},),
    )


def busy(bank: Bank) -> None:
    """A wallet in daily use: two open days, earlier calls in the same minute, other calls open."""
    bank.wait(-86_400)
    yesterday = bank.hold(10**7, rpm=600)
    bank.wait(86_400)
    for hold in (yesterday, *(bank.hold(10**9, rpm=600) for _ in range(3))):
        bank.records.put(bank.fact(hold, 10**6))
    bank.settle_stream()
    for _ in range(2):
        bank.hold(10**9, rpm=600)


def subscribed(bank: Bank) -> None:
    """Three limited keys and a running subscription."""
    for alias in (KEY, "k002", "k003"):
        bank.wallets.set_key_quota(USER, alias, 10**12 - 1)
    parts: Any = {"day": 999_999_999_999, "week": 3_999_999_999_999, "month": 9_999_999_999_999}
    windows = Windows(TERMS.day, TERMS.week, TERMS.month)
    bank.wallets.set_subscription(
        USER, "g001", Subscription(windows, parts, parts, NOON + 30 * 86_400)
    )


HIGH = Limits(600, 10**6, 50, 10**12, 4 * 10**12, 10**13)
"""Every limit, each too high to be reached."""


def scoped() -> tuple[Scope, ...]:
    """Every limit of a user, a key and a group."""
    return scopes_of(HIGH, (KEY, HIGH), ("g001", HIGH))


def limited_keys(bank: Bank, count: int) -> None:
    """So many keys with every limit, all of them used in the same minute."""
    for index in range(count):
        alias = f"l{index:03d}"
        own = scopes_of(Limits(), (alias, HIGH), ("g001", Limits()))
        hold = bank.hold(10**9, key_alias=alias, scopes=own, tokens=2_345)
        bank.records.put(bank.fact(hold, 10**6, usage={"output": 678}, ended=bank.now))
    bank.settle_stream()


def played(bank: Bank, **changes: Any) -> tuple[int, list[str]]:
    """Hold, record and settle one call; gives the write units and what the relay sent."""
    before = bank.dynamo.write_units()
    streamed = len(bank.dynamo.stream("Usage"))
    sent = len(bank.dynamo.sent)
    if "scopes" not in changes:
        changes |= {"rpm": 600, "concurrency": 50}
    hold = bank.hold(123_456_789, **changes)
    bank.recording.record(ordinary(bank, hold))
    relay = [name for name, _ in bank.dynamo.sent[sent:]]
    assert bank.settle_stream(streamed) == []
    assert hold.id not in bank.wallet().open
    return bank.dynamo.write_units() - before, relay


def test_a_plain_wallets_call_costs_at_most_three_units() -> None:
    bank = Bank(balance=RICH)
    busy(bank)
    units, _ = played(bank)
    assert units <= 3.2


def test_a_subscribed_limited_keys_call_costs_at_most_six_units() -> None:
    bank = Bank(balance=RICH)
    subscribed(bank)
    busy(bank)
    units, _ = played(bank, limited_key=True, subscription=TERMS)
    assert units <= 6


def test_a_call_that_every_limit_counts_costs_at_most_six_units() -> None:
    bank = Bank(balance=RICH)
    limited_keys(bank, 3)
    subscribed(bank)
    busy(bank)
    played(bank, limited_key=True, subscription=TERMS, scopes=scoped(), tokens=2_345)
    units, relay = played(bank, limited_key=True, subscription=TERMS, scopes=scoped(), tokens=2_345)
    assert (units <= 6, relay) == (True, ["UpdateItem", "PutItem"])


def test_a_plain_call_pays_nothing_for_limits_it_does_not_have() -> None:
    """The very bytes and expressions of a call without limits, beside one with a key's."""
    bank = Bank(balance=RICH)
    bank.hold(10**9)
    (_, plain) = bank.dynamo.sent[-1]
    item = bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {}
    assert set(item) == {*PLAIN_ATTRIBUTES}
    assert item["minutes"] == {"M": {}}
    assert len(plain["ConditionExpression"]) < 330
    assert [len(hold) for hold in item["holds"]["M"]] == [25]


def test_every_limit_at_once_fits_in_one_expression() -> None:
    bank = Bank(balance=RICH)
    subscribed(bank)
    bank.hold(10**9, limited_key=True, subscription=TERMS, scopes=scoped(), tokens=2_345)
    for _, request in bank.dynamo.sent[-2:]:
        assert len(request["UpdateExpression"]) < 4_096
        assert len(request["ConditionExpression"]) < 4_096


def test_the_relay_asks_the_wallet_once_reads_nothing_and_uses_no_transaction() -> None:
    bank = Bank(balance=RICH)
    busy(bank)
    _, relay = played(bank)
    assert relay == ["UpdateItem", "PutItem"]
    assert not READS & set(relay)


def test_every_write_of_a_wallet_is_conditional() -> None:
    bank = Bank(balance=RICH, shards=2)
    subscribed(bank)
    busy(bank)
    played(bank, limited_key=True, subscription=TERMS)
    bank.wallets.set_status(USER, "active")
    bank.wallets.revoke_key(USER, "k003", 2)
    bank.wallets.set_profile_version(USER, 2)
    bank.wallets.transfer(USER, 0, 1, 5)
    assert all(
        action.get("ConditionExpression")
        for name, request in bank.dynamo.sent
        if name not in READS
        for action in written(request)
    )


def written(request: Mapping[str, Any]) -> list[Any]:
    """The writes of a request, one by one."""
    actions = request.get("TransactItems")
    return [request] if actions is None else [body for a in actions for body in a.values()]


def test_settling_many_calls_costs_each_of_them_little() -> None:
    bank = Bank(balance=RICH)
    for hold in [bank.hold(10**6) for _ in range(20)]:
        bank.records.put(bank.fact(hold, 10**5))
    before = bank.dynamo.write_units("Wallets")
    bank.settle_stream()
    assert bank.dynamo.write_units("Wallets") - before == 1


def test_an_ordinary_record_is_one_unit() -> None:
    bank = Bank(balance=RICH)
    hold = bank.hold(123_456_789)
    bank.records.put(ordinary(bank, hold))
    (item,) = bank.dynamo.items("Usage")
    assert item_size(item) <= 1_024
    assert values_of(item)["charge"] == 12_345_678


@pytest.mark.parametrize(
    ("open_calls", "units"), [pytest.param(22, 1, id="22"), pytest.param(50, 2, id="50")]
)
def test_a_wallet_with_many_open_calls_is_still_small(open_calls: int, units: int) -> None:
    bank = Bank(balance=RICH)
    for _ in range(open_calls):
        bank.hold(123_456_789, rpm=600)
    item = bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {}
    assert write_units(item_size(item)) == units


@pytest.mark.parametrize(
    ("keys", "units"),
    [
        pytest.param(3, 2, id="three keys"),
        pytest.param(10, 4, id="ten keys"),
        pytest.param(20, 7, id="as many as there may be"),
    ],
)
def test_a_wallet_with_keys_under_every_limit_is_bounded(keys: int, units: int) -> None:
    """All of them used in this minute: the largest such a wallet is."""
    bank = Bank(balance=RICH)
    busy(bank)
    limited_keys(bank, keys)
    item = bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {}
    assert write_units(item_size(item)) <= units


def test_twenty_limited_keys_stay_within_one_unit_more() -> None:
    bank = Bank(balance=RICH)
    busy(bank)
    plain = item_size(bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {})
    for index in range(20):
        bank.wallets.set_key_quota(USER, f"l{index:03d}", 10**12 - 1)
    full = item_size(bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {})
    assert full - plain <= 1_024
