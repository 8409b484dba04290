"""How a stream is ended legally where its upstream did not: typed out for every dialect."""

import pytest

from tollgate.dialects import Tap, load
from tollgate.domain.call import Call

CALL = Call(operation="generate", model="m", body=b"{}", stream=True, query="alt=sse")
SAYS = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
STOPS = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
DELTA = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":7}}\n\n'
)
START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":'
    b'{"input_tokens":9,"output_tokens":1}}}\n\n'
)
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
PART = b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'
LAST = b'{"candidates":[{"finishReason":"STOP"}]}'


def tap(dialect: str, call: Call = CALL) -> Tap:
    return load(dialect).tap(call)


@pytest.mark.parametrize(
    ("dialect", "said", "ended", "finished"),
    [
        pytest.param("openai_chat", SAYS + STOPS + DONE, b"", True, id="chat, whole"),
        pytest.param("openai_chat", SAYS + STOPS, DONE, True, id="chat, only the end lacks"),
        pytest.param("openai_chat", STOPS + DONE[:-2], DONE[:-2], True, id="chat, no blank line"),
        pytest.param(
            "openai_chat",
            SAYS + STOPS[:-2],
            STOPS[:-2] + b"\n\n" + DONE,
            True,
            id="chat, the reason is in the last half event",
        ),
        pytest.param("openai_chat", STOPS + SAYS[:20], DONE, True, id="chat, half an event after"),
        pytest.param("openai_chat", SAYS, b"", False, id="chat, no reason"),
        pytest.param("openai_chat", SAYS + SAYS[:20], b"", False, id="chat, half an event"),
        pytest.param("anthropic_messages", START + DELTA + STOP, b"", True, id="messages, whole"),
        pytest.param("anthropic_messages", START + DELTA, STOP, True, id="messages, end lacks"),
        pytest.param("anthropic_messages", START, b"", False, id="messages, no reason"),
        pytest.param("gemini", b"data: " + LAST + b"\n\n", b"", True, id="gemini, whole"),
        pytest.param("gemini", b"data: " + PART + b"\n\n", b"", False, id="gemini, no reason"),
    ],
)
def test_a_stream_is_ended(dialect: str, said: bytes, ended: bytes, finished: bool) -> None:
    watching = tap(dialect)
    watching.feed(said)
    assert (watching.end(), watching.finished) == (ended, finished)


def test_an_array_whose_bracket_lacks_gets_it() -> None:
    several = Call(operation="generate", model="m", body=b"{}", stream=True, choices=2)
    watching = tap("gemini", several)
    assert watching.feed(b"[" + LAST) == b"[" + LAST
    assert (watching.end(), watching.finished) == (b"]", True)


@pytest.mark.parametrize(
    ("said", "complete"),
    [
        pytest.param(START, False, id="only what the first event says"),
        pytest.param(START + DELTA, True, id="the last figures"),
        pytest.param(
            START + DELTA.replace(b'"output_tokens":7', b'"x":7') + STOP, False, id="never more"
        ),
        pytest.param(
            START + DELTA.replace(b'"output_tokens":7', b'"output_tokens":0') + STOP,
            False,
            id="nothing in their place",
        ),
    ],
)
def test_figures_of_a_messages_beginning_are_not_its_last(said: bytes, complete: bool) -> None:
    watching = tap("anthropic_messages")
    watching.feed(said)
    assert watching.complete is complete


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(b'event: error\ndata: {"type":"error","error":{}}\n\n', id="its own"),
        pytest.param(b'data: {"error":{"message":"busy"}}\n\n', id="as others write it"),
    ],
)
def test_an_error_event_in_messages_is_seen(event: bytes) -> None:
    watching = tap("anthropic_messages")
    watching.feed(START + event)
    assert watching.failed
