"""What a tap reads off a stream: every way figures, ends and texts may come, at every chunking."""

import json
from typing import Any

import pytest

from tests.dialect_streams import (
    ARRAY,
    ASKED,
    CHAT,
    DONE,
    FIGURES,
    GEMINI,
    MESSAGES,
    NOT_ASKED,
    USAGE_CHUNK,
    delta,
    event,
    last,
    passed,
    quantities,
)
from tollgate.dialects import Call
from tollgate.dialects._openai import ChatTap


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


def test_a_second_of_speech_counts_as_much_as_it_costs() -> None:
    tap = CHAT.tap(ASKED)
    sound = {"index": 0, "delta": {"audio": {"data": "A" * 64_000, "transcript": "Hi"}}}
    tap.feed(event({"choices": [sound]}))
    assert tap.visible_bytes == len("Hi") + 2 * 20


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
