"""What a handler may return and how it looks on the wire, streamed and buffered.

A handler returns a proxy dict (`statusCode`, `headers`, `multiValueHeaders`, `cookies`, `body`,
`isBase64Encoded`) or a streamed answer (`status`, `headers`, `body`: an iterator of bytes). A list
among the headers stands for a header that is sent several times.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_SEPARATOR = b"\0" * 8
_PRELUDE_LIMIT = 16_384  # API Gateway looks for the separator no further


class MalformedAnswer(Exception):
    """The handler returned something that is no HTTP answer."""


class Answer(NamedTuple):
    """An HTTP answer whose body is still to come."""

    prelude: dict[str, Any]
    body: Iterator[bytes]


def is_streamed(result: object) -> bool:
    return (
        isinstance(result, Mapping)
        and "status" in result
        and hasattr(result.get("body"), "__next__")
    )


def read_answer(result: object) -> Answer:
    """Raises MalformedAnswer for anything that API Gateway would not understand."""
    if isinstance(result, Mapping) and is_streamed(result):
        return Answer(_prelude(result["status"], result), result["body"])
    if isinstance(result, Mapping) and "statusCode" in result:
        return Answer(_prelude(result["statusCode"], result), iter([_proxy_body(result)]))
    kind = type(result).__name__
    raise MalformedAnswer(f"The handler returned {kind}; it has no statusCode, nor status and body")


def opening(answer: Answer) -> bytes:
    """The metadata and its separator, which go before the body of a streamed answer."""
    text = json.dumps(answer.prelude).encode() + _SEPARATOR
    if len(text) > _PRELUDE_LIMIT:
        raise MalformedAnswer(f"Status and headers take {len(text)} bytes of {_PRELUDE_LIMIT}")
    return text


def buffered(result: object) -> bytes:
    """Any JSON value as JSON; a streamed answer is collected into a proxy dict first."""
    if is_streamed(result):
        answer = read_answer(result)
        result = answer.prelude | _text(b"".join(answer.body))
    try:
        return json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8; as an escape it is legal JSON
        return json.dumps(result, allow_nan=False).encode()


def _text(body: bytes) -> dict[str, Any]:
    try:
        return {"body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _proxy_body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body") or ""
    if not isinstance(body, str):
        raise MalformedAnswer(f"The body of a proxy answer is {type(body).__name__}, not a string")
    return base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()


def _prelude(status: object, result: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise MalformedAnswer(f"{status!r} is no HTTP status")
    headers = dict(result.get("headers") or {})
    many = dict(result.get("multiValueHeaders") or {})
    many |= {
        name: headers.pop(name) for name, value in list(headers.items()) if isinstance(value, list)
    }
    prelude: dict[str, Any] = {
        "statusCode": int(status),
        "headers": {name: _field(name, value) for name, value in headers.items()},
    }
    if many:
        prelude["multiValueHeaders"] = {
            name: [_field(name, value) for value in values] for name, values in many.items()
        }
    if cookies := result.get("cookies"):
        prelude["cookies"] = [_field("set-cookie", cookie) for cookie in cookies]
    return prelude


def _field(name: object, value: object) -> str:
    """A line break would let a value smuggle in a header of its own."""
    text = str(value) if isinstance(value, str | int) else None
    if text is None or not isinstance(name, str) or any(c in name + text for c in "\r\n\0"):
        raise MalformedAnswer(f"Header {name!r} has no legal value")
    return text
