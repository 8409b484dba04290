"""A loopback HTTP server that answers each request as the test says, or drops it.

Every request is read to its end before anything happens, so a dropped one may well have been
done: what a client then believes, and how often it delivered, is the point.
"""

import json
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

Behaviour = Callable[[socket.socket], bool]
"""What to do once a request was read; True keeps the connection for the next one."""


def answer(status: int, body: object, *headers: str) -> Behaviour:
    """A whole answer; `Connection: close` among the headers ends the connection after it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(content)}", *headers]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + content, "Connection: close" in headers)


def raw(content: bytes, close: bool = True) -> Behaviour:
    """These very bytes."""

    def send(connection: socket.socket) -> bool:
        connection.sendall(content)
        return not close

    return send


def drop(connection: socket.socket) -> bool:
    """No answer at all."""
    return False


def refuse(status: int, code: str, **fields: Any) -> Behaviour:
    """An AWS error."""
    return answer(status, {"__type": f"com.amazonaws.v1#{code}", "message": "told", **fields})


class ScriptedEndpoint:
    """The server; `deliveries` are the bodies received, `heads` what came before each of them,
    `connections` how many were opened.

    `closed` counts the connections that have ended.
    """

    def __init__(self, script: Sequence[Behaviour], tls: ssl.SSLContext | None = None) -> None:
        self.script = list(script)
        self._tls = tls
        self.deliveries: list[bytes] = []
        self.heads: list[bytes] = []
        self.connections = 0
        self.closed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and drop whoever is connected."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), self._secured(connection) as served:
            while self._one(served):
                pass
        self.closed += 1

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        return self._tls.wrap_socket(connection, server_side=True)

    def _one(self, connection: socket.socket) -> bool:
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65_536)
            if not part:
                return False
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        told = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        length = int(told or 0)
        while len(body) < length:
            body += connection.recv(65_536)
        self.deliveries.append(body)
        self.heads.append(head)
        return self.script.pop(0)(connection)


@contextmanager
def scripted_endpoint(
    *script: Behaviour, tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedEndpoint]:
    """A running endpoint that behaves so at its first, second … request."""
    endpoint = ScriptedEndpoint(script, tls)
    try:
        yield endpoint
    finally:
        endpoint.close()
