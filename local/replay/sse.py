"""How events become lines, in the well-formed ways and in the bad ones."""

import json
from collections.abc import Iterator

from local.replay.prompt import Json

Event = tuple[str, Json | str]

NEWLINES = {"crlf": "\r\n", "cr": "\r"}
FLOOD = 20  # comment lines before each event
GARBAGE = 'data: {"choices": [{"delta"'


def written(events: list[Event], style: str, newline: str) -> list[bytes]:
    """Each event as the bytes of its lines; `style` is the `sse` knob, "" the usual way."""
    end = NEWLINES.get(style, newline)
    lines = [_one(event, style, end) for event in _kept(events, style)]
    return [text.encode() for text in _disturbed(lines, style, end)]


def _kept(events: list[Event], style: str) -> list[Event]:
    return events[:-1] if style == "noend" else events


def _one(event: Event, style: str, end: str) -> str:
    name, content = event
    space = "" if style == "nospace" else " "
    head = f"event:{space}{name}{end}" if name else ""
    lines = [f"data:{space}{line}{end}" for line in _text(content, style).split("\n")]
    return head + "".join(lines) + end


def _text(content: Json | str, style: str) -> str:
    if isinstance(content, str):
        return content
    if style == "multiline":
        return json.dumps(content, ensure_ascii=False, indent=1)
    return compact(content)


def compact(content: object) -> str:
    """JSON as vendors write it: no spaces, letters of all languages as they are."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _disturbed(lines: list[str], style: str, end: str) -> Iterator[str]:
    comments = f": keep-alive{end}" * FLOOD + end if style == "comments" else ""
    for i, text in enumerate(lines):
        if style == "garbage" and i == len(lines) // 2:
            yield GARBAGE + end + end
        marked = "\ufeff" + text if style == "bom" and i == 0 else text
        last = style == "unended" and i == len(lines) - 1
        yield comments + (marked.removesuffix(end + end) if last else marked)
    if style == "trailing":
        yield f'data: {{"after":"the end"}}{end}{end}'
