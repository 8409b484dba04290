"""AWS event streams as Bedrock writes them: one answer, and its bytes as they may arrive."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from local.replay.frames import message
from local.replay.frames import texts as text_headers

__all__ = ["message", "text_headers"]

METRICS = "amazon-bedrock-invocationMetrics"


def chunk(event: Any, padding: str = "abcd") -> bytes:
    """The message that holds one of Anthropic's events: as JSON, or the bytes given."""
    inner = event if isinstance(event, bytes) else json.dumps(event, separators=(",", ":")).encode()
    payload = json.dumps({"bytes": b64encode(inner).decode(), "p": padding}).encode()
    kinds = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return message(text_headers(kinds), payload)


def exception(kind: str, said: str = "Too many requests, please wait.") -> bytes:
    """The message that ends a stream in failure."""
    kinds = {":exception-type": kind, ":content-type": "application/json"}
    headers = text_headers({**kinds, ":message-type": "exception"})
    return message(headers, json.dumps({"message": said}).encode())


START: Mapping[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "msg_bdrk_01", "type": "message", "role": "assistant", "content": [],
        "model": "claude-sonnet-4-5-20250929", "stop_reason": None, "stop_sequence": None,
        "usage": {
            "input_tokens": 1_000, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": 1,
        },
    },
}  # fmt: skip
OPEN: Mapping[str, Any] = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "text", "text": ""},
}
HELLO: Mapping[str, Any] = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": "Hello, wörld"},
}
CLOSE: Mapping[str, Any] = {"type": "content_block_stop", "index": 0}
DELTA: Mapping[str, Any] = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 500},
}
FIGURES = {
    "inputTokenCount": 1_000, "outputTokenCount": 500, "invocationLatency": 900,
    "firstByteLatency": 300,
}  # fmt: skip
STOP: Mapping[str, Any] = {"type": "message_stop", METRICS: FIGURES}

ANSWER = (START, OPEN, HELLO, CLOSE, DELTA, STOP)


def stream(events: Iterable[Any] = ANSWER) -> bytes:
    """A whole stream."""
    return b"".join(map(chunk, events))


def pieces(data: bytes, size: int) -> list[bytes]:
    """The stream as it may arrive."""
    return [data[at : at + size] for at in range(0, len(data), size)]


TOLD = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_bdrk_01","type":'
    b'"message","role":"assistant","content":[],"model":"claude-sonnet-4-5-20250929",'
    b'"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1000,'
    b'"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    b'{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    b'{"type":"text_delta","text":"Hello, w\\u00f6rld"}}\n\n'
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
    b'"stop_sequence":null},"usage":{"output_tokens":500}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
"""What `ANSWER` is as Anthropic streams it."""
