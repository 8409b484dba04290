"""Upstream faults of what is said: events in odd forms, errors said with 200, figures nobody has.

A call that does not stream meets the same oddity in its JSON.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from tests.fault_behaviours import MEGABYTE, Behaviour, both, first_text, status
from tests.fault_expectations import (
    ANSWERED,
    BROKEN_AFTER_ALL,
    BROKEN_AFTER_ONE,
    ESTIMATED,
    ESTIMATED_WHOLE,
    FAILED,
    HUGE,
    HUGE_WHOLE,
    OUTSIDE,
    PLACEHOLDER,
    SUSPECT,
    Charges,
    Expected,
)
from tests.faulty_vendor import (
    ABSENT,
    TEXTS,
    TOLD,
    Line,
    Play,
    Usage,
    Voice,
    always,
    counted,
    event,
)

# --- forms --------------------------------------------------------------------------------------


def formed(stream: Callable[[Voice], list[bytes]], whole: Callable[[str], bytes]) -> Play:
    """A good answer in an odd form."""

    def play(line: Line) -> None:
        voice = line.voice
        line.answer(*(stream(voice) if voice.stream else [whole(voice.whole())]))

    return play


def events(voice: Voice, end: str = "\n", data: str = "data: ") -> list[bytes]:
    return [event(each, end, data) for each in voice.script()]


def indented(text: str, end: str = "\n") -> str:
    """JSON over many lines."""
    return json.dumps(json.loads(text), indent=1).replace("\n", end)


def over_lines(voice: Voice) -> list[bytes]:
    """Each event's JSON over several data lines."""
    found = []
    for each in voice.script():
        lines = each if isinstance(each, str) else indented(json.dumps(each))
        kind = f"event: {each['type']}\n" if isinstance(each, dict) and "type" in each else ""
        text = "".join(f"data: {line}\n" for line in lines.split("\n"))
        found.append(f"{kind}{text}\n".encode())
    return found


def between(filler: bytes) -> Callable[[Voice], list[bytes]]:
    """Something between all events."""
    return lambda voice: [piece for each in events(voice) for piece in (filler, each)]


def one_by_one(text: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in text]


def in_bytes(line: Line) -> None:
    """Characters of several bytes, each byte alone."""
    voice = line.voice
    text = "".join(event(each).decode() for each in voice.script(TOLD, ["世界🙂é" * 3, *TEXTS[1:]]))
    body = text if voice.stream else voice.whole(TOLD, "世界🙂é" * 20)
    line.answer(*one_by_one(body.encode()))


def worded(texts: list[str]) -> Play:
    """A good answer of these texts."""

    def play(line: Line) -> None:
        voice = line.voice
        pieces = [event(each) for each in voice.script(TOLD, texts)]
        line.answer(*(pieces if voice.stream else [voice.whole(TOLD, "".join(texts)).encode()]))

    return play


def too_long(line: Line) -> None:
    """A good beginning, then an event (or an answer) that is longer than any may be."""
    voice = line.voice
    line.head()
    line.chunks(*voice.pieces()[: first_text(voice)])
    for _ in range(40):
        line.chunks(b"x" * MEGABYTE)


def glued(line: Line) -> None:
    """Everything in one read."""
    line.answer(b"".join(line.voice.pieces()))


def unended(line: Line) -> None:
    """Without the blank line behind the last event."""
    body = b"".join(line.voice.pieces())
    line.answer(body.rstrip(b"\n") if line.voice.stream else body.rstrip(b"}"))


