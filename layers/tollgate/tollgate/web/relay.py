"""The relay's HTTP side: which route a request takes, and how refusals look to its caller."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import unquote

from tollgate import dialects
from tollgate.dialects import Dialect, Route
from tollgate.domain.errors import (
    CatalogUnavailable,
    MethodNotAllowed,
    RateLimited,
    RouteNotFound,
    TollgateError,
    UnsupportedEndpoint,
)
from tollgate.observability import Observer
from tollgate.services.admission import Presented
from tollgate.services.listing import Listing
from tollgate.services.quote import Quotes
from tollgate.services.relay import Refused, Relay, RelayRequest, Reply, rate_headers
from tollgate.web.requests import Request, is_dry_run, read_event, secret_of

UNSUPPORTED: Final = ("/v1/realtime", "/v1/files", "/v1/batches")
"""Endpoints of the vendors that Tollgate knows and does not offer; the docs say so."""

EXPOSED: Final = {
    "access-control-expose-headers": (
        "x-request-id, x-tollgate-charge, x-tollgate-error-code, x-should-retry, retry-after, "
        "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
        "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
    )
}
PREFLIGHT: Final = {
    "access-control-allow-methods": "GET, HEAD, POST, OPTIONS",
    "access-control-max-age": "3600",
}
NAMES: Final = re.compile(r"[\w, -]{1,2000}", re.ASCII)
"""Header names as a browser lists them."""

PLACEHOLDER: Final = re.compile(r"\\\{(\w+)\\\}")

Answer = dict[str, Any]


class Context(Protocol):
    """What Lambda tells a handler beside its event, as far as the relay looks."""

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One metered way in, ready to match."""

    dialect: Dialect
    route: Route
    path: re.Pattern[str]


def entries() -> tuple[Entry, ...]:
    """The route table: every route of every dialect, found by discovery."""
    return tuple(
        Entry(
            dialect,
            route,
            re.compile(PLACEHOLDER.sub(r"(?P<\1>[^/]+?)", re.escape(route.pattern)) + r"\Z"),
        )
        for dialect, route in dialects.routes()
    )


