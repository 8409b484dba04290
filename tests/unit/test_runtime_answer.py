"""What counts as an HTTP answer, and the exact bytes it becomes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tollgate.runtime.answer import MalformedAnswer, buffered, opening, read_answer

NULS = b"\0\0\0\0\0\0\0\0"


@pytest.mark.parametrize(
    ("result", "metadata", "content"),
    [
        pytest.param(
            {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "hi"},
            b'{"statusCode": 200, "headers": {"Content-Type": "text/plain"}}',
            b"hi",
            id="a proxy dict",
        ),
        pytest.param(
            {"statusCode": 204}, b'{"statusCode": 204, "headers": {}}', b"", id="status alone"
        ),
        pytest.param(
            {"statusCode": 200, "headers": None, "body": None},
            b'{"statusCode": 200, "headers": {}}',
            b"",
            id="absent means empty",
        ),
        pytest.param(
            {"statusCode": 200, "body": "/wD+", "isBase64Encoded": True},
            b'{"statusCode": 200, "headers": {}}',
            b"\xff\x00\xfe",
            id="a binary body",
        ),
        pytest.param(
            {"statusCode": 200, "body": "价格 ≠ 0"},
            b'{"statusCode": 200, "headers": {}}',
            b"\xe4\xbb\xb7\xe6\xa0\xbc \xe2\x89\xa0 0",
            id="a body that is not ASCII",
        ),
        pytest.param(
            {"statusCode": 200, "headers": {"x-note": "价"}},
            b'{"statusCode": 200, "headers": {"x-note": "\\u4ef7"}}',
            b"",
            id="a header that is not ASCII stays escaped",
        ),
        pytest.param(
            {"statusCode": 429, "headers": {"retry-after": 7}},
            b'{"statusCode": 429, "headers": {"retry-after": "7"}}',
            b"",
            id="a number in a header",
        ),
        pytest.param(
            {"statusCode": 200, "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]}},
            b'{"statusCode": 200, "headers": {}, '
            b'"multiValueHeaders": {"set-cookie": ["a=1", "b=2"]}}',
            b"",
            id="headers sent several times",
        ),
        pytest.param(
            {"statusCode": 200, "cookies": ["a=1; Path=/"]},
            b'{"statusCode": 200, "headers": {}, "cookies": ["a=1; Path=/"]}',
            b"",
            id="cookies",
        ),
        pytest.param(
            {"status": 200, "headers": {"x": "1", "y": ["2", "3"]}, "body": iter([b"a", b"b"])},
            b'{"statusCode": 200, "headers": {"x": "1"}, "multiValueHeaders": {"y": ["2", "3"]}}',
            b"ab",
            id="a streamed answer with a list among its headers",
        ),
        pytest.param(
            {"status": 503, "body": iter([b"no"])},
            b'{"statusCode": 503, "headers": {}}',
            b"no",
            id="a streamed answer without headers",
        ),
    ],
)
def test_an_answer_becomes_metadata_eight_nuls_and_content(
    result: dict[str, Any], metadata: bytes, content: bytes
) -> None:
    answer = read_answer(result)
    assert opening(answer) == metadata + NULS
    assert b"".join(answer.body) == content


MALFORMED = [
    pytest.param(None, "NoneType", id="nothing"),
    pytest.param("done", "str", id="a string"),
    pytest.param({"message": "done"}, "no statusCode", id="a dict without status"),
    pytest.param({"status": 200, "body": "text"}, "status and body", id="status with a string"),
    pytest.param({"status": 200, "body": [b"x"]}, "status and body", id="status with a list"),
    pytest.param({"statusCode": "200"}, "'200' is no HTTP status", id="status as a string"),
    pytest.param({"statusCode": 99}, "99 is no HTTP status", id="status too small"),
    pytest.param({"statusCode": 600}, "600 is no HTTP status", id="status too large"),
    pytest.param({"statusCode": True}, "True is no HTTP status", id="status as a boolean"),
    pytest.param({"statusCode": 200, "body": {"a": 1}}, "is dict, not a string", id="body a dict"),
    pytest.param({"statusCode": 200, "body": b"x"}, "is bytes, not a string", id="body as bytes"),
    pytest.param({"statusCode": 200, "headers": {"x": None}}, "'x' has no", id="header None"),
    pytest.param({"statusCode": 200, "headers": {"x": {}}}, "'x' has no", id="header a dict"),
    pytest.param({"statusCode": 200, "headers": {1: "x"}}, "1 has no", id="a name that is no text"),
    pytest.param(
        {"statusCode": 200, "headers": {"x": "1\r\nset-cookie: a=b"}}, "'x' has no", id="smuggled"
    ),
    pytest.param(
        {"statusCode": 200, "headers": {"x\n": "1"}}, "has no legal value", id="smuggled in a name"
    ),
    pytest.param({"statusCode": 200, "cookies": ["a=1\n"]}, "'set-cookie'", id="smuggled cookie"),
    pytest.param(
        {"statusCode": 200, "headers": {"x": "y" * 16_384}},
        "bytes of 16384",
        id="too much metadata",
    ),
]


@pytest.mark.parametrize(("result", "reason"), MALFORMED)
def test_what_is_no_http_answer_is_refused_with_the_reason(result: object, reason: str) -> None:
    with pytest.raises(MalformedAnswer) as refusal:
        opening(read_answer(result))
    assert reason in str(refusal.value)


def test_a_body_that_is_not_base64_is_refused() -> None:
    with pytest.raises(ValueError, match="padding"):
        read_answer({"statusCode": 200, "body": "abc", "isBase64Encoded": True})


def _chunks(*chunks: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter(chunks)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            _chunks(b"data: \xe4\xbb", b"\xb7\n\n"),
            '{"statusCode": 200, "headers": {"x": "1"}, "body": "data: 价\\n\\n",'
            ' "isBase64Encoded": false}',
            id="text, with a character across two chunks",
        ),
        pytest.param(
            _chunks(b"\xff\x00", b"\xfe"),
            '{"statusCode": 200, "headers": {"x": "1"}, "body": "/wD+", "isBase64Encoded": true}',
            id="bytes that are no UTF-8",
        ),
        pytest.param(
            _chunks(),
            '{"statusCode": 200, "headers": {"x": "1"}, "body": "", "isBase64Encoded": false}',
            id="nothing",
        ),
    ],
)
def test_a_streamed_answer_is_collected_into_a_proxy_dict(
    chunks: Callable[[], Iterator[bytes]], expected: str
) -> None:
    result = {"status": 200, "headers": {"x": "1"}, "body": chunks()}
    assert buffered(result).decode() == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param(None, b"null", id="null"),
        pytest.param([], b"[]", id="empty list"),
        pytest.param({"status": "ok"}, b'{"status": "ok"}', id="a status that is no answer"),
        pytest.param(
            {"statusCode": 200, "body": "x"}, b'{"statusCode": 200, "body": "x"}', id="proxy"
        ),
        pytest.param("价", b'"\xe4\xbb\xb7"', id="UTF-8"),
        pytest.param("\ud83d", b'"\\ud83d"', id="a lone surrogate"),
    ],
)
def test_any_json_value_leaves_as_it_is(result: object, expected: bytes) -> None:
    assert buffered(result) == expected


@pytest.mark.parametrize(
    ("result", "error"),
    [
        pytest.param({"x": object()}, TypeError, id="no JSON type"),
        pytest.param(float("nan"), ValueError, id="not a number"),
    ],
)
def test_what_is_no_json_is_refused(result: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        buffered(result)
