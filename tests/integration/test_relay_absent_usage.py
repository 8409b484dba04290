"""An upstream that reports no usage, or none that can be read, in every dialect (ruling R10).

What was delivered is charged by a labelled estimate, at most the hold; what was not delivered is
free. Recording never fails for it, and no hold stays open.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from tests.gateway import (
    CHAT,
    EVERYWHERE,
    STREAM,
    USER,
    Gateway,
    Seen,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tests.media_calls import PICTURE, draw, form, transcribe
from tests.media_calls import gateway as media_gateway
from tests.sounds import wav

TEXT: Final = "x" * 400
"""A hundred tokens by the estimate of four bytes a token."""

BROKEN: Final[tuple[Any, ...]] = (
    "absent",
    None,
    "many",
    [],
    {"prompt_tokens": "?"},
    {"input_tokens": None},
)
"""What stands where usage should be; the first leaves the member out."""


def with_usage(body: dict[str, Any], name: str, usage: Any) -> httpx.Response:
    """A whole answer with something in the place of its usage."""
    return httpx.Response(200, json=body if usage == "absent" else body | {name: usage})


def chat(usage: Any) -> httpx.Response:
    return chat_answer(None, TEXT) if usage == "absent" else chat_answer(usage, TEXT)


def message(usage: Any) -> httpx.Response:
    content = [{"type": "text", "text": TEXT}]
    body = {"id": "msg_1", "type": "message", "role": "assistant", "content": content}
    return with_usage(body | {"stop_reason": "end_turn"}, "usage", usage)


def candidates(usage: Any) -> httpx.Response:
    content = {"role": "model", "parts": [{"text": TEXT}]}
    return with_usage(
        {"candidates": [{"content": content, "finishReason": "STOP"}]}, "usageMetadata", usage
    )


def vectors(usage: Any) -> httpx.Response:
    row = {"object": "embedding", "index": 0, "embedding": [0.5]}
    return with_usage({"object": "list", "data": [row]}, "usage", usage)


CALLS: Final[dict[str, tuple[str, dict[str, Any], Callable[[Any], httpx.Response]]]] = {
    "openai_chat": ("/v1/chat/completions", CHAT, chat),
    "anthropic_messages": ("/v1/messages", CHAT | {"model": "claude-sonnet-4"}, message),
    "gemini": (
        "/v1beta/models/gemini-2.5-flash:generateContent",
        {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 900}},
        candidates,
    ),
    "openai_embeddings": (
        "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": "hi"},
        vectors,
    ),
}


def settled(gateway: Gateway) -> None:
    """Let the aggregator take the record: nothing is held any more, and the books agree."""
    assert gateway.settle() == []
    view = gateway.wallets.read(USER)
    assert (view.held, dict(view.open)) == (0, {})
    assert view.available + view.debits == gateway.funds
    assert view.debits == gateway.record().charge


@pytest.mark.parametrize("usage", BROKEN, ids=str)
@pytest.mark.parametrize("dialect", CALLS)
def test_an_answer_without_usage_is_estimated_and_recorded(dialect: str, usage: Any) -> None:
    path, body, answer = CALLS[dialect]
    gateway = Gateway(lambda request: answer(usage))
    seen = gateway.post(path, body)
    record = gateway.record()
    assert (seen.status, record.usage_source) == (200, "estimated")
    assert record.usage["input"] == -(-len(json.dumps(body)) // 4)
    assert 0 < record.charge <= record.held
    settled(gateway)


def test_the_estimate_is_what_it_says() -> None:
    gateway = Gateway(lambda request: chat("absent"))
    size = len(gateway.post("/v1/chat/completions", CHAT).body)
    record = gateway.record()
    # 88 bytes were sent, 22 tokens at 2.5; the answer has 554 bytes, 139 tokens at 10
    assert (size, dict(record.usage)) == (554, {"input": 22, "output": 139})
    assert (record.charge, record.cost) == (1_445_000, 1_445_000)


def events(*written: tuple[str, dict[str, Any]]) -> bytes:
    """Events of Anthropic's stream."""
    return b"".join(
        f"event: {name}\ndata: {json.dumps({'type': name, **body})}\n\n".encode()
        for name, body in written
    )


def delta(text: str) -> tuple[str, dict[str, Any]]:
    return "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}}


STREAMS: Final[dict[str, tuple[str, dict[str, Any], bytes]]] = {
    "openai_chat": (
        "/v1/chat/completions",
        STREAM,
        sse(chat_chunk(TEXT), chat_chunk("", "stop")),
    ),
    "anthropic_messages": (
        "/v1/messages",
        STREAM | {"model": "claude-sonnet-4"},
        events(
            ("message_start", {"message": {"id": "msg_1", "content": []}}),
            delta(TEXT),
            ("message_delta", {"delta": {"stop_reason": "end_turn"}}),
            ("message_stop", {}),
        ),
    ),
    "gemini": (
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        CALLS["gemini"][1],
        sse({"candidates": [{"content": {"parts": [{"text": TEXT}]}, "finishReason": "STOP"}]},
            done=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_stream_without_usage_is_estimated_by_what_was_seen(dialect: str) -> None:
    path, body, written = STREAMS[dialect]
    gateway = Gateway(lambda request: streamed(written))
    query: dict[str, Any] = {"multiValueQueryStringParameters": {"alt": ["sse"]}}
    assert gateway.post(path, body, **(query if dialect == "gemini" else {})).status == 200
    record = gateway.record()
    assert (record.usage_source, record.usage["output"]) == ("estimated", 100)
    settled(gateway)


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_stream_that_delivers_nothing_is_free(dialect: str) -> None:
    path, body, _ = STREAMS[dialect]
    gateway = Gateway(lambda request: streamed(b": nothing\n\n"))
    query: dict[str, Any] = {"multiValueQueryStringParameters": {"alt": ["sse"]}}
    gateway.post(path, body, **(query if dialect == "gemini" else {}))
    record = gateway.record()
    assert (record.usage_source, dict(record.usage), record.charge) == ("none", {}, 0)
    settled(gateway)


def transcribed(gateway: Gateway) -> Seen:
    return transcribe(gateway, form("whisper-1", wav(2_000)))


@pytest.mark.parametrize(
    ("call", "answer", "usage", "charge"),
    [
        pytest.param(transcribed, {"text": "hi"}, {"seconds": 2_000}, 200_000, id="sound"),
        pytest.param(
            lambda gateway: draw(gateway, "by-picture"),
            {"created": 1, "data": [PICTURE, PICTURE]},
            {"images": 2, "calls": 1},
            80_000_000,
            id="pictures",
        ),
    ],
)
def test_sound_and_pictures_without_usage(
    call: Callable[[Gateway], Seen], answer: dict[str, Any], usage: dict[str, int], charge: int
) -> None:
    gateway = media_gateway(lambda request: httpx.Response(200, json=answer))
    assert call(gateway).status == 200
    record = gateway.record()
    assert {name: record.usage[name] for name in usage} == usage
    assert record.charge == charge
    settled(gateway)


def test_a_model_nobody_prices_is_never_recorded_as_free() -> None:
    gateway = Gateway(lambda request: chat("absent"), everywhere=EVERYWHERE)
    assert gateway.post("/v1/chat/completions", CHAT | {"model": "o9"}).status == 400
    assert gateway.upstream.requests == []
