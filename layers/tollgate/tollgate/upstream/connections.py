"""Which connection a call to an upstream takes, and when that connection may be used again.

A connection is used again only after a body that was read to its end with nothing behind it.
Nothing is ever sent twice: what an upstream began to do costs money.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Final, NamedTuple, cast

import httpx

from tollgate.domain.egress import PORTS
from tollgate.upstream.guard import EgressRefused, Guard
from tollgate.upstream.proxies import (
    Hop,
    Nested,
    Proxy,
    Stream,
    authority,
    authorization,
    told,
    tunnel,
)

LONGEST_IDLE: Final = 60.0
"""Seconds after which an unused connection is closed instead of used."""

READ_BYTES: Final = 8 * 1024
"""Most that one read takes. Each waiting thread holds that much: 64 KB would be 18 MB at 160."""


NEVER: Final = float("inf")


class Origin(NamedTuple):
    """Where a connection leads, and through which proxy: others' connections are never used."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None


class Pace(NamedTuple):
    """How long an upstream may take: seconds for taking the request, for each silence, in all."""

    write: float
    silence: float
    whole: float = NEVER


@cache
def trust() -> ssl.SSLContext:
    """How TLS is spoken, made when it is first needed: loading the authorities takes 20 ms."""
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """One open connection; every failure is an httpx error and leaves it to be closed."""

    def __init__(self, origin: Origin, opened: Stream, hop: Hop | None = None) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._socket = opened
        self._hop = hop
        self._silence = self._until = NEVER
        self._readable = select.poll()
        self._readable.register(opened, select.POLLIN)

    def send(self, request: bytes, pace: Pace) -> None:
        """Send a whole request; the answer's bytes are then waited for at that pace.

        An upstream that hangs up before it has read everything may have answered already, so that
        is no failure yet.

        Raises:
            WriteTimeout: it does not take the bytes.
        """
        self._until = time.monotonic() + pace.whole
        try:
            self._socket.settimeout(pace.write)
            self._socket.sendall(self._hop.rewritten(request) if self._hop else request)
        except TimeoutError as error:
            raise httpx.WriteTimeout("the upstream does not take the request") from error
        except OSError:
            pass
        self._silence = pace.silence
        self._socket.settimeout(pace.silence)

    def receive(self) -> bytes:
        """What has arrived, as much as there is; empty at the connection's end.

        Raises:
            ReadTimeout, ReadError: nothing came in time, or the connection broke.
        """
        left = self._until - time.monotonic()
        if left < self._silence:
            if left <= 0:
                raise httpx.ReadTimeout("the upstream takes too long")
            self._socket.settimeout(left)
        try:
            return self._socket.recv(READ_BYTES)
        except TimeoutError as error:
            raise httpx.ReadTimeout("the upstream is silent") from error
        except OSError as error:
            raise httpx.ReadError(f"the connection broke: {error}") from error

    def hasten(self, seconds: float) -> None:
        """From now on all of the waiting may take so long at most."""
        self._until = min(self._until, time.monotonic() + seconds)

    def linger(self) -> None:
        """From now on only silence ends the waiting: somebody else watches over the whole."""
        self._until = NEVER
        self._socket.settimeout(self._silence)

    def is_quiet(self) -> bool:
        """False once the other side has hung up or spoken unasked; never waits."""
        return not self._readable.poll(0)

    def interrupt(self) -> None:
        """Make a `receive` that waits in another thread see the connection's end."""
        try:
            # Below TLS: its own shutdown would take the session away under the waiting thread.
            below = self._socket.below if isinstance(self._socket, Nested) else self._socket
            socket.socket.shutdown(cast("socket.socket", below), socket.SHUT_RDWR)
        except OSError:
            return  # closed meanwhile: nothing waits any more

    def close(self) -> None:
        self._socket.close()


