"""What a call is charged by: figures missing, cut off or untrue; and which endpoints a key has."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.gateway import (
    CHAT,
    GROUP,
    KEY,
    PROFILE,
    USAGE,
    USER,
    Chunks,
    Gateway,
    chat_answer,
    streamed,
)
from tollgate.domain.record import UsageRecord

MESSAGES = {
    "model": "claude-sonnet-4",
    "max_tokens": 4_000,
    "stream": True,
    "messages": [{"role": "user", "content": "hi"}],
}
ANTHROPIC_GROUP = replace(GROUP, platform="anthropic")


def settled(gateway: Gateway) -> UsageRecord:
    """The one record, after it was settled; its charge is all that is gone."""
    gateway.settle()
    record = gateway.record()
    view = gateway.wallets.read(USER)
    found = (view.available, view.held, view.debits)
    assert found == (1_000_000_000 - record.charge, 0, record.charge)
    return record


def broken(*chunks: bytes) -> httpx.Response:
    """A stream that breaks off."""

    def produce() -> Iterator[bytes]:
        yield from chunks
        raise httpx.ReadError("reset")

    return httpx.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Chunks(produce())
    )


def event(name: str, value: dict[str, Any]) -> bytes:
    """One of Anthropic's events."""
    return f"event: {name}\ndata: {json.dumps({'type': name} | value)}\n\n".encode()


START = event("message_start", {"message": {"usage": {"input_tokens": 40, "output_tokens": 1}}})


def said(text: str) -> bytes:
    """A piece of Anthropic's answer."""
    return event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}})


# --- figures --------------------------------------------------------------------------------


def test_a_cut_stream_pays_for_its_output_though_only_its_beginning_was_reported() -> None:
    chunks = [START, said("z" * 4_000)]
    gateway = Gateway(lambda request: broken(*chunks), group=ANTHROPIC_GROUP)
    seen = gateway.post("/v1/messages", MESSAGES)
    assert b"event: error" in seen.body
    record = settled(gateway)
    # 40 input tokens × 3 and 4,000 bytes / 4 = 1,000 output tokens × 15 micro-dollars
    assert record.usage == {"input": 40, "output": 1_000}
    assert (record.usage_source, record.charge) == ("estimated", 120_000 + 15_000_000)


def test_a_whole_stream_pays_what_was_reported_at_its_end() -> None:
    chunks = [
        START,
        said("z" * 4_000),
        event(
            "message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
        ),
        event("message_stop", {}),
    ]
    gateway = Gateway(lambda request: streamed(*chunks), group=ANTHROPIC_GROUP)
    gateway.post("/v1/messages", MESSAGES)
    record = settled(gateway)
    assert (record.usage, record.usage_source) == ({"input": 40, "output": 7}, "upstream")


@pytest.mark.parametrize(
    ("tokens", "suspect"),
    [
        pytest.param(10_000, False, id="what templates may add"),
        pytest.param(50_000, True, id="more than was sent"),
    ],
)
def test_input_beyond_what_was_sent_cannot_be_true(tokens: int, suspect: bool) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": 5}
    gateway = Gateway(lambda request: chat_answer(usage))
    gateway.post("/v1/chat/completions", CHAT)
    record = settled(gateway)
    assert record.suspect is suspect
    assert record.charge == (record.held if suspect else 10_000 * 2_500 + 5 * 10_000)


# --- endpoints of a key ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoints", "status"),
    [
        pytest.param(("/v1/chat/completions",), 200, id="named"),
        pytest.param(("/v1/chat/*",), 200, id="by prefix"),
        pytest.param(("/v1/embeddings",), 403, id="another"),
    ],
)
def test_a_key_with_endpoints_calls_no_others(endpoints: tuple[str, ...], status: int) -> None:
    keys = {KEY.secret_hash: replace(KEY, endpoints=endpoints)}
    gateway = Gateway(lambda request: chat_answer(USAGE), profile=replace(PROFILE, keys=keys))
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert seen.status == status
    assert len(gateway.upstream.requests) == (status == 200)
