"""How a streamed answer leaves, chunk by chunk, and when an answer counts as not delivered."""

import base64

from tollgate.runtime.fault import Fault
from tollgate.runtime.wire import Connection, Reply

ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
STREAM_HEADERS = (
    "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
    f"Transfer-Encoding: chunked\r\nTrailer: {ERROR_TYPE}, {ERROR_BODY}\r\n"
)


class Undelivered(Exception):
    """The Runtime API takes no more of the answer: the caller has gone, or it was refused."""


class Stream:
    """An answer under way. Head, metadata and first chunk leave in one packet.

    Every method raises Undelivered as soon as the other side hangs up or answers early.
    """

    def __init__(self, connection: Connection, head: bytes, opening: bytes, first: bytes) -> None:
        self._connection = connection
        self._send(head + _chunk(opening) + (_chunk(first) if first else b""))

    def write(self, data: bytes) -> None:
        if data:  # an empty chunk would end the answer
            self._send(_chunk(data))

    def finish(self) -> None:
        self._end(b"")

    def break_off(self, fault: Fault, request_id: str) -> None:
        """Ends the answer with the error in its trailers, so that nobody takes it for complete."""
        body = base64.b64encode(fault.as_json(request_id)).decode()
        self._end(f"{ERROR_TYPE}: {fault.type}\r\n{ERROR_BODY}: {body}\r\n".encode())

    def _end(self, trailers: bytes) -> None:
        self._send(b"0\r\n%b\r\n" % trailers)
        try:
            reply = self._connection.reply()
        except OSError as error:
            raise Undelivered(str(error)) from error
        check_accepted(reply)

    def _send(self, data: bytes) -> None:
        if not self._connection.is_idle():
            self._connection.close()
            raise Undelivered("The Runtime API hung up before the answer was complete")
        try:
            self._connection.send(data)
        except OSError as error:
            raise Undelivered(str(error)) from error


def check_accepted(reply: Reply) -> None:
    if not reply.succeeded:
        raise Undelivered(f"The Runtime API answered {reply.status}: {reply.body[:200]!r}")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
