"""What Messages report as usage, in answers and over streams, in the normal form."""

import json
from typing import Any

import pytest

from tollgate.dialects import Call, load

MESSAGES = load("anthropic_messages")
CALL = Call("generate", "claude", b"{}", stream=True)


def usage(report: object) -> Any:
    """Usage of a complete answer with that report."""
    return MESSAGES.read_usage(CALL, json.dumps({"type": "message", "usage": report}).encode())


@pytest.mark.parametrize(
    ("report", "found"),
    [
        pytest.param(
            {"input_tokens": 9, "output_tokens": 4}, {"input": 9, "output": 4}, id="plain"
        ),
        pytest.param(
            {
                "input_tokens": 3,
                "output_tokens": 33,
                "cache_read_input_tokens": 1111,
                "cache_creation_input_tokens": 418,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 418,
                    "ephemeral_1h_input_tokens": 0,
                },
            },
            {"input": 3, "cache_read": 1111, "cache_write_5m": 418, "output": 33},
            id="cache",
        ),
        pytest.param(
            {
                "input_tokens": 3,
                "output_tokens": 1,
                "cache_creation_input_tokens": 100,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 30,
                    "ephemeral_1h_input_tokens": 60,
                },
            },
            {"input": 3, "cache_write_5m": 40, "cache_write_1h": 60, "output": 1},
            id="remainder",
        ),
        pytest.param(
            {"input_tokens": 3, "output_tokens": 1, "cache_creation_input_tokens": 100},
            {"input": 3, "cache_write_5m": 100, "output": 1},
            id="no lifetimes",
        ),
        pytest.param(
            {
                "input_tokens": 3,
                "output_tokens": 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 7},
            },
            {"input": 3, "cache_write_5m": 5, "cache_write_1h": 7, "output": 1},
            id="no total",
        ),
        pytest.param(
            {"input_tokens": 3, "output_tokens": 1, "cached_tokens": 50},
            {"input": 3, "cache_read": 50, "output": 1},
            id="another name for the cache",
        ),
        pytest.param(
            {
                "input_tokens": 3,
                "output_tokens": 1,
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0, "x": 5},
            },
            {"input": 3, "output": 1, "tool:web_search": 2},
            id="server tools",
        ),
        pytest.param(
            {
                "input_tokens": 23,
                "output_tokens": 10,
                "iterations": [
                    {
                        "type": "compaction",
                        "input_tokens": 180,
                        "output_tokens": 35,
                        "cache_creation_input_tokens": 7,
                        "cache_read_input_tokens": 2,
                    },
                    {"type": "message", "input_tokens": 23, "output_tokens": 10},
                ],
            },
            {"input": 203, "cache_read": 2, "cache_write_5m": 7, "output": 45},
            id="compaction",
        ),
        pytest.param(
            {
                "input_tokens": 2417,
                "output_tokens": 133,
                "iterations": [
                    {"type": "message"},
                    {"type": "advisor_message", "input_tokens": 2529},
                    5,
                ],
            },
            {"input": 2417, "output": 133, "tool:advisor": 1},
            id="an advisor",
        ),
        pytest.param(
            {
                "input_tokens": 3,
                "output_tokens": 1,
                "cache_creation": None,
                "server_tool_use": None,
                "cache_read_input_tokens": None,
            },
            {"input": 3, "output": 1},
            id="nulls that may be",
        ),
    ],
)
def test_usage_is_taken_as_it_is_meant(report: dict[str, Any], found: dict[str, int]) -> None:
    used = usage(report)
    assert (dict(used.quantities), used.suspect) == (found, False)


def test_thinking_is_inside_the_output() -> None:
    used = usage(
        {"input_tokens": 3, "output_tokens": 99, "output_tokens_details": {"thinking_tokens": 55}}
    )
    assert (used["output"], used["reasoning"], used.reasoning_inside) == (99, 0, 55)


@pytest.mark.parametrize(
    ("report", "found"),
    [
        pytest.param({"input_tokens": -3, "output_tokens": 1}, {"output": 1}, id="negative"),
        pytest.param(
            {"input_tokens": "3", "output_tokens": 1}, {"input": 3, "output": 1}, id="text"
        ),
        pytest.param({"input_tokens": None, "output_tokens": 1}, {"output": 1}, id="null"),
        pytest.param({"input_tokens": False, "output_tokens": 1}, {"output": 1}, id="boolean"),
        pytest.param(
            {"input_tokens": 2.0, "output_tokens": 1}, {"input": 2, "output": 1}, id="float"
        ),
        pytest.param(
            {"input_tokens": 10**9, "output_tokens": 1}, {"input": 10**8, "output": 1}, id="huge"
        ),
        pytest.param(
            {
                "input_tokens": 1,
                "output_tokens": 1,
                "iterations": [{"type": "compaction", "input_tokens": -1}],
            },
            {"input": 1, "output": 1},
            id="within an iteration",
        ),
        pytest.param(
            {
                "input_tokens": 1,
                "output_tokens": 1,
                "server_tool_use": {"web_search_requests": "2"},
            },
            {"input": 1, "output": 1, "tool:web_search": 2},
            id="within server tools",
        ),
    ],
)
def test_a_figure_that_cannot_be_true_is_made_safe_and_suspect(
    report: dict[str, Any], found: dict[str, int]
) -> None:
    used = usage(report)
    assert (dict(used.quantities), used.suspect) == (found, True)


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"usage":null}', b'{"usage":{"input_tokens":0}}']
)
def test_usage_that_says_nothing_is_absent(answer: bytes) -> None:
    assert MESSAGES.read_usage(CALL, answer) is None


