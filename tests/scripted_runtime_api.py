"""A Lambda Runtime API for tests: hands out calls, keeps every chunk it gets, fails on demand."""

import contextlib
import json
import queue
import select
import socket
import socketserver
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, BinaryIO, Self

BASE = "/2018-06-01/runtime"
_PATIENCE = 10.0  # seconds; a test that waits longer has failed


@dataclass
class Call:
    """One event on its way through the loop, the script for it, and what came back."""

    id: str
    event: bytes
    headers: dict[str, str]
    hang_up_after: int | None = None  # chunks
    speak_after: int | None = None  # chunks, then an early 413 while the connection stays open
    accept: int | None = 202  # None hangs up after the answer's end
    chunked_event: bool = False
    arrived: "queue.Queue[bytes]" = field(default_factory=queue.Queue)
    posts: "queue.Queue[Post]" = field(default_factory=queue.Queue)

    def next_chunk(self) -> bytes:
        return self.arrived.get(timeout=_PATIENCE)

    def outcome(self) -> "Post":
        """The complete answer or error; waits for it."""
        return self.posts.get(timeout=_PATIENCE)


@dataclass
class Post:
    """One finished POST; header and trailer names in lower case."""

    path: str
    headers: dict[str, str]
    chunks: list[bytes] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def metadata(self) -> Any:
        """The JSON that API Gateway reads from a streamed answer."""
        return json.loads(self.body.partition(b"\0" * 8)[0])

    @property
    def content(self) -> bytes:
        """What the caller of a streamed answer gets."""
        return self.body.partition(b"\0" * 8)[2]


class ScriptedRuntimeApi(socketserver.ThreadingTCPServer):
    """Listens on a free loopback port while it is used as a context."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.calls: queue.Queue[Call] = queue.Queue()
        self.given: dict[str, Call] = {}
        self.reports: queue.Queue[Post] = queue.Queue()  # init and restore errors
        self.requests: list[str] = []  # every request line's method and path, in order
        self.connections: list[socket.socket] = []
        self.waiting = threading.Semaphore(0)  # released by each request for work
        self.next_status = 200
        self.restore = threading.Event()
        self.closing = False

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing = True
        self.shutdown()
        self.drop_connections()
        self.server_close()

    def give(self, event: object, headers: Mapping[str, str] | None = None, **script: Any) -> Call:
        """Queues a call; bytes are an event as they are, anything else becomes JSON."""
        body = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        number = f"call-{len(self.given) + 1}"
        call = Call(number, body, dict(headers or {}), **script)
        self.given[number] = call
        self.calls.put(call)
        return call

    def await_request(self) -> None:
        """Waits until a loop asks for work."""
        assert self.waiting.acquire(timeout=_PATIENCE)

    def report(self) -> Post:
        return self.reports.get(timeout=_PATIENCE)

    def drop_connections(self) -> None:
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Gone(Exception):
    """The loop has closed the connection."""


class _Conversation(socketserver.BaseRequestHandler):
    server: ScriptedRuntimeApi
    request: socket.socket

    def handle(self) -> None:
        self.server.connections.append(self.request)
        with self.request.makefile("rb") as reader, contextlib.suppress(_Gone, OSError):
            while True:
                self._one(reader)

    def _one(self, reader: BinaryIO) -> None:
        method, path = _line(reader).split()[:2]
        headers = _headers(reader)
        self.server.requests.append(f"{method} {path}")
        if path == f"{BASE}/invocation/next":
            self._hand_out()
        elif path == f"{BASE}/restore/next":
            self.server.waiting.release()
            assert self.server.restore.wait(_PATIENCE)
            self._reply(200)
        elif path in {f"{BASE}/init/error", f"{BASE}/restore/error"}:
            self.server.reports.put(_read(reader, Post(path, headers), None))
            self._reply(202)
        else:
            self._take(reader, Post(path.removeprefix(BASE), headers))

    def _hand_out(self) -> None:
        self.server.waiting.release()
        if self.server.next_status != 200:
            self._reply(self.server.next_status)
            return
        call = self._await_call()
        headers = {"Lambda-Runtime-Aws-Request-Id": call.id} | call.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        if call.chunked_event:
            half = len(call.event) // 2
            body = _chunk(call.event[:half]) + _chunk(call.event[half:]) + b"0\r\n\r\n"
            lines += b"Transfer-Encoding: chunked\r\n"
        else:
            body = call.event
            lines += b"Content-Length: %d\r\n" % len(body)
        self.request.sendall(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + body)

    def _await_call(self) -> Call:
        while not self.server.closing and not self._gone():
            with contextlib.suppress(queue.Empty):
                call = self.server.calls.get(timeout=0.01)
                if not self._gone():
                    return call
                self.server.calls.put(call)
        raise _Gone

    def _gone(self) -> bool:
        return bool(select.select([self.request], [], [], 0)[0])

    def _take(self, reader: BinaryIO, post: Post) -> None:
        call = self.server.given[post.path.split("/")[2]]
        _read(reader, post, lambda chunk: self._script(call, post, chunk))
        call.posts.put(post)
        if call.accept is None:
            raise _Gone
        self._reply(call.accept)

    def _script(self, call: Call, post: Post, chunk: bytes) -> None:
        call.arrived.put(chunk)
        if len(post.chunks) == call.hang_up_after:
            raise _Gone
        if len(post.chunks) == call.speak_after:
            self._reply(413)

    def _reply(self, status: int) -> None:
        body = b'{"status":"scripted"}\n'
        head = f"HTTP/1.1 {status} Scripted\r\nContent-Length: {len(body)}\r\n\r\n"
        self.request.sendall(head.encode() + body)


def _line(reader: BinaryIO) -> str:
    line = reader.readline()
    if not line:
        raise _Gone
    return line.decode("latin-1").strip()


def _headers(reader: BinaryIO) -> dict[str, str]:
    headers = {}
    while line := _line(reader):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _read(reader: BinaryIO, post: Post, on_chunk: Any) -> Post:
    if "content-length" in post.headers:
        post.chunks.append(reader.read(int(post.headers["content-length"])))
        return post
    while size := int(_line(reader), 16):
        post.chunks.append(reader.read(size))
        assert _line(reader) == ""
        on_chunk(post.chunks[-1])
    post.trailers = _headers(reader)
    return post


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
