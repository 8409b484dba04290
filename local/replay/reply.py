"""What is said in answer to a prompt: texts, tool calls and counts, before any vendor's writing."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from local.replay.knobs import Knobs
from local.replay.prompt import Json, Prompt

HUGE = 10**18
TOOL_TOKENS = 12
TOOL_NAME = "get_weather"
CITIES = ("Paris", "Zürich", "東京", "Lima")
OPENING = (
    "This", " answer", " is", " replayed", " —", " no", " model", " was", " asked", ".", " Größe",
    " 世界", " 🙂", " and", " so", " on", ":",
)  # fmt: skip
ID = "RePlAyRePlAyRePlAyRePl"  # stands in prepared bytes where each answer's own id belongs


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool, its arguments as the pieces a stream sends."""

    number: int
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """The arguments as JSON text."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `visible` and `hidden` are output tokens; `cut_short` says a limit ended it."""

    prompt: Prompt
    created: int
    texts: tuple[str, ...]
    thoughts: tuple[str, ...]
    tools: tuple[ToolCall, ...]
    visible: int
    hidden: int
    cut_short: bool
    knobs: Knobs = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "knobs", self.prompt.knobs)

    @property
    def input(self) -> int:
        """Input tokens, as the vendor counts them."""
        return self.prompt.tokens if self.knobs.input is None else self.knobs.input

    @property
    def output(self) -> int:
        """Output tokens of a vendor that counts hidden ones among them."""
        return self.visible + self.hidden if self.knobs.output is None else self.knobs.output

    def finish(self, words: tuple[str, str, str]) -> str:
        """The vendor's word for the end, out of (ended, cut short, calls a tool)."""
        if self.knobs.finish:
            return self.knobs.finish
        if self.cut_short:
            return words[1]
        return words[2] if self.tools else words[0]

    def counts(self, honest: Json) -> Json:
        """A usage object, after the `usage` knob has bent it."""
        bent: Json = _bend(honest, self.knobs.usage)
        return bent


def compose(prompt: Prompt, created: int) -> Reply:
    """The answer to `prompt`; hidden and visible output together stay within its limit."""
    knobs = prompt.knobs
    limit = HUGE if prompt.limit is None else prompt.limit
    wanted = knobs.thinking if knobs.reasoning is None else knobs.reasoning
    hidden = min(wanted, limit)
    said = min(knobs.chunks, limit - hidden) if not knobs.tools else 0
    return Reply(
        prompt=prompt,
        created=created,
        texts=tuple(_pad(word(i), knobs.size) for i in range(said)),
        thoughts=tuple(f" thought {i}" for i in range(knobs.thinking)),
        tools=tuple(tool_call(i) for i in range(knobs.tools)),
        visible=said or min(knobs.tools * TOOL_TOKENS, limit - hidden),
        hidden=hidden,
        cut_short=not knobs.tools and said < knobs.chunks,
    )


@lru_cache(maxsize=4096)
def word(index: int) -> str:
    """The text of one chunk; no two are equal, since some readers stop at repetition."""
    return OPENING[index] if index < len(OPENING) else f" word{index}"


def tool_call(number: int) -> ToolCall:
    """One call asking for the weather somewhere."""
    city = CITIES[number % len(CITIES)]
    return ToolCall(number, TOOL_NAME, ('{"', "city", '":"', city, '"}'))


def arguments(call: ToolCall) -> Any:
    """The arguments as values, for vendors that write them so."""
    return json.loads(call.arguments)


def _pad(text: str, size: int) -> str:
    return text + "x" * (size - len(text))


def _bend(value: Any, how: str) -> Any:
    if isinstance(value, dict):
        return {name: _bend(each, how) for name, each in value.items()}
    if isinstance(value, list):
        return [_bend(each, how) for each in value]
    return _bent(value, how) if type(value) is int else value


def _bent(count: int, how: str) -> Any:
    if how == "negative":
        return -count
    if how == "string":
        return str(count)
    if how == "float":
        return count + 0.5
    return HUGE if how == "huge" else count
