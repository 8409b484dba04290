"""What an export shows of a call: its columns, and what stands in each of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from tollgate.domain.charge import PriceSnapshot, apportion
from tollgate.domain.holds import parse_hold_id, request_id
from tollgate.domain.money import NANOS_PER_USD
from tollgate.domain.receipt import bill, paid, steps
from tollgate.domain.record import UsageRecord
from tollgate.domain.usage import (
    COUNTED_PER_UNIT,
    INPUT_CLASSES,
    OUTPUT_CLASSES,
    TOOL_PREFIX,
    UNIT_CLASSES,
)

Format = Literal["csv", "xlsx"]

Kind = Literal["text", "count", "decimal", "money"]
"""What a column holds. Money is text wherever a number would be a float."""

Cell = str | int | None
"""A count is an int, all else text; None is an empty cell."""

CLASSES: Final = (*INPUT_CLASSES, *OUTPUT_CLASSES, *UNIT_CLASSES)
ARROW: Final = "→"


@dataclass(frozen=True, slots=True)
class Facts:
    """A record, and what is read off it once for all columns.

    `charge` is all that was debited, in nanos, what came late included; `shares` splits it by
    class, so that its parts add up to it.
    """

    record: UsageRecord
    request_id: str
    charge: int
    shares: Mapping[str, int]
    rule: PriceSnapshot | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, what it holds, and how it is found."""

    name: str
    kind: Kind
    of: Callable[[Facts], Cell]


def facts_of(record: UsageRecord) -> Facts:
    """What the columns are read off."""
    full, charge = bill(record), paid(record)
    parts = apportion(charge, [line.nanos for line in full.lines])
    shares = {line.name: part for line, part in zip(full.lines, parts, strict=True)}
    return Facts(
        record=record,
        request_id=request_id(parse_hold_id(record.hold).rid, record.user),
        charge=charge,
        shares=shares,
        rule=PriceSnapshot.from_json(record.price) if record.price else None,
    )


def row(record: UsageRecord) -> list[Cell]:
    """A call as one row."""
    facts = facts_of(record)
    return [column.of(facts) for column in COLUMNS]


# --- cells ----------------------------------------------------------------------------------


def money(nanos: int) -> str:
    """An amount in dollars with all nine places: 1500000000 → "1.500000000"."""
    whole, part = divmod(abs(nanos), NANOS_PER_USD)
    return f"{'-' if nanos < 0 else ''}{whole}.{part:09d}"


def moment(epoch_ms: int) -> str:
    """A moment in UTC: 2026-11-22T12:00:00.000Z."""
    second = datetime.fromtimestamp(epoch_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{second}.{epoch_ms % 1_000:03d}Z"


def sent_model(record: UsageRecord) -> str:
    """The name an account was sent; none of a call that no account answered."""
    return record.upstream_model if record.account else ""


def interval(facts: Facts) -> str:
    """The interval that priced the call: `0..128000`, or `128000..` without an end."""
    if facts.rule is None or facts.record.interval < 0:
        return ""
    chosen = facts.rule.intervals[facts.record.interval]
    return f"{chosen.minimum}..{'' if chosen.maximum is None else chosen.maximum}"


def tools(record: UsageRecord) -> str:
    """The server tools that were called, and how often each: `web_search 2`."""
    found = {n: times for n, times in record.usage.items() if n.startswith(TOOL_PREFIX)}
    return ", ".join(f"{name.removeprefix(TOOL_PREFIX)} {n}" for name, n in sorted(found.items()))


def elapsed(record: UsageRecord, until: int) -> Cell:
    """Milliseconds from the beginning of a call; nothing where it never came so far."""
    return until - record.started if until else None


# --- columns --------------------------------------------------------------------------------


def text(name: str) -> Column:
    """A field of the record that is text."""
    return Column(name, "text", lambda facts: str(getattr(facts.record, name)))


def quantity(name: str) -> Column:
    """How many units of a class; nothing where it did not occur."""
    parts = COUNTED_PER_UNIT.get(name, 1)
    if parts == 1:
        return Column(name, "count", lambda facts: facts.record.usage.get(name))
    places = len(str(parts)) - 1

    def decimal(facts: Facts) -> Cell:
        counted = facts.record.usage.get(name)
        if counted is None:
            return None
        whole, part = divmod(counted, parts)
        return f"{whole}.{part:0{places}d}"

    return Column(name, "decimal", decimal)


def share(name: str) -> Column:
    """What of the charge a class cost; nothing where it cost nothing."""

    def cost(facts: Facts) -> Cell:
        nanos = facts.shares.get(name, 0)
        return money(nanos) if nanos else None

    return Column(f"{name}_usd", "money", cost)


def other(facts: Facts) -> Cell:
    """What of the charge no column of a class shows: priced tools, above all."""
    rest = facts.charge - sum(facts.shares.get(name, 0) for name in CLASSES)
    return money(rest) if rest else None


COLUMNS: Final = (
    Column("time", "text", lambda facts: moment(facts.record.started)),
    *map(text, ("user", "key", "account", "channel", "group", "requested_group")),
    Column("requested_model", "text", lambda facts: facts.record.model),
    text("billing_model"),
    Column("channel_mapped_model", "text", lambda facts: facts.record.mapped_model),
    Column("upstream_model", "text", lambda facts: sent_model(facts.record)),
    Column("chain", "text", lambda facts: ARROW.join(steps(facts.record))),
    text("dialect"),
    Column("stream", "text", lambda facts: "yes" if facts.record.stream else "no"),
    *map(quantity, CLASSES),
    Column("tools", "text", lambda facts: tools(facts.record)),
    text("usage_source"),
    *map(text, ("label", "tier", "price_source")),
    Column("price_version", "count", lambda facts: facts.record.price_version or None),
    text("model_group"),
    Column("billing_mode", "text", lambda facts: facts.rule.mode if facts.rule else ""),
    Column("multiplier", "decimal", lambda facts: facts.rule.multiplier if facts.rule else None),
    Column("interval", "text", interval),
    *map(share, CLASSES),
    Column("other_usd", "money", other),
    Column("charge_usd", "money", lambda facts: money(facts.charge)),
    Column("cost_usd", "money", lambda facts: money(facts.record.cost)),
    Column("image_cost_usd", "money", lambda facts: money(facts.record.image_cost)),
    *map(text, ("funding", "state")),
    Column("status", "count", lambda facts: facts.record.status or None),
    text("error"),
    Column("first_byte_ms", "count", lambda facts: elapsed(facts.record, facts.record.first_byte)),
    Column("duration_ms", "count", lambda facts: elapsed(facts.record, facts.record.ended)),
    Column("request_id", "text", lambda facts: facts.request_id),
    text("upstream_id"),
)

HEADINGS: Final = tuple(column.name for column in COLUMNS)
KINDS: Final = tuple(column.kind for column in COLUMNS)


def file_name(start_ms: int, end_ms: int, form: Format) -> str:
    """What the file is called: `usage_20261101T000000Z_to_20261201T000000Z.csv`."""
    first, last = (
        datetime.fromtimestamp(ms // 1_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        for ms in (start_ms, end_ms)
    )
    return f"usage_{first}_to_{last}.{form}"
