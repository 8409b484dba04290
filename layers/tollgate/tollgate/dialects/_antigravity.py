"""The envelope of Google's code assist endpoint: a Gemini call within, a Gemini answer within.

What lies inside passes byte for byte. The endpoint streams server-sent events only; a caller who
wants one JSON array gets the same answers as its elements.
"""

import json
from collections.abc import Iterator
from typing import Final

from tollgate.dialects._camel import snake
from tollgate.dialects._gemini_call import NESTED, PREFIX
from tollgate.dialects._json import LENIENT, after_blank, named, read
from tollgate.dialects._sse import Events, fields
from tollgate.dialects._writing import compact
from tollgate.domain.credits import GOOGLE_ONE
from tollgate.domain.errors import UpstreamFailed

ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Largest whole answer kept in memory, as the relay keeps it."""

EVENT: Final = (b"data: ", b"data: ", b"\r\n\r\n", b"")
ARRAY: Final = (b"[", b",\r\n", b"", b"]")
"""How the answers of a stream are written: before the first, before others, after each, at last."""


def wrapped(project: str, model: str, request: bytes) -> bytes:
    """The envelope of a call: who pays, which model, and the Gemini body as it is."""
    head = b'{"project":%b,' % compact(project) if project else b"{"
    return b'%b"model":%b,"request":%b}' % (head, compact(model), request)


def counting(model: str, body: bytes) -> bytes:
    """The envelope of a call to count tokens: nothing but the conversation counts there."""
    document = read(body)
    if "contents" in document.values:
        span = document.span("contents")
    else:
        (span,) = (
            each for name in (NESTED, snake(NESTED)) if name in document.values
            for each in document.spans_within(name, "contents")
        )  # fmt: skip
    contents = body[slice(*span)]
    return b'{"request":{"model":%b,"contents":%b}}' % (compact(PREFIX + model), contents)


def with_credits(envelope: bytes) -> bytes | None:
    """The same call, to be paid with AI credits; None for a body that is no JSON object."""
    try:
        members = json.loads(envelope)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    if "enabledCreditTypes" in members:
        return compact(members | {"enabledCreditTypes": [GOOGLE_ONE]})
    rest = envelope.rstrip()[:-1] + (b"," if members else b"")
    return rest + b'"enabledCreditTypes":["%b"]}' % GOOGLE_ONE.encode()


def answer(reads: Iterator[bytes]) -> Iterator[bytes]:
    """A whole answer out of its envelope.

    Each read gives something, if only nothing at all, so that who reads can look at the time.

    Raises:
        UpstreamFailed: it is none.
    """
    parts: list[bytes] = []
    size = 0
    for part in reads:
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES:
            raise UpstreamFailed(f"the upstream answered with more than {ANSWER_BYTES} bytes")
        yield b""
    yield inside(b"".join(parts))


def events(reads: Iterator[bytes]) -> Iterator[bytes]:
    """A streamed answer's events, each out of its envelope.

    Raises:
        UpstreamFailed: one that is no envelope.
    """
    return written(reads, EVENT)


def elements(reads: Iterator[bytes]) -> Iterator[bytes]:
    """A streamed answer as the elements of one JSON array.

    Raises:
        UpstreamFailed: one that is no envelope.
    """
    return written(reads, ARRAY)


def written(reads: Iterator[bytes], marks: tuple[bytes, bytes, bytes, bytes]) -> Iterator[bytes]:
    """The answers within a stream of envelopes, as many at a time as arrived together."""
    first, other, after, last = marks
    before = first
    for block in blocks(reads):
        parts: list[bytes] = []
        for event in block:
            _, content = fields(event)
            if content.strip():
                parts += (before, inside(content), after)
                before = other
        if parts:
            yield b"".join(parts)
    if last and before != first:
        yield last


def blocks(reads: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Events as they become complete; the last one, too, if nothing but its end is missing."""
    splitter = Events()
    for part in reads:
        yield splitter.feed(part)
    yield [splitter.flush()]


def inside(envelope: bytes) -> bytes:
    """The bytes of the answer within an envelope; an error has none around it.

    Raises:
        UpstreamFailed: no JSON object, or one without an answer.
    """
    try:
        text = envelope.decode()
        span = place_of(text, "response")
    except (ValueError, IndexError, RecursionError) as error:
        raise UpstreamFailed("the upstream's answer is not the envelope of one") from error
    if span is None:
        if place_of(text, "error") is not None:
            return envelope.strip()
        raise UpstreamFailed("the upstream's envelope has no answer in it")
    return text[slice(*span)].encode()


def place_of(text: str, member: str) -> tuple[int, int] | None:
    """Where the value of an object's member stands; None where it has no such member.

    Raises:
        ValueError: the text is no object.
    """
    place = after_blank(text, 0)
    separator = "{"
    while text[place] == separator:
        separator = ","
        place = after_blank(text, place + 1)
        if text[place] == "}":
            return None
        name, place = named(text, place)
        start = after_blank(text, place)
        _, place = LENIENT.raw_decode(text, start)
        if name == member:
            return start, place
        place = after_blank(text, place)
    if separator == "{" or text[place] != "}":
        raise ValueError("the text is no object")
    return None
