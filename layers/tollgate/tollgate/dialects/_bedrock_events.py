"""How Bedrock's stream becomes Anthropic's: each message's event as a server-sent event.

An event's bytes stay as they came, but for Bedrock's own figures: those fill in the usage where
the events tell none.
"""

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tollgate.dialects._bedrock_errors import text, thrown
from tollgate.dialects._bedrock_frames import Frame, Frames
from tollgate.dialects._json import lenient
from tollgate.dialects._usage import inside
from tollgate.dialects._writing import compact
from tollgate.domain.errors import TollgateError, UpstreamFailed

METRICS: Final = "amazon-bedrock-invocationMetrics"
METRICS_MARK: Final = METRICS.encode()
COUNTS: Final = {
    "inputTokenCount": "input_tokens",
    "outputTokenCount": "output_tokens",
    "cacheReadInputTokenCount": "cache_read_input_tokens",
    "cacheWriteInputTokenCount": "cache_creation_input_tokens",
}
NEEDED: Final = frozenset({"input_tokens", "output_tokens"})

NAME: Final = re.compile(rb'\s*\{\s*"type"\s*:\s*"([a-z_]+)"')
WORD: Final = re.compile(r"[a-z_]+")
BREAK: Final = re.compile(rb"[\r\n]")
PRODUCED: Final = b"event: content_block_delta"
TELLING: Final = (b"message_start", b"message_delta")


def unwrapped(chunks: Iterator[bytes], names: Mapping[str, str]) -> Iterator[bytes]:
    """The server-sent events in an event stream, as it arrives.

    Args:
        chunks: the stream, cut anyhow.
        names: what is called otherwise to the caller, for complaints: the model.

    Raises:
        TollgateError: an exception within the stream, by its meaning.
        UpstreamFailed: the stream was damaged, or ended within a message.
    """
    frames, retelling = Frames(), Retelling(names)
    begun = False
    for chunk in chunks:
        out, failed = retelling.told(frames.feed(chunk))
        if failed is not None and not begun and PRODUCED not in out:
            raise failed  # nothing that was produced is lost, so another account may answer
        if out:
            begun = True
            yield out
        if failed is not None:
            raise failed
    frames.end()
    if rest := retelling.flush():
        yield rest


class Retelling:
    """One stream's events, and which figures they have told so far.

    The event with the final figures waits for the next one where it lacks some.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._known: set[str] = set()
        self._waiting: Mapping[str, Any] | None = None
        self._waiting_bytes = b""

    def told(self, frames: Iterable[Frame]) -> tuple[bytes, TollgateError | None]:
        """What the messages say before one of them fails, and that failure."""
        parts: list[bytes] = []
        try:
            for frame in frames:
                parts.append(self._one(frame))  # noqa: PERF401 - what precedes a failure counts
        except TollgateError as failed:
            return b"".join((*parts, self.flush())), failed
        return b"".join(parts), None

    def flush(self) -> bytes:
        """What waited for figures that did not come."""
        waiting, self._waiting, self._waiting_bytes = self._waiting_bytes, None, b""
        return waiting

    def _one(self, frame: Frame) -> bytes:
        kind = frame.text(":message-type")
        if kind == "exception":
            raise thrown(frame.text(":exception-type"), said(frame.payload), self._names)
        if kind == "error":
            raise thrown(frame.text(":error-code"), frame.text(":error-message"), self._names)
        if kind != "event" or frame.text(":event-type") != "chunk":
            return b""  # readers pass over what they do not know
        return self._event(event_of(frame.payload))

    def _event(self, event: bytes) -> bytes:
        found = NAME.match(event)
        odd = METRICS_MARK in event or BREAK.search(event)
        if found and found[1] not in TELLING and not odd:
            return self.flush() + written(found[1], event)
        value = lenient(event)
        name = text(inside(value), "type")
        if not WORD.fullmatch(name):
            raise UpstreamFailed("the upstream's event stream holds something else than events")
        metrics = inside(value.pop(METRICS, None))
        return self._studied(value, compact(value) if odd else event, metrics)

    def _studied(self, value: Mapping[str, Any], event: bytes, metrics: Mapping[str, Any]) -> bytes:
        name = value["type"]
        if name == "message_start":
            self._note(inside(value.get("message")), frozenset({"input_tokens"}))
        if name != "message_delta":
            return self._filled_up(metrics) + written(name.encode(), event)
        before = self.flush()
        self._note(value, NEEDED)
        self._waiting, self._waiting_bytes = value, written(b"message_delta", event)
        return before + (self._filled_up(metrics) if metrics or self._known >= NEEDED else b"")

    def _note(self, told: Mapping[str, Any], counts: frozenset[str]) -> None:
        usage = inside(told.get("usage"))
        self._known |= {count for count in counts if type(usage.get(count)) is int}

    def _filled_up(self, metrics: Mapping[str, Any]) -> bytes:
        """What waits, with the figures that no event told."""
        value, waiting = self._waiting, self.flush()
        lacking = {n: own for n, own in COUNTS.items() if needed_for(own) not in self._known}
        counted = {own: metrics[n] for n, own in lacking.items() if type(metrics.get(n)) is int}
        if value is None or not counted:
            return waiting
        usage = {**inside(value.get("usage")), **counted}
        return written(b"message_delta", compact({**value, "usage": usage}))


def needed_for(count: str) -> str:
    """The figure beside which another one stands: what concerns caches is told with the input."""
    return count if count in NEEDED else "input_tokens"


def event_of(payload: bytes) -> bytes:
    """The event within a message.

    Raises:
        UpstreamFailed: there is none.
    """
    wrapped = inside(lenient(payload)).get("bytes")
    try:
        return a2b_base64(wrapped if isinstance(wrapped, str) else "=", strict_mode=True)
    except (NotBase64, ValueError) as error:
        raise UpstreamFailed("the upstream's event stream holds no readable event") from error


def said(payload: bytes) -> str:
    """The words of an exception."""
    told = inside(lenient(payload))
    return text(told, "message") or text(told, "originalMessage")


def written(name: bytes, event: bytes) -> bytes:
    """A server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name, event)
