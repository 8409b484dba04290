"""Streams for tests of dialects: events as vendors write them, and a reader that passes them on."""

import json
from typing import Any

from tollgate.dialects import Call, load
from tollgate.domain.usage import Usage

ASKED = Call("generate", "m", b"{}", stream=True)
NOT_ASKED = Call("generate", "m", b"{}", stream=True, wants_usage=False)
SSE = Call("generate", "m", b"{}", stream=True, query="alt=sse")
ARRAY = Call("generate", "m", b"{}", stream=True)

CHAT, MESSAGES, GEMINI = (load(n) for n in ("openai_chat", "anthropic_messages", "gemini"))


def event(value: object, name: str = "", end: str = "\n") -> bytes:
    """One server-sent event."""
    said = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return (f"event: {name}{end}" if name else "").encode() + f"data: {said}{end}{end}".encode()


def delta(text: str, **more: object) -> bytes:
    """A chunk of chat text."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return event({"id": "chatcmpl-1", "choices": [choice], **more})


def last(reason: str = "stop", **more: object) -> bytes:
    """The chunk of chat that ends a choice."""
    return event(
        {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **more}
    )


FIGURES = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
USAGE_CHUNK = event({"id": "chatcmpl-1", "choices": [], "usage": FIGURES})
DONE = b"data: [DONE]\n\n"


def passed(tap: Any, stream: bytes, size: int = 4096) -> bytes:
    """What the caller sees of a stream."""
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    seen: bytes = b"".join(tap.feed(piece) for piece in pieces) + tap.flush()
    return seen


def quantities(usage: Usage | None) -> dict[str, int]:
    """The classes of a usage that must be there."""
    assert usage is not None
    return dict(usage.quantities)
