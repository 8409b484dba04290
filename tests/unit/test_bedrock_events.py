"""Bedrock's stream as Anthropic's: the caller's bytes typed out, and what failures mean."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.event_streams import (
    ANSWER,
    CLOSE,
    DELTA,
    FIGURES,
    HELLO,
    METRICS,
    OPEN,
    START,
    STOP,
    TOLD,
    chunk,
    exception,
    message,
    pieces,
    stream,
    text_headers,
)
from tollgate.dialects import load
from tollgate.dialects._bedrock_events import unwrapped
from tollgate.domain.call import Call
from tollgate.domain.errors import (
    TollgateError,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamUnavailable,
)

NAMES = {"us.anthropic.claude-sonnet-4-5-20250929-v1:0": "claude-public"}


def told(parts: list[bytes]) -> Iterator[bytes]:
    return unwrapped(iter(parts), NAMES)


@pytest.mark.parametrize("size", [1, 7, 4_096, 10**6])
def test_an_answer_is_retold(size: int) -> None:
    assert b"".join(told(pieces(stream(), size))) == TOLD


def test_events_are_given_as_they_come() -> None:
    assert len(list(told([chunk(event) for event in ANSWER]))) == 6


def test_a_tap_reads_what_is_retold() -> None:
    tap = load("anthropic_messages").tap(Call("generate", "m", b"", stream=True))
    out = b"".join(tap.feed(part) for part in told(pieces(stream(), 50))) + tap.flush()
    assert out == TOLD
    assert tap.finished
    assert tap.usage is not None
    assert dict(tap.usage.quantities) == {"input": 1_000, "output": 500}


def without(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != name}


QUIET_START = {"type": "message_start", "message": {"id": "msg_bdrk_01", "role": "assistant"}}
QUIET_DELTA = without(DELTA, "usage")
CACHED = FIGURES | {"cacheReadInputTokenCount": 40, "cacheWriteInputTokenCount": 8}


def events_told(events: list[Any]) -> list[Any]:
    text = b"".join(told([stream(events)])).decode()
    return [json.loads(block.split("data: ", 1)[1]) for block in text.split("\n\n") if block]


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        pytest.param([START, DELTA, STOP], {"output_tokens": 500}, id="the events tell all"),
        pytest.param(
            [START, DELTA, {"type": "message_stop", METRICS: {"outputTokenCount": 9}}],
            {"output_tokens": 500},
            id="the events go before the metrics",
        ),
        pytest.param([START, QUIET_DELTA, STOP], {"output_tokens": 500}, id="the end tells none"),
        pytest.param(
            [QUIET_START, DELTA, STOP],
            {"output_tokens": 500, "input_tokens": 1_000},
            id="the start tells none",
        ),
        pytest.param(
            [QUIET_START, QUIET_DELTA, {"type": "message_stop", METRICS: CACHED}],
            {
                "input_tokens": 1_000,
                "output_tokens": 500,
                "cache_read_input_tokens": 40,
                "cache_creation_input_tokens": 8,
            },
            id="neither tells any, and something was cached",
        ),
        pytest.param(
            [QUIET_START, QUIET_DELTA | {METRICS: FIGURES}, {"type": "message_stop"}],
            {"input_tokens": 1_000, "output_tokens": 500},
            id="the metrics come with the end itself",
        ),
        pytest.param(
            [START, {**DELTA, "usage": {"output_tokens": None}}, STOP],
            {"output_tokens": 500},
            id="null is no figure",
        ),
        pytest.param(
            [START, QUIET_DELTA, {"type": "message_stop", METRICS: {"outputTokenCount": "9"}}],
            None,
            id="nor is a text",
        ),
        pytest.param([START, QUIET_DELTA, {"type": "message_stop"}], None, id="nobody tells any"),
        pytest.param([START, QUIET_DELTA], None, id="the stream ends before anybody does"),
    ],
)
def test_usage(events: list[Any], usage: Any) -> None:
    found = events_told(events)
    assert [event["type"] for event in found] == [event["type"] for event in events]
    assert all(METRICS not in event for event in found)
    assert found[1].get("usage") == usage
    assert found[1]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}


def test_of_two_ends_the_last_one_waits() -> None:
    found = events_told([START, QUIET_DELTA, {"type": "ping"}, QUIET_DELTA, QUIET_DELTA, STOP])
    assert [event.get("usage") for event in found[1:5]] == [
        None,
        None,
        None,
        {"output_tokens": 500},
    ]
    assert [event["type"] for event in found[1:]] == [
        "message_delta", "ping", "message_delta", "message_delta", "message_stop",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            b'{ "type" : "ping" }', b'event: ping\ndata: { "type" : "ping" }\n\n', id="with blanks"
        ),
        pytest.param(
            b'{\n"type":"ping"\r\n}', b'event: ping\ndata: {"type":"ping"}\n\n', id="on many lines"
        ),
        pytest.param(
            b'{"index":1,"type":"ping"}',
            b'event: ping\ndata: {"index":1,"type":"ping"}\n\n',
            id="the type comes later",
        ),
        pytest.param(
            b'{"type":"ping","text":"amazon-bedrock-invocationMetrics"}',
            b'event: ping\ndata: {"type":"ping","text":"amazon-bedrock-invocationMetrics"}\n\n',
            id="a text that names the metrics",
        ),
    ],
)
def test_an_event_keeps_its_bytes(event: bytes, expected: bytes) -> None:
    assert b"".join(told([chunk(event)])) == expected


@pytest.mark.parametrize(
    "ignored",
    [
        pytest.param(
            message(text_headers({":message-type": "event", ":event-type": "other"}), b"{}"),
            id="an event of another type",
        ),
        pytest.param(message(text_headers({":message-type": "news"}), b""), id="no event"),
        pytest.param(message(b"", b""), id="nothing at all"),
    ],
)
def test_what_nobody_knows_is_passed_over(ignored: bytes) -> None:
    assert b"".join(told([ignored + stream() + ignored])) == TOLD


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"no JSON", id="no JSON"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"type":7}', id="a type that is none"),
        pytest.param(b'{"index":0,"type":"a\\nevent: b"}', id="a type that would be two lines"),
        pytest.param(b"{}", id="no type"),
    ],
)
def test_what_is_no_event(broken: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="something else than events"):
        list(told([chunk(broken)]))


CHUNK = text_headers({":message-type": "event", ":event-type": "chunk"})


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"bytes":7}', id="no text"),
        pytest.param(b'{"bytes":"a"}', id="no base64"),
        pytest.param(b'{"bytes":"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"}', id="no ASCII"),
    ],
)
def test_what_holds_no_event(payload: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="no readable event"):
        list(told([message(CHUNK, payload)]))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param("throttlingException", UpstreamRateLimited, id="throttled"),
        pytest.param("modelStreamErrorException", UpstreamFailed, id="the model failed"),
        pytest.param("modelTimeoutException", UpstreamFailed, id="the model took too long"),
        pytest.param("internalServerException", UpstreamFailed, id="AWS failed"),
        pytest.param("serviceUnavailableException", UpstreamFailed, id="AWS is not there"),
        pytest.param("somethingNewException", UpstreamFailed, id="nobody knows"),
        pytest.param("accessDeniedException", UpstreamUnavailable, id="our account's fault"),
        pytest.param("validationException", UpstreamRefused, id="the call's fault"),
    ],
)
def test_an_exception_before_anything(kind: str, error: type[TollgateError]) -> None:
    with pytest.raises(error) as raised:
        list(told([chunk(START) + exception(kind)]))
    assert type(raised.value) is error


def test_the_calls_fault_is_told_in_words() -> None:
    said = "max_tokens: too many for us.anthropic.claude-sonnet-4-5-20250929-v1:0 in 123456789012"
    with pytest.raises(UpstreamRefused) as raised:
        list(told([exception("validationException", said)]))
    assert json.loads(raised.value.body) == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "max_tokens: too many for claude-public in ***",
        },
    }


def test_an_error_message() -> None:
    headers = {":message-type": "error", ":error-code": "ThrottlingException", ":error-message": ""}
    with pytest.raises(UpstreamRateLimited):
        list(told([message(text_headers(headers), b"")]))


def test_what_was_produced_before_a_failure_is_given() -> None:
    given = told([b"".join(map(chunk, (START, OPEN, HELLO))) + exception("throttlingException")])
    assert next(given).endswith(b'"text":"Hello, w\\u00f6rld"}}\n\n')
    with pytest.raises(UpstreamRateLimited):
        next(given)


def test_what_waits_is_given_before_a_failure() -> None:
    given = told([chunk(HELLO), chunk(CLOSE) + chunk(QUIET_DELTA) + exception("x")])
    assert b"content_block_delta" in next(given)
    assert next(given).count(b"event: ") == 2
    with pytest.raises(UpstreamFailed):
        next(given)


def test_a_failure_in_a_later_piece() -> None:
    given = told([chunk(START), exception("throttlingException")])
    assert next(given).startswith(b"event: message_start\n")
    with pytest.raises(UpstreamRateLimited):
        next(given)


def test_a_stream_that_ends_within_a_message() -> None:
    with pytest.raises(UpstreamFailed, match="ended within a message"):
        list(told([stream()[:-1]]))


def test_an_exception_without_words() -> None:
    headers = text_headers({":message-type": "exception", ":exception-type": "validationException"})
    with pytest.raises(UpstreamRefused) as raised:
        list(told([message(headers, b'{"originalMessage":"too long"}')]))
    assert b'"message":"too long"' in raised.value.body
