"""What is written: the caller's bytes with as little as possible changed, and JSON of our own."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tollgate.domain.call import Call, Edit

RECEIPT: Final = "tollgate.receipt"
"""The name of an event of ours."""


def spliced(body: bytes, edits: Iterable[Edit]) -> bytes:
    """The body with some of its bytes replaced; the edits do not overlap."""
    parts: list[bytes] = []
    done = 0
    for start, end, replacement in sorted(edits):
        parts += (body[done:start], replacement)
        done = end
    return b"".join((*parts, body[done:])) if parts else body


def upstream_body(call: Call, model: str, prefix: str = "") -> bytes:
    """The caller's body with the upstream's name of the model, and what rules demand, in place."""
    written = compact(prefix + model)
    named = () if model == call.model else tuple((*span, written) for span in call.model_spans)
    return spliced(call.body, (*named, *call.edits))


def compact(value: Any) -> bytes:
    """JSON without blanks, in ASCII, so that no line break or broken character can hide in it."""
    return json.dumps(value, separators=(",", ":")).encode()


def named_event(name: str, members: Mapping[str, Any]) -> bytes:
    """A server-sent event of ours, named in its line and in its JSON."""
    return f"event: {name}\ndata: ".encode() + compact({"type": name, **members}) + b"\n\n"
