"""LiteLLM's cost map, row by row: which of its fields bill which of our usage classes.

Its figures are USD per token, character, second, image or query; ours are per million for tokens
and characters and per unit else. A row is skipped when something it charges for cannot be billed
yet (fees per request, images beside tokens); skipping refuses the model, guessing would bill it
wrong (reference traps: `max` of the two per-second fields, and absent is not zero). Cached audio
and images count as any other cached input; batches, off-peak hours and regions are not sold.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from tollgate.domain.amounts import PRICE_DECIMALS
from tollgate.domain.catalog import BillingMode, Interval
from tollgate.domain.price_draft import PriceDraft

Row = Mapping[str, Any]
Prices = dict[str, str]

TOKEN_FIELDS: Final[Mapping[str, str]] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "input_cost_per_token_cache_hit": "cache_read",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "input_cost_per_image_token": "input_image",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_image_token": "output_image",
    "output_cost_per_reasoning_token": "reasoning",
}
"""Where two fields mean one class, the later one wins."""

RANK: Final = {field: rank for rank, field in enumerate(TOKEN_FIELDS)}

CHARACTERS: Final = "input_cost_per_character"
QUERIES: Final = "input_cost_per_query"
IMAGES: Final = ("output_cost_per_image", "input_cost_per_image")
HEARD_SECONDS: Final = ("input_cost_per_second", "output_cost_per_second")
SEEN_SECONDS: Final = ("output_cost_per_second", "output_cost_per_video_per_second")
PIXELS: Final = ("input_cost_per_pixel", "output_cost_per_pixel")
UNIT_FIELDS: Final = frozenset(
    {CHARACTERS, QUERIES, *IMAGES, *HEARD_SECONDS, *SEEN_SECONDS, *PIXELS}
)
SEARCH: Final = "search_context_cost_per_query"
SEARCH_SIZE: Final = "search_context_size_medium"
"""What a search costs by how much of the web it reads; calls that do not say get the medium."""

TOOL_FIELDS: Final[Mapping[str, tuple[str, Decimal]]] = {
    "google_maps_grounding_cost_per_query": ("tool:google_maps", Decimal(1)),
    "code_interpreter_cost_per_session": ("tool:code_interpreter", Decimal(1)),
    "file_search_cost_per_1k_calls": ("tool:file_search", Decimal("0.001")),
}
SPECIFIC: Final = "provider_specific_entry"
FAST: Final = "fast"
"""A vendor's faster service as a factor on everything; the other entries say nothing of prices."""

META_FIELDS: Final = frozenset(
    {"mode", "litellm_provider", "max_output_tokens", "supports_reasoning", "tiered_pricing"}
)
UNBILLABLE: Final = ("input_cost_per_request", "citation_cost_per_token")
"""Fees that no usage class of a token price counts."""

TIERS: Final = ("priority", "flex", "ultrafast", "balanced")
STEPPED: Final = re.compile(
    rf"(?P<field>{'|'.join(sorted(TOKEN_FIELDS, key=len, reverse=True))})"
    rf"(?:_above_(?P<above>\d{{1,6}})k_tokens)?(?:_(?P<tier>{'|'.join(TIERS)}))?"
)
BOUND: Final = re.compile(r"[0-9.]{1,12}(?:[eE]\+?[0-9]{1,2})?")
VARIANT: Final = re.compile(r"(?P<field>output_cost_per_(?:second|image))_(?P<label>[0-9.]+[kKp]?)")

LISTED: Final = "litellm"
"""What the source of a price begins with that is from such a list; its provider follows."""

LONGEST_SOURCE: Final = 100

K: Final = 1_000
MILLION: Final = Decimal(1_000_000)
ONE: Final = Decimal(1)


def amount(value: Any, factor: Decimal) -> str:
    """One figure of the map in our unit, without the noise that binary fractions left in it."""
    return plain(round(Decimal(str(value)) * factor, PRICE_DECIMALS))


