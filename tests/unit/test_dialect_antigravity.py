"""The envelope of Google's code assist endpoint: what lies inside passes byte for byte."""

from collections.abc import Iterator

import pytest

from tollgate.dialects._antigravity import (
    ANSWER_BYTES,
    answer,
    counting,
    elements,
    events,
    with_credits,
    wrapped,
)
from tollgate.domain.errors import UpstreamFailed

ONE = '{"candidates": [{"content": {"parts": [{"text": "Größe \\u00e9 }\\" 世界"}]}}], "n": 1.10}'
TWO = '{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}'
STREAM = (
    f'data: {{"response": {ONE} , "traceId": "t\\"1"}}\r\n\r\n'
    ": still there\r\n\r\n"
    f'data: {{"traceId":"t2","response":{TWO},"remainingCredits":[]}}\n\n'
).encode()
SIZES = [
    pytest.param(1, id="byte by byte"),
    pytest.param(7, id="in sevens"),
    pytest.param(4_096, id="at once"),
]


def cut(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


@pytest.mark.parametrize("size", SIZES)
def test_a_streams_events_come_out_of_their_envelopes(size: int) -> None:
    told = b"".join(events(cut(STREAM, size)))
    assert told == f"data: {ONE}\r\n\r\ndata: {TWO}\r\n\r\n".encode()


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_becomes_one_array_for_who_wants_one(size: int) -> None:
    told = b"".join(elements(cut(STREAM, size)))
    assert told == f"[{ONE},\r\n{TWO}]".encode()


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_answer_comes_out_of_its_envelope(size: int) -> None:
    envelope = f' {{"traceId":"t","response":\n{ONE}\n}}\n'.encode()
    assert b"".join(answer(cut(envelope, size))) == ONE.encode()


def test_events_that_arrive_together_leave_together() -> None:
    assert len(list(events(iter([STREAM])))) == 1


def test_nothing_is_given_out_before_an_event_is_complete() -> None:
    given = events(iter([STREAM[:-1], STREAM[-1:]]))
    assert next(given) == f"data: {ONE}\r\n\r\n".encode()
    assert next(given) == f"data: {TWO}\r\n\r\n".encode()
    assert list(given) == []


def test_a_last_event_whose_end_is_missing_is_given_out() -> None:
    stream = f'data: {{"response":{TWO}}}'.encode()
    assert b"".join(events(iter([stream]))) == f"data: {TWO}\r\n\r\n".encode()


def test_an_empty_stream_gives_nothing() -> None:
    assert list(events(iter([]))) == []
    assert list(elements(iter([b": nothing\n\n"]))) == []


def test_an_error_has_no_envelope_and_stays_as_it_is() -> None:
    stream = b'data: {"error": {"code": 503}}\n\n'
    assert b"".join(events(iter([stream]))) == b'data: {"error": {"code": 503}}\r\n\r\n'
    assert b"".join(answer(iter([b'{"error":{"code":503}}\n']))) == b'{"error":{"code":503}}'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"candidates":[]}', id="an answer without an envelope"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"response":{"a":1', id="no end"),
        pytest.param(b'{"a":1', id="no end before the answer"),
        pytest.param(b'{"a":1 "response":{}}', id="no comma"),
        pytest.param(b'{"a":1,response:{}}', id="no quotes"),
        pytest.param(b'{"response":\xff}', id="no UTF-8"),
        pytest.param(b'{"response":' + b"[" * 200_000, id="nested without end"),
    ],
)
def test_what_is_no_envelope_is_a_failure_of_the_upstream(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        list(answer(iter([body])))


def test_a_whole_answer_has_a_limit_and_says_something_at_every_read() -> None:
    part = b" " * (ANSWER_BYTES // 2)
    given = answer(iter([part, part, b" "]))
    assert [next(given), next(given)] == [b"", b""]
    with pytest.raises(UpstreamFailed, match="more than 33554432 bytes"):
        next(given)


def test_a_call_is_wrapped_as_it_is() -> None:
    body = b'{"contents": [1.0] }'
    assert wrapped("p-1", "gemini-3", body) == (
        b'{"project":"p-1","model":"gemini-3","request":{"contents": [1.0] }}'
    )
    assert wrapped("", 'a"b', body) == b'{"model":"a\\"b","request":{"contents": [1.0] }}'


@pytest.mark.parametrize(
    ("body", "credited"),
    [
        pytest.param(
            b'{"model":"m","request":{"x": 1.0}}\n',
            b'{"model":"m","request":{"x": 1.0},"enabledCreditTypes":["GOOGLE_ONE_AI"]}',
            id="gains the list, and nothing else changes",
        ),
        pytest.param(b"{}", b'{"enabledCreditTypes":["GOOGLE_ONE_AI"]}', id="an empty object"),
        pytest.param(
            b'{"enabledCreditTypes":["X"],"model":"m"}',
            b'{"enabledCreditTypes":["GOOGLE_ONE_AI"],"model":"m"}',
            id="another list is overwritten",
        ),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"{", None, id="no JSON"),
        pytest.param(b"[]", None, id="no object"),
    ],
)
def test_credits_are_asked_for_in_valid_objects_only(body: bytes, credited: bytes | None) -> None:
    assert with_credits(body) == credited


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"contents": [1.0] ,"x":2}', id="a conversation"),
        pytest.param(b'{"generateContentRequest":{"contents": [1.0] }}', id="a whole call"),
        pytest.param(b'{"generate_content_request":{"a":1,"contents":[1.0]}}', id="in snake case"),
    ],
)
def test_only_the_conversation_is_counted(body: bytes) -> None:
    assert counting("m", body) == b'{"request":{"model":"models/m","contents":[1.0]}}'
