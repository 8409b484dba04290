"""What is written: the caller's bytes with as little as possible changed, and JSON of our own."""

import json
from collections.abc import Iterable
from typing import Any

from tollgate.domain.call import Call, Edit


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
