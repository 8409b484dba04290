"""Calls through a channel, from bytes to record: whose name is priced, where a range ends, when."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.gateway import ACCOUNTS, EVERYWHERE, GROUP, START_MS, Gateway, chat_answer, sse, streamed
from tollgate.domain.catalog import Channel, ChannelPricing, Interval, Price
from tollgate.domain.channel_rows import SentRow, check_rows, rows_by_name
from tollgate.domain.charge import PriceSnapshot, charge
from tollgate.domain.record import UsageRecord
from tollgate.domain.usage import Usage

NAMES = {
    name: (Price(name, 1, prices={"input": price, "output": price}, max_output=1_000),)
    for name, price in {"public": "1", "mapped": "2", "wire": "3"}.items()
}
MAPPING = {"openai": {"public": "mapped"}}


def pricing(*rows: SentRow, start: int = 0, version: int = 1) -> ChannelPricing:
    check_rows(rows)
    return ChannelPricing(version, rows_by_name(rows), start)


def gateway(
    serve: Callable[[httpx.Request], httpx.Response], *versions: ChannelPricing, **fields: Any
) -> Gateway:
    """A gateway whose group is sold by a channel; its accounts have a mapping of their own."""
    terms = {"model_mapping": MAPPING, "billing_model_source": "requested"} | fields
    channel = Channel("chn_1", "sold", pricing=versions, **terms)
    accounts = tuple(replace(each, model_mapping={"mapped": "wire"}) for each in ACCOUNTS)
    group = replace(GROUP, channel=channel, accounts=accounts)
    everywhere = replace(EVERYWHERE, prices={**EVERYWHERE.prices, **NAMES}, default_groups={})
    return Gateway(serve, group=group, everywhere=everywhere)


def recomputed(record: UsageRecord) -> int:
    """What the record alone says its call costs."""
    used = Usage(record.usage, tier=record.tier, labels=(record.label,))
    return charge(used, PriceSnapshot.from_json(record.price)).nanos


# --- billing_model_source, on every path ---------------------------------------------------------

TEXT = "twenty letters, more"
CHAT = {"model": "public", "max_tokens": 10, "messages": [{"role": "user", "content": TEXT}]}
USED = {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "wire",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 6, "output_tokens": 4},
}
GENERATED = {
    "candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 6, "candidatesTokenCount": 4, "totalTokenCount": 10},
}
PROMPT = {
    "contents": [{"parts": [{"text": TEXT}]}],
    "generationConfig": {"maxOutputTokens": 10},
}
GEMINI = "/v1beta/models/public"


def message_events() -> bytes:
    """Anthropic's stream of that message."""
    begun = MESSAGE | {"content": [], "usage": {"input_tokens": 6}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hi"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 4},
        },
        {"type": "message_stop"},
    ]  # fmt: skip
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


def chat_events() -> bytes:
    """OpenAI's stream, with the usage it was asked for."""
    start: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk"}
    choice = {"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}
    return sse(start | {"choices": [choice]}, start | {"choices": [], "usage": USED})


PATHS = [
    pytest.param("/v1/chat/completions", CHAT, lambda _: chat_answer(USED), id="chat"),
    pytest.param(
        "/v1/chat/completions",
        CHAT | {"stream": True},
        lambda _: streamed(chat_events()),
        id="chat, streamed",
    ),
    pytest.param("/v1/messages", CHAT, lambda _: httpx.Response(200, json=MESSAGE), id="messages"),
    pytest.param(
        "/v1/messages",
        CHAT | {"stream": True},
        lambda _: streamed(message_events()),
        id="messages, streamed",
    ),
    pytest.param(
        f"{GEMINI}:generateContent",
        PROMPT,
        lambda _: httpx.Response(200, json=GENERATED),
        id="generateContent",
    ),
    pytest.param(
        f"{GEMINI}:streamGenerateContent",
        PROMPT,
        lambda _: streamed(sse(GENERATED, done=False)),
        id="generateContent, streamed",
    ),
    pytest.param(
        "/v1/embeddings",
        {"model": "public", "input": TEXT * 2},
        lambda _: httpx.Response(
            200,
            json={"object": "list", "data": [], "usage": {"prompt_tokens": 10, "total_tokens": 10}},
        ),
        id="embeddings",
    ),
]


@pytest.mark.parametrize(
    ("source", "name", "official", "own"),
    [
        pytest.param("requested", "public", 10_000, 100_000, id="requested"),
        pytest.param("channel_mapped", "mapped", 20_000, 200_000, id="channel_mapped"),
        pytest.param("upstream", "wire", 30_000, 300_000, id="upstream"),
    ],
)
@pytest.mark.parametrize(("path", "body", "serve"), PATHS)
def test_the_channel_says_which_name_is_priced_on_every_path(
    path: str, body: Any, serve: Any, source: str, name: str, official: int, own: int
) -> None:
    rows = [
        SentRow("openai", (each,), None, {"input": price, "output": price})
        for each, price in {"public": "10", "mapped": "20", "wire": "30"}.items()
    ]
    alt = {"alt": ["sse"]} if ":stream" in path else None
    query: dict[str, Any] = {"multiValueQueryStringParameters": alt}
    for versions, nanos in (((), official), ((pricing(*rows),), own)):
        made = gateway(serve, *versions, billing_model_source=source)
        seen = made.post(path, body, **query)
        assert seen.status == 200, seen.body
        record = made.record()
        assert (record.charge, record.billing_model) == (nanos, name)
        assert recomputed(record) == nanos
        assert record.chain == ("public", "mapped", "wire")
        (sent,) = made.upstream.requests
        assert b"wire" in sent.content or "wire" in sent.url.path


# --- ranges -------------------------------------------------------------------------------------

LONG = {
    "model": "public",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "x" * 130_000}],
}
RANGES = SentRow(
    "openai",
    ("public",),
    "tokens",
    {"input": "1", "cache_read": "0.5", "output": "0"},
    (Interval(0, 128_000, {"input": "2"}), Interval(128_000, None, {"input": "4"})),
)


