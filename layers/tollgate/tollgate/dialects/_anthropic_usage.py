"""What Anthropic reports as usage, in the normal form; its classes are disjoint already."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tollgate.dialects._usage import Tally, inside, listed
from tollgate.domain.usage import TOOL_PREFIX, Usage

TOTALS: Final = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_read_input_tokens": "read",
    "cached_tokens": "read",
    "cache_creation_input_tokens": "written",
}
LIFETIMES: Final = {
    "ephemeral_5m_input_tokens": "written_5m",
    "ephemeral_1h_input_tokens": "written_1h",
}
THINKING: Final = {"thinking_tokens": "thinking"}
REQUESTS: Final = "_requests"
SUB_CALL: Final = "_message"
COMPACTION: Final = "compaction"


def note(tally: Tally, report: object) -> None:
    """Take in a usage object: a whole answer's, or one event's."""
    usage = inside(report)
    take(tally, usage)
    # The speed is the tier that is priced; `service_tier` only tells of the operator's contract.
    tally.note_tier(usage.get("speed"))
    tally.take(inside(usage.get("output_tokens_details")), THINKING)
    for field, value in inside(usage.get("server_tool_use")).items():
        if field.endswith(REQUESTS):
            tally.note(f"{TOOL_PREFIX}{field.removesuffix(REQUESTS)}", value)
    note_iterations(tally, listed(usage.get("iterations")))


def take(tally: Tally, usage: Mapping[str, Any]) -> None:
    """Take in the token figures of an answer or of one of its iterations."""
    tally.take(usage, TOTALS)
    tally.take(inside(usage.get("cache_creation")), LIFETIMES)


def note_iterations(tally: Tally, iterations: list[Mapping[str, Any]]) -> None:
    """Take in what the totals leave out: compactions, and calls of other models (advisors)."""
    extra: Counter[str] = Counter()
    for iteration in iterations:
        kind = str(iteration.get("type"))
        if kind == COMPACTION:
            one = Tally()
            take(one, iteration)
            extra.update(classes(one))
            tally.suspect |= one.suspect
        elif kind.endswith(SUB_CALL):
            extra[f"{TOOL_PREFIX}{kind.removesuffix(SUB_CALL)}"] += 1
    for name, count in extra.items():
        tally.note(name if name.startswith(TOOL_PREFIX) else f"{COMPACTION}.{name}", count)


def classes(tally: Tally) -> dict[str, int]:
    """Token classes; of written cache, what has no lifetime told lives for five minutes."""
    lasting = tally["written_5m"] + tally["written_1h"]
    return {
        "input": tally["input"],
        "cache_read": tally["read"],
        "cache_write_5m": tally["written_5m"] + max(0, tally["written"] - lasting),
        "cache_write_1h": tally["written_1h"],
        "output": tally["output"],
    }


def normal(tally: Tally) -> Usage | None:
    """The normal form. Thinking is inside the output already."""
    quantities = {
        name: count + tally[f"{COMPACTION}.{name}"] for name, count in classes(tally).items()
    }
    tools = {n: count for n, count in tally.counts.items() if n.startswith(TOOL_PREFIX)}
    return tally.usage(
        {**quantities, **tools}, "input", "output", reasoning_inside=tally["thinking"]
    )
