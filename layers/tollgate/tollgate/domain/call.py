"""One request of a caller, free of any dialect: what routing, holding and relaying need of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Operation = Literal["generate", "embed", "count_tokens", "transcribe", "draw"]


@dataclass(frozen=True, slots=True)
class Media:
    """One image, sound or file inside a call: kind, its encoded bytes (0 when only a URL)."""

    kind: Literal["image", "audio", "file"]
    size: int


Edit = tuple[int, int, bytes]
"""A change of a body: the bytes from the first to the second offset become the third member."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a caller, read just far enough to route, hold and relay it.

    `body` is what the caller sent, byte for byte. `text_bytes` counts the body without the bytes
    of its media. `max_output` is the caller's limit on visible and hidden output (None when not
    given), `hidden_output` what of it may be produced without visible bytes (thinking budget;
    None when unknown), `choices` the number of answers asked for. `session` is the caller's own
    session hint, for stickiness. `tools` names server tools the call may use, as `tool:<name>`.

    `tier` is the service tier asked for by name ("" the ordinary one, or none named), `labels`
    name the size or quality asked for, most specific first (empty: the vendor chooses), `images`
    how many pictures a call to draw asks for. `sound_ms` is the longest the sound of a call to
    transcribe can be, in milliseconds, `likely_sound_ms` how long it probably is. `plain` tells
    that a whole answer is text and not JSON. `claude_code` tells that Claude Code sent it.

    What follows is the dialect's own memory between reading and writing the call: `model_spans`
    are the byte ranges of the model's name, `edits` what else a rule demands to be written there,
    `query` the caller's query string as far as an upstream may see it.
    """

    operation: Operation
    model: str
    body: bytes
    stream: bool = False
    max_output: int | None = None
    hidden_output: int | None = None
    choices: int = 1
    text_bytes: int = 0
    media: tuple[Media, ...] = ()
    tools: tuple[str, ...] = ()
    wants_usage: bool = True
    session: str | None = None
    tier: str = ""
    labels: tuple[str, ...] = ()
    images: int = 0
    sound_ms: int = 0
    likely_sound_ms: int = 0
    plain: bool = False
    claude_code: bool = False
    model_spans: tuple[tuple[int, int], ...] = ()
    edits: tuple[Edit, ...] = ()
    path: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
