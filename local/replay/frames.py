"""How AWS writes an event stream: messages of headers and payload, each with its checksums."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping

from local.replay.sse import compact

JSON = "application/json"
PADDING = "abcdefghijklmnop"  # what AWS adds so that lengths tell nothing


def message(headers: bytes, payload: bytes) -> bytes:
    """One message."""
    start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    start += struct.pack(">I", zlib.crc32(start))
    body = start + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def texts(headers: Mapping[str, str]) -> bytes:
    """Headers whose values are texts."""
    return b"".join(_text(name.encode(), value.encode()) for name, value in headers.items())


def _text(name: bytes, value: bytes) -> bytes:
    kind = struct.pack(">BH", 7, len(value))
    return struct.pack(">B", len(name)) + name + kind + value


def chunk(event: bytes) -> bytes:
    """The message that holds one event."""
    kinds = {":event-type": "chunk", ":content-type": JSON, ":message-type": "event"}
    payload = compact({"bytes": b64encode(event).decode(), "p": PADDING}).encode()
    return message(texts(kinds), payload)


def exception(kind: str, said: str) -> bytes:
    """The message that ends a stream in failure."""
    kinds = {":exception-type": kind, ":content-type": JSON, ":message-type": "exception"}
    return message(texts(kinds), compact({"message": said}).encode())


def flipped(piece: bytes) -> bytes:
    """A message with one bit of its payload turned over on the way."""
    place = len(piece) // 2
    return piece[:place] + bytes([piece[place] ^ 1]) + piece[place + 1 :]
