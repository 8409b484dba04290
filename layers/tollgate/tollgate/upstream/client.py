"""Sends one call to one upstream account and gives its answer back as it comes.

What a failure means is decided here once: it is *retryable elsewhere* (another account may do
better), or it is about the request itself. Upstream texts stay inside: callers get ours.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

import httpx

from tollgate.domain.errors import (
    TollgateError,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tollgate.upstream.connections import Connections
from tollgate.upstream.guard import Guard
from tollgate.upstream.proxies import Proxy
from tollgate.upstream.transport import Transport

CONNECT_SECONDS: Final = 5.0
WRITE_SECONDS: Final = 30.0
SILENCE_SECONDS: Final = 280.0
"""API Gateway cuts a silent connection after five minutes; we end it ourselves before (R31)."""

ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Largest answer kept in memory, decompressed."""

INFLATED_BYTES: Final = 1024 * 1024
"""Most that one step of decompression gives."""

ERROR_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Where one attempt goes: full URL, headers including the account's own authentication.

    `proxy` is what it passes through on its way, None for nothing.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    proxy: Proxy | None = None


class Answer:
    """One upstream answer: status, headers, and its bytes one read at a time.

    `decode` takes them out of the envelope they came in, where there is one; `identity` is the
    vendor's id of the request, where the answer's head tells the one to ask about. `interrupted`
    tells whether `interrupt` ended it.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = plain(response.headers)
        self.decode: Callable[[Iterator[bytes]], Iterator[bytes]] | None = None
        self.identity = ""
        self.interrupted = False

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives; once it began, only silence and `interrupt` end the waiting.

        Raises:
            UpstreamFailed, UpstreamTimeout: it broke off, or was silent too long.
        """
        reads = self._reads()
        for first in reads:
            if linger := self._response.extensions.get("linger"):
                linger()
            yield first
            break
        yield from reads

    def read(self, limit: int = ANSWER_BYTES, within: float | None = None) -> bytes:
        """The whole body; `within` so many seconds, None for all the time there is.

        Raises:
            UpstreamFailed: larger than `limit`, or broken; UpstreamTimeout: it took too long.
        """
        hasten = self._response.extensions.get("hasten")
        if within is not None and hasten is not None:
            hasten(within)
        parts: list[bytes] = []
        size = 0
        for chunk in self._reads():
            size += len(chunk)
            if size > limit:
                raise UpstreamFailed(f"the upstream answered with more than {limit} bytes")
            parts.append(chunk)
        return b"".join(parts)

    def interrupt(self) -> None:
        """End a read that blocks in another thread, by shutting its socket down."""
        self.interrupted = True
        if interrupt := self._response.extensions.get("interrupt"):
            interrupt()

    def close(self) -> None:
        """Give the connection back, or drop it when the body was not read to its end."""
        self._response.close()

    def _reads(self) -> Iterator[bytes]:
        """The body out of its compression, if the upstream chose one unasked, and its envelope."""
        read = self._decoded()
        try:
            yield from read if self.decode is None else self.decode(read)
        except httpx.TransportError as error:
            raise translated(error) from error

    def _decoded(self) -> Iterator[bytes]:
        # Not `iter_raw`, which counts and cuts what passes: the stream gives whole reads.
        reads = iter(cast("httpx.SyncByteStream", self._response.stream))
        encoding = self.headers.get("content-encoding", "").strip().lower()
        return reads if encoding in {"", "identity"} else decompressed(reads, encoding)


@lru_cache(maxsize=1_024)
def parsed(url: str) -> tuple[httpx.URL, str]:
    """A URL taken apart, and the host it names; the same few are asked for again and again."""
    found = httpx.URL(url)
    return found, found.netloc.decode("ascii")


def asked(target: Target) -> httpx.Request:
    """The request as it is sent.

    Its host and length are told: httpx takes 25 µs to find them out by itself.
    """
    url, host = parsed(target.url)
    own = {"host": host, "accept-encoding": "identity"}
    if target.method != "GET":
        own["content-length"] = str(len(target.body))
    return httpx.Request(
        target.method, url, headers={**own, **target.headers}, stream=httpx.ByteStream(target.body)
    )


class Upstream:
    """HTTP to model vendors; unused connections are kept, `connections` at most.

    The transport is asked without httpx's client, which would keep cookies of one user's call for
    the next one's.
    """

    def __init__(
        self,
        *,
        loopback: bool = False,
        connections: int = 512,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._transport = transport or Transport(Connections(Guard(loopback=loopback), connections))

    def send(self, target: Target, patience: float = SILENCE_SECONDS) -> Answer:
        """Send one call and wait for the answer's head, at most `patience` seconds.

        Raises:
            UpstreamFailed, UpstreamTimeout, UpstreamUnavailable: no answer could be had.
        """
        request = asked(target)
        if patience <= 0:
            raise UpstreamTimeout("there is no time left to ask another upstream")
        request.extensions["timeout"] = {
            "connect": min(patience, CONNECT_SECONDS),
            "write": WRITE_SECONDS,
            "read": min(patience, SILENCE_SECONDS),
            "whole": patience,
        }
        if target.proxy is not None:
            request.extensions["proxy"] = target.proxy
        try:
            response = self._transport.handle_request(request)
        except httpx.TransportError as error:
            raise translated(error) from error
        return Answer(response)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._transport.close()


def translated(error: httpx.TransportError) -> TollgateError:
    """What a broken connection means: the only place that reads httpx's errors."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return UpstreamUnavailable("the upstream could not be reached")
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeout("the upstream did not answer in time")
    return UpstreamFailed("the upstream broke the connection")


def plain(headers: httpx.Headers) -> dict[str, str]:
    """Headers by lower-case name; several of one name are joined."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def decompressed(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Undo a compression we did not ask for; each step gives at most one megabyte.

    Raises:
        UpstreamFailed: an encoding we do not read, bytes that are not of it or end too early, or
            more of them than an answer has.
    """
    if encoding not in {"gzip", "deflate", "x-gzip"}:
        raise UpstreamFailed(
            f"the upstream used content-encoding {encoding!r}, which was not asked for"
        )
    inflate = zlib.decompressobj(wbits=47)
    size = 0
    try:
        for chunk in chunks:
            pending = chunk
            while pending:
                out = inflate.decompress(pending, INFLATED_BYTES)
                pending = inflate.unconsumed_tail
                size += len(out)
                if size > ANSWER_BYTES:
                    raise UpstreamFailed("the upstream compressed more than an answer has")
                if out:
                    yield out
    except zlib.error as error:
        raise UpstreamFailed("the upstream's compressed answer is broken") from error
    if not inflate.eof:
        raise UpstreamFailed("the upstream's compressed answer ended too early")


def refusal(status: int, retry_after: int | None) -> TollgateError | None:
    """What an upstream's error status means for failing over; None when it is about the request.

    401, 402, 403 say that *our* account is at fault, 407 that its proxy does not know us; 408, 409,
    429, 529 and 5xx that it cannot now.
    Success and every other 4xx give None.
    """
    if status in {401, 402, 403, 407}:
        return UpstreamUnavailable("the upstream refused the gateway's own account")
    if status in {429, 529}:
        return UpstreamRateLimited("the upstream is rate limiting", retry_after=retry_after)
    if 300 <= status < 400 or status >= 500 or status in {408, 409}:
        return UpstreamFailed(f"the upstream answered with status {status}")
    return None