def event(kind: str, **more: object) -> bytes:
    """One event of a Messages stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


START = event(
    "message_start",
    message={
        "id": "msg_1",
        "usage": {
            "input_tokens": 2050,
            "output_tokens": 1,
            "cache_read_input_tokens": 7,
            "cache_creation_input_tokens": 12,
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 10},
        },
    },
)
TEXT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"})
THINKING = event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm"})
TOOL = event(
    "content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"'}
)
STOP = event("message_stop")


def ended(reason: str | None = "end_turn", **figures: object) -> bytes:
    """The message_delta that ends an answer."""
    return event("message_delta", delta={"stop_reason": reason}, usage=figures)


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    ("figures", "found"),
    [
        pytest.param({"output_tokens": 9}, {"input": 2050, "output": 9}, id="only output"),
        pytest.param(
            {
                "input_tokens": 31772,
                "output_tokens": 644,
                "server_tool_use": {"web_search_requests": 2},
            },
            {"input": 31772, "output": 644, "tool:web_search": 2},
            id="input grew by searching",
        ),
        pytest.param(
            {"input_tokens": 0, "output_tokens": 9, "cache_read_input_tokens": None},
            {"input": 2050, "output": 9},
            id="zeros and nulls change nothing",
        ),
    ],
)
def test_a_stream_adds_up(figures: dict[str, Any], found: dict[str, int], size: int) -> None:
    stream = START + THINKING + TEXT + TEXT + TOOL + ended(**figures) + STOP
    tap = MESSAGES.tap(CALL)
    seen = b"".join(tap.feed(stream[i : i + size]) for i in range(0, len(stream), size))
    assert seen + tap.flush() == stream
    assert tap.usage is not None
    cache = {"cache_read": 7, "cache_write_5m": 2, "cache_write_1h": 10}
    assert dict(tap.usage.quantities) == {**found, **cache}
    assert (tap.finished, tap.failed, tap.finish_reason) == (True, False, "end_turn")
    assert tap.upstream_id == "msg_1"
    assert tap.visible_bytes == len("Hm") + 2 * len("Hello") + len('{\\"')


def test_a_stream_that_was_cut_has_the_figures_of_its_start() -> None:
    tap = MESSAGES.tap(CALL)
    tap.feed(START + TEXT)
    assert tap.usage is not None
    assert (tap.usage["input"], tap.usage["output"]) == (2050, 1)
    assert not tap.finished


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(event("error", error={"type": "overloaded_error"}), id="an error event"),
        pytest.param(b'data: {"type": "error", "error": {}}\n\n', id="without its name"),
        pytest.param(b"event: error\ndata: oops\n\n", id="without JSON"),
    ],
)
def test_an_error_event_fails_the_stream(broken: bytes) -> None:
    tap = MESSAGES.tap(CALL)
    assert tap.feed(START + broken) == START + broken
    assert (tap.failed, tap.finished) == (True, False)


@pytest.mark.parametrize(
    "spoken",
    [
        pytest.param("event: error\ndata: x", id="an error"),
        pytest.param('{"type": "message_stop"}', id="an end"),
        pytest.param('"usage": {"output_tokens": 5000}', id="figures"),
    ],
)
def test_text_about_events_is_only_text(spoken: str) -> None:
    tap = MESSAGES.tap(CALL)
    said = event("content_block_delta", index=0, delta={"type": "text_delta", "text": spoken})
    tap.feed(START + said + ended(None, output_tokens=5))
    assert (tap.failed, tap.finished, tap.finish_reason) == (False, False, None)
    assert tap.usage is not None
    assert tap.usage["output"] == 5


def test_pings_and_unknown_events_pass() -> None:
    tap = MESSAGES.tap(CALL)
    stream = event("ping") + event("tollgate.receipt", cost="1") + b"event: x\n\n"
    assert tap.feed(stream) == stream
    assert tap.usage is None
