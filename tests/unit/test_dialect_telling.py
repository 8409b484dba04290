"""What a stream's caller is told of money: the bytes of one event, before and after."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.dialect_streams import (
    ARRAY,
    ASKED,
    CHAT,
    DONE,
    GEMINI,
    MESSAGES,
    NOT_ASKED,
    SSE,
    delta,
    event,
    last,
    passed,
    quantities,
)
from tollgate.dialects import Telling

COST = Telling(cost=lambda: "0.0000057")
BOTH = Telling(cost=lambda: "0.0000057", receipt=lambda: {"request_id": "req_1", "lines": []})

BEGIN = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
STOP = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USED = b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":7,"total_tokens":10}}\n\n'
USED_TOLD = (
    b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":7,"total_tokens":10'
    b',"cost":0.0000057}}\n\n'
)
CHECKED = b'data: {"choices":[],"moderation":{"flagged":false},"usage":null}\n\n'

STARTED = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","usage":'
    b'{"input_tokens":9,"output_tokens":1}}}\n\n'
)
SAID = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    b'{"type":"text_delta","text":"Hi"}}\n\n'
)
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
CHANGED = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":3}     }\n\n'
)
CHANGED_TOLD = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":3,"cost":0.0000057}     }\n\n'
)
RUNNING = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":null},'
    b'"usage":{"output_tokens":2}}\n\n'
)
STOPPED = b'event: message_stop\ndata: {"type":"message_stop"  }\n\n'

PART = (
    b'data: {"candidates": [{"content": {"parts": [{"text": "Hel"}]},"index": 0}],'
    b'"usageMetadata": {"promptTokenCount": 4,"candidatesTokenCount": 1}}\r\n\r\n'
)
ENDED = (
    b'data: {"candidates": [{"content": {"parts": [{"text": "lo"}]},"finishReason": "STOP"}],'
    b'"usageMetadata": {"promptTokenCount": 4,"candidatesTokenCount": 2},"x": 1}\r\n\r\n'
)
ENDED_TOLD = (
    b'data: {"candidates": [{"content": {"parts": [{"text": "lo"}]},"finishReason": "STOP"}],'
    b'"usageMetadata": {"promptTokenCount": 4,"candidatesTokenCount": 2,"cost":0.0000057},'
    b'"x": 1}\r\n\r\n'
)
LISTED = b'[{\n  "candidates": [{"content": {"parts": [{"text": "Hel"}]}}]\n}\n'
LISTED_END = (
    b',\r\n{\n  "candidates": [\n    {"finishReason": "STOP"}\n  ],\n'
    b'  "usageMetadata": {\n    "promptTokenCount": 4,\n    "candidatesTokenCount": 2\n  }\n}\n]\n'
)
LISTED_END_TOLD = (
    b',\r\n{\n  "candidates": [\n    {"finishReason": "STOP"}\n  ],\n'
    b'  "usageMetadata": {\n    "promptTokenCount": 4,\n    "candidatesTokenCount": 2'
    b',"cost":0.0000057\n  }\n}\n]\n'
)


def told(dialect: Any, call: Any, telling: Telling, stream: bytes, size: int = 4096) -> bytes:
    """What a caller sees of a stream who wants to be told."""
    tap = dialect.tap(call)
    tap.tell(telling)
    return passed(tap, stream, size)


@pytest.mark.parametrize("size", [1, 7, 50, 100_000])
@pytest.mark.parametrize(
    ("dialect", "call", "before", "after"),
    [
        pytest.param(
            CHAT, ASKED, BEGIN * 3 + STOP + USED + DONE, BEGIN * 3 + STOP + USED_TOLD + DONE,
            id="chat: the usage chunk",
        ),
        pytest.param(
            CHAT, ASKED, BEGIN + STOP + USED + CHECKED + b": x\n\n" + DONE,
            BEGIN + STOP + USED_TOLD + CHECKED + b": x\n\n" + DONE,
            id="chat: chunks without figures after it",
        ),
        pytest.param(
            CHAT, ASKED,
            BEGIN + b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":7}}\n\n'
            + DONE,
            BEGIN + b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":7'
            b',"cost":0.0000057}}\n\n' + DONE,
            id="chat: figures only with the end of the choice",
        ),
        pytest.param(
            CHAT, ASKED,
            b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":7}}\n\n' + USED
            + DONE,
            b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":7'
            b',"cost":0.0000057}}\n\n' + USED + DONE,
            id="chat: figures twice, told with the first that are final",
        ),
        pytest.param(
            CHAT, ASKED,
            b'data: {"choices":[{"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":7}}}'
            b"\n\n" + USED + DONE,
            b'data: {"choices":[{"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":7}}}'
            b"\n\n" + USED_TOLD + DONE,
            id="chat: what Groq says elsewhere stays",
        ),
        pytest.param(
            CHAT, replace(ASKED, choices=2),
            b'data: {"choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":7}}'
            b"\n\n" + BEGIN
            + b'data: {"choices":[{"index":1,"finish_reason":"stop"}],"usage":{"prompt_tokens":7}}'
            b"\n\n" + DONE,
            b'data: {"choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":7}}'
            b"\n\n" + BEGIN
            + b'data: {"choices":[{"index":1,"finish_reason":"stop"}],"usage":{"prompt_tokens":7'
            b',"cost":0.0000057}}\n\n' + DONE,
            id="chat: the end of the last choice",
        ),
        pytest.param(
            CHAT, ASKED,
            STOP + b'data: {"choices":[],"usage":{"cost":0.00123,"prompt_tokens":7}}\n\n' + DONE,
            STOP + b'data: {"choices":[],"usage":{"cost":0.0000057,"prompt_tokens":7}}\n\n' + DONE,
            id="chat: what the vendor says it costs is replaced",
        ),
        pytest.param(
            CHAT, ASKED,
            STOP + 'data: {"choices":[],"x":"ключ","usage":{ "prompt_tokens": 7 }}\n\n'.encode(),
            STOP + 'data: {"choices":[],"x":"ключ","usage":{ "prompt_tokens": 7,"cost":0.0000057 }}'
            "\n\n".encode(),
            id="chat: other alphabets and blanks",
        ),
        pytest.param(
            CHAT, ASKED, BEGIN + STOP + USED, BEGIN + STOP + USED_TOLD,
            id="chat: no [DONE]",
        ),
        pytest.param(
            MESSAGES, ASKED, STARTED + SAID * 3 + CHANGED + STOPPED,
            STARTED + SAID * 3 + CHANGED_TOLD + STOPPED,
            id="messages: the last message_delta",
        ),
        pytest.param(
            MESSAGES, ASKED, STARTED + RUNNING + CHANGED + PING + STOPPED,
            STARTED + RUNNING + CHANGED_TOLD + PING + STOPPED,
            id="messages: of two the one that says why it stopped",
        ),
        pytest.param(
            MESSAGES, ASKED,
            STARTED + CHANGED.replace(b"\n", b"\r\n") + STOPPED.replace(b"\n", b"\r\n"),
            STARTED + CHANGED_TOLD.replace(b"\n", b"\r\n") + STOPPED.replace(b"\n", b"\r\n"),
            id="messages: lines that end otherwise",
        ),
        pytest.param(
            GEMINI, SSE, PART * 3 + ENDED, PART * 3 + ENDED_TOLD, id="gemini: the last answer"
        ),
        pytest.param(
            GEMINI, ARRAY, LISTED + LISTED_END, LISTED + LISTED_END_TOLD, id="gemini: in an array"
        ),
        pytest.param(
            GEMINI, replace(SSE, choices=2),
            ENDED + ENDED.replace(b'"STOP"', b'"STOP","index": 1'),
            ENDED + ENDED_TOLD.replace(b'"STOP"', b'"STOP","index": 1'),
            id="gemini: the end of the last candidate",
        ),
    ],
)  # fmt: skip
def test_exactly_the_event_with_the_final_figures_tells_the_cost(
    dialect: Any, call: Any, before: bytes, after: bytes, size: int
) -> None:
    assert told(dialect, call, COST, before, size) == after
    assert passed(dialect.tap(call), before, size) == before


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize(
    ("dialect", "call", "stream", "seen"),
    [
        pytest.param(
            CHAT, NOT_ASKED, BEGIN + STOP + USED + DONE, BEGIN + STOP + DONE,
            id="chat: who did not ask for usage",
        ),
        pytest.param(
            CHAT, NOT_ASKED,
            b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":7}}\n\n' + DONE,
            b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":7}}\n\n' + DONE,
            id="chat: who did not ask and gets it all the same",
        ),
        pytest.param(
            CHAT, ASKED,
            STOP + b'data: {"choices":[],"usage":{"prompt_tokens":7,"prompt_tokens":8}}\n\n',
            STOP + b'data: {"choices":[],"usage":{"prompt_tokens":7,"prompt_tokens":8}}\n\n',
            id="chat: figures that two readers understand differently",
        ),
        pytest.param(
            CHAT, ASKED,
            STOP + b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":7}}\n\n' + DONE,
            STOP + b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":7}}\n\n' + DONE,
            id="chat: an event of several lines",
        ),
        pytest.param(
            CHAT, ASKED,
            b'data: {"choices":[{"finish_reason":"stop","usage":{"prompt_tokens":7}}]}\n\n' + DONE,
            b'data: {"choices":[{"finish_reason":"stop","usage":{"prompt_tokens":7}}]}\n\n' + DONE,
            id="chat: figures only within a choice",
        ),
        pytest.param(CHAT, ASKED, BEGIN + STOP + DONE, BEGIN + STOP + DONE, id="chat: no figures"),
        pytest.param(
            CHAT, ASKED, BEGIN + USED + BEGIN + STOP + DONE, BEGIN + USED + BEGIN + STOP + DONE,
            id="chat: figures before the end of the text",
        ),
        pytest.param(
            CHAT, ASKED, BEGIN + DONE + USED + DONE, BEGIN + DONE + USED + DONE,
            id="chat: figures after the end",
        ),
        pytest.param(
            MESSAGES, ASKED,
            CHANGED[: CHANGED.index(b'"usage"')] + b'"usage":null}\n\n' + STOPPED,
            CHANGED[: CHANGED.index(b'"usage"')] + b'"usage":null}\n\n' + STOPPED,
            id="messages: a message_delta without usage",
        ),
        pytest.param(
            GEMINI, SSE, PART + b'data: {"candidates": [{"finishReason": "STOP"}]}\r\n\r\n',
            PART + b'data: {"candidates": [{"finishReason": "STOP"}]}\r\n\r\n',
            id="gemini: an end without usage",
        ),
        pytest.param(
            GEMINI, replace(SSE, choices=2), PART + ENDED, PART + ENDED,
            id="gemini: a candidate that never ends",
        ),
    ],
)  # fmt: skip
def test_where_nothing_certain_can_be_said_nothing_differs(
    dialect: Any, call: Any, stream: bytes, seen: bytes, size: int
) -> None:
    assert told(dialect, call, COST, stream, size) == seen


@pytest.mark.parametrize(
    ("dialect", "call", "stream"),
    [
        pytest.param(CHAT, ASKED, BEGIN + STOP + USED + DONE, id="chat"),
        pytest.param(MESSAGES, ASKED, STARTED + SAID + CHANGED + STOPPED, id="messages"),
        pytest.param(GEMINI, SSE, PART + ENDED, id="gemini"),
    ],
)
def test_a_price_that_cannot_be_computed_leaves_the_stream_as_it_is(
    dialect: Any, call: Any, stream: bytes
) -> None:
    assert told(dialect, call, Telling(lambda: None, lambda: None), stream) == stream


@pytest.mark.parametrize("size", [1, 50, 100_000])
@pytest.mark.parametrize(
    ("dialect", "call", "before", "after"),
    [
        pytest.param(
            CHAT, ASKED, BEGIN + STOP + USED + DONE,
            BEGIN + STOP + USED_TOLD
            + b'data: {"id":"chatcmpl-1","object":"tollgate.receipt","created":0,"model":"m",'
            b'"choices":[],"receipt":{"request_id":"req_1","lines":[]}}\n\n' + DONE,
            id="chat: before [DONE]",
        ),
        pytest.param(
            CHAT, NOT_ASKED, STOP[:6] + b'{"choices":[]}\n\n' + USED + DONE,
            STOP[:6] + b'{"choices":[]}\n\n'
            b'data: {"id":"chatcmpl-1","object":"tollgate.receipt","created":0,"model":"m",'
            b'"choices":[],"receipt":{"request_id":"req_1","lines":[]}}\n\n' + DONE,
            id="chat: before [DONE], for who did not ask for usage",
        ),
        pytest.param(
            CHAT, ASKED, DONE,
            b'data: {"id":"","object":"tollgate.receipt","created":0,"model":"m",'
            b'"choices":[],"receipt":{"request_id":"req_1","lines":[]}}\n\n' + DONE,
            id="chat: an empty answer",
        ),
        pytest.param(
            MESSAGES, ASKED, STARTED + SAID + CHANGED + STOPPED,
            STARTED + SAID + CHANGED_TOLD
            + b'event: tollgate.receipt\ndata: {"type":"tollgate.receipt",'
            b'"receipt":{"request_id":"req_1","lines":[]}}\n\n' + STOPPED,
            id="messages",
        ),
        pytest.param(GEMINI, SSE, PART + ENDED, PART + ENDED_TOLD, id="gemini has none"),
        pytest.param(
            CHAT, ASKED, BEGIN + STOP + USED, BEGIN + STOP + USED_TOLD, id="no end, no receipt"
        ),
    ],
)  # fmt: skip
def test_a_receipt_is_one_event_before_the_end(
    dialect: Any, call: Any, before: bytes, after: bytes, size: int
) -> None:
    assert told(dialect, call, BOTH, before, size) == after


def test_a_receipt_without_the_cost_leaves_the_other_events_alone() -> None:
    seen = told(CHAT, ASKED, Telling(receipt=lambda: {"x": 1}), BEGIN + STOP + USED + DONE)
    receipt = (
        b'data: {"id":"chatcmpl-1","object":"tollgate.receipt","created":0,"model":"m",'
        b'"choices":[],"receipt":{"x":1}}\n\n'
    )
    assert seen == BEGIN + STOP + USED + receipt + DONE


def test_nothing_waits_to_be_told() -> None:
    tap = CHAT.tap(ASKED)
    tap.tell(BOTH)
    assert tap.feed(BEGIN + STOP) == BEGIN + STOP
    assert tap.feed(USED) == USED_TOLD
    assert tap.feed(CHECKED) == CHECKED
    assert tap.feed(DONE).endswith(DONE)
    assert tap.feed(DONE + USED) == DONE + USED


def test_the_cost_is_asked_for_once_and_when_everything_is_known() -> None:
    asked: list[Mapping[str, int]] = []
    tap = CHAT.tap(ASKED)

    def cost() -> str:
        asked.append(quantities(tap.usage))
        return "0"

    tap.tell(Telling(cost=cost))
    running = [delta("x", usage={"prompt_tokens": 9, "completion_tokens": n}) for n in range(1, 9)]
    end = last(usage={"prompt_tokens": 9, "completion_tokens": 20})
    seen = passed(tap, b"".join(running) + end + DONE, 64)
    assert asked == [{"input": 9, "output": 20}]
    assert seen == b"".join(running) + end.replace(b"20}", b'20,"cost":0}') + DONE


def test_a_whole_answer_in_place_of_a_stream_is_not_changed() -> None:
    body = b'{"id":"c","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":7}}'
    assert told(CHAT, ASKED, BOTH, body) == body


def test_ordinary_events_are_parsed_no_more_where_the_cost_is_told() -> None:
    class Counting(type(CHAT.tap(ASKED))):  # type: ignore[misc]  # the tap of the dialect
        parsed = 0

        def learn(self, name: bytes, data: bytes, value: Any) -> bool:
            self.parsed += 1
            return bool(super().learn(name, data, value))

    tap = Counting(ASKED)
    tap.tell(BOTH)
    passed(tap, b"".join(event({"choices": [{"delta": {"content": "x"}}]}) for _ in range(200)), 7)
    assert tap.parsed == 0
