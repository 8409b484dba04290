"""The mini-language behind a model's name: which knobs there are, and what a name turns on.

`gpt-4o-mini+delay=200+chunks=50` asks for the model `gpt-4o-mini`, answered after 200 ms in 50
chunks. Later knobs win. README.md says what each one does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


class UnknownKnob(ValueError):
    """A knob nobody knows, or a value it cannot have; the message names what there is."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """How one call is answered. Times are milliseconds; None or "" leaves the usual behaviour."""

    delay: int = 0
    gap: int = 0
    slow: int = 0
    block: int = 0
    step: int = 0
    status: int = 200
    retry_after: str = ""
    drop: int = 0
    hang: str = ""
    cut: int | None = None
    how: str = "reset"
    fail: int | None = None
    odd: str = ""
    sse: str = ""
    usage: str = ""
    chunks: int = 8
    size: int = 0
    tools: int = 0
    thinking: int = 0
    finish: str = ""
    tier: str = ""
    throw: str = ""
    dims: int = 0
    input: int | None = None
    output: int | None = None
    cached: int = 0
    written: int = 0
    written_1h: int = 0
    reasoning: int | None = None
    images: int = 0
    painted: int = 0
    audio: int = 0
    searches: int = 0
    heard: int | None = None
    drawn: int | None = None
    quota_exhausted: int = 0
    no_credits: int = 0
    capacity: int = 0
    wait: int = 0
    credits: int | None = None
    minimum: int = 50
    rotate: int = 0
    invalid_grant: int = 0
    expires: int = 0


FIELDS = {"in": "input", "out": "output"}
TEXTS = ("retry_after", "hang", "finish", "tier", "throw")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "how": ("reset", "close", "end"),
    "odd": (
        "html", "json", "redirect", "short", "long", "gzip", "bomb", "header", "cookie",
        "empty", "garbage", "close",
    ),
    "sse": (
        "nospace", "crlf", "cr", "multiline", "comments", "bom", "split", "garbage", "trailing",
        "noend", "unended", "endless",
    ),
    "usage": (
        "missing", "null", "negative", "huge", "string", "float", "over", "twice", "early",
        "always",
    ),
}  # fmt: skip
NUMBERS = (
    "delay", "gap", "slow", "block", "step", "status", "drop", "cut", "fail", "chunks", "size",
    "tools", "thinking", "dims", "in", "out", "cached", "written", "written_1h", "reasoning",
    "images", "painted", "audio", "searches", "heard", "drawn",
    "quota_exhausted", "no_credits", "capacity", "wait", "credits", "minimum", "rotate",
    "invalid_grant", "expires",
)  # fmt: skip


@lru_cache(maxsize=1024)
def split(name: str, extra: str = "") -> tuple[str, Knobs]:
    """A model's own name, and the knobs of the name and then of `extra` (`delay=5+cut=2`).

    Raises:
        UnknownKnob: a knob that does not exist, or a value it does not take.
    """
    model, _, written = name.partition("+")
    changes = dict(_setting(part) for part in f"{written}+{extra}".split("+") if part)
    return model, Knobs(**changes)


def _setting(part: str) -> tuple[str, Any]:
    name, _, value = part.partition("=")
    if name in CHOICES:
        return name, _chosen(name, value)
    if name in TEXTS:
        return name, _said(name, value)
    if name in NUMBERS:
        return FIELDS.get(name, name), _number(name, value or "1")
    raise UnknownKnob(f"There is no knob {name!r}; there are: {', '.join(_names())}.")


def _chosen(name: str, value: str) -> str:
    if value not in CHOICES[name]:
        raise UnknownKnob(f"{name} is one of {', '.join(CHOICES[name])}; not {value!r}.")
    return value


def _said(name: str, value: str) -> str:
    if name == "hang" and value not in {"accept", "head"}:
        return str(_number(name, value or "0"))
    return value


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise UnknownKnob(f"{name} is a whole number of at least 0; not {value!r}.")
    return int(value)


def _names() -> Iterator[str]:
    yield from sorted((*NUMBERS, *TEXTS, *CHOICES))
