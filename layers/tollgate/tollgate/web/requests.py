"""An API Gateway proxy event as a request: method, path, headers, body, and its API key."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from tollgate.domain.errors import InvalidRequest, MissingKey, RequestTooLarge

BODY_LIMIT: Final = 4 * 1024 * 1024
"""Largest body we take. Lambda takes 6 MB of event, in which JSON escaping can swell a body."""

OWN: Final = frozenset({"key", "dry_run"})
"""Query parameters that no upstream sees."""

GEMINI_PREFIXES: Final = ("/v1beta/", "/v1/models/")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower case; of repeated headers the last one counts."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    body: bytes
    source_ip: str

    @property
    def forwarded_query(self) -> str:
        """The query string as sent, without what is ours: the key, and the wish for a quote."""
        pairs = [(n, v) for n, values in self.query.items() if n not in OWN for v in values]
        return urlencode(pairs, quote_via=quote)


def read_event(event: Mapping[str, Any]) -> Request:
    """Read a REST proxy event (v1).

    Raises:
        RequestTooLarge: a body beyond BODY_LIMIT.
        InvalidRequest: a body that API Gateway marked as base64 and is not.
    """
    many = event.get("multiValueQueryStringParameters") or {}
    context = event.get("requestContext") or {}
    return Request(
        method=event["httpMethod"].upper(),
        path=event["path"],
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        query={name: tuple(values) for name, values in many.items()},
        body=read_body(event),
        source_ip=(context.get("identity") or {}).get("sourceIp", ""),
    )


def read_body(event: Mapping[str, Any]) -> bytes:
    """The body's bytes."""
    text = event.get("body") or ""
    try:
        body = (
            base64.b64decode(text, validate=True)
            if event.get("isBase64Encoded")
            else text.encode("utf-8", "surrogatepass")
        )
    except binascii.Error as error:
        raise InvalidRequest("the body is not what its encoding says") from error
    if len(body) > BODY_LIMIT:
        raise RequestTooLarge(
            f"the body has {len(body)} bytes; the limit is {BODY_LIMIT}: send large media by URL"
        )
    return body


def secret_of(request: Request) -> str:
    """The API key a request carries, in any of the ways the vendors' clients send it.

    Raises:
        MissingKey: none.
        InvalidRequest: two different ones.
    """
    headers = request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    carried = [
        token.strip() if scheme.lower() == "bearer" else "",
        headers.get("x-api-key", "").strip(),
        headers.get("x-goog-api-key", "").strip(),
    ]
    if request.path.startswith(GEMINI_PREFIXES):
        carried.extend(value.strip() for value in request.query.get("key", ()))
    secrets = {secret for secret in carried if secret}
    if not secrets:
        raise MissingKey(
            "no API key was sent; send it as 'Authorization: Bearer', "
            "'x-api-key' or 'x-goog-api-key'"
        )
    if len(secrets) > 1:
        raise InvalidRequest("two different API keys were sent; send one")
    return secrets.pop()


def is_dry_run(request: Request) -> bool:
    """Whether a quote is wanted instead of a call.

    Raises:
        InvalidRequest: `dry_run` is anything but one "true".
    """
    asked = request.query.get("dry_run", ())
    if asked not in ((), ("true",)):
        raise InvalidRequest(
            "dry_run can only be true; leave it out to make the call", param="dry_run"
        )
    return bool(asked)