MARK: Final = b"\xef\xbb\xbf"
FORMS: Final = (
    Behaviour("no space behind the colon",
              formed(lambda v: events(v, data="data:"), lambda t: t.replace(": ", ":").encode()),
              ANSWERED, ANSWERED),
    Behaviour("lines end in CR LF",
              formed(lambda v: events(v, "\r\n"), lambda t: indented(t, "\r\n").encode()),
              ANSWERED, ANSWERED),
    Behaviour("lines end in CR alone",
              formed(lambda v: events(v, "\r"), lambda t: indented(t, "\r").encode()),
              ANSWERED, ANSWERED),
    Behaviour("lines end in every way",
              formed(lambda v: [event(each, ("\n", "\r\n", "\r")[n % 3])
                                for n, each in enumerate(v.script())],
                     lambda t: b"\r\n\r \n" + t.encode() + b"\r"),
              ANSWERED, ANSWERED),
    Behaviour("data over many lines", formed(over_lines, lambda t: indented(t).encode()),
              ANSWERED, ANSWERED),
    Behaviour("a flood of comments", formed(between(b": keep\n\n" * 5_000),
              lambda t: b" " * MEGABYTE + t.encode()), ANSWERED, ANSWERED),
    Behaviour("comments within events",
              formed(lambda v: [b": x\n" + each for each in events(v)], str.encode),
              ANSWERED, ANSWERED),
    Behaviour("fields that mean nothing",
              formed(lambda v: [b"id: 7\nretry: 1\nfoo\n" + each for each in events(v)],
                     lambda t: ('{"other": [null], ' + t[1:]).encode()), ANSWERED, ANSWERED),
    Behaviour("empty events", formed(between(b"\n\n"), str.encode), ANSWERED, ANSWERED),
    Behaviour("empty data", formed(between(b"data:\n\n"), str.encode), ANSWERED, ANSWERED),
    Behaviour("a byte order mark",
              formed(lambda v: [MARK, *events(v)], lambda t: MARK + t.encode()),
              FAILED, ANSWERED),
    Behaviour("byte by byte through characters", in_bytes, ANSWERED, ANSWERED),
    Behaviour("all at once", glued, ANSWERED, ANSWERED),
    Behaviour("a line of 1 MB", worded(["m" * MEGABYTE]), ANSWERED, ANSWERED, large=True),
    Behaviour("10,000 events", worded(["e"] * 10_000), ANSWERED, ANSWERED),
    Behaviour("texts with every escape", worded(['"\\\n\t\u0001</script>\u2028 data: [DONE]']),
              ANSWERED, ANSWERED),
    Behaviour("an event of 40 MB", too_long, FAILED, BROKEN_AFTER_ONE, large=True),
    Behaviour("no blank line at the end", unended, FAILED, ANSWERED),
)  # fmt: skip


# --- other answers than the one asked for -------------------------------------------------------


def said(body: bytes, kind: str = "application/json") -> Play:
    """These bytes, with a status of success."""
    return lambda line: line.sized(body, kind=kind)


def then_fails(count: Callable[[Voice], int]) -> Play:
    """So many pieces of a good answer, then an error event."""

    def play(line: Line) -> None:
        voice = line.voice
        if not voice.stream:
            line.sized(json.dumps(voice.fails()).encode())
            return
        line.answer(*voice.pieces()[: count(voice)], event(voice.fails()))

    return play


def without_last(line: Line) -> None:
    """A stream that says why it ends and what it used, and lacks the terminal event."""
    voice = line.voice
    pieces = voice.pieces()
    line.answer(*(pieces[: len(pieces) - len(voice.last())] if voice.stream else pieces[:-1]))


def one_text(line: Line) -> None:
    """A stream that ends well in the middle."""
    line.answer(*line.voice.pieces()[: first_text(line.voice)])


def swapped(line: Line) -> None:
    """A whole answer for a stream, a stream for a whole answer."""
    other = Voice(line.voice.dialect, stream=not line.voice.stream)
    line.answer(*other.pieces(), kind=other.kind)


ERROR: Final = b'{"error": {"message": "overloaded", "type": "server_error", "code": 503}}'

ANSWERS: Final = (
    both("HTML with 200", said(b"<!doctype html><title>Login</title>", "text/html"), FAILED),
    both("HTML that calls itself JSON", said(b"<html>"), FAILED),
    both("an error with 200", said(ERROR), FAILED),
    both("an error with 200 as an event", said(b"data: " + ERROR + b"\n\n"), FAILED),
    both("an error with 200 behind comments",
         said(b": hello\n\n" * 9 + b"data: " + ERROR + b"\n\n"), FAILED),
    both("an error in a list with 200", said(b"[" + ERROR + b"]"), FAILED),
    both("nothing with 200", said(b""), FAILED),
    both("blanks with 200", status(200, body=b"\r\n\r\n"), FAILED),
    both("plain text with 200", said(b"upstream connect error", "text/plain"), FAILED),
    both("an error event before any text", then_fails(lambda v: 0), FAILED),
    Behaviour("an error event after one text", then_fails(first_text), FAILED, BROKEN_AFTER_ONE),
    Behaviour("an error event after all text", then_fails(lambda v: first_text(v) + 3),
              FAILED, BROKEN_AFTER_ALL),
    Behaviour("no terminal event", without_last, FAILED, ANSWERED),
    Behaviour("a good end in the middle", one_text, FAILED, BROKEN_AFTER_ONE),
    Behaviour("a stream for a whole answer, and the reverse", swapped, FAILED, ANSWERED),
)  # fmt: skip


