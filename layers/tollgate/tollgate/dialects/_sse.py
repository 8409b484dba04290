"""Where one event of a stream ends and the next begins, over bytes as they happen to arrive.

Lines end in LF, CRLF or CR, in any mixture; an empty line ends an event. Nothing is decoded, so a
character split between two reads is nobody's concern, and what comes out is what came in.
"""

import re
from typing import Final, Protocol

from tollgate.domain.errors import UpstreamFailed

EVENT_LIMIT: Final = 16 * 1024 * 1024
"""Largest event kept in memory: a generated image of the highest resolution still fits."""

EVENT_END: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Splitter(Protocol):
    """Takes bytes as they come and gives whole events, each exactly as it was.

    While it is `idle`, nothing is held back: an event that comes whole need not pass through it.
    """

    idle: bool

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that are complete now.

        Raises:
            UpstreamFailed: an event larger than the splitter's limit.
        """
        ...

    def flush(self) -> bytes:
        """What is left of an event that never ended."""
        ...


class Events:
    """Splits a stream of server-sent events."""

    __slots__ = ("_limit", "_pending", "idle")

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()
        self.idle = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that are complete now."""
        if self._pending or not chunk.endswith((b"\n\n", b"\r\n\r\n")):
            chunk = self._complete(chunk)
        return events_of(chunk)

    def _complete(self, chunk: bytes) -> bytes:
        """The part of everything so far that ends with an event."""
        pending = self._pending
        searched = max(0, len(pending) - 2)
        pending += chunk
        end = last_end(pending, searched)
        whole = bytes(pending[:end])
        del pending[:end]
        self.idle = not pending
        if len(pending) > self._limit:
            raise too_large(self._limit)
        return whole

    def flush(self) -> bytes:
        """What is left of an event that never ended."""
        rest = bytes(self._pending)
        self._pending.clear()
        return rest


def too_large(limit: int) -> UpstreamFailed:
    """The refusal of an event that would fill the memory."""
    return UpstreamFailed(f"the upstream sent an event of more than {limit} bytes")


def last_end(data: bytes | bytearray, start: int = 0) -> int:
    """Where the last complete event ends; 0 when none does.

    Two line ends meet as LF LF, CR CR, or LF CR (which an LF may follow, so that it is not an end
    before the next byte is there); CR LF is only one.
    """
    ends = [data.rfind(b"\n\n", start) + 2]
    if b"\r" in data:
        ends.append(data.rfind(b"\r\r", start) + 2)
        mixed = data.rfind(b"\n\r", start, len(data) - 1) + 2
        ends.append(mixed + (mixed > 1 and data[mixed : mixed + 1] == b"\n"))
    end = max(ends)
    return end if end > 1 else 0


def events_of(block: bytes) -> list[bytes]:
    """The events of a block that ends with one."""
    if not block:
        return []
    if b"\r" in block:
        return split_any(block)
    if block.find(b"\n\n") == len(block) - 2:
        return [block]
    return [event + b"\n\n" for event in block[:-2].split(b"\n\n")]


def split_any(block: bytes) -> list[bytes]:
    """The events of a block with carriage returns in it."""
    if block.count(b"\r\n") == block.count(b"\r") == block.count(b"\n"):
        return [event + b"\r\n\r\n" for event in block[:-4].split(b"\r\n\r\n")]
    found: list[bytes] = []
    begin = 0
    for end in EVENT_END.finditer(block):
        found.append(block[begin : end.end()])
        begin = end.end()
    return [*found, block[begin:]] if begin < len(block) else found


def fields(event: bytes) -> tuple[bytes, bytes]:
    """The name of an event (empty when it has none) and its data, lines joined by LF."""
    name = b""
    data: list[bytes] = []
    for line in event.removeprefix(BYTE_ORDER_MARK).splitlines():
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value
    return name, b"\n".join(data)
