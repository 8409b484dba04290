"""Upstream faults of the connection, of HTTP itself and of statuses, each with what it comes to."""

import gzip
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from tests.fault_expectations import (
    ANSWERED,
    BROKEN_AFTER_ALL,
    BROKEN_AFTER_ONE,
    BROKEN_AT_ONCE,
    FAILED,
    LIMITED,
    NOT_FOUND,
    SILENT_AFTER_ONE,
    TIMED_OUT,
    TOO_LARGE,
    UNPROCESSABLE,
    UNREACHABLE,
    WRONG,
    Expected,
    refused,
)
from tests.faulty_vendor import Line, Play, Voice

MEGABYTE: Final = 1024 * 1024
AMPLE_MS: Final = 5_000
SHORT_MS: Final = 150
INSIDE: Final = "http://169.254.169.254/latest/meta-data/"


@dataclass(frozen=True)
class Behaviour:
    """One fault: how it is played, and what it comes to for a complete answer and for a stream.

    `patience_ms` is the time there is, `url` the account's address in place of the vendor's
    (`{port}` is the vendor's), `large` one whose memory is measured, `requests` the most that are
    sent, `exceptions` what it comes to in voices for which that is something else.
    """

    name: str
    play: Play
    whole: Expected
    stream: Expected
    patience_ms: int = AMPLE_MS
    url: str = "http://127.0.0.1:{port}"
    large: bool = False
    requests: int = 1
    exceptions: Mapping[str, Expected] = field(default_factory=dict)

    def expected(self, voice: Voice) -> Expected:
        """What it comes to in that voice."""
        usual = self.stream if voice.stream else self.whole
        return self.exceptions.get(str(voice), usual)


def nothing(line: Line) -> None:
    """Hang up."""


def first_text(voice: Voice) -> int:
    """How many pieces there are to the first text."""
    return len(voice.opening()) + 1 if voice.stream else 2


def after(pieces: Callable[[Voice], int], then: Play) -> Play:
    """So many pieces of a good answer, then something else."""

    def play(line: Line) -> None:
        line.head()
        line.chunks(*line.voice.pieces()[: pieces(line.voice)])
        time.sleep(0.02)  # what follows must not overtake what was sent
        then(line)

    return play


def raw(text: bytes, then: Play = nothing) -> Play:
    """Bytes in place of an answer."""

    def play(line: Line) -> None:
        line.raw(text)
        then(line)

    return play


def status(code: int, *headers: str, body: bytes = b"") -> Play:
    """A status with an error that every vendor could have sent."""
    text = body or b'{"error": {"message": "that cannot be", "type": "wrong", "code": 400}}'
    return lambda line: line.sized(text, *headers, status=f"{code} Told", kind="application/json")


def dripping(line: Line) -> None:
    """One byte at a time, for ever."""
    while True:
        line.raw(b"x")
        time.sleep(0.01)


def hang(line: Line) -> None:
    line.hang()


def reset(line: Line) -> None:
    line.reset()


def slow_body(line: Line) -> None:
    """A body that comes drop by drop, each in time."""
    line.head()
    body = whole(line)
    for place in range(0, len(body), 40):
        line.chunks(body[place : place + 40])
        time.sleep(0.01)
    line.end()


