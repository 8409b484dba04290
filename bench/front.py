"""What stands before a function on AWS, as lean as can be: API Gateway and the Runtime API.

    python -m bench.front --port 9200 --workers 16 -- python -m tollgate.runtime

Each worker has one call at a time, as on Lambda. Nothing of AWS's own latency is played; the
bench leaves this process out of its figures.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import time
from collections import deque
from typing import Final, cast

from local.gateway.event import Request, proxy_event
from local.gateway.response import Response, begin, read
from local.replay.listener import run
from local.replay.wire import BLANK, LAST_CHUNK, chunk, take
from local.template.routes import Match, Route

MATCH: Final = Match(Route("POST", "/v1/{proxy+}", "relay", streams=True), {})
STREAMING: Final = b"function-response-mode: streaming"
PRELUDE_END: Final = bytes(8)
ACCEPTED: Final = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
FAILED: Final = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
ARN: Final = "arn:aws:lambda:us-east-1:000000000000:function:bench"
SECONDS: Final = 900


class Desk:
    """Calls that wait for a worker, and workers that wait for a call."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()
        self._workers: deque[Worker] = deque()
        self._number = 0

    def ask(self, caller: "Caller", event: bytes) -> None:
        """Let the next free worker serve this event."""
        self._number += 1
        self._calls.append(Call(f"{self._number:08x}-0000-4000-8000-000000000000", event, caller))
        self._match()

    def offer(self, worker: "Worker") -> None:
        """A worker is free."""
        self._workers.append(worker)
        self._match()

    def _match(self) -> None:
        while self._calls and self._workers:
            self._workers.popleft().serve(self._calls.popleft())


class Call:
    """One event on its way to a worker and its answer on the way back."""

    def __init__(self, identity: str, event: bytes, caller: "Caller") -> None:
        self._identity = identity
        self._event = event
        self._caller = caller
        self._prelude: bytes | None = b""

    def handed_over(self) -> bytes:
        """The answer to the worker's `next`."""
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {self._identity}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int((time.time() + SECONDS) * 1000)}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {ARN}\r\n"
            "Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000000\r\n"
            f"Content-Length: {len(self._event)}\r\n\r\n"
        )
        return head.encode() + self._event

    def feed(self, piece: bytes) -> None:
        """Send a piece of a streamed answer on; the first bytes are its status and headers."""
        if self._prelude is not None:
            prelude, mark, piece = (self._prelude + piece).partition(PRELUDE_END)
            self._prelude = None if mark else prelude
            if not mark:
                return
            self._caller.write(_head(begin(json.loads(prelude)), "transfer-encoding: chunked"))
        if piece:
            self._caller.write(chunk(piece))

    def finish(self) -> None:
        """The streamed answer is whole."""
        self._caller.write(LAST_CHUNK)
        self._caller.served()

    def answer(self, payload: bytes) -> None:
        """The answer came in one piece."""
        whole = read(payload)
        self._caller.write(_head(whole, f"content-length: {len(whole.body)}") + whole.body)
        self._caller.served()

    def fail(self) -> None:
        """The function failed."""
        self._caller.write(FAILED)
        self._caller.served()


def _head(response: Response, framing: str) -> bytes:
    lines = [b"%b: %b\r\n" % pair for pair in response.headers]
    return b"HTTP/1.1 %d X\r\n%b%b\r\n\r\n" % (response.status, b"".join(lines), framing.encode())


class Caller(asyncio.Protocol):
    """A caller's connection."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._buffer = b""
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Turn a whole request into an event."""
        self._buffer += data
        self._next()

    def write(self, data: bytes) -> None:
        """Send to the caller, if there still is one."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def served(self) -> None:
        """The answer is whole; the connection takes the next request."""
        self._busy = False
        self._next()

    def _next(self) -> None:
        if self._busy:
            return
        request, self._buffer = take(self._buffer)
        if request is None:
            return
        self._busy = True
        path, _, query = request.target.partition("?")
        headers = tuple(request.headers.items())
        seen = Request("bench", request.method, path, query, headers, request.body, "127.0.0.1", 0)
        self._desk.ask(self, json.dumps(proxy_event(seen, MATCH, frozenset())).encode())


class Worker(asyncio.Protocol):
    """A worker's connection to its Runtime API."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._buffer = b""
        self._call: Call | None = None
        self._streams = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take what the worker says."""
        self._buffer += data
        if not self._streams and BLANK in self._buffer:
            head, _, rest = self._buffer.partition(BLANK)
            self._streams = STREAMING in head.lower()
            self._buffer = rest if self._streams else self._buffer
        if self._streams:
            self._stream()
        else:
            self._whole()

    def serve(self, call: Call) -> None:
        """Hand a call over."""
        self._call = call
        self._transport.write(call.handed_over())

    def _whole(self) -> None:
        request, self._buffer = take(self._buffer)
        if request is None:
            return
        if request.method == "GET":
            self._desk.offer(self)
            return
        if self._call and request.target.endswith("/response"):
            self._call.answer(request.body)
        elif self._call:
            self._call.fail()
        self._transport.write(ACCEPTED)

    def _stream(self) -> None:
        pieces, at, over = [], 0, False
        while (line := self._buffer.find(b"\r\n", at)) >= 0:
            size = int(self._buffer[at:line], 16)
            if size == 0:
                over = self._buffer.find(BLANK, line) >= 0
                break
            end = line + 2 + size + 2
            if len(self._buffer) < end:
                break
            pieces.append(self._buffer[line + 2 : end - 2])
            at = end
        self._buffer = b"" if over else self._buffer[at:]
        if self._call and pieces:
            self._call.feed(b"".join(pieces))
        if over:
            self._end()

    def _end(self) -> None:
        self._streams = False
        self._transport.write(ACCEPTED)
        if self._call:
            self._call.finish()


async def live(port: int, workers: int, command: list[str]) -> None:
    """Start the workers and serve until told to stop, or until a worker ends."""
    loop, desk, stop = asyncio.get_running_loop(), Desk(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    api = await loop.create_server(lambda: Worker(desk), "127.0.0.1", 0)
    address = f"127.0.0.1:{api.sockets[0].getsockname()[1]}"
    told = ("env", f"AWS_LAMBDA_RUNTIME_API={address}")
    started = [await asyncio.create_subprocess_exec(*told, *command) for _ in range(workers)]
    front = await loop.create_server(lambda: Caller(desk), "127.0.0.1", port, backlog=512)
    ends = [asyncio.create_task(process.wait()) for process in started]
    await asyncio.wait([asyncio.create_task(stop.wait()), *ends], return_when="FIRST_COMPLETED")
    front.close()
    api.close()
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    await asyncio.gather(*ends)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m bench.front", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    run(live(asked.port, asked.workers, asked.command))


if __name__ == "__main__":
    main()
