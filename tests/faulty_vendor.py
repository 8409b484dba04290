"""A vendor of any dialect on loopback, whose answers a behaviour may spoil at every place.

`Voice` says what a vendor of that dialect would say, `Line` is its end of a connection. Requests
and answers have sizes that make typed-out charges round: 400 bytes are asked, 400 bytes of text
are streamed, a whole answer has 800 bytes.
"""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

WITHIN: Final = 5.0
ASKED_BYTES: Final = 400
WHOLE_BYTES: Final = 800
TEXTS: Final = ("x" * 100, "y" * 100, "z" * 100, "w" * 100)
ABSENT: Final = object()
"""Usage that is left out."""

TLS: Final = b"\x16"
EVENTS: Final = "text/event-stream"
JSON: Final = "application/json"

Usage = Callable[[str], Any]
"""What stands where usage should be, by dialect."""


def counted(read: Any = 1_000, written: Any = 500, cached: Any = None) -> Usage:
    """A usage object in each dialect's own names."""

    def usage(dialect: str) -> Any:
        if dialect == "openai_chat":
            found = {"prompt_tokens": read, "completion_tokens": written}
            return found | (
                {} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}
            )
        if dialect == "anthropic_messages":
            found = {"input_tokens": read, "output_tokens": written}
            return found | ({} if cached is None else {"cache_read_input_tokens": cached})
        found = {"promptTokenCount": read, "candidatesTokenCount": written}
        return found | ({} if cached is None else {"cachedContentTokenCount": cached})

    return usage


def always(usage: Any) -> Usage:
    """The same in every dialect."""
    return lambda dialect: usage


TOLD: Final = counted()


def member(name: str, usage: Any) -> dict[str, Any]:
    """A member that holds usage, or nothing."""
    return {} if usage is ABSENT else {name: usage}


