"""What an incoming request asks for, read just far enough to answer it plausibly."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from local.replay import form
from local.replay.knobs import Knobs, split
from local.replay.wire import Request

Json = dict[str, Any]

OVERHEAD = 3  # tokens a vendor adds around the texts of a call
LETTERS = 4  # letters of text in one token, the usual rule of thumb
FIELDS = "application/x-www-form-urlencoded"
SPOKEN = ("content", "text", "input", "prompt", "system", "instructions")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request: `limit` caps the output, `tokens` is its size, `texts` how many to embed.

    `asked` is the body itself, or the fields of a form.
    """

    model: str
    knobs: Knobs
    stream: bool
    wants_usage: bool
    limit: int | None
    choices: int
    tokens: int
    texts: int
    dimensions: int
    compact: bool
    asked: Json = field(default_factory=dict)


def named(asked: Json, key: str) -> str:
    """The model that a body names."""
    return str(asked.get("model", ""))


Name = Callable[[Json, str], str]
"""Finds what a request's knobs stand behind: in its body, or in the caller's key."""


def read(request: Request, model: str | None, extra: str, name: Name = named) -> Prompt:
    """Read a request to any vendor; `model` is given where the path names it, `name` finds it else.

    Raises:
        ValueError: the body is no JSON object and no form, or its model has an unknown knob.
    """
    asked = _asked(request)
    called, knobs = split(model or name(asked, request.key), extra)
    settings = asked.get("generationConfig") or {}
    return Prompt(
        model=called,
        knobs=knobs,
        stream=asked.get("stream") is True,
        wants_usage=bool((asked.get("stream_options") or {}).get("include_usage")),
        limit=_limit(asked, settings),
        choices=asked.get("n") or 1,
        tokens=OVERHEAD + -(-sum(map(len, spoken(asked))) // LETTERS),
        texts=_texts(asked),
        dimensions=knobs.dims or asked.get("dimensions") or _output_dimensions(asked),
        compact=asked.get("encoding_format") == "base64",
        asked=asked,
    )


def _asked(request: Request) -> Json:
    kind = request.headers.get("content-type", "")
    if form.is_form(kind):
        return form.read(kind, request.body)
    if kind.startswith(FIELDS):
        return dict(parse_qsl(request.body.decode()))
    asked = json.loads(request.body) if request.body else {}
    if not isinstance(asked, dict):
        raise TypeError("The body is not a JSON object.")
    enveloped = asked.pop("request", None)
    return {**enveloped, **asked} if isinstance(enveloped, dict) else asked


def _limit(asked: Json, settings: Json) -> int | None:
    limit = asked.get("max_completion_tokens") or asked.get("max_tokens")
    limit = limit or settings.get("maxOutputTokens")
    return limit if isinstance(limit, int) else None


def _texts(asked: Json) -> int:
    several = asked.get("requests") or asked.get("input")
    return len(several) if isinstance(several, list) else 1


def _output_dimensions(asked: Json) -> int:
    first = (asked.get("requests") or [asked])[0]
    return first.get("outputDimensionality") or 0


def spoken(value: Any, *, counts: bool = False) -> Iterator[str]:
    """Every piece of text a model would read; not roles, names, links or encoded media."""
    if isinstance(value, str):
        if counts:
            yield value
    elif isinstance(value, list):
        for each in value:
            yield from spoken(each, counts=counts)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from spoken(each, counts=name in SPOKEN)
