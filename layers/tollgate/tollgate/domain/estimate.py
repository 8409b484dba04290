"""How much a call may cost, before it is sent: the amount to hold.

Strict holds are true upper bounds (a token covers at least one byte). Incremental holds, for
streams, start with half the bytes and 1,024 tokens of visible output and grow while the stream
does; output that may come without visible bytes is held from the start (ruling R14). Nothing is
ever clamped: what has no bound is refused with what to send instead.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tollgate.domain.call import Call, Media
from tollgate.domain.catalog import Price, PriceTexts
from tollgate.domain.charge import (
    PriceSnapshot,
    atoms,
    counted,
    matching_interval,
    nanos,
    priced_tier,
    prices_for,
    unit_price,
)
from tollgate.domain.errors import (
    InvalidRequest,
    ModelPriceNotConfigured,
    PricingMisconfigured,
)
from tollgate.domain.patterns import normal
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

HEARD_TOKENS: Final = 40
"""Most input tokens of a second of sound whose length is known; the media above agree."""

HEARD_TOKENS_ESTIMATED: Final = 10
"""For the labelled estimate: what OpenAI's transcribers take for a second."""

ORDINARY_TIERS: Final = frozenset({"", "flex"})
"""Service tiers that cost what the model costs unless they have prices of their own."""

REMOTE_MEDIA_BYTES: Final = 20_000_000
"""Size assumed for sound or a file that the call only names by URL."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one call may consume, over all its choices, in tokens.

    `hidden` is output that may come without visible bytes, `visible` the visible output held at
    first, `bound` the most output there can be (None when nothing limits it). `images` are to be
    drawn, `sound_ms` is to be heard; `tier` and `labels` choose among prices. `named` tells that
    the answer can bear no other labels: a vendor's own choice of size or quality would add some.
    """

    input: int
    hidden: int = 0
    visible: int = 0
    bound: int | None = 0
    calls: int = 1
    tools: tuple[str, ...] = ()
    images: int = 0
    sound_ms: int = 0
    tier: str = ""
    labels: tuple[str, ...] = ()
    named: bool = True


