"""What a tap reads off a stream: every way figures, ends and texts may come, at every chunking."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollgate.dialects import Call, load
from tollgate.dialects._openai import ChatTap
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


@pytest.mark.parametrize("size", [1, 5, 64, 4096])
def test_a_chat_stream_is_read_as_it_passes(size: int) -> None:
    stream = delta("") + delta("Hel") + delta('lo "you"') + last() + USAGE_CHUNK + DONE
    tap = CHAT.tap(ASKED)
    assert passed(tap, stream, size) == stream
    assert quantities(tap.usage) == {"input": 7, "output": 3}
    assert tap.visible_bytes == len("Hel") + len('lo \\"you\\"')
    assert (tap.finished, tap.failed, tap.finish_reason) == (True, False, "stop")
    assert tap.upstream_id == "chatcmpl-1"
    assert tap.at_boundary


@pytest.mark.parametrize("size", [1, 5, 64, 4096])
def test_only_the_usage_chunk_is_taken_out_for_a_caller_who_did_not_ask(size: int) -> None:
    before, after = delta("Hi") + last(), event({"choices": [], "moderation": {"x": 1}}) + DONE
    tap = CHAT.tap(NOT_ASKED)
    assert passed(tap, before + USAGE_CHUNK + after, size) == before + after
    assert quantities(tap.usage) == {"input": 7, "output": 3}


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(last(usage=FIGURES), id="with the end of a choice"),
        pytest.param(delta("Hi", usage=FIGURES), id="with text"),
        pytest.param(event({"choices": [], "x_filter": 1, "usage": None}), id="without figures"),
        pytest.param(b": comment\n\n", id="a comment"),
    ],
)
def test_a_chunk_that_holds_more_than_usage_stays(chunk: bytes) -> None:
    assert passed(CHAT.tap(NOT_ASKED), chunk + DONE) == chunk + DONE


def test_nothing_of_an_incomplete_event_leaves_before_its_end() -> None:
    tap = CHAT.tap(ASKED)
    chunk = delta("Hello")
    assert tap.feed(chunk[:50]) == b""
    assert tap.feed(chunk[50:] + chunk[:10]) == chunk
    assert tap.flush() == chunk[:10]


class CountingTap(ChatTap):
    """A tap that counts what it parses."""

    parsed = 0

    def learn(self, name: bytes, data: bytes, value: Any) -> bool:
        """Count and learn."""
        self.parsed += 1
        return super().learn(name, data, value)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([delta(f"word {i}", usage=None) for i in range(200)], id="usage null"),
        pytest.param([delta("x", created=i, usage=None) for i in range(200)], id="other numbers"),
        pytest.param(
            [b'data: {"created":%d,' % i + delta("x")[7:] for i in range(200)], id="numbers before"
        ),
        pytest.param([delta("x", obfuscation="aB3" * (i % 9)) for i in range(200)], id="padding"),
        pytest.param([delta('"\\\n' * i) for i in range(200)], id="escapes"),
        pytest.param([delta("[DONE]"[:5]) for _ in range(200)], id="nearly an end"),
    ],
)
@pytest.mark.parametrize("size", [7, 100_000])
def test_ordinary_events_are_never_parsed(chunks: list[bytes], size: int) -> None:
    tap = CountingTap(ASKED)
    passed(tap, b"".join(chunks), size)
    assert tap.parsed == 0


def test_many_events_in_one_read_are_recognised_one_by_one() -> None:
    tap = CountingTap(ASKED)
    tap.feed(delta("first"))
    read = b"".join(delta(f"{i}") for i in range(10))
    assert tap.feed(read + last() + delta("cut")[:9]) == read + last()
    assert (tap.visible_bytes, tap.parsed, tap.finish_reason) == (len("first") + 10, 1, "stop")


def test_a_text_that_never_ends_is_counted_as_far_as_it_came() -> None:
    tap = CHAT.tap(ASKED)
    assert passed(tap, delta("abc")[:-20]) == delta("abc")[:-20]
    cut = b'data: {"choices":[{"delta":{"content":"abc'
    tap = CHAT.tap(ASKED)
    assert passed(tap, cut) == cut
    assert tap.visible_bytes == 3


def test_running_figures_are_parsed_only_where_the_shape_changes() -> None:
    tap = CountingTap(ASKED)
    for i in range(1, 201):
        tap.feed(delta("x", usage={"prompt_tokens": 9, "completion_tokens": i}))
    assert tap.parsed == 1
    assert quantities(tap.usage) == {"input": 9, "output": 200}
    assert tap.parsed == 2


@pytest.mark.parametrize(
    ("reports", "found"),
    [
        pytest.param(
            [
                {"prompt_tokens": 5, "completion_tokens": 0},
                {"prompt_tokens": 0, "completion_tokens": 7},
            ],
            {"input": 5, "output": 7},
            id="one after another",
        ),
        pytest.param(
            [
                {"prompt_tokens": 5, "completion_tokens": 7},
                {"prompt_tokens": 0, "completion_tokens": 0},
            ],
            {"input": 5, "output": 7},
            id="zeros at the end",
        ),
        pytest.param(
            [{"prompt_tokens": 5, "completion_tokens": i} for i in (1, 20, 300)],
            {"input": 5, "output": 300},
            id="growing",
        ),
        pytest.param(
            [{"prompt_tokens": 5, "completion_tokens": 3}, None],
            {"input": 5, "output": 3},
            id="null at the end",
        ),
        pytest.param(
            [{"prompt_tokens": 5}, {"completion_tokens": 3}],
            {"input": 5, "output": 3},
            id="in two halves",
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 100_000])
def test_the_last_figure_that_is_not_zero_wins(
    reports: list[dict[str, int] | None], found: dict[str, int], size: int
) -> None:
    tap = CHAT.tap(ASKED)
    passed(tap, b"".join(delta("x", usage=report) for report in reports), size)
    assert quantities(tap.usage) == found


@pytest.mark.parametrize(
    ("chunk", "failed"),
    [
        pytest.param(event({"error": {"message": "x"}}), True, id="an error object"),
        pytest.param(event({"error": {"message": "x"}}, name="error"), True, id="an error event"),
        pytest.param(b"event: error\ndata: oops\n\n", True, id="an error event without JSON"),
        pytest.param(delta("x", error=None), False, id="error is null"),
        pytest.param(delta('"error": {"a": 1}'), False, id="only text about an error"),
        pytest.param(delta("event: error\ndata: [DONE]"), False, id="only text about an event"),
    ],
)
def test_a_failed_stream_is_told_from_talk_about_failing(chunk: bytes, failed: bool) -> None:
    tap = CHAT.tap(ASKED)
    assert passed(tap, delta("a") + chunk) == delta("a") + chunk
    assert (tap.failed, tap.finished) == (failed, False)


@pytest.mark.parametrize("chunk", [b"data: [DONE]\n\n", b"data:[DONE]\r\n\r\n", b"data: [DONE]"])
def test_done_ends_a_chat_stream(chunk: bytes) -> None:
    tap = CHAT.tap(ASKED)
    assert passed(tap, chunk) == chunk
    assert tap.finished


def test_an_id_is_taken_once_and_kept_short() -> None:
    tap = CHAT.tap(ASKED)
    tap.feed(event({"id": "x" * 500, "choices": []}) + event({"id": "second", "choices": []}))
    assert tap.upstream_id == "x" * 128


@pytest.mark.parametrize(
    ("dialect", "call", "body", "found", "reason"),
    [
        pytest.param(
            CHAT,
            NOT_ASKED,
            {
                "id": "c",
                "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
                "usage": FIGURES,
            },
            {"input": 7, "output": 3},
            "stop",
            id="chat",
        ),
        pytest.param(
            MESSAGES,
            ASKED,
            {
                "id": "msg_1",
                "type": "message",
                "content": [{"type": "text", "text": "Hi"}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 4, "output_tokens": 2},
            },
            {"input": 4, "output": 2},
            "end_turn",
            id="messages",
        ),
        pytest.param(
            GEMINI,
            ARRAY,
            {
                "candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2},
            },
            {"input": 4, "output": 2},
            "STOP",
            id="gemini",
        ),
    ],
)
def test_a_whole_answer_in_place_of_a_stream_is_read_too(
    dialect: Any, call: Call, body: object, found: dict[str, int], reason: str
) -> None:
    tap = dialect.tap(call)
    written = json.dumps(body, indent=1).encode()
    assert passed(tap, written, 10) == written
    assert quantities(tap.usage) == found
    assert (tap.finish_reason, tap.visible_bytes) == (reason, 2)


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
