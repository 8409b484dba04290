"""Faults on the money path and what they cost; and that wallet, usage and rollups agree."""

import json
from dataclasses import replace
from typing import Any

from tests.gateway import (
    CHAT,
    KEY,
    PROFILE,
    STREAM,
    USAGE,
    USER,
    Gateway,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tollgate.store.dynamodb import OutcomeUnknown, Throttled


def money(gateway: Gateway) -> tuple[int, int, int]:
    """Available, held, debits."""
    view = gateway.wallets.read(USER)
    return view.available, view.held, view.debits


def test_nothing_is_relayed_while_the_wallet_gives_no_answer() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))

    def down(operation: str, request: Any) -> None:
        if request.get("TableName") == "wallets":
            raise Throttled

    gateway.dynamo.before = down
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (503, "ledger_unavailable")
    assert gateway.upstream.requests == []


def test_a_record_the_table_cannot_take_goes_to_the_queue_and_is_settled_from_there() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))

    def down(operation: str, request: Any) -> None:
        if request.get("TableName") == "usage":
            raise OutcomeUnknown

    gateway.dynamo.before = down
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    gateway.dynamo.before = None
    (message,) = gateway.queued
    gateway.recording.receive(json.loads(json.dumps(message)))
    gateway.settle()
    assert money(gateway) == (992_500_000, 0, 7_500_000)


def test_a_killed_relay_costs_nothing_after_the_sweep() -> None:
    gateway = Gateway(lambda request: streamed(sse(chat_chunk("a"), done=False)))
    gateway.send(gateway.event("/v1/chat/completions", STREAM))  # and never read: killed
    assert gateway.wallets.read(USER).held > 0
    gateway.now += 26 * 60_000
    assert gateway.sweeping.sweep(USER) == 1
    assert money(gateway) == (1_000_000_000, 0, 0)
    assert gateway.all_records()[0].state == "abandoned"


def test_a_long_stream_whose_relay_is_killed_costs_what_its_last_draft_says() -> None:
    text = sse(chat_chunk("x" * 400), done=False)
    gateway = Gateway(lambda request: streamed(text, text, text))
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    next(answer.chunks)
    gateway.now += 31_000
    next(answer.chunks)  # half a minute later, the first chunk is noted; then the process dies
    gateway.now += 26 * 60_000
    assert gateway.sweeping.sweep(USER) == 1
    (record,) = gateway.all_records()
    assert (record.state, record.usage_source, record.usage["output"]) == (
        "abandoned",
        "estimated",
        100,
    )
    size = len(json.dumps(STREAM))
    assert record.charge == -(-size // 4) * 2_500 + 1_000_000
    assert money(gateway) == (1_000_000_000 - record.charge, 0, record.charge)


def test_a_draft_is_nothing_once_the_call_is_recorded() -> None:
    usage = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
    text = sse(chat_chunk("x" * 400), done=False)
    gateway = Gateway(lambda request: streamed(text, text, sse(chat_chunk("y", "stop"), usage)))
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    next(answer.chunks)
    gateway.now += 31_000
    answer.read()
    assert [item["state"]["S"] for item in gateway.dynamo.items("usage")] == ["final", "draft"]
    assert [record.charge for record in gateway.all_records()] == [7_500_000]
    gateway.settle()
    assert money(gateway) == (992_500_000, 0, 7_500_000)
    gateway.now += 3 * 3_600_000
    gateway.closing.close_due()
    (row,) = gateway.rollups.hours("all", "2026112212", "2026112212")
    assert (row.sums["calls"], row.sums["charge"]) == (1, 7_500_000)
    assert list(gateway.reconciliation.everyone()) == []


def test_a_revoked_key_is_refused_at_once_by_a_relay_that_does_not_know_yet() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    gateway.wallets.revoke_key(USER, KEY.alias, 2)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (401, "api_key_revoked")


def test_a_profile_that_changed_is_read_again_and_the_call_goes_on() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    gateway.post("/v1/chat/completions", CHAT)
    gateway.profile = replace(
        PROFILE, version=2, keys={KEY.secret_hash: replace(KEY, models=("o1",))}
    )
    gateway.publish()
    gateway.wallets.set_profile_version(USER, 2)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (403, "model_not_allowed")


def test_a_warm_call_makes_one_wallet_call_and_one_record_and_reads_nothing() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    gateway.post("/v1/chat/completions", CHAT)
    gateway.dynamo.sent.clear()
    gateway.post("/v1/chat/completions", CHAT)
    assert [(operation, request["TableName"]) for operation, request in gateway.dynamo.sent] == [
        ("UpdateItem", "wallets"),
        ("PutItem", "usage"),
    ]


def test_hold_record_and_settlement_stay_within_their_write_units() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    before = gateway.dynamo.write_units("wallets") + gateway.dynamo.write_units("usage")
    for _ in range(10):
        gateway.post("/v1/chat/completions", CHAT)
        gateway.settle()
    after = gateway.dynamo.write_units("wallets") + gateway.dynamo.write_units("usage")
    assert (after - before) / 10 <= 3.2


def test_wallet_usage_ledger_and_rollups_agree_after_the_hour_is_closed() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    for _ in range(5):
        gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    (live,) = gateway.rollups.hours(f"user#{USER}", "2026112212", "2026112212")
    assert (live.sums["calls"], live.sums["charge"], live.closed) == (5, 37_500_000, False)
    gateway.now += 3 * 3_600_000
    assert gateway.closing.close_due() == ["2026112212"]
    (closed,) = gateway.rollups.hours(f"user#{USER}", "2026112212", "2026112212")
    assert (closed.sums, closed.closed) == (live.sums, True)
    (by_model,) = gateway.rollups.hours("model#gpt-4o", "2026112212", "2026112212")
    assert (by_model.sums["charge"], by_model.sums["output"]) == (37_500_000, 2_500)
    (day,) = gateway.rollups.days("account#acc_openai", "20261122", "20261122")
    assert day.sums["calls"] == 5
    ids = gateway.rollups.account_request_ids("acc_openai", "2026112212", "2026112212")
    assert len(ids) == 5
    assert list(gateway.reconciliation.everyone()) == []
    assert gateway.closing.close_due() == []


def test_an_hour_that_gets_a_late_call_is_closed_again() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    gateway.post("/v1/chat/completions", CHAT)  # its stream record comes only after the close
    gateway.now += 3 * 3_600_000
    gateway.closing.close_due()
    (row,) = gateway.rollups.hours("all", "2026112212", "2026112212")
    assert row.sums["calls"] == 2  # counted from the record, settled or not
    gateway.settle()
    assert gateway.closing.close_due() == ["2026112212"]
    (row,) = gateway.rollups.hours("all", "2026112212", "2026112212")
    assert (row.sums["calls"], row.sums["charge"]) == (2, 15_000_000)
