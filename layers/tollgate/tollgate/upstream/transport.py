"""Carries one httpx request over a connection, and gives its answer's body as whole reads.

httpx's own transport takes each chunk of a body alone through three libraries; a stream of 200
chunks that arrived together costs more there than all the rest of its call.
"""

from collections.abc import Iterator
from threading import Lock

import httpx

from tollgate.upstream.connections import Connection, Connections, Pace, origin_of
from tollgate.upstream.wire import Framing, Head, Malformed, framing_of, take_head


class Transport(httpx.BaseTransport):
    """HTTP/1.1 over connections of ours.

    A request's extension `proxy` names the proxy it takes. An answer's extension `interrupt` ends,
    from any thread, a read that waits for its body; `linger` lifts the time limit of the whole, and
    `hasten` sets a nearer one.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and wait for the answer's head.

        Raises:
            TransportError: no answer could be had.
        """
        text = written(request)
        seconds = request.extensions["timeout"]
        origin = origin_of(request.url, request.extensions.get("proxy"))
        connection = self._connections.take(origin, seconds["connect"])
        try:
            connection.send(text, Pace(seconds["write"], seconds["read"], seconds["whole"]))
            head, rest = receive_head(connection)
            framing, lasts = framed(head)
        except BaseException:
            connection.close()
            raise
        body = Body(connection, framing, rest, self._connections if lasts else None)
        return httpx.Response(
            head.status,
            headers=head.headers,
            stream=body,
            extensions={"interrupt": body.interrupt, "linger": body.linger, "hasten": body.hasten},
        )

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._connections.close()


class Body(httpx.SyncByteStream):
    """An answer's body as it arrives. Given to its end, it gives its connection back."""

    def __init__(
        self, connection: Connection, framing: Framing, rest: bytes, home: Connections | None
    ) -> None:
        self._connection: Connection | None = connection
        self._framing = framing
        self._rest = rest
        self._home = home
        self._lock = Lock()

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._reads(self._framing)
        finally:
            self.close()

    def interrupt(self) -> None:
        """End a read that waits in another thread; nothing once the connection was given up."""
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()

    def hasten(self, seconds: float) -> None:
        """Wait for the rest so long at most."""
        with self._lock:
            if self._connection is not None:
                self._connection.hasten(seconds)

    def linger(self) -> None:
        """Wait for the rest without an end in sight, as long as there is no silence."""
        with self._lock:
            if self._connection is not None:
                self._connection.linger()

    def close(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._home is not None and self._framing.complete and not self._framing.surplus:
            self._home.give(connection)
        else:
            connection.close()

    def _reads(self, framing: Framing) -> Iterator[bytes]:
        data, self._rest = self._rest, b""
        try:
            while True:
                if data and (said := framing.feed(data)):
                    yield said
                if framing.complete or (connection := self._connection) is None:
                    return
                data = connection.receive()
                if not data:
                    framing.end()
                    return
        except Malformed as error:
            raise httpx.RemoteProtocolError(str(error)) from error


def written(request: httpx.Request) -> bytes:
    """A request's bytes.

    Raises:
        LocalProtocolError: a line break in its target or headers would make another request of it.
    """
    headers = request.headers.raw
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in headers]
    head = b"\r\n".join(lines)
    breaks = len(headers)
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise httpx.LocalProtocolError("a header may not hold a line break")
    return b"%b\r\n\r\n%b" % (head, request.read())


def receive_head(connection: Connection) -> tuple[Head, bytes]:
    """The answer's head, and what came along of its body.

    Raises:
        TransportError: there is none.
    """
    received = b""
    while True:
        data = connection.receive()
        if not data:
            raise httpx.RemoteProtocolError("the upstream hung up without an answer")
        try:
            head, received = take_head(received + data)
        except Malformed as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        if head is not None:
            return head, received


def framed(head: Head) -> tuple[Framing, bool]:
    """How the body ends, in httpx's errors.

    Raises:
        RemoteProtocolError: nobody can tell.
    """
    try:
        return framing_of(head)
    except Malformed as error:
        raise httpx.RemoteProtocolError(str(error)) from error