def media_tokens(media: Media) -> int:
    """Most input tokens that one image, sound or file can take; never counted as text bytes."""
    unit = MEDIA_UNIT_BYTES.get(media.kind)
    size = media.size or REMOTE_MEDIA_BYTES
    return MEDIA_TOKENS[media.kind] * (-(-size // unit) if unit else 1)


def output_bound(call: Call, price: Price | None) -> int | None:
    """Most output tokens of one choice: the caller's limit, else the model's largest output."""
    if call.max_output is not None:
        return call.max_output
    return price.max_output if price is not None else None


def hidden_bound(call: Call, price: Price | None) -> int | None:
    """Most output without visible bytes: the caller's thinking budget, else the whole output.

    None when a model may reason without any known limit. Nobody knows that a model without an
    official price does not reason.
    """
    if call.hidden_output is not None:
        return call.hidden_output
    return 0 if price is not None and not price.reasoning else output_bound(call, price)


def input_bound(call: Call, bytes_per_token: int) -> int:
    """Most input tokens: of text, and of media by their bytes, or by their length where known."""
    text = -(-call.text_bytes // bytes_per_token)
    if call.sound_ms:
        return text + -(-call.sound_ms * HEARD_TOKENS // 1_000)
    return text + sum(map(media_tokens, call.media))


CHARGED_FOR: Final[Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]] = {
    ("tokens", "generate"): (("input",), ("output",)),
    ("tokens", "embed"): (("input",),),
    ("tokens", "transcribe"): (("input",), ("output",)),
    ("tokens", "draw"): (("output_image", "images"),),
    ("times", "generate"): (("calls", "images"),),
    ("times", "embed"): (("calls",),),
    ("times", "transcribe"): (("calls",),),
    ("times", "draw"): (("calls", "images"),),
    ("seconds", "transcribe"): (("seconds",),),
}
"""What must have a price, by billing mode and operation: of each row one of the classes.

Anything else cannot be metered here.
"""


SIZES: Final = (re.compile(r"[0-9]{1,5}[x*][0-9]{1,5}"), re.compile(r"[0-9.]{1,5}k"))
"""Two ways in which a label, in its normal form, says how large a picture is."""

SIZE_CLASSES: Final = frozenset({"1k", "2k", "4k"})
"""Every picture bears one of these labels (in their normal form) after its own names."""


def require_price(call: Call, snapshot: PriceSnapshot) -> None:
    """Refuse a model whose price knows nothing of what this kind of call consumes.

    Raises:
        ModelPriceNotConfigured: the call would be answered and cost nothing by mistake.
        PricingMisconfigured: the price was agreed with this user, who can do nothing about it.
    """
    needed = CHARGED_FOR.get((snapshot.mode, call.operation))
    found = every_size if call.operation == "draw" else anywhere
    if needed and all(found(snapshot, row) for row in needed):
        return
    kind = PricingMisconfigured if snapshot.source == "customer" else ModelPriceNotConfigured
    raise kind(
        f"model {call.model!r} has no price for this kind of call; ask the operator to set one",
        param="model",
    )


def anywhere(snapshot: PriceSnapshot, row: tuple[str, ...]) -> bool:
    """Whether any table of a rule prices one of these classes."""
    tables = [snapshot.prices, *(interval.prices for interval in snapshot.intervals)]
    return any(prices_one(table, row) for table in tables)


def every_size(snapshot: PriceSnapshot, row: tuple[str, ...]) -> bool:
    """Whether a picture of any size has a price: a flat one, or one for each class of sizes."""
    labelled = {normal(each.label) for each in snapshot.intervals if prices_one(each.prices, row)}
    return prices_one(snapshot.prices, row) or labelled >= SIZE_CLASSES


def prices_one(table: PriceTexts, row: tuple[str, ...]) -> bool:
    """Whether a table prices one of these classes."""
    return any(unit_price(table, name) is not None for name in row)


def require_extras(call: Call, snapshot: PriceSnapshot) -> None:
    """Refuse what the call asks for beside the model and nothing prices.

    Raises:
        InvalidRequest: a service tier or a server tool without a price.
    """
    if call.tier not in ORDINARY_TIERS and not priced_tier(snapshot, call.tier):
        raise InvalidRequest(
            f"service tier {call.tier!r} has no price for {call.model}; "
            "leave it out or ask the operator to price it",
            param="service_tier",
        )
    for tool in call.tools:
        if tool not in snapshot.prices:
            raise InvalidRequest(
                f"{tool.removeprefix('tool:')}: this server tool has no price for {call.model}; "
                "leave it out or ask the operator to price it",
                param="tools",
            )


def demand(call: Call, snapshot: PriceSnapshot, price: Price | None, *, strict: bool) -> Demand:
    """What to hold for, by the rule that will price the call and the model row with its limits.

    Raises:
        InvalidRequest: a tool or tier without a price, or output that nothing limits where the
            hold must cover all of it.
        ModelPriceNotConfigured, PricingMisconfigured: nothing prices this kind of call.
    """
    require_price(call, snapshot)
    require_extras(call, snapshot)
    per_token = BYTES_PER_TOKEN_STRICT if strict else BYTES_PER_TOKEN_INCREMENTAL
    base = Demand(
        input=input_bound(call, per_token),
        calls=call.choices,
        tools=call.tools,
        images=call.images or call.choices * by_picture(call, snapshot),
        sound_ms=call.sound_ms,
        tier=call.tier,
        labels=call.labels,
        named=call.operation != "draw" or any("/" in label for label in call.labels),
    )
    if call.operation == "embed" or snapshot.mode != "tokens":
        return base
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
    return replace(
        base,
        hidden=hidden * n,
        visible=(rest if strict else min(rest, FIRST_VISIBLE_OUTPUT)) * n,
        bound=None if bound is None else bound * n,
    )


def by_picture(call: Call, snapshot: PriceSnapshot) -> bool:
    """Whether a chat may be charged for pictures, of which each choice brings one."""
    return snapshot.mode == "times" and call.operation == "generate"


def tables_of(snapshot: PriceSnapshot, demand: Demand) -> list[PriceTexts]:
    """Every table of prices that may apply to the call in the end.

    Any context range may. Of the labelled prices only the one asked for, where it was named, and
    what the vendor may add to a named size. The tier served may be the ordinary one instead.
    """
    intervals = snapshot.intervals
    named = matching_interval(intervals, 0, demand.labels) if intervals else None
    known = frozenset(map(normal, demand.labels))
    places: list[int | None] = [
        index
        for index, each in enumerate(intervals)
        if not each.label or named is None or (not demand.named and may_bear(each.label, known))
    ]
    places += [None, *(() if named is None else (named,))]
    return [prices_for(snapshot, place, tier) for place in places for tier in {"", demand.tier}]


def may_bear(label: str, known: frozenset[str]) -> bool:
    """Whether a picture of which so much is known may get a label: not that of another size."""
    size = normal(label).rpartition("/")[2]
    other = (form.fullmatch(size) and any(map(form.fullmatch, known)) for form in SIZES)
    return size in known or not any(other)


def hold_amount(snapshot: PriceSnapshot, demand: Demand, output_tokens: int) -> int:
    """Nanos that cover the demand with so many output tokens, at the dearest prices."""
    wanted: list[tuple[Iterable[str], str, int]] = [
        (INPUT_CLASSES, "input", demand.input),
        (OUTPUT_CLASSES, "output", output_tokens),
        (("images",), "images", demand.images),
        (("seconds",), "seconds", demand.sound_ms),
        *(((tool,), tool, TOOL_CALLS) for tool in demand.tools),
    ]
    if snapshot.mode == "times":
        wanted.append((("calls",), "calls", demand.calls))
    tables = tables_of(snapshot, demand) if snapshot.intervals or snapshot.tiers else [
        snapshot.prices
    ]  # fmt: skip
    total = sum(
        dearest(tables, [name for name in names if counted(snapshot.mode, name)], unit, quantity)
        for names, unit, quantity in wanted
        if quantity
    )
    return nanos(total, snapshot.multiplier)


def dearest(tables: list[PriceTexts], names: list[str], unit: str, quantity: int) -> int:
    """Atoms, rounded up, of so many units of whichever of these classes costs most."""
    most = 0
    for table in tables:
        for name in names:
            price = unit_price(table, name)
            if price is not None:
                above, below = atoms(price, unit, quantity)
                most = max(most, -(-above // below))
    return most


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
    drawn = call.operation == "draw"
    quantities = {
        "input": -(-call.text_bytes // BYTES_PER_TOKEN_ESTIMATED),
        "input_audio": -(-call.likely_sound_ms * HEARD_TOKENS_ESTIMATED // 1_000),
        "output": 0 if drawn else -(-visible_bytes // BYTES_PER_TOKEN_ESTIMATED),
        "output_image": call.max_output or 0 if drawn else 0,
        "images": call.images,
        "seconds": call.likely_sound_ms,
    }
    counted_only = {name: n for name, n in quantities.items() if n}
    return Usage(counted_only, source="estimated", labels=call.labels)