def plain(value: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def per_token(row: Row) -> tuple[Prices, dict[int, Prices], dict[tuple[int, str], Prices]]:
    """Token prices of a row: flat, by context threshold, and by threshold (0: flat) and tier."""
    flat: Prices = {}
    above: dict[int, Prices] = {}
    tiers: dict[tuple[int, str], Prices] = {}
    figures = ((STEPPED.fullmatch(name), value) for name, value in row.items() if value is not None)
    found = [(step, value) for step, value in figures if step is not None]
    for step, value in sorted(found, key=lambda one: RANK[one[0]["field"]]):
        start = int(step["above"] or 0) * K
        prices = above.setdefault(start, {}) if start else flat
        if step["tier"]:
            prices = tiers.setdefault((start, step["tier"]), {})
        prices[TOKEN_FIELDS[step["field"]]] = amount(value, MILLION)
    return flat, above, tiers


def tiers_at(start: int, tiers: Mapping[tuple[int, str], Prices]) -> dict[str, Prices]:
    return {tier: prices for (begin, tier), prices in tiers.items() if begin == start}


def intervals_of(
    flat: Prices, above: Mapping[int, Prices], tiers: Mapping[tuple[int, str], Prices]
) -> tuple[Interval, ...]:
    """Context thresholds as ranges. What a threshold does not name keeps the price below it.

    A class without a flat price is dropped: the map has a few such slips, far below the input
    price that the class then inherits.
    """
    starts = sorted(above)
    intervals: list[Interval] = []
    reached: Prices = {}
    hurry = tiers_at(0, tiers)
    for start, end in zip_longest(starts, starts[1:]):
        reached = reached | {name: price for name, price in above[start].items() if name in flat}
        hurry = hurried_at(tiers_at(start, tiers), hurry, reached)
        if reached:
            intervals.append(Interval(start, end, dict(reached), hurry))
    return tuple(intervals)


def hurried_at(
    named: Mapping[str, Prices], below: Mapping[str, Prices], ordinary: Prices
) -> dict[str, Prices]:
    """The tiers of a threshold: what it does not name costs no less than it does below."""
    found = {tier: dict(prices) for tier, prices in named.items()}
    for tier, prices in below.items():
        for name, price in prices.items():
            if name in ordinary and Decimal(price) > Decimal(ordinary[name]):
                found.setdefault(tier, {}).setdefault(name, price)
    return found


def by_tokens(row: Row, *needed: str) -> dict[str, Any] | None:
    """A price by tokens, if every needed class has one."""
    steps = row.get("tiered_pricing")
    if steps:
        return by_steps(steps, *needed)
    flat, above, tiers = per_token(row)
    if not flat.keys() >= set(needed):
        return None
    drop_echo([flat, *above.values(), *tiers.values()])
    intervals = intervals_of(flat, above, tiers)
    return {"prices": flat, "intervals": intervals, "tiers": tiers_at(0, tiers)}


def drop_echo(tables: list[Prices]) -> None:
    """Leave out a price for reasoning that only repeats the output's: without one it follows that.

    Tiers and thresholds of such rows name the output alone and mean both.
    """
    if all(table.get("reasoning") in (None, table.get("output")) for table in tables):
        for table in tables:
            table.pop("reasoning", None)


def by_steps(steps: Any, *needed: str) -> dict[str, Any] | None:
    """A price by a table of ranges; beyond the last range its prices go on."""
    ranges = [step.get("range") for step in steps]
    if not all(ranges):
        return None
    tables = [per_token(step)[0] for step in steps]
    if not all(table.keys() >= set(needed) for table in tables):
        return None
    starts = [int(Decimal(low)) for low in map(bound, ranges[1:])]
    intervals = tuple(
        Interval(start, end, table)
        for start, end, table in zip_longest(starts, starts[1:], tables[1:])
    )
    return {"prices": tables[0], "intervals": intervals}


def bound(step: Any) -> str:
    """Where a step begins, in tokens; one of a million digits would take minutes to read.

    Raises:
        ValueError: it is no such number.
    """
    low = str(step[0])
    if not BOUND.fullmatch(low):
        raise ValueError(f"{low[:40]} is no number of tokens")
    return low


def by_unit(name: str, factor: Decimal, *fields: str) -> Callable[[Row], dict[str, Any] | None]:
    """A price by one unit: of the fields that are there, the dearest; and by size or resolution.

    Without a figure for no size in particular the dearest size stands for all others.
    """

    def read(row: Row) -> dict[str, Any] | None:
        figures = [Decimal(amount(row[field], factor)) for field in fields if row.get(field)]
        variants = {
            found["label"]: Decimal(amount(value, factor))
            for key, value in row.items()
            if value is not None and (found := VARIANT.fullmatch(key)) and found["field"] in fields
        }
        if not figures and not variants:
            return None
        dearest = max(figures or variants.values())
        return {"prices": {name: plain(dearest)}, "intervals": labelled(name, variants)}

    return read


def labelled(name: str, variants: Mapping[str, Decimal]) -> tuple[Interval, ...]:
    """Prices of one class by label."""
    return tuple(
        Interval(0, None, {name: plain(price)}, label=label)
        for label, price in sorted(variants.items())
    )


def tokens(*needed: str) -> Callable[[Row], dict[str, Any] | None]:
    return lambda row: by_tokens(row, *needed)


Way = tuple[BillingMode, Callable[[Row], dict[str, Any] | None]]
CHAT: Final[tuple[Way, ...]] = (("tokens", tokens("input", "output")),)
PICTURES: Final[tuple[Way, ...]] = (
    ("tokens", tokens("input", "output_image")),
    ("times", by_unit("images", ONE, IMAGES[0])),
    ("times", by_unit("images", ONE, IMAGES[1])),
)
WAYS: Final[Mapping[str, tuple[Way, ...]]] = {
    "chat": CHAT,
    "responses": CHAT,
    "completion": CHAT,
    "embedding": (("tokens", tokens("input")),),
    "image_generation": PICTURES,
    "image_edit": PICTURES,
    "audio_transcription": (*CHAT, ("seconds", by_unit("seconds", ONE, *HEARD_SECONDS))),
    "audio_speech": (
        ("tokens", by_unit("characters", MILLION, CHARACTERS)),
        ("tokens", tokens("input", "output_audio")),
    ),
    "rerank": (("tokens", by_unit("queries", ONE, QUERIES)), ("tokens", tokens("input"))),
    "video_generation": (("seconds", by_unit("seconds", ONE, *SEEN_SECONDS)),),
}
"""How each kind of model is sold: the first way that the row has figures for."""

EXTRA_INPUT: Final[Mapping[str, tuple[str, ...]]] = {
    "embedding": ("input_cost_per_image", "input_cost_per_video_per_second"),
    "video_generation": ("input_cost_per_image",),
}
"""What some rows of a kind charge for besides; such a row cannot be billed yet."""


def billable(row: Row) -> bool:
    """Whether a row charges only for what can be billed."""
    extra = (*UNBILLABLE, *EXTRA_INPUT.get(str(row.get("mode")), ()))
    return not any(Decimal(str(row.get(field) or 0)) for field in extra)


def tools_of(row: Row) -> Prices:
    """What the vendor's own tools cost, each by the names its calls are counted under."""
    found = {
        name: amount(row[field], factor)
        for field, (name, factor) in TOOL_FIELDS.items()
        if row.get(field) is not None
    }
    searches = row.get(SEARCH)
    if searches:
        sizes = {size: Decimal(str(price)) for size, price in searches.items()}
        price = amount(sizes.get(SEARCH_SIZE, max(sizes.values())), ONE)
        found["tool:web_search"] = price
        if str(row.get("litellm_provider")).startswith(("gemini", "vertex_ai")):
            found["tool:google_search"] = price
    return found


def hurried(terms: dict[str, Any], row: Row) -> dict[str, Any]:
    """The terms with the tier of a vendor's faster service, where it is sold as a factor."""
    factor = (row.get(SPECIFIC) or {}).get(FAST)
    if factor is None:
        return terms
    times = Decimal(str(factor))
    intervals = tuple(
        replace(interval, tiers={**interval.tiers, FAST: dearer(interval.prices, times)})
        for interval in terms.get("intervals", ())
    )
    tiers = {**terms.get("tiers", {}), FAST: dearer(terms["prices"], times)}
    return {**terms, "intervals": intervals, "tiers": tiers}


def dearer(prices: Mapping[str, str], factor: Decimal) -> Prices:
    return {name: amount(price, factor) for name, price in prices.items()}


def read_row(model: str, row: Row) -> PriceDraft | None:
    """One row as a draft; None when it cannot be billed or is zero throughout."""
    if not billable(row):
        return None
    for mode, read in WAYS.get(str(row.get("mode")), ()):
        terms = read(row)
        if terms is not None and any(map(Decimal, terms["prices"].values())):
            limit = str(row.get("max_output_tokens"))
            terms = hurried(terms, row)
            return PriceDraft(
                model=model,
                mode=mode,
                **{**terms, "prices": {**terms["prices"], **tools_of(row)}},
                max_output=(int(limit) or None) if limit.isdecimal() else None,
                reasoning=bool(row.get("supports_reasoning")),
                source=source_of(row),
            )
    return None


def source_of(row: Row) -> str:
    """Where a price is from."""
    return f"{LISTED}:{row.get('litellm_provider', '')}"[:LONGEST_SOURCE]


def reduced_row(row: Row) -> dict[str, Any]:
    """What a row that is billed says about its price."""
    specific = {FAST: row[SPECIFIC][FAST]} if FAST in (row.get(SPECIFIC) or {}) else None
    fields = {field: value for field, value in row.items() if kept(field)}
    return {**fields, SPECIFIC: specific} if specific else fields


def kept(field: str) -> bool:
    """Whether a field says anything about a price."""
    known = (META_FIELDS, UNIT_FIELDS, TOOL_FIELDS, {SEARCH})
    forms = (STEPPED, VARIANT)
    return any(field in names for names in known) or any(form.fullmatch(field) for form in forms)