CONNECTION: Final = (
    Behaviour("a name that does not resolve", nothing, UNREACHABLE, UNREACHABLE,
              url="http://nowhere.example.com:{port}"),
    Behaviour("a name that leads inside", nothing, UNREACHABLE, UNREACHABLE,
              url="http://inside.example.com:{port}"),
    Behaviour("nobody at the port", nothing, UNREACHABLE, UNREACHABLE, url="http://127.0.0.1:1"),
    Behaviour("no TLS where TLS is asked for", raw(b"HTTP/1.1 400 Bad\r\n\r\n"),
              UNREACHABLE, UNREACHABLE, url="https://127.0.0.1:{port}"),
    Behaviour("a certificate of its own", nothing, UNREACHABLE, UNREACHABLE,
              url="https://localhost:{port}"),
    Behaviour("accepts and hangs", hang, TIMED_OUT, TIMED_OUT, SHORT_MS),
    Behaviour("accepts and hangs up", nothing, FAILED, FAILED),
    Behaviour("accepts and resets", reset, FAILED, FAILED),
    Behaviour("hangs in the head", raw(b"HTTP/1.1 200 OK\r\nConte", hang),
              TIMED_OUT, TIMED_OUT, SHORT_MS),
    Behaviour("hangs after the head", after(lambda voice: 0, hang), TIMED_OUT, TIMED_OUT, SHORT_MS),
    Behaviour("a head byte by byte without end", raw(b"HTTP/1.1 200 OK\r\nx: ", dripping),
              TIMED_OUT, TIMED_OUT, SHORT_MS),
    Behaviour("hangs up in the head", raw(b"HTTP/1.1 200 OK\r\nConte"), FAILED, FAILED),
    Behaviour("hangs after the first text", after(first_text, hang),
              TIMED_OUT, SILENT_AFTER_ONE, SHORT_MS),
    Behaviour("resets after the head", after(lambda voice: 0, reset), FAILED, FAILED),
    Behaviour("resets after the first text", after(first_text, reset), FAILED, BROKEN_AFTER_ONE),
    Behaviour("resets after all text", after(lambda voice: first_text(voice) + 3, reset),
              FAILED, BROKEN_AFTER_ALL),
    Behaviour("hangs up after the first text", after(first_text, nothing),
              FAILED, BROKEN_AFTER_ONE),
    Behaviour("hangs up within a chunk", after(first_text, raw(b"ff\r\ndata: {")),
              FAILED, BROKEN_AFTER_ONE),
)  # fmt: skip


# --- HTTP ---------------------------------------------------------------------------------------


def whole(line: Line) -> bytes:
    """A good answer in one piece."""
    return b"".join(line.voice.pieces())


def with_head(*lines: str, extra: bytes = b"", first: str = "HTTP/1.1 200 OK") -> Play:
    """A good answer under another head, and something behind it; `{size}` is its length."""

    def play(line: Line) -> None:
        body = whole(line)
        told = [one.format(size=len(body), less=len(body) - 9, more=len(body) + 9) for one in lines]
        head = "\r\n".join((first, f"Content-Type: {line.voice.kind}", *told, "", ""))
        line.raw(head.encode() + body + extra)

    return play


def before(text: bytes) -> Play:
    """Something ahead of a good answer."""

    def play(line: Line) -> None:
        line.raw(text)
        line.answer(*line.voice.pieces())

    return play


def with_headers(*headers: str) -> Play:
    """A good answer with more headers."""
    return lambda line: line.answer(*line.voice.pieces(), headers=headers)


def spoilt_chunks(text: bytes) -> Play:
    """A good beginning, then no chunk."""
    return after(first_text, raw(text))


def endless(line: Line) -> None:
    """A body of 100 MB that is nothing."""
    line.head()
    for _ in range(100):
        line.chunks(b"{" * MEGABYTE)
    line.end()


def trailing(line: Line) -> None:
    """A good answer, then 200 KB of trailer."""
    line.head()
    line.chunks(*line.voice.pieces())
    line.raw(b"0\r\n" + b"x: y\r\n" * 40_000)


