"""What a stream's events tell, read off as they pass, without building objects of ordinary ones.

Most events of an answer look alike: the same bytes before the new text, the same marks after it.
Such an event is recognised by comparing bytes with the last one of its kind; only another shape
is looked at by patterns, and only what a pattern finds telling is parsed. Where every event
carries running figures, the last of a row of equal shapes is parsed when somebody asks.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from tollgate.dialects._json import lenient
from tollgate.dialects._sse import Splitter, fields
from tollgate.dialects._usage import Tally
from tollgate.domain.usage import Usage

PADDING: Final = b" 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What may differ between two events of one shape: without it, the marks of their JSON remain."""

QUOTE: Final = b'"'
BACKSLASH: Final = 0x5C
STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
ZEROS: Final = re.compile(rb'"(\w+)"\s*:\s*0[,}\s]')
"""Figures of nothing, which must not replace those of something."""

ID_LIMIT: Final = 128


@dataclass(frozen=True, slots=True)
class Signs:
    """What to look for in a dialect's events, as patterns over their bytes.

    `text` ends where a produced string begins, `telling` is what must be parsed at once, `figures`
    what may come with ordinary text, `identity` has the upstream's id of the answer as its group.
    After `aside` texts only repeat what was produced.
    """

    text: re.Pattern[bytes]
    telling: re.Pattern[bytes]
    figures: re.Pattern[bytes]
    identity: re.Pattern[bytes]
    aside: bytes = b"\n\n"


class EventTap:
    """Watches one streamed answer. A dialect adds what its telling events mean."""

    signs: Signs
    at_boundary = True

    def __init__(self, splitter: Splitter) -> None:
        self.tally = Tally()
        self.finished = False
        self.failed = False
        self.visible_bytes = 0
        self.upstream_id: str | None = None
        self.finish_reason: str | None = None
        self._splitter = splitter
        self._head = QUOTE
        self._marks = b""
        self._running = False
        self._zeros: list[bytes] = []
        self._latest = b""

    @property
    def usage(self) -> Usage | None:
        """What has been reported so far, in the normal form."""
        self._catch_up()
        return self.normal()

    def normal(self) -> Usage | None:
        """The tally in the normal form."""
        raise NotImplementedError

    def learn(self, name: bytes, data: bytes, value: Any) -> bool:
        """Take in an event: its name, its data, that data as JSON (None when it is none).

        False when the caller shall not see the event.
        """
        raise NotImplementedError

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came; give the whole events among them."""
        events = self._splitter.feed(chunk)
        if len(events) == 1:
            return self._seen(events[0])
        return b"".join([self._seen(event) for event in events])

    def flush(self) -> bytes:
        """What was held back when the upstream ended."""
        rest = self._splitter.flush()
        return self._seen(rest) if rest else rest

    def _seen(self, event: bytes) -> bytes:
        """What the caller shall see of an event."""
        if event.startswith(self._head):
            begin = len(self._head)
            end = string_end(event, begin)
            if event[end:].translate(None, PADDING) == self._marks:
                if self._running and not self._run(event, end):
                    return self._studied(event)
                self.visible_bytes += end - begin
                return event
        return self._studied(event)

    def _run(self, event: bytes, end: int) -> bool:
        """Pass over figures that only grew: the same of them are zero as in the last ones read."""
        if ZEROS.findall(event, end) != self._zeros:
            return False
        self._latest = event
        return True

    def _studied(self, event: bytes) -> bytes:
        """An event of a shape that is new, or of more than one text, or telling."""
        signs = self.signs
        own = event.partition(signs.aside)[0]
        begins = [found.end() for found in signs.text.finditer(own)]
        ends = [string_end(event, begin) for begin in begins]
        self.visible_bytes += sum(ends) - sum(begins)
        if self.upstream_id is None and (found := signs.identity.search(event)):
            self.upstream_id = found[1][:ID_LIMIT].decode(errors="replace")
        if signs.telling.search(event):
            return self._told(event)
        figures = signs.figures.search(event) is not None
        if len(begins) == 1:
            self._catch_up()
            self._running = figures
            self._head = event[: begins[0]]
            self._marks = event[ends[0] :].translate(None, PADDING)
            self._zeros = ZEROS.findall(event, ends[0]) if figures else []
        return self._told(event) if figures else event

    def _told(self, event: bytes) -> bytes:
        """Parse an event; give what the caller shall see of it."""
        self._catch_up()
        name, data = self.fields(event)
        return event if self.learn(name, data, lenient(data)) else b""

    def fields(self, event: bytes) -> tuple[bytes, bytes]:
        """The name of an event, if it has one, and its data."""
        return fields(event)

    def _catch_up(self) -> None:
        """Take in the last event of a row that was passed over."""
        if self._latest:
            event, self._latest = self._latest, b""
            self._told(event)


def string_end(event: bytes, begin: int) -> int:
    """Where the JSON string ends whose text begins there."""
    end = event.find(QUOTE, begin)
    if end < 0:
        return len(event)
    if event[end - 1] == BACKSLASH:
        found = STRING.match(event, begin)
        return found.end() if found else end
    return end