class RelayApi:
    """Answers every request to the relay routes."""

    def __init__(
        self,
        relay: Relay,
        listing: Listing,
        quotes: Quotes,
        observer: Observer,
        fresh_id: Callable[[str], str],
        origins: str = "",
    ) -> None:
        self._relay = relay
        self._listing = listing
        self._quotes = quotes
        self._observer = observer
        self._fresh_id = fresh_id
        self._origins = frozenset(origins.split(",")) - {""}
        self._entries = entries()

    def __call__(self, event: Mapping[str, Any], context: Context) -> Answer:
        """Answer one proxy event; every refusal is written in the caller's own dialect."""
        path = event.get("path") or "/"
        method = str(event.get("httpMethod", "")).upper()
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        origin = headers.get("origin", "")
        if method == "OPTIONS":
            return proxied(self._preflight(origin, headers), {})
        try:
            reply = self._answer(read_event(event), context.get_remaining_time_in_millis())
        except Refused as refused:
            self._tell(refused.error, refused.request_id)
            speaking = dialect_of(path, headers)
            reply = error_reply(speaking, refused.error, refused.request_id, refused.body)
        except TollgateError as error:
            request_id = self._fresh_id("req")
            self._tell(error, request_id)
            reply = error_reply(dialect_of(path, headers), error, request_id)
        if method == "HEAD":
            reply = Reply(reply.status, reply.headers, b"")
        return proxied(reply, self._cors(origin))

    def _tell(self, error: TollgateError, request_id: str) -> None:
        """Our own and the upstreams' failures are logged; refusals are only counted by the API."""
        if error.status >= 500:
            self._observer.logger.warning(
                error.message, code=error.code, status=int(error.status), request_id=request_id
            )

    def _answer(self, request: Request, remaining_ms: int) -> Reply:
        reads = request.method in {"GET", "HEAD"}
        if request.path == "/" and reads:
            return Reply(200, {"content-type": "application/json"}, b'{"name":"tollgate"}\n')
        if request.path == "/healthz" and reads:
            return self._health()
        if reads and (found := MODELS.match(request.path)):
            presented = Presented(secret_of(request), request.source_ip)
            return self._listing.models(
                dialect_of(request.path, request.headers),
                presented,
                found["model"],
                claude_code=dialects.from_claude_code(request.headers),
            )
        if reads and (found := RECEIPT.match(request.path)):
            presented = Presented(secret_of(request), request.source_ip)
            return self._listing.receipt(presented, found["request"])
        entry, path = self._match(request)
        asked = RelayRequest(
            entry.dialect,
            entry.route,
            path,
            request.headers,
            request.body,
            secret_of(request),
            request.forwarded_query,
            remaining_ms,
            request.source_ip,
        )
        if is_dry_run(request):
            return self._quotes.quote(asked)
        return self._relay.relay(asked) if entry.route.metered else self._relay.forward(asked)

    def _match(self, request: Request) -> tuple[Entry, Mapping[str, str]]:
        path = unquote(request.path)
        wrong_method = False
        for entry in self._entries:
            found = entry.path.match(path)
            if found and entry.route.method == request.method:
                return entry, found.groupdict()
            wrong_method = wrong_method or bool(found)
        if wrong_method:
            raise MethodNotAllowed(f"{request.method} is not possible here; use POST")
        if path.startswith(UNSUPPORTED):
            raise UnsupportedEndpoint(f"{path} is not offered by this gateway")
        raise RouteNotFound(f"there is no {request.method} {path} here")

    def _health(self) -> Reply:
        try:
            self._listing.ready()
        except CatalogUnavailable as error:
            return Reply(503, {"content-type": "text/plain"}, f"{error.message}\n".encode())
        return Reply(200, {"content-type": "text/plain"}, b"ready\n")

    def _cors(self, origin: str) -> dict[str, str]:
        """What lets a browser's page of an allowed origin read the answer."""
        if not self._origins:
            return {}
        if "*" in self._origins:
            return {"access-control-allow-origin": "*", **EXPOSED}
        if origin not in self._origins:
            return {"vary": "origin"}
        return {"access-control-allow-origin": origin, "vary": "origin", **EXPOSED}

    def _preflight(self, origin: str, headers: Mapping[str, str]) -> Reply:
        """What a browser may send: an origin that is not allowed is told nothing."""
        allowed = self._cors(origin)
        if "access-control-allow-origin" in allowed:
            asked = headers.get("access-control-request-headers", "")
            allowed |= PREFLIGHT
            allowed["access-control-allow-headers"] = asked if NAMES.fullmatch(asked) else "*"
        return Reply(204, allowed, b"")


RECEIPT: Final = re.compile(r"/v1/receipts/(?P<request>\w+)\Z")
MODELS: Final = re.compile(r"/v1(?:beta)?/models(?:/(?P<model>[^/:]+))?/?\Z")


def dialect_of(path: str, headers: Mapping[str, str]) -> Dialect:
    """The format a caller reads errors and lists in, told by path, else by headers."""
    if (
        path.startswith("/v1beta")
        or re.match(r"/v1/models/[^/]+:", path)
        or "x-goog-api-key" in headers
    ):
        return dialects.load("gemini")
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return dialects.load("anthropic_messages")
    return dialects.load("openai_chat")


def error_reply(
    dialect: Dialect, error: TollgateError, request_id: str, body: bytes = b""
) -> Reply:
    """A refusal in the caller's dialect; `body` is the upstream's own complaint, if any.

    Terminal refusals carry `x-should-retry: false`, which the OpenAI and Anthropic SDKs obey.
    """
    status, written = dialect.write_error(error, request_id)
    headers = {
        "content-type": "application/json",
        "x-request-id": request_id,
        "request-id": request_id,
        "x-tollgate-error-code": error.code,
    }
    if not error.retryable:
        headers["x-should-retry"] = "false"
    if isinstance(error, RateLimited):
        headers |= rate_headers(error.rates)
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return Reply(status, headers, body or written)


def proxied(reply: Reply, extra: Mapping[str, str]) -> Answer:
    """A reply as the runtime loop takes it."""
    body = (reply.body,) if isinstance(reply.body, bytes) else reply.body
    streamed = iter(body) if isinstance(body, tuple) else body
    return {"status": reply.status, "headers": {**reply.headers, **extra}, "body": streamed}
