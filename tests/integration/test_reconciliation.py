"""Every kind of damage is found by the check that is there for it, and clean books give none."""

import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.gateway import (
    CHAT,
    GROUP,
    KEY,
    PROFILE,
    USAGE,
    USER,
    Gateway,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tollgate.domain.catalog import Limits
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.ledger import Correction
from tollgate.services.closing import Closing
from tollgate.services.reconciliation import CHECKS, Finding, Reconciliation
from tollgate.store.marshal import values_of
from tollgate.store.usage_item import read_record
from tollgate.store.wallet import Wallets

HOUR_MS = 3_600_000
USAGE_CHUNK = {"id": "chatcmpl-1", "choices": [], "usage": USAGE}
WALLET = (f"{USER}#0", "wallet")
HOUR = (f"user#{USER}", "hour#2026112212")

HIGH = Limits(600, 10**7, 200, 10**12, 10**12, 10**12)
LIMITED: dict[str, Any] = {
    "profile": replace(PROFILE, keys={KEY.secret_hash: replace(KEY, limits=HIGH)}, limits=HIGH),
    "group": replace(GROUP, limits=HIGH),
}
"""A gateway's fields with every limit, none of which is reached."""

Damage = Callable[[Gateway], None]


def serve(request: Any) -> Any:
    """A chat answer, streamed where a stream was asked for."""
    if b'"stream": true' in request.content:
        return streamed(sse(chat_chunk("hello", "stop"), USAGE_CHUNK))
    return chat_answer(USAGE)


def findings(gateway: Gateway) -> list[Finding]:
    """What the reconciliation finds, with wallets that tell of a broken identity and go on."""
    wallets = Wallets(
        gateway.dynamo,
        "wallets",
        random.Random(1).randrange,
        gateway.clock,
        lambda user, image: None,
    )
    late = gateway.sweeping.finish_late
    closing = Closing(gateway.rollups, gateway.records, wallets, late, gateway.clock)
    checks = Reconciliation(wallets, gateway.records, gateway.rollups, closing, gateway.clock)
    return list(checks.everyone())


def change(gateway: Gateway, table: str, key: tuple[str, str], **values: Any) -> None:
    """Overwrite attributes of an item: a number adds, anything else replaces."""
    item = dict(gateway.dynamo.item(table, *key) or {})
    for name, value in values.items():
        before = int(item.get(name, {}).get("N", "0"))
        item[name] = {"N": str(before + value)} if isinstance(value, int) else value
    gateway.dynamo.call("PutItem", {"TableName": table, "Item": item})


def drop(gateway: Gateway, table: str, pk: str, sk: str) -> None:
    """Delete an item."""
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    gateway.dynamo.call("DeleteItem", {"TableName": table, "Key": key})


def of_map(gateway: Gateway, name: str) -> dict[str, Any]:
    """A map of the wallet, to be changed and written back."""
    found: dict[str, Any] = (gateway.dynamo.item("wallets", *WALLET) or {})[name]["M"]
    return dict(found)


def usage_key(gateway: Gateway) -> tuple[str, str]:
    """Where one of the records lies."""
    item = gateway.dynamo.items("usage")[0]
    return item["pk"]["S"], item["sk"]["S"]


# --- the books before they are damaged ------------------------------------------------------


def booked() -> Gateway:
    """Three settled calls, an hour that is closed, a top-up: nothing to find."""
    gateway = Gateway(serve)
    for _ in range(3):
        gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    gateway.now += 3 * HOUR_MS
    gateway.closing.close_due()
    assert findings(gateway) == []
    return gateway


def budgeted() -> Gateway:
    """Two settled calls and an open one of a key and a group with limits of every kind."""
    gateway = Gateway(serve, **LIMITED)
    for _ in range(2):
        gateway.post("/v1/chat/completions", CHAT)
        gateway.now += 1_000
    gateway.settle()
    gateway.post("/v1/chat/completions", CHAT)
    assert findings(gateway) == []
    return gateway


def spending(amount: int) -> Damage:
    """A key's day counts otherwise."""

    def damage(gateway: Gateway) -> None:
        day = of_map(gateway, "day_key_k001")
        day["used"] = {"N": str(int(day["used"]["N"]) + amount)}
        change(gateway, "wallets", WALLET, day_key_k001={"M": day})

    return damage


def opened(more: int) -> Damage:
    """A group's open calls are counted otherwise."""
    return lambda gateway: change(gateway, "wallets", WALLET, open_group_g001=more)


def aged() -> Gateway:
    """Three settled calls of three days ago, whose day is not closed yet."""
    gateway = Gateway(serve)
    for _ in range(3):
        gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    gateway.now += 72 * HOUR_MS
    assert findings(gateway) == []
    return gateway


def shared() -> Gateway:
    """A user with two shards."""
    gateway = booked()
    gateway.wallets.add_shards(USER, 2)
    assert findings(gateway) == []
    return gateway


def running() -> Gateway:
    """One call that was answered and is not settled yet."""
    gateway = Gateway(serve)
    gateway.post("/v1/chat/completions", CHAT)
    assert findings(gateway) == []
    return gateway


def corrected() -> Gateway:
    """A call of the balance and one of a subscription that were corrected."""
    gateway = booked()
    record = read_record(values_of(gateway.dynamo.items("usage")[0]))
    subscribed = replace(record, hold=f"{record.hold[:19]}s-k001g001")
    for call in (record, subscribed):
        number = len(gateway.wallets.corrections(USER, record.hold[:17]))
        gateway.wallets.correct(Correction(call, 5, number, "job_1", "wrong list"))
    assert findings(gateway) == []
    return gateway


# --- damages --------------------------------------------------------------------------------


def wallet(**values: Any) -> Damage:
    """Other figures in the wallet."""
    return lambda gateway: change(gateway, "wallets", WALLET, **values)


def hold_amount(gateway: Gateway) -> None:
    holds = {
        hold: {"N": str(int(held["N"]) + 1)} for hold, held in of_map(gateway, "holds").items()
    }
    change(gateway, "wallets", WALLET, holds={"M": holds})


def hold_lost(gateway: Gateway) -> None:
    change(gateway, "wallets", WALLET, holds={"M": {}})


def hold_negative(gateway: Gateway) -> None:
    holds = of_map(gateway, "holds")
    (hold,) = holds
    held = int(holds[hold]["N"])
    change(
        gateway,
        "wallets",
        WALLET,
        holds={"M": {hold: {"N": "-1"}}},
        held=-held - 1,
        available=held + 1,
    )


def days(suffix: str, by: int) -> Damage:
    """Another figure for the day."""

    def damage(gateway: Gateway) -> None:
        counted = of_map(gateway, "days")
        name = f"20261122{suffix}"
        counted[name] = {"N": str(int(counted[name]["N"]) + by)}
        change(gateway, "wallets", WALLET, days={"M": counted})

    return damage


def shard_lost(gateway: Gateway) -> None:
    drop(gateway, "wallets", f"{USER}#1", "wallet")


def first_shard_lost(gateway: Gateway) -> None:
    drop(gateway, "wallets", *WALLET)


def transferred_once(gateway: Gateway) -> None:
    change(gateway, "wallets", (f"{USER}#1", "wallet"), available=5, transfers=5)


def line_lost(gateway: Gateway) -> None:
    drop(gateway, "wallets", f"{USER}#0", "ledger#test#1")


def line_changed(gateway: Gateway) -> None:
    change(gateway, "wallets", (f"{USER}#0", "ledger#test#1"), amount=1)


def line_added(gateway: Gateway) -> None:
    item = dict(gateway.dynamo.item("wallets", f"{USER}#0", "ledger#test#1") or {})
    gateway.dynamo.call(
        "PutItem", {"TableName": "wallets", "Item": item | {"sk": {"S": "ledger#test#2"}}}
    )


def correction_lost(number: int) -> Damage:
    """The ledger line of a correction is gone."""

    def damage(gateway: Gateway) -> None:
        rid = usage_key(gateway)[1]
        drop(gateway, "wallets", f"{USER}#0", f"ledger#rerate#{rid}.{number:03d}")

    return damage


def record_lost(gateway: Gateway) -> None:
    drop(gateway, "usage", *usage_key(gateway))


def record_changed(gateway: Gateway) -> None:
    change(gateway, "usage", usage_key(gateway), charge=1)


def rule_changed(gateway: Gateway) -> None:
    item = gateway.dynamo.items("usage")[0]
    dearer = replace(PriceSnapshot.from_json(read_record(values_of(item)).price), multiplier="2")
    packed = zlib.compress(dearer.to_json().encode())
    change(gateway, "usage", usage_key(gateway), price={"B": packed})


def record_refused(gateway: Gateway) -> None:
    change(gateway, "usage", usage_key(gateway), state={"S": "refused"})


def record_unreadable(gateway: Gateway) -> None:
    change(gateway, "usage", usage_key(gateway), schema=98)


def row(**values: Any) -> Damage:
    """Other figures in a closed hour's row."""
    return lambda gateway: change(gateway, "rollups", HOUR, **values)


def six_minutes(gateway: Gateway) -> None:
    gateway.now += 6 * 60_000


def unreadable_and_open(gateway: Gateway) -> None:
    record_unreadable(gateway)
    six_minutes(gateway)


def never_swept(gateway: Gateway) -> None:
    record_lost(gateway)
    gateway.now += 3 * HOUR_MS


@pytest.mark.parametrize(
    ("books", "damage", "found"),
    [
        pytest.param(booked, wallet(available=1), {"R1"}, id="available too high"),
        pytest.param(booked, wallet(available=-1), {"R1"}, id="available too low"),
        pytest.param(booked, wallet(held=1), {"R1"}, id="held without a hold"),
        pytest.param(booked, wallet(available=-1, held=1), {"R1"}, id="held and taken, no hold"),
        pytest.param(running, hold_amount, {"R1"}, id="a hold larger than what is held"),
        pytest.param(running, hold_lost, {"R1"}, id="a hold that is gone"),
        pytest.param(running, hold_negative, {"R1"}, id="a hold below zero"),
        pytest.param(shared, shard_lost, {"R1"}, id="a shard is gone"),
        pytest.param(shared, first_shard_lost, {"R1"}, id="the first shard is gone"),
        pytest.param(shared, transferred_once, {"R1"}, id="a transfer that came from nowhere"),
        pytest.param(booked, wallet(credits=1), {"R1", "R2"}, id="credits too high"),
        pytest.param(booked, wallet(available=9, credits=9), {"R2"}, id="money without a line"),
        pytest.param(booked, line_lost, {"R2"}, id="a line is gone"),
        pytest.param(booked, line_changed, {"R2"}, id="a line's amount is another"),
        pytest.param(booked, line_added, {"R2"}, id="a line without its money"),
        pytest.param(corrected, correction_lost(0), {"R2"}, id="a correction's line is gone"),
        pytest.param(corrected, correction_lost(1), {"R4"}, id="likewise a subscription's"),
        pytest.param(aged, record_lost, {"R3"}, id="a past day's record is gone"),
        pytest.param(aged, record_changed, {"R3"}, id="a past day's charge is another"),
        pytest.param(aged, record_unreadable, {"R3"}, id="a past day's record is unreadable"),
        pytest.param(aged, days("n", 1), {"R3"}, id="a call too many is counted"),
        pytest.param(aged, days("c", 1), {"R3", "R4"}, id="a nano too many is counted"),
        pytest.param(booked, wallet(debits=1), {"R1", "R4"}, id="debits too high"),
        pytest.param(booked, wallet(available=-1, debits=1), {"R4"}, id="taken for no call"),
        pytest.param(booked, wallet(subscription_debits=1), {"R4"}, id="subscription debits"),
        pytest.param(booked, wallet(late=1), {"R4"}, id="late debits without a line"),
        pytest.param(booked, wallet(closed=1), {"R4"}, id="closed days too high"),
        pytest.param(running, never_swept, {"R5"}, id="a hold nobody swept"),
        pytest.param(running, six_minutes, {"R6"}, id="a record nobody settled"),
        pytest.param(running, unreadable_and_open, {"R6"}, id="an open call's record unreadable"),
        pytest.param(booked, row(charge=1), {"R7"}, id="an hour's charge is another"),
        pytest.param(booked, row(calls=-1), {"R7"}, id="an hour's calls are fewer"),
        pytest.param(booked, row(strange=1), {"R7"}, id="an hour counts what was never used"),
        pytest.param(booked, record_lost, {"R7"}, id="a closed hour's record is gone"),
        pytest.param(booked, record_changed, {"R7", "R8"}, id="a closed hour's charge is another"),
        pytest.param(booked, rule_changed, {"R8"}, id="a closed hour's price is another"),
        pytest.param(booked, record_refused, {"R7"}, id="a call turned into a refusal"),
        pytest.param(booked, record_unreadable, {"R7"}, id="a closed hour's record unreadable"),
        pytest.param(budgeted, spending(1), {"R9"}, id="a spend window counts a nano too many"),
        pytest.param(budgeted, spending(-1), {"R9"}, id="a spend window counts a nano too few"),
        pytest.param(budgeted, opened(1), {"R1"}, id="a call too many is counted as open"),
    ],
)
def test_damage_is_found(books: Callable[[], Gateway], damage: Damage, found: set[str]) -> None:
    gateway = books()
    damage(gateway)
    told = findings(gateway)
    assert {finding.check for finding in told} == found
    assert {finding.user for finding in told} == {USER}
    assert all(finding.detail for finding in told)


def test_each_check_says_what_it_checks() -> None:
    assert list(CHECKS) == [f"R{number}" for number in range(1, 10)]
