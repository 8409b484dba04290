"""Where one element of a streamed JSON array ends: how Gemini streams when nobody asks for SSE.

What is given out joins to what came in: an element carries the bracket, comma and blanks before
it, and what follows the last one is left for `flush`.
"""

import re
from typing import Final

from tollgate.dialects._sse import EVENT_LIMIT, too_large

TOKEN: Final = re.compile(rb'["{}\[\]]')
OPENING: Final = (b"{", b"[")
BACKSLASH: Final = 0x5C


class Elements:
    """Splits a stream that is one JSON array of objects."""

    __slots__ = ("_depth", "_foreign", "_in_string", "_limit", "_pending", "_place", "idle")

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._pending = b""
        self._place = 0
        self._depth = 0
        self._in_string = False
        self._foreign = False
        self.idle = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The elements that are complete now."""
        self._pending += chunk
        found: list[bytes] = []
        while self._advance():
            if self._depth == 1 and self._closed():
                found.append(self._pending[: self._place])
                self._pending = self._pending[self._place :]
                self._place = 0
        self.idle = self._depth == 1 and not self._pending
        if len(self._pending) > self._limit:
            raise too_large(self._limit)
        return found

    def _closed(self) -> bool:
        """Whether an element of the array ends here."""
        return not self._foreign and self._pending[self._place - 1 : self._place] == b"}"

    def _advance(self) -> bool:
        """Read one token; False when it has not arrived yet."""
        if self._in_string:
            return self._end_string()
        token = TOKEN.search(self._pending, self._place)
        if token is None:
            self._place = len(self._pending)
            return False
        self._place = token.end()
        self._in_string = token[0] == b'"'
        if not self._in_string:
            self._foreign = self._foreign or (self._depth == 0 and token[0] != b"[")
            self._depth += 1 if token[0] in OPENING else -1
        return True

    def _end_string(self) -> bool:
        end = self._pending.find(b'"', self._place)
        if end < 0:
            self._place = len(self._pending)
            return False
        self._place = end + 1
        before = end
        while self._pending[before - 1] == BACKSLASH:
            before -= 1
        self._in_string = (end - before) % 2 == 1
        return True

    def flush(self) -> bytes:
        """The closing bracket, or what is left of an element that never ended."""
        rest, self._pending = self._pending, b""
        return rest
