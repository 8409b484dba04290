"""Lambda's Runtime API for one worker process: what it asks for, and what it is told."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

import httptools

from local.functions.invocation import Invocation, InvocationFailed

PREFIX: Final = b"/2018-06-01/runtime/"
MODE: Final = "lambda-runtime-function-response-mode"
ACCEPTED: Final = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
    b'Content-Length: 16\r\n\r\n{"status":"OK"}\n'
)


class Host(Protocol):
    """The worker that a Runtime API belongs to."""

    def ready(self, connection: "Connection") -> None:
        """A loop of the worker waits for its next call on this connection."""

    def left(self, connection: "Connection") -> None:
        """A waiting connection has closed."""

    def find(self, identity: str) -> Invocation | None:
        """The call of that id when it is this worker's and not over."""

    def done(self, invocation: Invocation) -> None:
        """The worker has no more to say on this call."""

    def init_failed(self, message: str) -> None:
        """The function's code could not be loaded."""


class Connection(asyncio.Protocol):
    """One kept-alive connection of a worker; speaks HTTP/1.1 with trailers."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._parser = httptools.HttpRequestParser(self)
        self._waiting = False
        self._closed = False
        self._invocation: Invocation | None = None

    # --- asyncio's side ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._waiting:
            self._host.left(self)
        if self._invocation:
            broken = InvocationFailed("Runtime.BrokenAnswer", "the worker closed in mid-answer")
            self._end(self._invocation, broken)

    # --- the invocation's side (see `Source`) ------------------------------------------------

    def pause_reading(self) -> None:
        if not self._closed and self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._closed and not self._transport.is_reading():
            self._transport.resume_reading()

    def abort(self) -> None:
        # Not at once: this may be called while the parser is feeding us.
        asyncio.get_running_loop().call_soon(self._transport.abort)

    def hand_over(self, invocation: Invocation, deadline_ms: int, arn: str) -> None:
        """Answer the waiting `next` with this call."""
        self._waiting = False
        trace = f"Root=1-{deadline_ms // 1000:08x}-{invocation.id[-12:]:0>24}"
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {invocation.id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {arn}\r\n"
            f"Lambda-Runtime-Trace-Id: {trace}\r\n"
            f"Content-Length: {len(invocation.event)}\r\n\r\n"
        )
        self._transport.write(head.encode() + invocation.event)

    # --- the parser's side ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._path = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer once the body has passed."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        identity, _, verb = self._path.removeprefix(PREFIX + b"invocation/").partition(b"/")
        if verb == b"response":
            self._invocation = self._host.find(identity.decode())
        if self._invocation:
            self._invocation.begin(
                self, streamed=self._headers.get(MODE, "").lower() == "streaming"
            )

    def on_body(self, piece: bytes) -> None:
        if self._invocation:
            self._invocation.feed(piece)
        else:
            self._body.append(piece)

    def on_message_complete(self) -> None:
        words = self._path.removeprefix(PREFIX).decode().split("/")
        if words == ["invocation", "next"]:
            self._waiting = True
            self._host.ready(self)
        elif words == ["init", "error"]:
            self._host.init_failed(_reason(self._read_json()).message)
            self._transport.write(ACCEPTED)
        elif words[0] == "invocation" and words[-1] in {"response", "error"}:
            self._settle(words[1], failed=words[-1] == "error")
        else:
            self._refuse("404 Not Found", "NoSuchPath")

    def _settle(self, identity: str, *, failed: bool) -> None:
        if self._invocation:
            invocation, self._invocation = self._invocation, None
            invocation.complete(self._headers)
            self._host.done(invocation)
        elif failed and (found := self._host.find(identity)):
            self._end(found, _reason(self._read_json()))
        else:
            self._refuse("400 Bad Request", "InvalidRequestID")
            return
        self._transport.write(ACCEPTED)

    def _end(self, invocation: Invocation, error: InvocationFailed) -> None:
        invocation.fail(error)
        self._host.done(invocation)

    def _read_json(self) -> Mapping[str, Any]:
        with contextlib.suppress(ValueError):
            content = json.loads(b"".join(self._body))
            if isinstance(content, dict):
                return content
        return {}

    def _refuse(self, status: str, kind: str) -> None:
        content = json.dumps({"errorType": kind, "errorMessage": "not understood"}).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        self._transport.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)


def _reason(content: Mapping[str, Any]) -> InvocationFailed:
    """The last step of the stack trace is where it happened; the rest is in the worker's log."""
    message = str(content.get("errorMessage", "no message"))
    where = "".join(content.get("stackTrace", [])[-1:]).rstrip()
    kind = str(content.get("errorType", "Function.Unknown"))
    return InvocationFailed(kind, f"{message}\n{where}" if where else message)
