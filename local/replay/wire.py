"""HTTP/1.1 on the wire: where a request ends, and how an answer's head and chunks look."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
CLOSING = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
BLANK = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/")
KEY_HEADERS = ("x-api-key", "x-goog-api-key")


@dataclass(slots=True)
class Request:
    """One request as it came: `head` up to the blank line, `body` without chunk framing."""

    method: str
    target: str
    head: bytes
    body: bytes

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, str]:
        """The query's first values."""
        return {k: v[0] for k, v in parse_qs(self.target.partition("?")[2]).items()}

    @property
    def last(self) -> bool:
        """Whether the caller wants the connection closed after the answer."""
        return CLOSING.search(self.head) is not None

    @property
    def headers(self) -> dict[str, str]:
        """Header values by lower-case name."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.lower(): value.strip() for name, _, value in pairs}

    @property
    def key(self) -> str:
        """The secret the caller showed, whichever way it carried it; "" when none.

        Of a signature for AWS, the access key.
        """
        headers = self.headers
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if signed := SIGNED.match(bearer):
            return signed[1]
        carried = (headers[name] for name in KEY_HEADERS if name in headers)
        return bearer or next(carried, "") or self.query.get("key", "")


def take(buffer: bytes) -> tuple[Request | None, bytes]:
    """The whole request at the front of `buffer` (None while it is not all there), and the rest."""
    start = buffer.find(BLANK)
    if start < 0:
        return None, buffer
    head = buffer[: start + 2]
    body, end = _body(buffer, head, start + 4)
    if body is None:
        return None, buffer
    method, target, _ = head.split(b" ", 2)
    return Request(method.decode(), target.decode("latin-1"), head, body), buffer[end:]


def _body(buffer: bytes, head: bytes, start: int) -> tuple[bytes | None, int]:
    if sized := LENGTH.search(head):
        end = start + int(sized[1])
        return (buffer[start:end], end) if len(buffer) >= end else (None, 0)
    return _unchunked(buffer, start) if CHUNKED.search(head) else (b"", start)


def _unchunked(buffer: bytes, at: int) -> tuple[bytes | None, int]:
    parts: list[bytes] = []
    while (line := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:line].split(b";")[0], 16)
        at = line + 2 + size + 2
        if len(buffer) < at:
            break
        if size == 0:
            return b"".join(parts), at
        parts.append(buffer[line + 2 : at - 2])
    return None, 0


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Status line and headers, with the blank line."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unnamed"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(content: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def json_answer(status: int, value: object) -> bytes:
    """A whole JSON answer."""
    body = json.dumps(value).encode()
    sized = {"content-type": "application/json", "content-length": str(len(body))}
    return head(status, sized) + body
