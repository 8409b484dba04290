"""An HTTP proxy on loopback that remembers what it was asked, and passes it on as it was told."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.faulty_vendor import asked
from tests.scripted_vendor import WITHIN

AGREED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ScriptedProxy:
    """Answers every CONNECT with `answer`, and where that agrees, carries bytes both ways.

    Any other request is answered with `plain`. `heads` is what it was sent before any tunnel.
    """

    def __init__(
        self, answer: bytes = AGREED, plain: bytes = b"", tls: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.plain = plain
        self.tls = tls
        self.connections = 0
        self.heads: list[bytes] = []
        self.carried = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with suppress(OSError):
            if self.tls is not None:
                accepted = self.tls.wrap_socket(accepted, server_side=True)
            with accepted:
                while head := asked(accepted):
                    self.heads.append(head)
                    if head.startswith(b"CONNECT "):
                        self._connect(accepted, head)
                        return
                    accepted.sendall(self.plain)

    def _connect(self, accepted: socket.socket, head: bytes) -> None:
        accepted.sendall(self.answer)
        if self.answer != AGREED:
            return
        host, _, port = head.split(b" ")[1].rpartition(b":")
        with socket.create_connection((host.decode().strip("[]"), int(port)), WITHIN) as onward:
            back = threading.Thread(target=self._carry, args=(onward, accepted), daemon=True)
            back.start()
            self._carry(accepted, onward)
            back.join(WITHIN)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while read := source.recv(65536):
                self.carried += read
                sink.sendall(read)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def scripted_proxy(
    answer: bytes = AGREED, plain: bytes = b"", tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedProxy]:
    proxy = ScriptedProxy(answer, plain, tls)
    try:
        yield proxy
    finally:
        proxy.close()
