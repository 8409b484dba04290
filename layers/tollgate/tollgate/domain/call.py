"""One request of a caller, free of any dialect: what routing, holding and relaying need of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Operation = Literal["generate", "embed", "count_tokens"]


@dataclass(frozen=True, slots=True)
class Media:
    """One image, sound or file inside a call: kind, its encoded bytes (0 when only a URL)."""

    kind: Literal["image", "audio", "file"]
    size: int


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a caller, read just far enough to route, hold and relay it.

    `body` is what the caller sent, byte for byte. `text_bytes` counts the body without the bytes
    of its media. `max_output` is the caller's limit on visible and hidden output (None when not
    given), `hidden_output` what of it may be produced without visible bytes (thinking budget;
    None when unknown), `choices` the number of answers asked for. `session` is the caller's own
    session hint, for stickiness. `tools` names server tools the call may use, as `tool:<name>`.
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
    model_span: tuple[int, int] | None = None
    path: Mapping[str, str] = field(default_factory=dict)