class Connections:
    """Opens connections through the guard, and keeps those that may be used again.

    Args:
        most: how many unused ones are kept.
        clock: seconds that never go back.
        tls: how TLS is spoken.
    """

    def __init__(
        self,
        guard: Guard,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        tls: Callable[[], ssl.SSLContext] = trust,
    ) -> None:
        self._guard = guard
        self._most = most
        self._clock = clock
        self._tls = tls
        self._lock = Lock()
        self._idle: dict[Origin, list[Connection]] = {}
        self._count = 0

    def take(self, origin: Origin, seconds: float) -> Connection:
        """An unused connection that is surely alive, the one used last first; else a new one.

        Raises:
            ConnectError, ConnectTimeout: there is none to be had within so many seconds.
        """
        while (kept := self._pop(origin)) is not None:
            if self._clock() - kept.idle_since <= LONGEST_IDLE and kept.is_quiet():
                return kept
            kept.close()
        return self._open(origin, seconds)

    def give(self, connection: Connection) -> None:
        """Keep a connection for later."""
        connection.idle_since = self._clock()
        with self._lock:
            if self._count < self._most:
                self._count += 1
                self._idle.setdefault(connection.origin, []).append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close every unused connection."""
        with self._lock:
            kept = [connection for idle in self._idle.values() for connection in idle]
            self._idle.clear()
            self._count = 0
        for connection in kept:
            connection.close()

    def _pop(self, origin: Origin) -> Connection | None:
        with self._lock:
            idle = self._idle.get(origin)
            if not idle:
                return None
            self._count -= 1
            return idle.pop()

    def _open(self, origin: Origin, seconds: float) -> Connection:
        if origin.scheme != "https" and not self._guard.loopback:
            raise EgressRefused("only https is spoken with upstreams")
        if origin.proxy is not None:
            return self._open_through(origin, origin.proxy, seconds)
        opened = self._guard.open(origin.host, origin.port, seconds)
        if origin.scheme == "https":
            opened = self._secured(opened, origin.host)
        return Connection(origin, opened)

    def _open_through(self, origin: Origin, proxy: Proxy, seconds: float) -> Connection:
        """A connection by way of a proxy, to an address that we found and checked ourselves."""
        to = authority(told(self._guard.addresses(origin.host, origin.port)), origin.port)
        way = origin_of(httpx.URL(proxy.url))
        opened = self._guard.open(way.host, way.port, seconds)
        if way.scheme == "https":
            opened = self._secured(opened, way.host)
        if origin.scheme != "https":
            return Connection(
                origin, opened, Hop(b"http://" + to, authorization(proxy.credentials))
            )
        with closed_on_failure(opened):
            tunnel(opened, to, proxy.credentials, seconds)
            opened.settimeout(seconds)
        return Connection(origin, self._secured(opened, origin.host))

    def _secured(self, opened: socket.socket, host: str) -> Any:
        """TLS over an open connection, to whom the host's certificate belongs.

        Raises:
            ConnectError, ConnectTimeout: it could not be agreed on.
        """
        with closed_on_failure(opened):
            try:
                if isinstance(opened, ssl.SSLSocket):
                    return Nested(opened, self._tls(), host)
                return self._tls().wrap_socket(opened, server_hostname=host)
            except TimeoutError as error:
                raise httpx.ConnectTimeout(f"{host} did not finish the TLS handshake") from error
            except OSError as error:
                raise httpx.ConnectError(f"{host}: {error}") from error


@contextmanager
def closed_on_failure(opened: socket.socket) -> Iterator[None]:
    """Close a socket unless all went well."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


def origin_of(url: httpx.URL, proxy: Proxy | None = None) -> Origin:
    """Where a URL leads.

    Raises:
        UnsupportedProtocol: not over HTTP.
    """
    if url.scheme not in PORTS:
        raise httpx.UnsupportedProtocol(f"{url.scheme!r} is not spoken here")
    return Origin(url.scheme, url.raw_host.decode("ascii"), url.port or PORTS[url.scheme], proxy)
