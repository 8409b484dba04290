"""Answers no vendor should give and some do: wrong types, lengths, encodings and places to go."""

import zlib
from collections.abc import Callable, Iterator, Mapping

from local.replay import sse
from local.replay.draft import ACCOUNT, Draft, named

GZIP = 31  # zlib's number for a gzip container with the largest window
BOMB_BLOCK = 16 * 2**20  # bytes of zeros in one block
BOMB_BLOCKS = 64  # 1 GiB in all
MEGABYTE = 2**20
PLACE = "http://169.254.169.254/latest/meta-data/"
ANY_ID = b"0" * 22


def spoil(draft: Draft) -> None:
    """Apply the `odd` knob."""
    if draft.knobs.odd:
        SPOILERS[draft.knobs.odd](draft)


def _html(draft: Draft) -> None:
    draft.say("text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>\n")


def _json(draft: Draft) -> None:
    error = draft.vendor.failure(500, f"Replayed failure of {ACCOUNT}.")
    draft.say("application/json", sse.compact(error).encode())


def _redirect(draft: Draft) -> None:
    draft.say("text/plain")
    draft.status, draft.headers["location"] = 302, PLACE


def _short(draft: Draft) -> None:
    _mismatched(draft, 100)


def _long(draft: Draft) -> None:
    _mismatched(draft, -10)


def _mismatched(draft: Draft, difference: int) -> None:
    draft.length = max(sum(map(len, draft.pieces)) + difference, 0)
    draft.chunked, draft.closes = False, True


def _gzip(draft: Draft) -> None:
    squeezer = zlib.compressobj(wbits=GZIP)
    draft.headers["content-encoding"] = "gzip"
    draft.pieces = [
        squeezer.compress(named(piece, ANY_ID)) + squeezer.flush(zlib.Z_SYNC_FLUSH)
        for piece in draft.pieces
    ]
    draft.pieces.append(squeezer.flush())


def _bomb(draft: Draft) -> None:
    draft.headers["content-encoding"] = "gzip"
    draft.pieces = [*_bomb_blocks()]


def _bomb_blocks() -> Iterator[bytes]:
    squeezer = zlib.compressobj(9, wbits=GZIP)
    yield squeezer.compress(b"") + squeezer.flush(zlib.Z_FULL_FLUSH)
    block = squeezer.compress(bytes(BOMB_BLOCK)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(BOMB_BLOCKS):
        yield block


def _header(draft: Draft) -> None:
    draft.headers["x-padding"] = "x" * MEGABYTE


def _cookie(draft: Draft) -> None:
    draft.headers["set-cookie"] = "session=of-the-upstream; Path=/"


def _empty(draft: Draft) -> None:
    draft.say(draft.headers["content-type"])


def _garbage(draft: Draft) -> None:
    draft.raw = b"\x16\x03\x01 this is not HTTP\r\n\r\n"


def _close(draft: Draft) -> None:
    draft.chunked, draft.closes = False, True


SPOILERS: Mapping[str, Callable[[Draft], None]] = {
    "html": _html,
    "json": _json,
    "redirect": _redirect,
    "short": _short,
    "long": _long,
    "gzip": _gzip,
    "bomb": _bomb,
    "header": _header,
    "cookie": _cookie,
    "empty": _empty,
    "garbage": _garbage,
    "close": _close,
}
