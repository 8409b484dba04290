"""How an answer of a function, or the gateway's own refusal, looks on the wire."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

Fields = list[tuple[bytes, bytes]]

OURS: Final = frozenset({b"connection", b"content-length", b"keep-alive", b"transfer-encoding"})
"""Headers that belong to this connection, whatever a function says."""

VARIABLE: Final = re.compile(r"\$?context\.([A-Za-z.]+)")


class MalformedAnswer(Exception):
    """A function returned what API Gateway cannot read."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status and headers, and the body unless it is streamed."""

    status: int
    headers: Fields
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of API Gateway's own answers."""

    type: str
    """Such as `MISSING_AUTHENTICATION_TOKEN`: the name the template uses."""
    status: int
    message: str


NO_ROUTE: Final = Refusal("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token")
TOO_LARGE: Final = Refusal("REQUEST_TOO_LARGE", 413, "Request Too Long")
BAD_ANSWER: Final = Refusal("DEFAULT_5XX", 502, "Internal server error")
TOO_LATE: Final = Refusal("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out")


class Refusals:
    """The `GatewayResponses` of the template, over API Gateway's defaults."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        self._declared = declared

    def response(self, refusal: Refusal, request_id: str) -> Response:
        """What the caller gets to see."""
        family = (
            "DEFAULT_4XX" if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR else "DEFAULT_5XX"
        )
        body = self._declared.get(refusal.type) or self._declared.get(family) or {}
        facts = {
            "requestId": request_id,
            "error.message": refusal.message,
            "error.messageString": json.dumps(refusal.message),
            "error.responseType": refusal.type,
        }
        templates = body.get("ResponseTemplates") or {
            "application/json": '{"message":$context.error.messageString}'
        }
        media_type, template = next(iter(templates.items()))
        fixed = body.get("ResponseParameters", {}).get("Headers", {})
        headers = {name: _mapped(value, facts) for name, value in fixed.items()}
        return Response(
            int(body.get("StatusCode", refusal.status)),
            _fields({"content-type": media_type, **headers}.items()),
            _filled(template, facts).encode(),
        )


def _mapped(value: str, facts: Mapping[str, str]) -> str:
    """A header of a gateway response: a text in quotes, or something of the context."""
    return value[1:-1] if value.startswith("'") else _filled(value, facts)


def _filled(template: str, facts: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda match: facts.get(match[1], ""), template)


def begin(metadata: Mapping[str, Any]) -> Response:
    """Status and headers of a streamed answer.

    Raises:
        MalformedAnswer: they have the wrong shape.
    """
    try:
        cookies = [("set-cookie", str(cookie)) for cookie in metadata.get("cookies") or ()]
        return Response(int(metadata.get("statusCode", 200)), _headers(metadata) + _fields(cookies))
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedAnswer(str(error)) from error


def read(payload: bytes) -> Response:
    """The response that a proxy dict stands for.

    Raises:
        MalformedAnswer: it is not JSON, or not of the shape API Gateway wants.
    """
    try:
        answer = json.loads(payload)
        status, body = int(answer["statusCode"]), answer.get("body") or ""
        content = (
            base64.b64decode(body, validate=True)
            if answer.get("isBase64Encoded")
            else body.encode()
        )
        headers = _headers(answer)
    except (TypeError, ValueError, KeyError, AttributeError, binascii.Error) as error:
        raise MalformedAnswer(repr(error)) from error
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"application/json"))
    return Response(status, headers, content)


def _headers(answer: Mapping[str, Any]) -> Fields:
    many = answer.get("multiValueHeaders") or {}
    single = answer.get("headers") or {}
    named = {name.lower() for name in many}
    return _fields(
        [
            *((name, value) for name, values in many.items() for value in values),
            *((name, value) for name, value in single.items() if name.lower() not in named),
        ]
    )


def _fields(pairs: Iterable[tuple[str, Any]]) -> Fields:
    fields = [(name.lower().encode("latin-1"), str(value).encode("utf-8")) for name, value in pairs]
    return [(name, value) for name, value in fields if name not in OURS]
