"""One call of one function, from the queue to the last byte of its answer."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

PRELUDE_END: Final = bytes(8)
"""What stands between the metadata and the body of a streamed answer."""

PRELUDE_LIMIT: Final = 16 * 1024
HIGH_WATER: Final = 256 * 1024
"""Bytes the caller may lag behind before the worker is made to wait."""


class InvocationFailed(Exception):
    """The function did not give an answer, or not all of it.

    `kind` is Lambda's error type, such as `Function.Error` or `Runtime.ExitError`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


class TimedOut(InvocationFailed):
    """The function ran into its deadline."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")


class Source(Protocol):
    """Where an answer comes from: a worker's connection."""

    def pause_reading(self) -> None:
        """Let no more bytes in until `resume_reading`."""

    def resume_reading(self) -> None:
        """Let bytes in again."""

    def abort(self) -> None:
        """Close at once, so that the next write over there fails."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an answer begins: the whole of a buffered one, the metadata of a streamed one."""

    payload: bytes = b""
    metadata: Mapping[str, Any] | None = None
    """Status, headers and cookies when the body is streamed."""


class Invocation:
    """One call: written by the worker's connection, read by whoever asked for it."""

    def __init__(self, identity: str, event: bytes, timeout: float) -> None:
        self.id = identity
        self.event = event
        self.timeout = timeout
        self.gone = False
        """Whether the caller has hung up."""
        self._began: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._source: Source | None = None
        self._streamed = False
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._error: InvocationFailed | None = None
        self._complete = False
        self._wake = asyncio.Event()

    @property
    def finished(self) -> bool:
        """Whether nothing more will come from the worker."""
        return self._complete or self._error is not None

    # --- the worker's side ------------------------------------------------------------------

    def begin(self, source: Source, *, streamed: bool) -> None:
        """An answer starts to arrive."""
        self._source, self._streamed = source, streamed
        if self.gone and streamed:
            source.abort()

    def feed(self, piece: bytes) -> None:
        """The next bytes of the answer."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._streamed and not self._began.done():
            self._read_metadata()
        if self._streamed and self._source and self._waiting > HIGH_WATER:
            self._source.pause_reading()
        self._wake.set()

    def complete(self, trailers: Mapping[str, str]) -> None:
        """The answer is whole, unless its trailers say that the handler failed on the way."""
        kind = trailers.get("lambda-runtime-function-error-type")
        if kind:
            body = trailers.get("lambda-runtime-function-error-body", "")
            self.fail(InvocationFailed(kind, base64.b64decode(body).decode(errors="replace")))
        elif self._streamed and not self._began.done():
            self.fail(InvocationFailed("Runtime.InvalidPrelude", "the answer has no metadata"))
        else:
            self._complete = True
            if not self._began.done():
                self._began.set_result(Answer(payload=b"".join(self._pieces)))
            self._wake.set()

    def fail(self, error: InvocationFailed) -> None:
        """Nothing more will come; the first reason counts."""
        if self.finished:
            return
        self._error = error
        if not self._began.done():
            self._began.set_exception(error)
            self._began.exception()  # nobody may be waiting any more
        self._wake.set()

    def _read_metadata(self) -> None:
        head, end, body = b"".join(self._pieces).partition(PRELUDE_END)
        if not end:
            if len(head) > PRELUDE_LIMIT:
                self.fail(InvocationFailed("Runtime.InvalidPrelude", "the metadata has no end"))
            return
        try:
            metadata = json.loads(head)
        except ValueError:
            self.fail(InvocationFailed("Runtime.InvalidPrelude", "the metadata is not JSON"))
            return
        self._pieces, self._waiting = ([body] if body else []), len(body)
        self._began.set_result(Answer(metadata=metadata))

    # --- the caller's side ------------------------------------------------------------------

    async def answer(self) -> Answer:
        """How the answer begins.

        Raises:
            InvocationFailed: there is none.
        """
        return await asyncio.shield(self._began)

    async def body(self) -> AsyncIterator[bytes]:
        """The bytes of a streamed answer, as soon as they are there.

        Raises:
            InvocationFailed: the worker stopped in the middle.
        """
        while True:
            if self._pieces:
                piece = b"".join(self._pieces)
                self._pieces.clear()
                self._waiting = 0
                if self._source and not self.finished:
                    self._source.resume_reading()
                yield piece
            elif self._error:
                raise self._error
            elif self._complete or self.gone:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    def hang_up(self) -> None:
        """The caller has gone: a streamed answer is cut, a buffered one comes to nothing."""
        self.gone = True
        if self._streamed and self._source and not self.finished:
            self._source.abort()
        if not self._began.done():
            self._began.set_exception(InvocationFailed("Runtime.CallerGone", "nobody waits for it"))
            self._began.exception()
        self._wake.set()
