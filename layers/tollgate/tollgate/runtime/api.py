"""Which requests the Lambda Runtime API knows, and what to do when its connection is lost."""

from collections.abc import Mapping
from typing import NamedTuple

from tollgate.runtime.delivery import (
    ERROR_TYPE,
    STREAM_HEADERS,
    Stream,
    Undelivered,
    check_accepted,
)
from tollgate.runtime.fault import Fault
from tollgate.runtime.wire import Connection, Reply

_BASE = "/2018-06-01/runtime"
_ECHO = "Lambda-Runtime-Invocation-Id"


class Refused(Exception):
    """The Runtime API answered a request for work with an error; the process has to end."""


class Invocation(NamedTuple):
    """One call as Lambda hands it over; header names in lower case."""

    headers: Mapping[str, str]
    event: bytes

    @property
    def request_id(self) -> str:
        return self.headers.get("lambda-runtime-aws-request-id", "")

    @property
    def tenant_id(self) -> str | None:
        return self.headers.get("lambda-runtime-aws-tenant-id")

    @property
    def echo(self) -> str:
        """The header that tells this delivery of a call from another one with the same id."""
        value = self.headers.get(_ECHO.lower())
        return f"{_ECHO}: {value}\r\n" if value else ""


class RuntimeApi:
    """One loop's side of the Runtime API: one call at a time over one kept-alive connection."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._waiting = False
        self._stopping = False

    def next(self) -> Invocation | None:
        """Waits for the next call, without end; None once `stop` was called.

        Raises OSError when the Runtime API is gone and Refused when it answers with an error.
        """
        reply = self._wait("/invocation/next")
        return Invocation(reply.headers, reply.body) if reply else None

    def wait_for_restore(self) -> None:
        """Returns in a process that lives again from its snapshot, or after `stop`."""
        self._wait("/restore/next")
        self.close()  # a connection made before the snapshot leads nowhere

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def stop(self) -> None:
        """Ends the waiting; a call in hand is finished first. For signal handlers and threads."""
        self._stopping = True
        connection = self._connection
        if self._waiting and connection:
            connection.interrupt()

    def respond(self, call: Invocation, body: bytes) -> None:
        """Delivers a whole JSON answer."""
        self._post(f"/invocation/{call.request_id}/response", call.echo, body)

    def stream(self, call: Invocation, opening: bytes, first: bytes) -> Stream:
        """Starts a streamed answer: metadata, and a first chunk that may be empty."""
        path = f"/invocation/{call.request_id}/response"
        head = self._head("POST", path, STREAM_HEADERS + call.echo)
        try:
            return Stream(self._open(), head, opening, first)
        except OSError as error:
            raise Undelivered(str(error)) from error

    def fail(self, call: Invocation, fault: Fault) -> None:
        """Reports a call that failed before its answer began."""
        path = f"/invocation/{call.request_id}/error"
        self._post(path, _error_type(fault) + call.echo, fault.as_json(call.request_id))

    def report_init(self, fault: Fault) -> None:
        self._post("/init/error", _error_type(fault), fault.as_json())

    def report_restore(self, fault: Fault) -> None:
        self._post("/restore/error", _error_type(fault), fault.as_json())

    def _wait(self, path: str) -> Reply | None:
        self._waiting = True  # before _stopping is looked at; `stop` goes the other way round
        try:
            reply = self._get(path)
        finally:
            self._waiting = False
        if reply and not reply.succeeded:
            raise Refused(f"The Runtime API answered {path} with {reply.status}: {reply.body!r}")
        return reply

    def _get(self, path: str) -> Reply | None:
        while True:
            kept = self._connection is not None and self._connection.is_idle()
            try:
                connection = self._open()
                if self._stopping:
                    return None
                connection.send(self._head("GET", path, ""))
                return connection.reply()
            except OSError:
                if self._stopping:
                    return None
                if not kept:  # an idle connection may have died; a fresh one has no excuse
                    raise

    def _post(self, path: str, headers: str, body: bytes) -> None:
        described = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}"
        try:
            connection = self._open()
            connection.send(self._head("POST", path, described) + body)
            reply = connection.reply()
        except OSError as error:
            raise Undelivered(str(error)) from error
        check_accepted(reply)

    def _open(self) -> Connection:
        if self._connection and not self._connection.is_idle():
            self.close()
        if self._connection is None:
            self._connection = Connection(self._address)
        return self._connection

    def _head(self, method: str, path: str, headers: str) -> bytes:
        common = f"Host: {self._address}\r\nUser-Agent: tollgate-runtime\r\n"
        return f"{method} {_BASE}{path} HTTP/1.1\r\n{common}{headers}\r\n".encode()


def _error_type(fault: Fault) -> str:
    return f"{ERROR_TYPE}: {fault.type}\r\n"