HTTP: Final = (
    Behaviour("HTTP/1.0, ended by hanging up", with_head(first="HTTP/1.0 200 OK"),
              ANSWERED, ANSWERED),
    Behaviour("a length that is too great", with_head("Content-Length: {more}"),
              FAILED, ANSWERED),
    Behaviour("a length that is too small", with_head("Content-Length: {less}"),
              FAILED, ANSWERED, exceptions={"gemini, streamed": BROKEN_AFTER_ALL}),
    Behaviour("garbage behind the answer", with_head("Content-Length: {size}", extra=b"garbage"),
              ANSWERED, ANSWERED),
    Behaviour("another answer behind the answer",
              with_head("Content-Length: {size}", extra=b"HTTP/1.1 200 OK\r\n\r\n{}"),
              ANSWERED, ANSWERED),
    Behaviour("two lengths", with_head("Content-Length: {size}", "Content-Length: {less}"),
              FAILED, FAILED),
    Behaviour("a negative length", with_head("Content-Length: -1"), FAILED, FAILED),
    Behaviour("a length of 400 digits", with_head("Content-Length: " + "9" * 400), FAILED, FAILED),
    Behaviour("a length that is no number", with_head("Content-Length: 0x10"), FAILED, FAILED),
    Behaviour("two transfer codings", with_head("Transfer-Encoding: gzip, chunked"),
              FAILED, FAILED),
    Behaviour("a chunk size that is none", spoilt_chunks(b"zz\r\n"), FAILED, BROKEN_AFTER_ONE),
    Behaviour("a negative chunk", spoilt_chunks(b"-1\r\n"), FAILED, BROKEN_AFTER_ONE),
    Behaviour("a chunk of 16 exabytes", spoilt_chunks(b"ffffffffffffffff\r\n"),
              FAILED, BROKEN_AFTER_ONE),
    Behaviour("a chunk line without end", spoilt_chunks(b"1;" + b"x" * 10_000),
              FAILED, BROKEN_AFTER_ONE),
    Behaviour("a trailer without end", trailing, FAILED, ANSWERED),
    Behaviour("early hints", before(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3),
              ANSWERED, ANSWERED),
    Behaviour("interim answers without end",
              raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50, hang), TIMED_OUT, TIMED_OUT, SHORT_MS),
    Behaviour("another protocol", raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
              FAILED, FAILED),
    Behaviour("HTTP/2 that goes away",
              raw(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0" + b"\r\n\r\n"), FAILED, FAILED),
    Behaviour("a status of no digits", raw(b"HTTP/1.1 OK\r\n\r\n"), FAILED, FAILED),
    Behaviour("a status of 099", raw(b"HTTP/1.1 099 What\r\n\r\n"), FAILED, FAILED),
    Behaviour("a header of 1 MB", with_headers("X-Long: " + "x" * MEGABYTE), FAILED, FAILED),
    Behaviour("10,000 headers", with_headers(*(f"X-{n}: 1234567890" for n in range(10_000))),
              FAILED, FAILED),
    Behaviour("a folded header", with_headers("X-Long: a\r\n b"), FAILED, FAILED),
    Behaviour("a header without a name", with_headers(": x"), FAILED, FAILED),
    Behaviour("a header with NUL", with_headers("X-Null: a\0b"), FAILED, FAILED),
    Behaviour("cookies", with_headers("Set-Cookie: session=1; Domain=.com"), ANSWERED, ANSWERED),
    Behaviour("headers that are not for callers",
              with_headers("X-Request-Id: theirs", "OpenAI-Organization: org-1", "Via: x"),
              ANSWERED, ANSWERED),
    Behaviour("a body drop by drop", slow_body, TIMED_OUT, ANSWERED, SHORT_MS),
    Behaviour("100 MB of nothing", endless, FAILED, BROKEN_AT_ONCE, large=True),
)  # fmt: skip


# --- compression --------------------------------------------------------------------------------


@cache
def bomb() -> bytes:
    """1 MB that becomes 1 GB: one block of deflate that stands for itself, again and again."""
    squeeze = zlib.compressobj(wbits=31)
    start = squeeze.compress(b"{") + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(b" " * MEGABYTE) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return start + block * 1_024


def packed(encoding: str, pack: Callable[[bytes], bytes]) -> Play:
    """A good answer, compressed."""

    def play(line: Line) -> None:
        body = pack(whole(line))
        pieces = [body[place : place + 65_536] for place in range(0, len(body), 65_536)]
        line.answer(*pieces, headers=(f"Content-Encoding: {encoding}",))

    return play


def cut_gzip(line: Line) -> None:
    """A good beginning, compressed, and no end of it."""
    squeeze = zlib.compressobj(wbits=31)
    pieces = line.voice.pieces()[: first_text(line.voice)]
    body = squeeze.compress(b"".join(pieces)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    line.answer(body, headers=("Content-Encoding: gzip",))


def broken(body: bytes) -> bytes:
    """Bytes of which some in the middle are wrong."""
    body = gzip.compress(body)
    return body[:30] + bytes(255 - each for each in body[30:40]) + body[40:]


COMPRESSION: Final = (
    Behaviour("gzip", packed("gzip", gzip.compress), ANSWERED, ANSWERED),
    Behaviour("GZIP in capitals", packed("GZIP", gzip.compress), ANSWERED, ANSWERED),
    Behaviour("deflate", packed("deflate", zlib.compress), ANSWERED, ANSWERED),
    Behaviour("identity", packed("identity", bytes), ANSWERED, ANSWERED),
    Behaviour("gzip that is cut", cut_gzip, FAILED, BROKEN_AFTER_ONE),
    Behaviour("gzip that is broken", packed("gzip", broken), FAILED, FAILED),
    Behaviour("gzip that is none", packed("gzip", bytes), FAILED, FAILED),
    Behaviour("gzip twice", packed("gzip, gzip", gzip.compress), FAILED, FAILED),
    Behaviour("a gzip bomb", packed("gzip", lambda body: bomb()), FAILED, BROKEN_AT_ONCE,
              large=True),
    Behaviour("a brotli bomb", packed("br", lambda body: bomb()), FAILED, FAILED, large=True),
    Behaviour("a zstd bomb", packed("zstd", lambda body: bomb()), FAILED, FAILED, large=True),
    Behaviour("an unknown compression", packed("rot13", bytes), FAILED, FAILED),
)  # fmt: skip


# --- statuses -----------------------------------------------------------------------------------


def both(name: str, play: Play, expected: Expected) -> Behaviour:
    """A behaviour that comes to the same with and without a stream."""
    return Behaviour(name, play, expected, expected)


def limited(seconds: str, told: str | None) -> Behaviour:
    """A 429 that says when to come again."""
    play = status(429, f"Retry-After: {seconds}")
    return both(f"429, again after {seconds!r}", play, refused(429, "upstream_rate_limited", told))


STATUSES: Final[Sequence[Behaviour]] = (
    both("400", status(400), WRONG),
    both("401", status(401), UNREACHABLE),
    both("402", status(402), UNREACHABLE),
    both("403", status(403), UNREACHABLE),
    both("404", status(404), NOT_FOUND),
    both("405", status(405), WRONG),
    both("407", status(407), UNREACHABLE),
    both("408", status(408), FAILED),
    both("409", status(409), FAILED),
    both("413", status(413), TOO_LARGE),
    both("422", status(422), UNPROCESSABLE),
    both("429", status(429), LIMITED),
    limited("0", "0"),
    limited("7", "7"),
    limited("Sun, 22 Nov 2026 12:00:20 GMT", None),
    limited("1000000000", "30"),
    limited("-1", None),
    limited("1e9", None),
    limited("soon", None),
    both("500", status(500), FAILED),
    both("501", status(501), FAILED),
    both("502 in HTML", status(502, body=b"<html>Bad Gateway</html>"), FAILED),
    Behaviour("503, after which all are asked once more", status(503), FAILED, FAILED, requests=2),
    both("504", status(504), FAILED),
    both("529", status(529), LIMITED),
    both("599", status(599), FAILED),
    both("999", status(999), FAILED),
    both("400 that blames our credit",
         status(400, body=b'{"error": {"message": "Your credit balance is too low"}}'),
         UNREACHABLE),
    both("400 in HTML", status(400, body=b"<html>sk-live-secret</html>"), WRONG),
    both("400 of 10 MB", status(400, body=b'{"error": "' + b"x" * 10 * MEGABYTE + b'"}'), WRONG),
    both("301 to an address inside", status(301, f"Location: {INSIDE}"), FAILED),
    both("302 to an address inside", status(302, f"Location: {INSIDE}"), FAILED),
    both("303 to the runtime API", status(303, "Location: http://127.0.0.1:9001/"), FAILED),
    both("307 to an address inside", status(307, f"Location: {INSIDE}"), FAILED),
    both("308 to a file", status(308, "Location: file:///etc/passwd"), FAILED),
    both("300 without a place", status(300), FAILED),
    both("204", raw(b"HTTP/1.1 204 No Content\r\n\r\n"), FAILED),
    both("205", raw(b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n"), FAILED),
    both("304", raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"), FAILED),
)  # fmt: skip
