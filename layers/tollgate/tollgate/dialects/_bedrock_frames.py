"""Where one message of an AWS event stream ends, and whether it arrived as it was sent.

A message is its length, its headers' length, a checksum of both, headers, payload, and a checksum
of all of it. https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from zlib import crc32

from tollgate.domain.errors import UpstreamFailed

FRAME_LIMIT: Final = 16 * 1024 * 1024
"""Largest message kept in memory, as for an event of any other stream."""

PRELUDE: Final = struct.Struct(">III")
CHECKSUM: Final = struct.Struct(">I")
LEAST: Final = PRELUDE.size + CHECKSUM.size

SIZES: Final = {2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Sizes of header values by type, for those of a fixed size: numbers, times, UUIDs."""

FLAGS: Final = {0: True, 1: False}
BYTES: Final = 6
TEXT: Final = 7

Value = bool | int | bytes | str


class Frame(NamedTuple):
    """One message: its headers, and its payload."""

    headers: Mapping[str, Value]
    payload: bytes

    def text(self, name: str) -> str:
        """A header that is a text; empty without one."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class Frames:
    """Splits an event stream, however its bytes arrive."""

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._needed = LEAST

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The messages that are complete now, up to one that is none.

        Raises:
            UpstreamFailed: what came is no message, was damaged, or is larger than the limit.
        """
        pending = self._pending
        pending += chunk
        while len(pending) >= self._needed:
            size = self._size()
            if len(pending) < size:
                self._needed = size
                return
            message = bytes(pending[:size])
            del pending[:size]
            self._needed = LEAST
            yield frame_of(message)

    def end(self) -> None:
        """The stream has ended.

        Raises:
            UpstreamFailed: within a message.
        """
        if self._pending:
            raise UpstreamFailed("the upstream's event stream ended within a message")

    def _size(self) -> int:
        """The length of the message in front, which its own checksum vouches for."""
        size, headers, checksum = PRELUDE.unpack_from(self._pending)
        if crc32(self._pending[: PRELUDE.size - CHECKSUM.size]) != checksum:
            raise damaged()
        if size > self._limit:
            raise UpstreamFailed(f"the upstream sent a message of {size} bytes")
        if size < LEAST + headers:
            raise damaged()
        return int(size)


def frame_of(message: bytes) -> Frame:
    """A whole message, taken apart.

    Raises:
        UpstreamFailed: it was damaged.
    """
    (checksum,) = CHECKSUM.unpack_from(message, len(message) - CHECKSUM.size)
    if crc32(message[: -CHECKSUM.size]) != checksum:
        raise damaged()
    begin = PRELUDE.size
    end = begin + PRELUDE.unpack_from(message)[1]
    try:
        return Frame(headers_of(message[begin:end]), message[end : -CHECKSUM.size])
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise damaged() from error


def headers_of(block: bytes) -> dict[str, Value]:
    """The headers of a message.

    Raises:
        IndexError, KeyError, UnicodeDecodeError: it is no block of headers, or names one twice.
    """
    found: dict[str, Value] = {}
    place = 0
    while place < len(block):
        raw, place = taken(block, place + 1, block[place])
        name, kind = raw.decode(), block[place]
        if name in found:
            raise KeyError(name)
        place += 1
        if kind in FLAGS:
            value: Value = FLAGS[kind]
        elif kind in {BYTES, TEXT}:
            size, place = taken(block, place, 2)
            raw, place = taken(block, place, int.from_bytes(size))
            value = raw if kind == BYTES else raw.decode()
        else:
            raw, place = taken(block, place, SIZES[kind])
            value = raw if len(raw) > SIZES[5] else int.from_bytes(raw, signed=True)
        found[name] = value
    return found


def taken(block: bytes, place: int, size: int) -> tuple[bytes, int]:
    """So many bytes, and where they end.

    Raises:
        IndexError: there are fewer.
    """
    end = place + size
    if end > len(block):
        raise IndexError(end)
    return block[place:end], end


def damaged() -> UpstreamFailed:
    """The refusal of bytes that cannot be what was sent."""
    return UpstreamFailed("the upstream's event stream was damaged on its way")
