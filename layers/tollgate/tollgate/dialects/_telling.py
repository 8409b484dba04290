"""How a stream's caller is told what it costs: spliced into the bytes of one event, once.

That is the first event whose figures are the final ones; nothing waits for it, and nothing else of
it is written anew. What cannot be told passes as it came.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollgate.dialects import Telling
from tollgate.dialects._json import Document, read
from tollgate.domain.errors import InvalidRequest

COST: Final = "cost"
"""The member that tells; what a vendor says under that name is our cost, not the caller's."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Where an event tells its final usage: its data, and the member of it that holds them."""

    data: bytes
    member: str


class Teller:
    """Tells the charge of one stream, and its receipt before its end.

    `write_receipt` gives the event that holds a receipt.
    """

    def __init__(
        self, telling: Telling, write_receipt: Callable[[Mapping[str, Any]], bytes]
    ) -> None:
        self._telling = telling
        self._write_receipt = write_receipt
        self._told = False
        self._ended = False

    def passed(self, event: bytes, figures: Figures | None, *, ended: bool) -> bytes:
        """What the caller gets for an event; `ended` tells that it ends the stream."""
        if self._ended:
            return event
        if figures is not None and not self._told:
            self._told = True
            event = self._with_cost(event, figures)
        if not ended:
            return event
        self._ended = True
        return self._receipt() + event

    def _with_cost(self, event: bytes, figures: Figures) -> bytes:
        cost = self._telling.cost() if self._telling.cost is not None else None
        return event if cost is None else with_cost(event, figures, cost)

    def _receipt(self) -> bytes:
        receipt = self._telling.receipt() if self._telling.receipt is not None else None
        return b"" if receipt is None else self._write_receipt(receipt)


def with_cost(event: bytes, figures: Figures, cost: str) -> bytes:
    """The event with the charge among its figures; as it came where they cannot be found."""
    begin = event.find(figures.data)
    try:
        start, end = read(figures.data).span(figures.member)
        first, after, written = splice(read(figures.data[start:end]), cost)
    except InvalidRequest:  # two readers might understand it differently
        return event
    if begin < 0:
        return event
    begin += start
    return event[: begin + first] + written + event[begin + after :]


def splice(usage: Document, cost: str) -> tuple[int, int, bytes]:
    """Which bytes of a usage object become which: a new last member, or the vendor's own cost."""
    if COST in usage.values:
        return *usage.span(COST), cost.encode()
    last = usage.offset(max(end for _, end in usage.places.values()))
    return last, last, f',"{COST}":{cost}'.encode()
