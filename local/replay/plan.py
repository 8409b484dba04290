"""What exactly goes over the wire for one request, and in which way it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from local.replay.draft import Draft, draft
from local.replay.knobs import Knobs
from local.replay.odd import spoil
from local.replay.wire import Request, head

Ending = Literal["keep", "close", "reset", "hang"]

SPLIT_AT = 5  # bytes in one write under `sse=split`: cuts words, escapes and letters
KEPT_PLANS = 256
KEPT_BYTES = 2**18


@dataclass(frozen=True, slots=True)
class Plan:
    """One answer, ready to send: head, pieces, then `repeat` for ever, then the ending.

    `grain` is the size of one write (0: a piece at a time). `whole` is the answer in one go, when
    nothing has to be waited for.
    """

    knobs: Knobs
    head: bytes
    pieces: tuple[bytes, ...]
    repeat: tuple[bytes, ...]
    streamed: bool
    chunked: bool
    grain: int
    ending: Ending
    whole: bytes | None


class Plans:
    """The plans of recent requests: equal requests are answered with equal bytes, fast."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, bytes, bytes, str], Plan] = {}

    def find(self, request: Request, extra: str) -> Plan:
        """The plan for a request, with knobs beside those of the model's name."""
        special = (
            request.method == "GET"
            or b"x-replay:" in request.head.lower()
            or "/model/" in request.target  # who asks is looked at there
            or "+" in request.key  # an access token with knobs
        )
        key = (request.target, request.head if special else b"", request.body, extra)
        plan = self._kept.get(key)
        return plan or self._keep(key, make(request, extra, self._clock))

    def _keep(self, key: tuple[str, bytes, bytes, str], plan: Plan) -> Plan:
        if len(key[2]) + sum(map(len, plan.pieces)) <= KEPT_BYTES:
            if len(self._kept) >= KEPT_PLANS:
                self._kept.clear()
            self._kept[key] = plan
        return plan


def make(request: Request, extra: str, clock: Callable[[], int]) -> Plan:
    """The plan for a request."""
    made = draft(request, extra, clock)
    spoil(made)
    pieces, ending = _cut(made)
    start = _head(made)
    return Plan(
        knobs=made.knobs,
        head=start,
        pieces=pieces,
        repeat=() if ending != "keep" else tuple(made.repeat),
        streamed=made.streamed,
        chunked=made.chunked,
        grain=_grain(made.knobs),
        ending=ending,
        whole=None if _waits(made, ending) else start + b"".join(pieces),
    )


def _head(made: Draft) -> bytes:
    if made.knobs.drop or made.knobs.hang == "accept":
        return b""
    if made.raw is not None:
        return made.raw
    start = head(made.status, {**made.headers, **_framing(made)})
    return start[: len(start) // 2] if made.knobs.hang == "head" else start


def _framing(made: Draft) -> dict[str, str]:
    if made.chunked:
        return {"transfer-encoding": "chunked"}
    if made.closes and made.length is None:
        return {"connection": "close"}
    length = sum(map(len, made.pieces)) if made.length is None else made.length
    return {"content-length": str(length)}


def _cut(made: Draft) -> tuple[tuple[bytes, ...], Ending]:
    knobs = made.knobs
    if knobs.drop:
        return (), "reset"
    if knobs.hang:
        kept = int(knobs.hang) if knobs.hang.isdigit() else 0
        return tuple(made.pieces[:kept]), "hang"
    if made.raw is not None:
        return (), "close"
    if knobs.cut is not None:
        return _shortened(made, knobs.cut), _cut_ending(made)
    return tuple(made.pieces), "close" if made.closes else "keep"


def _shortened(made: Draft, cut: int) -> tuple[bytes, ...]:
    return tuple(made.pieces[:cut]) if made.streamed else (b"".join(made.pieces)[:cut],)


def _cut_ending(made: Draft) -> Ending:
    if made.knobs.how == "end" and made.chunked:
        return "keep"
    return "reset" if made.knobs.how == "reset" else "close"


def _grain(knobs: Knobs) -> int:
    if knobs.slow:
        return 1
    return SPLIT_AT if knobs.sse == "split" else 0


def _waits(made: Draft, ending: Ending) -> bool:
    knobs = made.knobs
    return bool(made.streamed or knobs.delay or knobs.slow or knobs.block or ending != "keep")
