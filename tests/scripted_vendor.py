"""A vendor on loopback that plays what a test tells it, connection by connection."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from tollgate.upstream.client import Target, Upstream
from tollgate.upstream.proxies import Proxy

WITHIN = 5.0
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

Play = Callable[[socket.socket], None]


class Vendor:
    """A scripted server: each connection plays one of `plays` per request; counts connections."""

    def __init__(self, *plays: Play, tls: ssl.SSLContext | None = None) -> None:
        self.plays = list(plays)
        self.tls = tls
        self.connections = 0
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def target(
        self,
        headers: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        proxy: Proxy | None = None,
    ) -> Target:
        scheme = "https" if self.tls else "http"
        url = f"{scheme}://{host}:{self.port}/v1/chat"
        return Target(url, headers or {}, b'{"a":1}', proxy=proxy)

    def close(self) -> None:
        # A thread in `accept` is woken by shutdown, not by close.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        with suppress(OSError):
            if self.tls is not None:
                connected = self.tls.wrap_socket(connected, server_side=True)
        with connected, suppress(OSError):
            while self.plays and (request := received(connected)):
                self.requests.append(request)
                self.plays.pop(0)(connected)


def received(connected: socket.socket) -> bytes:
    """One request with the short body of these tests."""
    text = b""
    while not text.endswith(b'{"a":1}'):
        part = connected.recv(4096)
        if not part:
            return b""
        text += part
    return text


def says(*pieces: bytes) -> Play:
    """Send these bytes, one packet each."""

    def play(connected: socket.socket) -> None:
        for piece in pieces:
            connected.sendall(piece)
            time.sleep(0.01)

    return play


def and_hangs_up(*pieces: bytes) -> Play:
    """Send these bytes and close."""

    def play(connected: socket.socket) -> None:
        says(*pieces)(connected)
        connected.shutdown(socket.SHUT_RDWR)

    return play


def waits(connected: socket.socket) -> None:
    """Say nothing until the other side hangs up."""
    connected.settimeout(WITHIN)
    with suppress(OSError):
        connected.recv(1)


@contextmanager
def vendor(*plays: Play, tls: ssl.SSLContext | None = None) -> Iterator[Vendor]:
    scripted = Vendor(*plays, tls=tls)
    try:
        yield scripted
    finally:
        scripted.close()


def asked(upstream: Upstream, target: Target) -> bytes:
    answer = upstream.send(target, WITHIN)
    body = answer.read()
    answer.close()
    return body
