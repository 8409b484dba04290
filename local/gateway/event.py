"""How an HTTP request looks to a function: the REST API's proxy event, payload version 1."""

import base64
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from local.template.application import ACCOUNT, STAGE
from local.template.routes import Match

FORMAT: Final = "%d/%b/%Y:%H:%M:%S +0000"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read to its end."""

    id: str
    method: str
    path: str
    """Percent-encoded, as it was sent."""
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client: str
    """Address of the caller."""
    received: float
    """Seconds since 1970."""

    def header(self, name: str) -> str:
        """The first value of a header by its lower-case name; empty when it was not sent."""
        return next((value for key, value in self.headers if key == name), "")


def proxy_event(request: Request, match: Match, binary: frozenset[str]) -> dict[str, Any]:
    """The event; `binary` are the media types whose bodies travel in base 64."""
    body, encoded = _body(request, binary)
    query = parse_qsl(request.query, keep_blank_values=True)
    headers = (*request.headers, *_forwarded(request))
    return {
        "resource": match.route.resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(headers),
        "multiValueHeaders": _grouped(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _grouped(query) or None,
        "pathParameters": match.parameters or None,
        "stageVariables": None,
        "requestContext": _context(request, match),
        "body": body,
        "isBase64Encoded": encoded,
    }


def _body(request: Request, binary: frozenset[str]) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    media_type = request.header("content-type").partition(";")[0].strip().lower()
    if media_type not in binary:
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass  # text that is none can only arrive whole this way
    return base64.b64encode(request.body).decode(), True


def _forwarded(request: Request) -> Iterable[tuple[str, str]]:
    before = request.header("x-forwarded-for")
    yield "x-forwarded-for", f"{before}, {request.client}" if before else request.client
    yield "x-forwarded-proto", "http"
    yield "x-forwarded-port", request.header("host").rpartition(":")[2]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _context(request: Request, match: Match) -> dict[str, Any]:
    return {
        "accountId": ACCOUNT,
        "apiId": STAGE,
        "resourceId": match.route.function,
        "resourcePath": match.route.resource,
        "httpMethod": request.method,
        "path": request.path,
        "stage": STAGE,
        "protocol": "HTTP/1.1",
        "domainName": request.header("host").partition(":")[0],
        "domainPrefix": STAGE,
        "requestId": request.id,
        "extendedRequestId": request.id,
        "requestTime": time.strftime(FORMAT, time.gmtime(request.received)),
        "requestTimeEpoch": int(request.received * 1000),
        "identity": {
            "sourceIp": request.client,
            "userAgent": request.header("user-agent") or None,
            "accountId": None,
            "apiKey": None,
            "caller": None,
            "user": None,
            "userArn": None,
        },
    }
