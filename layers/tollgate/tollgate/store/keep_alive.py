"""Decides when a connection is reused and what counts as an HTTP answer; sends nothing twice.

http.client spends more time on parsing headers than DynamoDB's answer deserves; only what AWS
sends is understood: a status, a length or chunks, and whether the connection stays open.
"""

import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LONGEST_IDLE: Final = 20.0
"""Seconds after which a connection may have been closed behind a frozen environment's back."""

RECEIVE: Final = 65_536
LARGEST_HEAD: Final = 65_536
NO_BODY: Final = frozenset({204, 304})


class BrokenAnswer(OSError):
    """The connection ended inside an answer, or what came is not HTTP."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect; timeouts in seconds, the read timeout for each wait for bytes."""

    host: str
    port: int
    secure: bool
    connect_timeout: float = 1.0
    read_timeout: float = 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


@lru_cache(maxsize=1)
def trusted_context() -> ssl.SSLContext:
    """TLS with the machine's authorities; loading them takes 20 ms, so it is done once."""
    return ssl.create_default_context()


class Connection:
    """One connection, opened when needed and reused while it is surely alive.

    Nothing is ever sent twice: after the first byte of a request, any failure is the caller's.
    """

    def __init__(self, place: Place, clock: Callable[[], float]) -> None:
        self._place = place
        self._clock = clock
        self._socket: socket.socket | None = None
        self._used = 0.0

    def exchange(self, request: bytes) -> Reply:
        """Send the whole request and read the whole answer.

        Raises:
            OSError: no connection, no answer in time, or a broken one.
        """
        connected = self._alive() or self._connect()
        self._socket = None
        try:
            connected.sendall(request)
            reply = _read(connected)
        except BaseException:
            connected.close()
            raise
        if reply.headers.get(b"connection", b"").lower() == b"close":
            connected.close()
        else:
            self._socket, self._used = connected, self._clock()
        return reply

    def close(self) -> None:
        """Close the connection; the next exchange opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __del__(self) -> None:
        """Close with the thread the connection belonged to."""
        self.close()

    def _alive(self) -> socket.socket | None:
        """The open connection, unless it idled too long or the other side has already closed it."""
        connected = self._socket
        if connected is None:
            return None
        if 0 <= self._clock() - self._used <= LONGEST_IDLE:
            poll = select.poll()
            poll.register(connected, select.POLLIN)
            if not poll.poll(0):
                return connected
        self.close()
        return None

    def _connect(self) -> socket.socket:
        place = self._place
        connected = socket.create_connection((place.host, place.port), place.connect_timeout)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if place.secure:
                connected = trusted_context().wrap_socket(connected, server_hostname=place.host)
            connected.settimeout(place.read_timeout)
        except BaseException:
            connected.close()
            raise
        return connected


def _read(connected: socket.socket) -> Reply:
    received = _until(connected, b"", b"\r\n\r\n")
    head, _, rest = received.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise BrokenAnswer(f"not an HTTP answer: {first[:80]!r}")
    status, headers = int(words[1]), _headers(lines)
    if words[0] == b"HTTP/1.0":
        headers.setdefault(b"connection", b"close")
    if status in NO_BODY:
        return Reply(status, headers, b"")
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return Reply(status, headers, _chunks(connected, rest))
    length = headers.get(b"content-length", b"")
    if not length.isdigit():
        raise BrokenAnswer("an answer without a length")
    return Reply(status, headers, _exactly(connected, rest, int(length)))


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return headers


def _chunks(connected: socket.socket, received: bytes) -> bytes:
    body = []
    while True:
        received = _until(connected, received, b"\r\n")
        line, _, received = received.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise BrokenAnswer(f"not a chunk: {line[:80]!r}") from None
        received = _at_least(connected, received, size + 2)
        body.append(received[:size])
        received = received[size + 2 :]
        if size == 0:
            return b"".join(body)


def _until(connected: socket.socket, received: bytes, end: bytes) -> bytes:
    while end not in received:
        if len(received) > LARGEST_HEAD:
            raise BrokenAnswer("an endless answer")
        received += _some(connected)
    return received


def _exactly(connected: socket.socket, received: bytes, length: int) -> bytes:
    received = _at_least(connected, received, length)
    if len(received) > length:
        raise BrokenAnswer("more bytes than announced")
    return received


def _at_least(connected: socket.socket, received: bytes, length: int) -> bytes:
    if len(received) >= length:
        return received
    parts, missing = [received], length - len(received)
    while missing > 0:
        part = _some(connected)
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _some(connected: socket.socket) -> bytes:
    part = connected.recv(RECEIVE)
    if not part:
        raise BrokenAnswer("the connection ended inside an answer")
    return part