@dataclass(frozen=True)
class Voice:
    """A vendor's words in one dialect, for a call that streams or one that does not."""

    dialect: str
    stream: bool

    def __str__(self) -> str:
        return f"{self.dialect}, {'streamed' if self.stream else 'whole'}"

    @property
    def kind(self) -> str:
        return EVENTS if self.stream else JSON

    @property
    def path(self) -> str:
        """Where the caller asks."""
        if self.dialect == "gemini":
            action = "streamGenerateContent" if self.stream else "generateContent"
            return f"/v1beta/models/gemini-2.5-flash:{action}"
        return "/v1/messages" if self.dialect == "anthropic_messages" else "/v1/chat/completions"

    @property
    def question(self) -> str:
        """What the caller asks: 400 bytes."""
        if self.dialect == "gemini":
            settings = {"maxOutputTokens": 1_000}
            body: dict[str, Any] = {"contents": [], "generationConfig": settings}
            return padded(body, "contents", lambda t: [{"parts": [{"text": t}]}], ASKED_BYTES)
        model = "gpt-4o" if self.dialect == "openai_chat" else "claude-sonnet-4"
        body = {"model": model, "max_tokens": 1_000, "messages": []}
        body |= {"stream": True} if self.stream else {}
        return padded(body, "messages", lambda t: [{"role": "user", "content": t}], ASKED_BYTES)

    def whole(self, usage: Usage = TOLD, text: str = "") -> str:
        """A complete answer of 800 bytes, or with that text."""
        name = "usageMetadata" if self.dialect == "gemini" else "usage"
        own = member(name, usage(self.dialect))
        if self.dialect == "openai_chat":
            body: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion", "choices": []}
            fill: Callable[[str], Any] = lambda t: [  # noqa: E731
                {"index": 0, "message": {"content": t}, "finish_reason": "stop"}
            ]
            return padded(body | own, "choices", fill, WHOLE_BYTES, text)
        if self.dialect == "anthropic_messages":
            body = {"id": "msg_1", "type": "message", "stop_reason": "end_turn", "content": []}
            fill = lambda t: [{"type": "text", "text": t}]  # noqa: E731
            return padded(body | own, "content", fill, WHOLE_BYTES, text)
        fill = lambda t: [{"content": {"parts": [{"text": t}]}, "finishReason": "STOP"}]  # noqa: E731
        return padded({"candidates": []} | own, "candidates", fill, WHOLE_BYTES, text)

    # --- a stream, part by part -----------------------------------------------------------------

    def opening(self, usage: Usage = TOLD) -> list[Any]:
        """Events before any text."""
        if self.dialect == "openai_chat":
            return [chat({"role": "assistant", "content": ""})]
        if self.dialect == "gemini":
            return []
        told = usage(self.dialect)
        if isinstance(told, dict) and "output_tokens" in told:
            told = told | {"output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
        block = {"type": "text", "text": ""}
        return [
            {"type": "message_start", "message": message | member("usage", told)},
            {"type": "content_block_start", "index": 0, "content_block": block},
        ]

    def says(self, text: str) -> Any:
        """One event with text in it."""
        if self.dialect == "openai_chat":
            return chat({"content": text})
        if self.dialect == "anthropic_messages":
            delta = {"type": "text_delta", "text": text}
            return {"type": "content_block_delta", "index": 0, "delta": delta}
        return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]}

    def stops(self, usage: Usage = TOLD) -> list[Any]:
        """Why the text ends, and what was used; the terminal event is not among them."""
        told = usage(self.dialect)
        if self.dialect == "openai_chat":
            return [chat({}, "stop"), *([] if told is ABSENT else [self.tells(usage)])]
        if self.dialect == "anthropic_messages":
            return [{"type": "content_block_stop", "index": 0}, self.tells(usage)]
        candidate = {"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}
        return [{"candidates": [candidate]} | member("usageMetadata", told)]

    def tells(self, usage: Usage) -> Any:
        """An event that tells what was used."""
        told = usage(self.dialect)
        if self.dialect == "openai_chat":
            return {"id": "chatcmpl-1", "choices": [], "usage": told}
        if self.dialect == "anthropic_messages":
            delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
            return delta | member("usage", told)
        return {"usageMetadata": told}

    def last(self) -> list[Any]:
        """The terminal event."""
        if self.dialect == "openai_chat":
            return ["[DONE]"]
        return [{"type": "message_stop"}] if self.dialect == "anthropic_messages" else []

    def fails(self) -> Any:
        """An error event."""
        if self.dialect == "anthropic_messages":
            return {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        if self.dialect == "gemini":
            return {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
        return {"error": {"message": "overloaded", "type": "server_error"}}

    def script(self, usage: Usage = TOLD, texts: Sequence[str] = TEXTS) -> list[Any]:
        """Every event of a good stream."""
        said = [self.says(text) for text in texts]
        return [*self.opening(usage), *said, *self.stops(usage), *self.last()]

    def pieces(self, usage: Usage = TOLD, texts: Sequence[str] = TEXTS) -> list[bytes]:
        """A good answer in pieces: the events of a stream, or a whole answer in six parts."""
        if self.stream:
            return [event(each) for each in self.script(usage, texts)]
        text = self.whole(usage).encode()
        return [text[place : place + 140] for place in range(0, len(text), 140)]


def chat(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One chunk of a chat."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}


def padded(
    body: dict[str, Any], name: str, fill: Callable[[str], Any], size: int, text: str = ""
) -> str:
    """A body as JSON, with a text that makes it so many bytes long unless one is given."""
    bare = len(json.dumps(body | {name: fill("")}))
    found = json.dumps(body | {name: fill(text or "t" * (size - bare))}, ensure_ascii=False)
    assert text or len(found) == size
    return found


def event(value: Any, end: str = "\n", data: str = "data: ") -> bytes:
    """One server-sent event; Anthropic's have a name."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    kind = value.get("type") if isinstance(value, dict) else None
    name = f"event: {kind}{end}" if kind else ""
    return f"{name}{data}{text}{end}{end}".encode()


class Line:
    """The vendor's end of a connection, once it has read the request."""

    def __init__(self, connected: socket.socket, voice: Voice) -> None:
        self.connected = connected
        self.voice = voice

    def raw(self, *texts: bytes) -> None:
        """Bytes as they are, one packet each."""
        for text in texts:
            self.connected.sendall(text)

    def head(self, *headers: str, status: str = "200 OK", kind: str = "") -> None:
        """The head of an answer in chunks."""
        own = (f"Content-Type: {kind or self.voice.kind}", "Transfer-Encoding: chunked", *headers)
        self.raw("\r\n".join((f"HTTP/1.1 {status}", *own, "", "")).encode())

    def chunks(self, *pieces: bytes) -> None:
        """Pieces of the body, a chunk each."""
        for piece in pieces:
            self.raw(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        """The body's end."""
        self.raw(b"0\r\n\r\n")

    def answer(self, *pieces: bytes, headers: Sequence[str] = (), kind: str = "") -> None:
        """A whole answer of success, in chunks."""
        self.head(*headers, kind=kind)
        self.chunks(*pieces)
        self.end()

    def sized(self, body: bytes, *headers: str, status: str = "200 OK", kind: str = "") -> None:
        """A whole answer with its length."""
        own = (f"Content-Type: {kind or self.voice.kind}", f"Content-Length: {len(body)}", *headers)
        self.raw("\r\n".join((f"HTTP/1.1 {status}", *own, "", "")).encode() + body)

    def reset(self) -> None:
        """Break the connection so that the other side sees a reset."""
        self.connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connected.close()

    def hang(self) -> None:
        """Say nothing more until the other side hangs up."""
        self.connected.settimeout(WITHIN)
        self.connected.recv(1)


Play = Callable[[Line], None]


class FaultyVendor:
    """Plays one behaviour on every connection; `requests` is what it was sent."""

    def __init__(self, play: Play, voice: Voice, tls: ssl.SSLContext | None) -> None:
        self.requests: list[bytes] = []
        self._play = play
        self._voice = voice
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._acceptor, *self._threads):
            thread.join(WITHIN)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connected,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connected: socket.socket) -> None:
        with connected, suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connected = self._tls.wrap_socket(connected, server_side=True)
            with connected:
                while request := asked(connected):
                    self.requests.append(request)
                    self._play(Line(connected, self._voice))
                    return


def asked(connected: socket.socket) -> bytes:
    """One request, read to its end; empty where nobody asks. The first bytes of TLS are none."""
    text = b""
    while b"\r\n\r\n" not in text:
        read = connected.recv(65_536)
        if not read or read.startswith(TLS):
            return read
        text += read
    head, _, body = text.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length:
        body += connected.recv(65_536)
    return head + b"\r\n\r\n" + body


@contextmanager
def faulty_vendor(
    play: Play, voice: Voice, tls: ssl.SSLContext | None = None
) -> Iterator[FaultyVendor]:
    vendor = FaultyVendor(play, voice, tls)
    try:
        yield vendor
    finally:
        vendor.close()
