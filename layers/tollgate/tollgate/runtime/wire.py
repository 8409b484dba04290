"""How bytes travel to the Runtime API: one kept-alive HTTP/1.1 connection over a plain socket.

`http.client` cannot send trailers, splits one chunk over several packets and is slow to import.
"""

import contextlib
import select
import socket
from typing import NamedTuple


class Reply(NamedTuple):
    """One HTTP answer, read to its end; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def succeeded(self) -> bool:
        return self.status in range(200, 300)


class Connection:
    """An open connection; the OSError of any call leaves it closed.

    Args:
        address: `host:port`, IPv4, as Lambda writes it into AWS_LAMBDA_RUNTIME_API.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._closed = False
        try:
            self._socket.connect((host, int(port)))
        except OSError:
            self.close()
            raise

    def is_idle(self) -> bool:
        """False once the other side has said something unasked, or hung up; never waits."""
        return not self._closed and not self._readable.poll(0)

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            self.close()
            raise

    def reply(self) -> Reply:
        """Waits for the answer to what was sent, for as long as it takes."""
        try:
            reply = self._read()
        except OSError:
            self.close()
            raise
        if reply.headers.get("connection", "").lower() == "close":
            self.close()
        return reply

    def interrupt(self) -> None:
        """Makes a `reply` that waits below a signal handler, or in another thread, fail at once."""
        with contextlib.suppress(OSError):  # closed meanwhile, which is as good
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed = True
        self._reader.close()
        self._socket.close()

    def _read(self) -> Reply:
        status = int(self._line().split(None, 2)[1])
        headers = {}
        while line := self._line().strip():
            name, _, value = line.partition(b":")
            headers[name.decode("latin-1").lower()] = value.strip().decode("utf-8", "replace")
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        size = int(headers.get("content-length", "0"))
        return Reply(status, headers, self._chunks() if chunked else self._exactly(size))

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self._line().partition(b";")[0], 16):
            parts.append(self._exactly(size))
            self._line()
        while self._line().strip():
            pass
        return b"".join(parts)

    def _line(self) -> bytes:
        line = self._reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("The Runtime API closed the connection")
        return line

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise ConnectionResetError("The Runtime API closed the connection within a body")
        return data
