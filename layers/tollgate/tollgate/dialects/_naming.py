"""An answer under the name that its caller asked for, where the call went out under another one.

What a model was mapped to is for staff only (rulings.md R12), and vendors repeat it in each answer.
Only the value of that one member is written anew; where nothing was mapped, nothing is looked at.
"""

import json
import re

from tollgate.dialects._json import read
from tollgate.domain.errors import InvalidRequest


def renamed(body: bytes, member: str, model: str) -> bytes:
    """A whole answer whose own `member` says `model`; as it came where it has no such text."""
    try:
        answer = read(body)
    except InvalidRequest:
        return body
    if not isinstance(answer.values.get(member), str):
        return body
    start, end = answer.span(member)
    return body[:start] + json.dumps(model).encode() + body[end:]


class Renaming:
    """Renames the events of one stream.

    The first name that the stream tells is the vendor's; wherever that stands under the same
    member later, it is replaced. In a produced text the quotes of JSON are escaped, so what a model
    writes is never taken for it.
    """

    def __init__(self, member: str, model: str) -> None:
        self._sought = f'"{member}"'.encode()
        self._pattern = re.compile(rb"(" + self._sought + rb'\s*:\s*)"(?:[^"\\]|\\.)+"')
        self._model = json.dumps(model).encode()
        self._told = self._written = b""

    def passed(self, events: bytes) -> bytes:
        """Whole events, as the caller shall see them."""
        if not self._told and not self._learn(events):
            return events
        return events.replace(self._told, self._written)

    def _learn(self, events: bytes) -> bool:
        """Whether the vendor's name is in these events."""
        found = self._pattern.search(events) if self._sought in events else None
        if found is None:
            return False
        self._told, self._written = found[0], found[1] + self._model
        return True
