"""When a stream's caller is told what it costs: once, where nothing can change it any more.

The event with the final figures is kept back until the stream's own end follows it, since only
then is it known to be the last one. Then the charge is spliced into its bytes; nothing else of it
is written anew. What cannot be told passes as it came.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollgate.dialects import Telling
from tollgate.dialects._json import Document, Span, read
from tollgate.domain.errors import InvalidRequest

KEPT_LIMIT: Final = 16
"""Most events kept back: between the last figures and the end there is hardly ever one."""

COST: Final = "cost"
"""The member that tells; what a vendor says under that name is our cost, not the caller's."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Where an event tells its usage: its data, and the names that lead to the object in it."""

    data: bytes
    path: tuple[str, ...]


class Teller:
    """Keeps back what may be the last figures of one stream, and tells its charge in them.

    `write_receipt` gives the event that holds a receipt.
    """

    def __init__(
        self, telling: Telling, write_receipt: Callable[[Mapping[str, Any]], bytes]
    ) -> None:
        self._telling = telling
        self._write_receipt = write_receipt
        self._figures: Figures | None = None
        self._kept: list[bytes] = []
        self._ended = False

    @property
    def keeps(self) -> bool:
        """Whether anything is kept back, so that every following event must be shown here."""
        return bool(self._kept)

    def passed(self, event: bytes, figures: Figures | None, *, ended: bool) -> bytes:
        """What the caller gets now that this event has come; `ended` tells of the stream's end."""
        if self._ended:
            return event
        if ended:
            self._ended = True
            if figures is not None:
                return self._replaced(event, figures) + self._receipt() + self.release()
            return self._receipt() + self.release() + event
        if figures is not None:
            return self._replaced(event, figures)
        if not self._kept:
            return event
        self._kept.append(event)
        return self.forgo() if len(self._kept) > KEPT_LIMIT else b""

    def release(self) -> bytes:
        """What was kept back, with the charge in it: nothing can change that any more."""
        if self._figures is not None and self._telling.cost is not None:
            cost = self._telling.cost()
            if cost is not None:
                self._kept[0] = with_cost(self._kept[0], self._figures, cost)
        return self.forgo()

    def forgo(self) -> bytes:
        """What was kept back, as it came."""
        kept = b"".join(self._kept)
        self._kept, self._figures = [], None
        return kept

    def _replaced(self, event: bytes, figures: Figures) -> bytes:
        """Keep an event; gives what turned out not to be the last one."""
        before = self.forgo()
        self._kept, self._figures = [event], figures
        return before

    def _receipt(self) -> bytes:
        """It comes before the last figures: clients take those from the last event they are in."""
        receipt = self._telling.receipt() if self._telling.receipt is not None else None
        return b"" if receipt is None else self._write_receipt(receipt)


def with_cost(event: bytes, figures: Figures, cost: str) -> bytes:
    """The event with the charge among its figures; as it came where they cannot be found."""
    begin = event.find(figures.data)
    try:
        start, end = place_of(read(figures.data), figures.path)
        first, after, written = splice(read(figures.data[start:end]), cost)
    except (InvalidRequest, LookupError, ValueError):
        return event
    if begin < 0:
        return event
    begin += start
    return event[: begin + first] + written + event[begin + after :]


def place_of(document: Document, path: tuple[str, ...]) -> Span:
    """Byte offsets of the object that a path leads to: within an object or the first of a list."""
    if len(path) == 1:
        return document.span(path[0])
    return document.spans_within(*path)[0]


def splice(usage: Document, cost: str) -> tuple[int, int, bytes]:
    """Which bytes of a usage object become which: a new last member, or the vendor's own cost."""
    if COST in usage.values:
        return *usage.span(COST), cost.encode()
    last = usage.offset(max(end for _, end in usage.places.values()))
    return last, last, f',"{COST}":{cost}'.encode()
