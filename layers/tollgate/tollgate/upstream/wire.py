"""How an HTTP/1.1 answer stands on the wire: what its head says, and where its body ends.

Pure functions over bytes as they happen to arrive; whatever two readers could understand
differently is refused. Bytes of the body are given on as soon as they are there.
"""

import re
from typing import Final, NamedTuple, Protocol

Headers = list[tuple[bytes, bytes]]

HEAD_LIMIT: Final = 100 * 1024
LINE_LIMIT: Final = 4 * 1024
"""Longest line between two chunks: a size, and extensions that nobody reads."""

CHUNK_LIMIT: Final = 2**32
LENGTH_DIGITS: Final = 15
NO_BODY: Final = frozenset({204, 304})

STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?\r?")
HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*\r?")
HEAD_END: Final = re.compile(rb"\n\r?\n")
FIRST_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
NEXT_CHUNK: Final = re.compile(rb"\r\n" + FIRST_CHUNK.pattern)


class Malformed(ValueError):
    """What came is no HTTP/1.1 answer, or one that can be read in two ways."""


class Head(NamedTuple):
    """Status and headers as they came; `lasts` tells whether the connection may be used again."""

    status: int
    headers: Headers
    lasts: bool


class Framing(Protocol):
    """Finds the end of one body. After `complete`, `surplus` is what came behind that end."""

    complete: bool
    surplus: bytes

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came; give those of the body.

        Raises:
            Malformed: they cannot be of such a body.
        """
        ...

    def end(self) -> None:
        """The connection has ended.

        Raises:
            Malformed: before the body did.
        """
        ...


class Chunked:
    """A body in chunks, each told by its size."""

    def __init__(self) -> None:
        self.complete = False
        self.surplus = b""
        self._left = 0
        self._size_line = FIRST_CHUNK
        self._pending = b""
        self._trailing = False

    def feed(self, data: bytes) -> bytes:
        """Bytes of all chunks, also of one that is not whole yet."""
        if self._pending:
            data, self._pending = self._pending + data, b""
        parts: list[bytes] = []
        place, end = 0, len(data)
        while place < end and not self._trailing:
            if self._left:
                part = data[place : place + self._left]
                parts.append(part)
                place += len(part)
                self._left -= len(part)
                if data.startswith(b"\r\n", place) and not self._left:
                    place += 2
                    self._size_line = FIRST_CHUNK
            elif found := self._size_line.match(data, place):
                place = found.end()
                self._begin(int(found[1], 16))
            else:
                self._wait(data[place:])
                break
        if self._trailing:
            self._trailer(data[place:])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def end(self) -> None:
        """Chunks end by a chunk of size 0, never by the connection's end."""
        if not self.complete:
            raise Malformed("the connection ended within a chunked body")

    def _begin(self, size: int) -> None:
        if size > CHUNK_LIMIT:
            raise Malformed(f"a chunk of {size} bytes")
        self._size_line = NEXT_CHUNK
        self._left = size
        self._trailing = size == 0

    def _wait(self, rest: bytes) -> None:
        """Keep the beginning of a line that tells a size, as long as it can become one."""
        opening = b"\r\n" if self._size_line is NEXT_CHUNK else b""
        line = rest[len(opening) :]
        if not opening.startswith(rest[: len(opening)]) or b"\n" in line:
            raise Malformed("what stands for a chunk's size is none")
        if len(line) > LINE_LIMIT:
            raise Malformed("the line with a chunk's size does not end")
        self._pending = rest

    def _trailer(self, rest: bytes) -> None:
        """Pass over what follows the last chunk, to the empty line."""
        if rest.startswith(b"\r\n"):
            end = 2
        elif (found := rest.find(b"\r\n\r\n")) >= 0:
            end = found + 4
        elif len(rest) > HEAD_LIMIT:
            raise Malformed("the trailer does not end")
        else:
            self._pending = rest
            return
        self.complete, self.surplus = True, rest[end:]


class Sized:
    """A body whose length was announced; 0 for an answer without one."""

    def __init__(self, length: int) -> None:
        self.complete = length == 0
        self.surplus = b""
        self._left = length

    def feed(self, data: bytes) -> bytes:
        """As much as is still missing."""
        part = data[: self._left]
        self._left -= len(part)
        self.complete = not self._left
        self.surplus += data[len(part) :]
        return part

    def end(self) -> None:
        """The announced length must be there."""
        if not self.complete:
            raise Malformed(f"the connection ended {self._left} bytes before the body did")


class UntilClose:
    """A body that the connection's end ends."""

    complete = False
    surplus = b""

    def feed(self, data: bytes) -> bytes:
        """Everything."""
        return data

    def end(self) -> None:
        """As it should."""


def take_head(received: bytes) -> tuple[Head | None, bytes]:
    """The head of an answer, if it is whole, and what follows it; interim answers are passed over.

    Raises:
        Malformed: it is none, or does not end.
    """
    while (found := HEAD_END.search(received)) is not None:
        head, received = read_head(received[: found.start()]), received[found.end() :]
        if head.status >= 200:
            return head, received
        if head.status == 101:
            raise Malformed("the connection was switched to another protocol unasked")
    if len(received) > HEAD_LIMIT:
        raise Malformed("the head of the answer does not end")
    return None, received


def read_head(text: bytes) -> Head:
    """Status line and headers, without the empty line; names come in lower case.

    Raises:
        Malformed: they are none.
    """
    first, *lines = text.split(b"\n")
    status = STATUS.fullmatch(first)
    if status is None:
        raise Malformed(f"not an HTTP/1.1 answer: {first[:80]!r}")
    headers: Headers = []
    for line in lines:
        found = HEADER.fullmatch(line)
        if found is None:
            raise Malformed(f"not a header: {line[:80]!r}")
        headers.append((found[1].lower(), found[2]))
    options = {
        word.strip() for word in b",".join(all_of(headers, b"connection")).lower().split(b",")
    }
    lasts = status[1] == b"1" and b"close" not in options
    return Head(int(status[2]), headers, lasts)


def all_of(headers: Headers, name: bytes) -> list[bytes]:
    """Every value of a header."""
    return [value for key, value in headers if key == name]


def framing_of(head: Head) -> tuple[Framing, bool]:
    """How the body is told from what follows it, and whether anything may follow.

    Raises:
        Malformed: it cannot be told for sure.
    """
    codings = all_of(head.headers, b"transfer-encoding")
    lengths = {
        part.strip() for part in b",".join(all_of(head.headers, b"content-length")).split(b",")
    }
    if head.status in NO_BODY:
        return Sized(0), head.lasts
    if codings:
        if [coding.lower() for coding in codings] != [b"chunked"]:
            raise Malformed(f"transfer-encoding {b', '.join(codings)[:80]!r}")
        return Chunked(), head.lasts and lengths == {b""}
    if lengths == {b""}:
        return UntilClose(), False
    (length, *others) = lengths
    if others or not length.isdigit() or len(length) > LENGTH_DIGITS:
        raise Malformed(f"content-length {b', '.join(sorted(lengths))[:80]!r}")
    return Sized(int(length)), head.lasts