# --- figures ------------------------------------------------------------------------------------


CLAUDE: Final = "anthropic_messages, streamed"
NONE: Final[Mapping[str, Expected]] = {}


def figures(
    name: str,
    usage: Usage,
    whole: Expected,
    stream: Expected,
    exceptions: Mapping[str, Expected] = NONE,
) -> Behaviour:
    """A good answer with such figures."""

    def play(line: Line) -> None:
        voice = line.voice
        line.answer(*voice.pieces(usage))

    return Behaviour(name, play, whole, stream, exceptions=exceptions)


def twice(line: Line) -> None:
    """Figures that come twice: the last ones count, and nothing is added up."""
    voice = line.voice
    first = counted(900, 400)
    if not voice.stream:
        name = "usageMetadata" if voice.dialect == "gemini" else "usage"
        early = json.dumps({name: first(voice.dialect)})[1:-1]
        line.answer(f"{{{early}, {voice.whole()[1:]}".encode())
        return
    script = voice.script()
    place = len(voice.opening()) + len(TEXTS)
    line.answer(*(event(each) for each in [*script[:place], voice.tells(first), *script[place:]]))


def early(line: Line) -> None:
    """Figures before the text, and none at its end."""
    voice = line.voice
    if not voice.stream:
        line.answer(*voice.pieces())
        return
    texts = [voice.says(text) for text in TEXTS]
    told = [] if voice.dialect == "anthropic_messages" else [voice.tells(TOLD)]
    script = [*voice.opening(), *told, *texts, *voice.stops(always(ABSENT)), *voice.last()]
    line.answer(*map(event, script))


def deep(dialect: str) -> Any:
    """Figures that are objects within objects."""
    value: Any = 1
    for _ in range(20):
        value = {"a": value}
    return value


FIGURES: Final = (
    figures("no figures", always(ABSENT), ESTIMATED_WHOLE, ESTIMATED),
    figures("null for figures", always(None), ESTIMATED_WHOLE, ESTIMATED),
    figures("a list for figures", always([1, 2]), ESTIMATED_WHOLE, ESTIMATED),
    figures("a text for figures", always("many"), ESTIMATED_WHOLE, ESTIMATED),
    figures("objects in objects for figures", deep, ESTIMATED_WHOLE, ESTIMATED),
    figures("figures of nothing", counted(0, 0), ESTIMATED_WHOLE, ESTIMATED,
            {CLAUDE: PLACEHOLDER}),
    figures("nulls in figures", counted(None, None), ESTIMATED_WHOLE, ESTIMATED,
            {CLAUDE: replace(PLACEHOLDER, suspect=True)}),
    figures("negative figures", counted(-1_000, -500), ESTIMATED_WHOLE, ESTIMATED,
            {CLAUDE: replace(PLACEHOLDER, suspect=True)}),
    figures("huge figures", counted(10**15, 10**15), HUGE_WHOLE, HUGE),
    figures("figures beyond 64 bits", counted(10**30, 10**30), HUGE_WHOLE, HUGE),
    figures("texts that are figures", counted("1000", "500"), SUSPECT, SUSPECT),
    figures("fractions for figures", counted(1000.4, 499.6), SUSPECT, SUSPECT),
    figures("more from the cache than was read", counted(1_000, 500, 3_000), OUTSIDE, OUTSIDE),
    Behaviour("figures twice", twice, ANSWERED, ANSWERED),
    Behaviour("figures before the text", early, ANSWERED, ANSWERED,
              exceptions={CLAUDE: replace(PLACEHOLDER, charge=Charges(0, 4_500_000, 0))}),
)  # fmt: skip
"""Anthropic's first event tells the input and one token of output, which stands for none yet."""
