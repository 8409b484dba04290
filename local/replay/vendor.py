"""What a vendor's module has to offer so that a request can be answered its way."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from local.replay.prompt import Json, Prompt
from local.replay.reply import Reply
from local.replay.sse import Event

Answer = Callable[[Prompt, int], Json]


class Vendor(Protocol):
    """One vendor: its line ends, its whole answers by operation, its events and its errors."""

    NEWLINE: str
    ANSWERS: Mapping[str, Answer]

    def headers(self) -> dict[str, str]:
        """What this vendor sends beside the content type."""
        ...

    def events(self, reply: Reply) -> Iterator[Event]:
        """A streamed answer, event by event."""
        ...

    def failure(self, status: int, message: str) -> Json:
        """The body of an error answer."""
        ...

    def failure_event(self, message: str) -> Event:
        """What a stream says when it breaks."""
        ...
