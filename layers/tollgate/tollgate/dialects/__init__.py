"""Wire formats as pure functions over bytes; one file each, discovered by name.

A dialect says how one vendor family writes calls, answers, streams, usage and errors. Same
dialect in and out is a raw pass-through: the body is forwarded with only the model (and what a
rule demands) changed, the answer's bytes untouched (but for the name of a model that was mapped),
usage read off as they pass.
"""

import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Literal, Protocol

from tollgate.dialects._claude_code import by_agent as from_claude_code
from tollgate.dialects._naming import Renaming, renamed
from tollgate.domain.call import Call, Edit, Media, Operation
from tollgate.domain.errors import TollgateError
from tollgate.domain.usage import Usage

__all__ = [
    "Call",
    "Dialect",
    "Edit",
    "Media",
    "Operation",
    "Renaming",
    "Route",
    "StopReason",
    "Tap",
    "Telling",
    "Wire",
    "from_claude_code",
    "load",
    "names",
    "renamed",
    "routes",
]

StopReason = Literal["time_limit", "balance"]


@dataclass(frozen=True, slots=True)
class Route:
    """One way in: method, path pattern (`{model}` and the like), and what it asks for.

    `metered` is False only for what the free list names (lists, HEAD, count_tokens estimates).
    """

    method: str
    pattern: str
    operation: Operation
    stream: bool = False
    metered: bool = True


@dataclass(frozen=True, slots=True)
class Wire:
    """What goes to an upstream of the same dialect: path below the base URL, query, body.

    An account's base URL is what the vendor's own SDK takes: OpenAI's ends with its version
    (`https://api.openai.com/v1`), Anthropic's and Gemini's do not.
    """

    path: str
    body: bytes
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Telling:
    """What a stream's caller is told of its charge, asked for when its usage is complete.

    `cost` gives the charge in USD as the text of a JSON number, `receipt` the receipt; None where
    the price cannot be computed. A member that is None itself tells nothing.
    """

    cost: Callable[[], str | None] | None = None
    receipt: Callable[[], Mapping[str, Any] | None] | None = None


class Tap(Protocol):
    """Watches one streamed answer as its bytes pass; never builds objects of ordinary events.

    Bytes leave in whole events, so that between two calls of `feed` something of ours may be
    sent: `at_boundary` is True as long as that holds.
    """

    finished: bool
    failed: bool
    visible_bytes: int
    upstream_id: str | None
    finish_reason: str | None
    at_boundary: bool

    @property
    def complete(self) -> bool:
        """Whether the upstream has told its last figures, or that it tells none."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What the upstream has reported so far; None when nothing."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came; give the bytes the caller shall see now (maybe none).

        `finished` turns True at the dialect's own terminal event, `failed` at an error event;
        bytes may still follow either.
        `visible_bytes` grows by the text produced so far. Bounded memory: an event longer than
        the dialect's limit raises UpstreamFailed.
        """
        ...

    def tell(self, telling: Telling) -> None:
        """Tell the caller of this stream what it costs: in the event with its final figures."""
        ...

    def flush(self) -> bytes:
        """What was held back when the upstream ended."""
        ...

    def end(self) -> bytes:
        """The last bytes for the caller, when the upstream has ended: `flush`, made legal.

        A stream that told why it ends gets the terminal event if it lacks one, and is `finished`;
        one that is not has broken off.
        """
        ...


class Dialect(Protocol):
    """One wire format. Stateless; every method is a function of its arguments.

    `model_member` is what its answers name their model by.
    """

    name: str
    platforms: tuple[str, ...]
    routes: tuple[Route, ...]
    keep_alive: bytes | None
    model_member: str

    def read_call(
        self,
        route: Route,
        path: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        query: str = "",
    ) -> Call:
        """Read a caller's request; header names are lower case, `query` is undecoded.

        Raises InvalidRequest or MissingParameter, naming the field.
        """
        ...

    def write_call(self, call: Call, model: str) -> Wire:
        """The request for an upstream of this dialect: the caller's bytes with `model` in place."""
        ...

    def upstream_headers(self, headers: Mapping[str, str], secret: str) -> dict[str, str]:
        """The caller's headers an upstream may see (an allow-list) plus its own authentication."""
        ...

    def read_usage(self, call: Call, body: bytes) -> Usage | None:
        """Usage of a complete JSON answer; None when the upstream reported none."""
        ...

    def read_id(self, body: bytes) -> str:
        """The upstream's own id of a complete answer, for people who ask the vendor about it.

        Empty where the answer has none.
        """
        ...

    def tap(self, call: Call) -> Tap:
        """A fresh tap for one streamed answer to `call`."""
        ...

    def write_error(self, error: TollgateError, request_id: str) -> tuple[int, bytes]:
        """An error before the first byte: HTTP status and JSON body in this dialect."""
        ...

    def write_stream_error(self, error: TollgateError, call: Call, request_id: str) -> bytes:
        """An error after the first byte: the dialect's error event; the stream closes after it."""
        ...

    def write_stop(self, reason: StopReason, call: Call, request_id: str) -> bytes:
        """The legal end of a stream that **we** stop early (relay.md §7)."""
        ...

    def write_models(self, models: Sequence[str], created: int) -> bytes:
        """The model list in this dialect's shape; `created` is in epoch seconds."""
        ...

    def write_model(self, model: str, created: int) -> bytes:
        """One entry of the model list."""
        ...


@cache
def names() -> tuple[str, ...]:
    """Every dialect there is, by file name."""
    return tuple(
        sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    )


def load(name: str) -> Dialect:
    """The dialect of that name; checked against `names()` first, so data never imports code.

    Raises:
        KeyError: no such dialect.
    """
    if name not in names():
        raise KeyError(name)
    dialect: Dialect = import_module(f"{__name__}.{name}").DIALECT
    return dialect


def routes() -> Iterator[tuple[Dialect, Route]]:
    """Every route of every dialect."""
    for name in names():
        dialect = load(name)
        for route in dialect.routes:
            yield dialect, route
