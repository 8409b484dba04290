"""How much a call may cost, before it is sent: the amount to hold.

Strict holds are true upper bounds (a token covers at least one byte). Incremental holds, for
streams, start with half the bytes and 1,024 tokens of visible output and grow while the stream
does; output that may come without visible bytes is held from the start (ruling R14). Nothing is
ever clamped: what has no bound is refused with what to send instead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tollgate.domain.call import Call, Media
from tollgate.domain.catalog import Price
from tollgate.domain.charge import PriceSnapshot, atoms, counted, nanos, unit_price
from tollgate.domain.errors import InvalidRequest, ModelPriceNotConfigured
from tollgate.domain.usage import INPUT_CLASSES, OUTPUT_CLASSES, Usage

FIRST_VISIBLE_OUTPUT: Final = 1_024
EXTEND_AT_PERCENT: Final = 75
BYTES_PER_TOKEN_STRICT: Final = 1
BYTES_PER_TOKEN_INCREMENTAL: Final = 2
BYTES_PER_TOKEN_ESTIMATED: Final = 4
"""For the labelled estimate when an upstream reports no usage: about what English text takes."""

TOOL_CALLS: Final = 10
"""Most uses of one priced server tool in one call that a hold covers."""

MEDIA_TOKENS: Final[Mapping[str, int]] = {"image": 50_000, "audio": 1_200, "file": 1_500}
"""Largest input tokens by kind: an image at the vendors' highest detail (a small OpenAI model
bills up to 48,169); sound and files by the unit below, since their length is in their bytes."""

MEDIA_UNIT_BYTES: Final[Mapping[str, int]] = {"audio": 60_000, "file": 2_000}
"""Encoded bytes that can hold one unit: 30 s of 16 kbit/s speech, or one dense page of text."""

REMOTE_MEDIA_BYTES: Final = 20_000_000
"""Size assumed for sound or a file that the call only names by URL."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one call may consume, over all its choices, in tokens.

    `hidden` is output that may come without visible bytes, `visible` the visible output held at
    first, `bound` the most output there can be (None when nothing limits it).
    """

    input: int
    hidden: int = 0
    visible: int = 0
    bound: int | None = 0
    calls: int = 1
    tools: tuple[str, ...] = ()


def media_tokens(media: Media) -> int:
    """Most input tokens that one image, sound or file can take; never counted as text bytes."""
    unit = MEDIA_UNIT_BYTES.get(media.kind)
    size = media.size or REMOTE_MEDIA_BYTES
    return MEDIA_TOKENS[media.kind] * (-(-size // unit) if unit else 1)


def output_bound(call: Call, price: Price) -> int | None:
    """Most output tokens of one choice: the caller's limit, else the model's largest output."""
    return call.max_output if call.max_output is not None else price.max_output


def hidden_bound(call: Call, price: Price) -> int | None:
    """Most output without visible bytes: the caller's thinking budget, else the whole output.

    None when a model may reason without any known limit.
    """
    if call.hidden_output is not None:
        return call.hidden_output
    return output_bound(call, price) if price.reasoning else 0


CHARGED_FOR: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("tokens", "generate"): ("input", "output"),
    ("tokens", "embed"): ("input",),
    ("times", "generate"): ("calls",),
    ("times", "embed"): ("calls",),
}
"""What must have a price, by billing mode and operation; anything else cannot be metered here."""


def require_price(call: Call, price: Price) -> None:
    """Refuse a model whose price knows nothing of what this kind of call consumes.

    Raises:
        ModelPriceNotConfigured: the call would be answered and cost nothing by mistake.
    """
    needed = CHARGED_FOR.get((price.mode, call.operation))
    if needed and all(
        name in price.prices or any(name in interval.prices for interval in price.intervals)
        for name in needed
    ):
        return
    raise ModelPriceNotConfigured(
        f"model {call.model!r} has no price for this kind of call; ask the operator to set one",
        param="model",
    )


def demand(call: Call, price: Price, *, strict: bool) -> Demand:
    """What to hold for, by the model row that will price the call.

    Raises:
        InvalidRequest: a tool without a price, or output that nothing limits where the hold must
            cover all of it.
        ModelPriceNotConfigured: nothing prices this kind of call.
    """
    require_price(call, price)
    per_token = BYTES_PER_TOKEN_STRICT if strict else BYTES_PER_TOKEN_INCREMENTAL
    tokens_in = -(-call.text_bytes // per_token) + sum(map(media_tokens, call.media))
    for tool in call.tools:
        if tool not in price.prices:
            raise InvalidRequest(
                f"{tool.removeprefix('tool:')}: this server tool has no price for {call.model}; "
                "leave it out or ask the operator to price it",
                param="tools",
            )
    if call.operation != "generate" or price.mode != "tokens":
        return Demand(tokens_in, calls=call.choices, tools=call.tools)
    bound, hidden = output_bound(call, price), hidden_bound(call, price)
    if hidden is None or (strict and bound is None):
        raise InvalidRequest(
            f"max_tokens: {call.model} has no known output limit, so its cost has no bound; "
            "send max_tokens",
            param="max_tokens",
        )
    hidden = hidden if bound is None else min(hidden, bound)
    rest = FIRST_VISIBLE_OUTPUT if bound is None else bound - hidden
    n = call.choices
    return Demand(
        tokens_in,
        hidden=hidden * n,
        visible=(rest if strict else min(rest, FIRST_VISIBLE_OUTPUT)) * n,
        bound=None if bound is None else bound * n,
        calls=n,
        tools=call.tools,
    )


def dearest(snapshot: PriceSnapshot, names: Iterable[str]) -> str:
    """The highest price any of these classes can have under any interval of the rule."""
    variants = [snapshot.prices, *({**snapshot.prices, **i.prices} for i in snapshot.intervals)]
    found = (
        price
        for prices in variants
        for name in names
        if counted(snapshot.mode, name) and (price := unit_price(prices, name)) is not None
    )
    return max(found, key=lambda price: atoms(price, "input", 1), default="0")


def hold_amount(snapshot: PriceSnapshot, demand: Demand, output_tokens: int) -> int:
    """Nanos that cover the demand with so many output tokens, at the dearest prices."""
    total = atoms(dearest(snapshot, INPUT_CLASSES), "input", demand.input)
    total += atoms(dearest(snapshot, OUTPUT_CLASSES), "output", output_tokens)
    if snapshot.mode == "times":
        total += atoms(dearest(snapshot, ("calls",)), "calls", demand.calls)
    for tool in demand.tools:
        total += atoms(dearest(snapshot, (tool,)), tool, TOOL_CALLS)
    return nanos(total, snapshot.multiplier)


def produced_tokens(visible_bytes: int) -> int:
    """A cautious count of the output tokens behind text that has been seen."""
    return -(-visible_bytes // BYTES_PER_TOKEN_INCREMENTAL)


def grown(demand: Demand, held_visible: int, produced: int) -> int:
    """The visible output to hold from now on: doubled once 75 % of it was produced.

    Never beyond the bound; the same number back means that the hold need not grow.
    """
    limit = None if demand.bound is None else demand.bound - demand.hidden
    while produced * 100 >= held_visible * EXTEND_AT_PERCENT:
        if limit is not None and held_visible >= limit:
            return held_visible
        held_visible = max(1, held_visible) * 2
        if limit is not None and held_visible > limit:
            return limit
    return held_visible


def enough_until(held_visible: int) -> int:
    """The visible bytes up to which `grown` asks for no more; it need not be asked before."""
    return (held_visible * EXTEND_AT_PERCENT - 1) // 100 * BYTES_PER_TOKEN_INCREMENTAL


def estimated_usage(call: Call, visible_bytes: int) -> Usage:
    """The labelled estimate for a delivered answer whose upstream reported no usage (R10)."""
    tokens_in = -(-call.text_bytes // BYTES_PER_TOKEN_ESTIMATED)
    tokens_out = -(-visible_bytes // BYTES_PER_TOKEN_ESTIMATED)
    quantities = {"input": tokens_in, "output": tokens_out}
    return Usage({name: n for name, n in quantities.items() if n}, source="estimated")
