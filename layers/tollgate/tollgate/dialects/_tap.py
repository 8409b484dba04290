"""What a stream's events tell, read off as they pass, without building objects of ordinary ones.

Most events of an answer look alike: the same bytes before the new text, the same marks after it.
Such an event is recognised by comparing bytes with the last one of its kind; only another shape
is looked at by patterns, and only what a pattern finds telling is parsed. Where every event
carries running figures, the last of a row of equal shapes is parsed when somebody asks.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollgate.dialects import Telling
from tollgate.dialects._json import lenient
from tollgate.dialects._sse import Splitter, fields
from tollgate.dialects._telling import Figures, Teller
from tollgate.dialects._usage import Tally
from tollgate.domain.usage import Usage

PADDING: Final = b" 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What may differ between two events of one shape: without it, the marks of their JSON remain."""

GAPS: Final = (b"\r\n\r\n", b"\n\n")
"""How events end in the streams there are; any other is recognised only when it comes alone."""

QUOTE: Final = b'"'
BACKSLASH: Final = 0x5C
STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
ID_LIMIT: Final = 128
ROOM: Final = 64
"""How much longer than the last one an event's end may be, before it is sought for."""


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


class EventTap(ABC):
    """Watches one streamed answer. A dialect adds what its telling events mean."""

    signs: Signs
    closing = b""
    """The terminal event, for a stream that told why it ends and then lacks it."""

    at_boundary = True

    def __init__(self, splitter: Splitter) -> None:
        self.tally = Tally()
        self.finished = False
        self.failed = False
        self.visible_bytes = 0
        self.upstream_id: str | None = None
        self.finish_reason: str | None = None
        self._splitter = splitter
        self._teller: Teller | None = None
        self._figures: Figures | None = None
        self._key = self._head = self._head_marks = QUOTE
        self._marks = b""
        self._gap = b""
        self._room = 0
        self._running = False
        self._zeros = 0
        self._latest = b""

    @property
    def usage(self) -> Usage | None:
        """What has been reported so far, in the normal form."""
        self._catch_up()
        return self.normal()

    @abstractmethod
    def normal(self) -> Usage | None:
        """The tally in the normal form."""

    @abstractmethod
    def learn(self, name: bytes, data: bytes, value: Any) -> bool:
        """Take in an event: its name, its data, that data as JSON (None when it is none).

        False when the caller shall not see the event.
        """

    @abstractmethod
    def figures_in(self, value: Any) -> str:
        """The member in which an event tells what is the final usage; empty where it tells none.

        Asked with the event's JSON after `learn`. Nothing that comes later may change the charge.
        """

    def write_receipt(self, receipt: Mapping[str, Any]) -> bytes:
        """The event that holds a receipt; empty where the dialect has none."""
        return b""

    def tell(self, telling: Telling) -> None:
        """Tell the caller of this stream what it costs."""
        self._teller = Teller(telling, self.write_receipt)

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came; give the whole events among them."""
        passed = self._ordinary(chunk, 0) if self._splitter.idle else 0
        while passed and passed < len(chunk) and (end := self._ordinary(chunk, passed)):
            passed = end
        if passed == len(chunk):
            return chunk
        events = self._splitter.feed(chunk[passed:])
        return chunk[:passed] + b"".join([self._seen(event) for event in events])

    @property
    def complete(self) -> bool:
        """Whether the upstream has told its last figures, or that it tells none."""
        return self.finished or self.finish_reason is not None

    def flush(self) -> bytes:
        """What was held back when the upstream ended: maybe a whole answer instead of a stream."""
        rest = self._splitter.flush()
        if rest.lstrip().startswith(b"{"):
            self._texts(rest)
            self._catch_up()
            self.learn(b"", rest, lenient(rest))
            self.finished = self.complete
            return rest
        return self._seen(rest) if rest else rest

    def end(self) -> bytes:
        """The last bytes for the caller. Half an event is dropped, unless it told the end."""
        untold = self.finish_reason is None
        rest = self.flush()
        if self.finished:
            return rest
        if self.finish_reason is None:
            return b""
        self.finished = True
        return (rest + b"\n\n" if untold else b"") + self.closing

    def _seen(self, event: bytes) -> bytes:
        """What the caller shall see of an event."""
        if self._ordinary(event, 0):
            return event
        seen = self._studied(event)
        if self._teller is None:
            return seen
        figures, self._figures = self._figures, None
        return self._teller.passed(seen, figures, ended=self.finished)

    def _ordinary(self, block: bytes, place: int) -> int:
        """Where the event ends that begins there, if nothing in it is new but its text; else 0."""
        if not block.startswith(self._head, place) and not self._renewed(block, place):
            return 0
        begin = place + len(self._head)
        end = block.find(QUOTE, begin)
        if block[end - 1] == BACKSLASH:
            end = string_end(block, begin)
        after = len(block)
        if after - end > self._room:
            after = block.find(self._gap, end) + len(self._gap) if self._gap else 0
        if block[end:after].translate(None, PADDING) != self._marks:
            return 0
        if self._running and not self._run(block[place:after], end - place):
            return 0
        self.visible_bytes += end - begin
        return after

    def _renewed(self, block: bytes, place: int) -> bool:
        """Whether an event has the old shape before its text, with other names or numbers in it."""
        head = block[place : block.find(self._key, place) + len(self._key)]
        if head.translate(None, PADDING) != self._head_marks:
            return False
        self._head = head
        return True

    def _run(self, event: bytes, end: int) -> bool:
        """Pass over figures that only grew: as many of them are zero as in the last ones read."""
        if zeros(event, end) != self._zeros:
            return False
        self._latest = event
        return True

    def _studied(self, event: bytes) -> bytes:
        """An event of a shape that is new, or of more than one text, or telling."""
        texts = self._texts(event)
        if self.signs.telling.search(event):
            return self._told(event)
        figures = self.signs.figures.search(event) is not None
        if len(texts) == 1:
            self._catch_up()
            self._running = figures
            self._remember(event, texts[0])
        return self._told(event) if figures else event

    def _texts(self, event: bytes) -> list[re.Match[bytes]]:
        """Where the texts of an event begin; they are counted, and the answer's id is taken."""
        own = event.partition(self.signs.aside)[0]
        texts = list(self.signs.text.finditer(own))
        self.visible_bytes += sum(string_end(event, text.end()) - text.end() for text in texts)
        if self.upstream_id is None and (found := self.signs.identity.search(event)):
            self.upstream_id = found[1][:ID_LIMIT].decode(errors="replace")
        return texts

    def _remember(self, event: bytes, text: re.Match[bytes]) -> None:
        """Take an event as the shape that the following ones may have."""
        begin = text.end()
        end = string_end(event, begin)
        self._key = text[0]
        self._head = event[:begin]
        self._head_marks = self._head.translate(None, PADDING)
        self._marks = event[end:].translate(None, PADDING)
        self._gap = next((gap for gap in GAPS if event.endswith(gap)), b"")
        self._room = len(event) - end + ROOM
        self._zeros = zeros(event, end)

    def _told(self, event: bytes) -> bytes:
        """Parse an event; give what the caller shall see of it."""
        self._catch_up()
        name, data = self.fields(event)
        value = lenient(data)
        if not self.learn(name, data, value):
            return b""
        if self._teller is not None and (member := self.figures_in(value)):
            self._figures = Figures(data, member)
        return event

    def fields(self, event: bytes) -> tuple[bytes, bytes]:
        """The name of an event, if it has one, and its data."""
        return fields(event)

    def _catch_up(self) -> None:
        """Take in the last event of a row that was passed over."""
        if self._latest:
            event, self._latest = self._latest, b""
            self._told(event)
            self._figures = None  # the event has passed


def zeros(event: bytes, begin: int) -> int:
    """How many members are zero, or begin like it: such figures must not replace greater ones."""
    return event.count(b":0", begin) + event.count(b": 0", begin)


def string_end(event: bytes, begin: int) -> int:
    """Where the JSON string ends whose text begins there."""
    end = event.find(QUOTE, begin)
    if end < 0:
        return len(event)
    if event[end - 1] == BACKSLASH:
        found = STRING.match(event, begin)
        return found.end() if found else end
    return end
