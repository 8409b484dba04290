"""Which connection a call to an upstream takes, and when that connection may be used again.

A connection is used again only after a body that was read to its end with nothing behind it.
Nothing is ever sent twice: what an upstream began to do costs money.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Final, NamedTuple

import httpx

from tollgate.upstream.guard import Guard

LONGEST_IDLE: Final = 60.0
"""Seconds after which an unused connection is closed instead of used."""

READ_BYTES: Final = 8 * 1024
"""Most that one read takes. Each waiting thread holds that much: 64 KB would be 18 MB at 160."""


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


@cache
def trust() -> ssl.SSLContext:
    """How TLS is spoken, made when it is first needed: loading the authorities takes 20 ms."""
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """One open connection; every failure is an httpx error and leaves it to be closed."""

    def __init__(self, origin: Origin, opened: socket.socket) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._socket = opened
        self._readable = select.poll()
        self._readable.register(opened, select.POLLIN)

    def send(self, request: bytes, write_seconds: float, read_seconds: float) -> None:
        """Send a whole request; the answer's bytes may then be waited for so long each time.

        An upstream that hangs up before it has read everything may have answered already, so that
        is no failure yet.

        Raises:
            WriteTimeout: it does not take the bytes.
        """
        try:
            self._socket.settimeout(write_seconds)
            self._socket.sendall(request)
        except TimeoutError as error:
            raise httpx.WriteTimeout("the upstream does not take the request") from error
        except OSError:
            pass
        self._socket.settimeout(read_seconds)

    def receive(self) -> bytes:
        """What has arrived, as much as there is; empty at the connection's end.

        Raises:
            ReadTimeout, ReadError: nothing came in time, or the connection broke.
        """
        try:
            return self._socket.recv(READ_BYTES)
        except TimeoutError as error:
            raise httpx.ReadTimeout("the upstream is silent") from error
        except OSError as error:
            raise httpx.ReadError(f"the connection broke: {error}") from error

    def is_quiet(self) -> bool:
        """False once the other side has hung up or spoken unasked; never waits."""
        return not self._readable.poll(0)

    def interrupt(self) -> None:
        """Make a `receive` that waits in another thread see the connection's end."""
        try:
            # Below TLS: its own shutdown would take the session away under the waiting thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            return  # closed meanwhile: nothing waits any more

    def close(self) -> None:
        self._socket.close()


class Connections:
    """Opens connections through the guard, and keeps those that may be used again.

    Args:
        most: how many unused ones are kept.
        clock: seconds that never go back.
    """

    def __init__(
        self, guard: Guard, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._guard = guard
        self._most = most
        self._clock = clock
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
        opened = self._guard.open(origin.host, origin.port, seconds)
        if origin.scheme == "https":
            opened = secured(opened, origin.host)
        return Connection(origin, opened)


def secured(opened: socket.socket, host: str) -> socket.socket:
    """TLS over an open connection, to whom the host's certificate belongs.

    Raises:
        ConnectError, ConnectTimeout: it could not be agreed on.
    """
    try:
        return trust().wrap_socket(opened, server_hostname=host)
    except BaseException as error:
        opened.close()
        if isinstance(error, TimeoutError):
            raise httpx.ConnectTimeout(f"{host} did not finish the TLS handshake") from error
        if isinstance(error, OSError):
            raise httpx.ConnectError(f"{host}: {error}") from error
        raise
