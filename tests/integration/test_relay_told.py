"""What callers are told of money with their answers is what their records say, to the nano."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.gateway import (
    ACCOUNTS,
    CHAT,
    GROUP,
    KEY,
    PROFILE,
    START_MS,
    STREAM,
    USAGE,
    Gateway,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tollgate.domain.catalog import Profile
from tollgate.domain.money import usd
from tollgate.domain.usage import CLASS_LIMIT

ASKING = STREAM | {"stream_options": {"include_usage": True}}
MESSAGES = {
    "model": "claude-sonnet-4",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
}
CONTENTS = {"contents": [{"parts": [{"text": "hi"}]}]}
GEMINI = "/v1beta/models/gemini-2.5-flash"
SSE = {"multiValueQueryStringParameters": {"alt": ["sse"]}}

TEXT = sse(chat_chunk("hello"), chat_chunk("", "stop"), done=False)
USED = (
    b'data: {"id":"chatcmpl-1","choices":[],"usage":'
    b'{"prompt_tokens":1000,"completion_tokens":500}}\n\n'
)
USED_TOLD = (
    b'data: {"id":"chatcmpl-1","choices":[],"usage":'
    b'{"prompt_tokens":1000,"completion_tokens":500,"cost":0.0075}}\n\n'
)
DONE = b"data: [DONE]\n\n"

STARTED = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":'
    b'{"input_tokens":40,"output_tokens":1}}}\n\n'
)
SAID = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    b'{"type":"text_delta","text":"hello"}}\n\n'
)
CHANGED = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":3}}\n\n'
)
CHANGED_TOLD = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":3,"cost":0.000165}}\n\n'
)
STOPPED = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

ENDED = (
    b'data: {"candidates":[{"content":{"parts":[{"text":"hello"}]},"finishReason":"STOP"}],'
    b'"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2}}\r\n\r\n'
)
ENDED_TOLD = (
    b'data: {"candidates":[{"content":{"parts":[{"text":"hello"}]},"finishReason":"STOP"}],'
    b'"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"cost":0.0000062}}\r\n\r\n'
)

DIALECTS = pytest.mark.parametrize(
    ("path", "body", "event", "stream", "told"),
    [
        pytest.param(
            "/v1/chat/completions",
            ASKING,
            {},
            (TEXT, USED, DONE),
            TEXT + USED_TOLD + DONE,
            id="chat",
        ),
        pytest.param(
            "/v1/messages",
            MESSAGES | {"stream": True},
            {},
            (STARTED, SAID + CHANGED, STOPPED),
            STARTED + SAID + CHANGED_TOLD + STOPPED,
            id="messages",
        ),
        pytest.param(
            f"{GEMINI}:streamGenerateContent", CONTENTS, SSE, (ENDED,), ENDED_TOLD, id="gemini"
        ),
    ],
)


def profile_of(**settings: Any) -> Profile:
    """The user, whose key has other settings."""
    key = replace(KEY, **settings)
    return replace(PROFILE, keys={key.secret_hash: key})


def platform_of(path: str) -> str:
    """The platform whose callers use a path."""
    names = {"models": "gemini", "messages": "anthropic"}
    return names.get(path.split("/")[2], "openai")


def gateway_of(path: str, *stream: bytes, **fields: Any) -> Gateway:
    """A gateway whose upstream streams."""
    group = replace(GROUP, platform=platform_of(path))
    return Gateway(lambda request: streamed(*stream), **{"group": group} | fields)


# --- the cost in streams --------------------------------------------------------------------


@DIALECTS
def test_the_cost_in_the_stream_is_the_charge_of_the_record(
    path: str, body: Any, event: Any, stream: tuple[bytes, ...], told: bytes
) -> None:
    gateway = gateway_of(path, *stream)
    assert gateway.post(path, body, None, **event).body == told
    assert b'"cost":' + usd(gateway.record().charge).encode() + b"}" in told
    gateway.settle()
    assert gateway.record().usage_source == "upstream"


@DIALECTS
def test_a_key_that_does_not_want_it_gets_the_bytes_as_they_came(
    path: str, body: Any, event: Any, stream: tuple[bytes, ...], told: bytes
) -> None:
    gateway = gateway_of(path, *stream, profile=profile_of(cost_in_stream=False))
    assert gateway.post(path, body, None, **event).body == b"".join(stream)


@DIALECTS
def test_a_price_that_cannot_be_computed_is_not_told(
    path: str, body: Any, event: Any, stream: tuple[bytes, ...], told: bytes
) -> None:
    accounts = tuple(replace(one, cost_multiplier=Decimal("0.12345678")) for one in ACCOUNTS)
    group = replace(GROUP, platform=platform_of(path), accounts=accounts)
    profile = profile_of(receipt_in_stream=True)
    gateway = gateway_of(path, *stream, group=group, profile=profile)
    assert gateway.post(path, body, None, **event).body == b"".join(stream)
    assert gateway.record().error == "pricing_misconfigured"


def test_who_did_not_ask_for_usage_is_not_told_in_chat() -> None:
    gateway = gateway_of("/v1/chat/completions", TEXT, USED, DONE)
    assert gateway.post("/v1/chat/completions", STREAM).body == TEXT + DONE
    assert gateway.record().charge == 7_500_000


def test_a_charge_that_is_capped_at_its_hold_is_told_as_it_is_capped() -> None:
    used = USED.replace(b'"completion_tokens":500', b'"completion_tokens":%d' % (CLASS_LIMIT + 1))
    gateway = gateway_of("/v1/chat/completions", TEXT, used, DONE)
    seen = gateway.post("/v1/chat/completions", ASKING)
    record = gateway.record()
    assert (record.suspect, record.charge) == (True, record.held)
    assert b'"cost":' + usd(record.held).encode() + b"}}" in seen.body


def test_the_hold_of_the_last_text_counts_for_a_cap() -> None:
    body = ASKING | {"max_tokens": 16_000}
    used = USED.replace(b'"completion_tokens":500', b'"completion_tokens":%d' % (CLASS_LIMIT + 1))
    text = sse(chat_chunk("y" * 9_000), chat_chunk("", "stop"), done=False)
    gateway = gateway_of("/v1/chat/completions", text, used, DONE)
    seen = gateway.post("/v1/chat/completions", body)
    record = gateway.record()
    # 4,500 tokens were produced: the hold grew from 1,024 to 8,192 tokens, at 10 nanos x 1,000
    assert record.held == 81_920_000 + 2_500 * -(-len(json.dumps(body)) // 2)
    assert b'"cost":' + usd(record.charge).encode() + b"}}" in seen.body


def test_a_stream_that_breaks_after_its_figures_tells_what_it_costs() -> None:
    class Breaking(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            yield TEXT + USED
            raise httpx.ReadError("reset")

    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Breaking())
    gateway = Gateway(lambda request: answer)
    seen = gateway.post("/v1/chat/completions", ASKING)
    assert seen.body.startswith(TEXT + USED_TOLD + b'data: {"error":')
    assert (gateway.record().charge, gateway.record().error) == (7_500_000, "upstream_error")


def test_time_that_runs_out_after_the_figures_tells_what_it_costs() -> None:
    gateway = gateway_of("/v1/chat/completions", TEXT + USED)
    answer = gateway.send(gateway.event("/v1/chat/completions", ASKING))
    answer.chunks.interrupt()
    seen = answer.read()
    assert seen.body.startswith(TEXT + USED_TOLD)
    assert seen.body.endswith(b'"finish_reason":"length"}]}\n\ndata: [DONE]\n\n')
    assert gateway.record().charge == 7_500_000


def test_the_upstreams_words_of_failure_after_its_figures_stay_here() -> None:
    leak = b'data: {"error":{"message":"org-abcdef123 exceeded its quota"}}\n\n'
    gateway = gateway_of("/v1/chat/completions", TEXT, USED, leak)
    seen = gateway.post("/v1/chat/completions", ASKING)
    assert b"org-abcdef123" not in seen.body
    assert seen.body.startswith(TEXT + USED_TOLD + b'data: {"error":')
    assert gateway.record().charge == 7_500_000


def test_a_hold_that_caps_a_charge_does_not_grow_after_it_was_told() -> None:
    text = sse(chat_chunk("y" * 9_000), chat_chunk("", "stop"), done=False)
    used = USED.replace(b'"completion_tokens":500', b'"completion_tokens":%d' % (CLASS_LIMIT + 1))
    gateway = gateway_of("/v1/chat/completions", text + used, DONE)
    seen = gateway.post("/v1/chat/completions", ASKING | {"max_tokens": 16_000})
    record = gateway.record()
    assert (record.suspect, record.charge) == (True, record.held)
    assert b'"cost":' + usd(record.charge).encode() + b"}}" in seen.body


# --- the receipt in streams -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "stream", "wrapped"),
    [
        pytest.param(
            "/v1/chat/completions",
            ASKING,
            (TEXT, USED, DONE),
            {"id": "chatcmpl-1", "object": "tollgate.receipt", "created": 0, "model": "gpt-4o",
             "choices": []},
            id="chat",
        ),
        pytest.param(
            "/v1/chat/completions",
            STREAM,
            (TEXT + USED + DONE,),
            {"id": "chatcmpl-1", "object": "tollgate.receipt", "created": 0, "model": "gpt-4o",
             "choices": []},
            id="chat without usage",
        ),
        pytest.param(
            "/v1/messages",
            MESSAGES | {"stream": True},
            (STARTED, SAID + CHANGED, STOPPED),
            {"type": "tollgate.receipt"},
            id="messages",
        ),
    ],
)  # fmt: skip
def test_the_receipt_in_the_stream_is_the_one_that_is_asked_for_later(
    path: str, body: Any, stream: tuple[bytes, ...], wrapped: dict[str, Any]
) -> None:
    gateway = gateway_of(path, *stream, profile=profile_of(receipt_in_stream=True))
    answer = gateway.send(gateway.event(path, body))
    gateway.now = START_MS + 1_234
    seen = answer.read()
    gateway.now = START_MS + 60_000
    (event,) = (e for e in seen.body.split(b"\n\n") if b"tollgate.receipt" in e)
    value = json.loads(event[event.index(b"data: ") + 6 :])
    told = value.pop("receipt")
    assert value == wrapped
    gateway.settle()
    later = gateway.post(
        f"/v1/receipts/{seen.headers['x-request-id']}", "", None, httpMethod="GET"
    ).json
    assert told["trail"].pop("settled") is False
    assert later["trail"].pop("settled") is True
    assert told == later
    assert told["ended_at"] == START_MS + 1_234
    assert "account" not in told


def test_gemini_has_no_event_for_a_receipt() -> None:
    path = f"{GEMINI}:streamGenerateContent"
    gateway = gateway_of(path, ENDED, profile=profile_of(receipt_in_stream=True))
    assert gateway.post(path, CONTENTS, None, **SSE).body == ENDED_TOLD


# --- whole answers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "answer", "charge"),
    [
        pytest.param("/v1/chat/completions", CHAT, chat_answer(USAGE), "0.0075", id="chat"),
        pytest.param(
            "/v1/messages",
            MESSAGES,
            httpx.Response(
                200, json={"type": "message", "usage": {"input_tokens": 40, "output_tokens": 3}}
            ),
            "0.000165",
            id="messages",
        ),
        pytest.param(
            f"{GEMINI}:generateContent",
            CONTENTS,
            httpx.Response(
                200, json={"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2}}
            ),
            "0.0000062",
            id="gemini",
        ),
        pytest.param(
            "/v1/embeddings",
            {"model": "text-embedding-3-small", "input": "hi"},
            httpx.Response(200, json={"data": [], "usage": {"prompt_tokens": 50}}),
            "0.000001",
            id="embeddings",
        ),
    ],
)
def test_a_whole_answer_tells_its_charge_in_a_header(
    path: str, body: Any, answer: httpx.Response, charge: str
) -> None:
    gateway = Gateway(lambda request: answer, group=replace(GROUP, platform=platform_of(path)))
    seen = gateway.post(path, body)
    assert (seen.status, seen.headers["x-tollgate-charge"]) == (200, charge)
    assert usd(gateway.record().charge) == charge