@pytest.mark.parametrize(
    ("tokens", "cached", "nanos", "interval"),
    [
        pytest.param(128_000, 0, 256_000_000, 0, id="128,000: the first"),
        pytest.param(128_001, 0, 512_004_000, 1, id="128,001: the second"),
        pytest.param(128_000, 28_000, 214_000_000, 0, id="cached ones count for the size"),
        pytest.param(128_001, 28_001, 414_000_500, 1, id="and take the whole call along"),
    ],
)
def test_a_range_ends_with_its_maximum(tokens: int, cached: int, nanos: int, interval: int) -> None:
    usage = {
        "prompt_tokens": tokens,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    made = gateway(lambda _: chat_answer(usage), pricing(RANGES))
    assert made.post("/v1/chat/completions", LONG).status == 200
    record = made.record()
    assert (record.charge, record.interval) == (nanos, interval)
    assert recomputed(record) == nanos


def test_a_call_may_have_one_price_whatever_its_tokens() -> None:
    row = SentRow("openai", ("public",), "times", {"calls": "0.05"})
    made = gateway(lambda _: chat_answer(USED), pricing(row))
    assert made.post("/v1/chat/completions", CHAT).headers["x-tollgate-charge"] == "0.05"
    assert PriceSnapshot.from_json(made.record().price).mode == "times"


# --- versions -----------------------------------------------------------------------------------


def test_a_scheduled_price_counts_from_its_instant() -> None:
    flat = {"input": "10", "output": "10"}
    now = pricing(SentRow("openai", ("public",), None, flat))
    dearer = {"input": "20", "output": "20"}
    next_day = pricing(SentRow("openai", ("public",), None, dearer), start=START_MS + 1, version=2)
    made = gateway(lambda _: chat_answer(USED), now, next_day)
    for charged in ("0.0001", "0.0002"):
        seen = made.post("/v1/chat/completions", CHAT)
        assert seen.headers["x-tollgate-charge"] == charged
        made.now += 1
    assert sorted(record.price_version for record in made.all_records()) == [1, 2]


def test_a_price_that_changes_during_a_call_does_not_touch_it() -> None:
    old = pricing(SentRow("openai", ("public",), None, {"input": "10", "output": "10"}))
    new = pricing(SentRow("openai", ("public",), None, {"input": "90", "output": "90"}), version=2)

    def serve(_: httpx.Request) -> httpx.Response:
        assert made.group.channel is not None
        made.group = replace(made.group, channel=replace(made.group.channel, pricing=(new,)))
        made.publish()
        made.now += 60_000
        return chat_answer(USED)

    made = gateway(serve, old)
    assert made.post("/v1/chat/completions", CHAT).headers["x-tollgate-charge"] == "0.0001"
    made.settle()
    assert made.wallets.read(made.profile.user).debits == 100_000
    assert made.record().price_version == 1
