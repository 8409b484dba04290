"""How a connection passes through an account's HTTP proxy, which learns an address and no more.

The proxy is told an address that we resolved and checked, never a name that it could resolve to
something inside. Its credentials go to it alone: within the tunnel there is TLS with the upstream.
"""

import ipaddress
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeVar

import httpx

from tollgate.upstream.wire import Malformed, take_head

TUNNEL_BYTES: Final = 16 * 1024
"""Most that one read of TLS within TLS takes: one record."""

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy: its URL, and what it asks for as `user:password` (empty for nothing)."""

    url: str
    credentials: str = field(default="", repr=False)


class Hop(NamedTuple):
    """What a plain request has more for a proxy: the base of its target, and headers."""

    base: bytes
    headers: bytes

    def rewritten(self, request: bytes) -> bytes:
        """The request as the proxy takes it."""
        line, _, rest = request.partition(b"\r\n")
        method, _, target = line.partition(b" ")
        return b"%b %b%b\r\n%b%b" % (method, self.base, target, self.headers, rest)


class Stream(Protocol):
    """A connection's bytes, as a socket or TLS within one gives them."""

    def recv(self, size: int, /) -> bytes: ...

    def sendall(self, text: bytes, /) -> None: ...

    def settimeout(self, seconds: float | None, /) -> None: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


def authorization(credentials: str) -> bytes:
    """The header that a proxy knows us by; empty where it asks for none."""
    if not credentials:
        return b""
    return b"Proxy-Authorization: Basic %b\r\n" % b64encode(credentials.encode())


def authority(address: str, port: int) -> bytes:
    """An address and its port, as they stand in a request."""
    return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}").encode()


def told(addresses: list[str]) -> str:
    """The address a proxy is told: of IPv4 if there is one, since not every proxy knows IPv6."""
    fours = [each for each in addresses if ipaddress.ip_address(each).version == 4]
    return (fours or addresses)[0]


def tunnel(opened: socket.socket, to: bytes, credentials: str, seconds: float) -> None:
    """Ask a proxy for a tunnel to an address; it has so many seconds in all to agree.

    Raises:
        ProxyError, ConnectTimeout: there is none.
    """
    asked = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (to, to, authorization(credentials))
    until = time.monotonic() + seconds
    received = b""
    try:
        opened.sendall(asked)
        while True:
            opened.settimeout(max(0.001, until - time.monotonic()))
            read = opened.recv(TUNNEL_BYTES)
            if not read:
                raise httpx.ProxyError("the proxy hung up")
            head, received = take_head(received + read)
            if head is not None:
                break
    except TimeoutError as error:
        raise httpx.ConnectTimeout("the proxy does not answer") from error
    except (OSError, Malformed) as error:
        raise httpx.ProxyError(f"the proxy gave no tunnel: {error}") from error
    if not 200 <= head.status < 300 or received:
        raise httpx.ProxyError(f"the proxy answered with status {head.status}")


class Nested:
    """TLS within TLS: what Python's own sockets cannot do. `below` is the outer one."""

    def __init__(self, below: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self.below = below
        self._arrived = ssl.MemoryBIO()
        self._leaving = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_hostname=host)
        self._through(self._tls.do_handshake)

    def recv(self, size: int) -> bytes:
        """What has arrived; empty where the other side said that it ends."""
        try:
            return self._through(lambda: self._tls.read(size))
        except ssl.SSLZeroReturnError:
            return b""

    def sendall(self, text: bytes) -> None:
        """Send all of it."""
        rest = memoryview(text)
        while rest:
            rest = rest[self._through(lambda: self._tls.write(rest)) :]  # noqa: B023 - run at once

    def settimeout(self, seconds: float | None) -> None:
        """How long each read or write may wait."""
        self.below.settimeout(seconds)

    def fileno(self) -> int:
        """The descriptor that becomes readable when something arrives."""
        return self.below.fileno()

    def close(self) -> None:
        """Close all of it."""
        self.below.close()

    def _through(self, step: Callable[[], Done]) -> Done:
        """Do a step of TLS, carrying bytes below as it needs them."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._push()
                read = self.below.recv(TUNNEL_BYTES)
                if read:
                    self._arrived.write(read)
                else:
                    self._arrived.write_eof()
            else:
                self._push()
                return done

    def _push(self) -> None:
        if waiting := self._leaving.read():
            self.below.sendall(waiting)
