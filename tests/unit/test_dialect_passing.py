"""Passing over ordinary events misses nothing, whatever a stream holds and however it arrives."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dialect_streams import (
    ASKED,
    CHAT,
    DONE,
    GEMINI,
    MESSAGES,
    NOT_ASKED,
    SSE,
    USAGE_CHUNK,
    delta,
    event,
    last,
    passed,
    quantities,
)
from tollgate.dialects import Call


def studious(tap: Any) -> Any:
    """The same tap, which takes no event for ordinary and looks at every one."""
    kind = type(tap)
    tap.__class__ = type(kind.__name__, (kind,), {"_ordinary": lambda *_: 0})
    return tap


COUNTS = st.sampled_from([0, 0, 1, 20, 300])
SPOKEN = st.sampled_from(["", "a", 'say "x"', "[DONE]", '"usage": {', "event: error", "\n\n", "0"])


def chat_chunk(text: str, count: int, extra: int) -> bytes:
    """A chunk that may tell anything."""
    told: dict[int, dict[str, Any]] = {
        0: {},
        1: {"usage": {"prompt_tokens": 5, "completion_tokens": count}},
        20: {"usage": None, "created": count},
        300: {"error": {"message": text}} if count == 1 else {"x": text},
    }
    more = told[extra]
    return last(text or "stop", **more) if extra and count == 1 else delta(text, **more)


def gemini_chunk(text: str, count: int, extra: int) -> bytes:
    """A partial answer that may tell anything."""
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}]}, "index": 0}
    if extra == 1:
        candidate["finishReason"] = "STOP"
    told = {"promptTokenCount": 9, "candidatesTokenCount": count, "thoughtsTokenCount": extra}
    return event({"candidates": [candidate], "usageMetadata": told, "v": count}, end="\r\n")


def messages_event(text: str, count: int, extra: int) -> bytes:
    """An event that may tell anything."""
    if extra == 1:
        return event({"type": "message_delta", "usage": {"output_tokens": count}}, "message_delta")
    kind = "thinking" if extra else "text"
    return event(
        {"type": "content_block_delta", "index": count, "delta": {"type": kind, kind: text}},
        "content_block_delta",
    )


@settings(max_examples=60)
@given(st.lists(st.tuples(SPOKEN, COUNTS, COUNTS), max_size=15), st.integers(1, 2_000))
@pytest.mark.parametrize(
    ("dialect", "call", "write"),
    [
        pytest.param(CHAT, ASKED, chat_chunk, id="chat"),
        pytest.param(MESSAGES, ASKED, messages_event, id="messages"),
        pytest.param(GEMINI, SSE, gemini_chunk, id="gemini"),
    ],
)
def test_passing_over_ordinary_events_misses_nothing(
    dialect: Any, call: Call, write: Any, told: list[tuple[str, int, int]], size: int
) -> None:
    stream = b"".join(write(*one) for one in told)
    quick, slow = dialect.tap(call), studious(dialect.tap(call))
    assert passed(quick, stream, size) == passed(slow, stream) == stream
    for name in ("usage", "finished", "failed", "finish_reason", "visible_bytes"):
        assert getattr(quick, name) == getattr(slow, name), name


TEXT = st.text(max_size=12)


@settings(max_examples=60)
@given(st.lists(TEXT, max_size=12), st.integers(1, 400), st.booleans())
def test_any_text_at_any_chunking_is_counted_and_unchanged(
    texts: list[str], size: int, escaped: bool
) -> None:
    written = [json.dumps(text, ensure_ascii=escaped).encode("utf-8", "replace") for text in texts]
    chunk = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":%b}}],"usage":null}\n\n'
    stream = b"".join(chunk % text for text in written) + USAGE_CHUNK + DONE
    tap = CHAT.tap(ASKED)
    assert passed(tap, stream, size) == stream
    assert tap.visible_bytes == sum(len(text) - 2 for text in written)
    assert quantities(tap.usage) == {"input": 7, "output": 3}
    assert tap.finished


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                delta("ab"),
                last(),
                USAGE_CHUNK,
                DONE,
                b": x\n\n",
                b"data: {\n\n",
                b"\r\n\r\n",
                delta("c", error={"a": 1}),
                b"\xff\n",
            ]
        ),
        max_size=8,
    ),
    st.integers(1, 60),
)
def test_every_chunking_of_a_stream_tells_the_same(pieces: list[bytes], size: int) -> None:
    stream = b"".join(pieces)
    one, other = CHAT.tap(NOT_ASKED), CHAT.tap(NOT_ASKED)
    seen, whole = passed(one, stream, size), passed(other, stream)
    # An empty line more than needed may be counted to the usage chunk behind it, and go with it.
    assert [line for line in seen.splitlines() if line] == [x for x in whole.splitlines() if x]
    for name in ("usage", "finished", "failed", "finish_reason", "visible_bytes", "upstream_id"):
        assert getattr(one, name) == getattr(other, name)
