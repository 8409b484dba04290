"""How a usage record is written as an item: short, since most of what a call costs us is its size.

What is empty, or the same as another attribute, is left out.
"""

import zlib
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final

from tollgate.domain.holds import day_of, parse_hold_id, shard_of, start_of
from tollgate.domain.money import CHARGE_LIMIT
from tollgate.domain.record import WINDOWS, UsageRecord, Windows
from tollgate.store.dynamodb import Item
from tollgate.store.marshal import item_of

SCHEMA: Final = 1
STATES: Final = frozenset({"final", "abandoned", "late", "draft", "refused"})
DRAFT: Final = "#draft"

_REQUIRED: Final = ("state", "hold", "held", "charge")
_PLAIN: Final = tuple(
    (field.name, field.default)
    for field in fields(UsageRecord)
    if isinstance(field.default, str | int) and field.name not in {*_REQUIRED, "price"}
)
_SAME: Final = {
    "requested_group": "group",
    "mapped_model": "model",
    "billing_model": "model",
    "upstream_model": "model",
}
"""Attributes left out where they equal another one."""


class UnreadableRecord(ValueError):
    """A stored record that this version cannot have written, or must not settle."""


def partition_of(user: str, rid: str) -> str:
    """The partition key of a record: its user, day and shard."""
    return f"{user}#{day_of(start_of(rid))}#{shard_of(rid)}"


def record_key(user: str, rid: str, suffix: str = "") -> Item:
    """Where a record lies; its draft lies beside it."""
    return {"pk": {"S": partition_of(user, rid)}, "sk": {"S": rid + suffix}}


def write_record(record: UsageRecord, expires: int) -> Item:
    """The item of a record, without its key; `expires` is the epoch second it may go."""
    values: dict[str, Any] = {"schema": SCHEMA, "expires": expires}
    values |= {name: _plain(getattr(record, name)) for name in _REQUIRED}
    for name, default in _PLAIN:
        value = getattr(record, name)
        if value != (getattr(record, _SAME[name]) if name in _SAME else default):
            values[name] = _plain(value)
    for name in ("chain", "stale_minutes", "usage"):
        if getattr(record, name):
            values[name] = getattr(record, name)
    if record.attempts:
        values["attempts"] = [
            {name: _plain(fact) for name, fact in attempt.items()} for attempt in record.attempts
        ]
    if record.price:
        values["price"] = _compressed(record.price)
    if record.windows:
        values["windows"] = _write_windows(record.windows)
    if record.entered:
        values["entered"] = {name: list(facts) for name, facts in record.entered.items()}
    return item_of(values)


@lru_cache(maxsize=256)
def _compressed(price: str) -> bytes:
    """The same few prices are written again and again."""
    return zlib.compress(price.encode(), 9)


def _plain(value: str | int) -> str | int:
    """Without the subclass: an HTTPStatus is stored as the number it is."""
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _write_windows(windows: Windows) -> dict[str, int]:
    return {
        **{name: windows[name] for name in WINDOWS},
        **{f"{name}_held": amount for name, amount in windows.entered.items()},
    }


def read_record(values: Mapping[str, Any]) -> UsageRecord:
    """The record of an item's plain values.

    Raises:
        UnreadableRecord: it is none, or it would settle something no record of ours can mean.
    """
    try:
        record = _read(values)
        hold = parse_hold_id(record.hold)
        expected = (partition_of(record.user, hold.rid), hold.rid)
        found = (values["pk"], values["sk"].removesuffix(DRAFT))
        amounts = (record.held, record.charge, record.charge + record.late_charge)
        if not all(isinstance(amount, int) and 0 <= amount <= CHARGE_LIMIT for amount in amounts):
            raise ValueError(f"amounts {amounts} are out of range")
        if found != expected:
            raise ValueError(f"hold {record.hold} cannot have its record at {found}")
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise UnreadableRecord(f"a usage record that cannot be read: {error!r}") from error
    return record


def _read(values: Mapping[str, Any]) -> UsageRecord:
    if values["schema"] != SCHEMA or values["state"] not in STATES:
        raise ValueError(f"schema {values['schema']}, state {values['state']}")
    plain = dict(_PLAIN)
    plain |= {name: values.get(other, "") for name, other in _SAME.items()}
    plain |= {name: values[name] for name in plain if name in values}
    return UsageRecord(
        **{**plain, "user": values["pk"].split("#")[0]},
        **{name: values[name] for name in _REQUIRED},
        chain=tuple(values.get("chain", ())),
        stale_minutes=tuple(values.get("stale_minutes", ())),
        usage=values.get("usage", {}),
        attempts=tuple(values.get("attempts", ())),
        price=zlib.decompress(values["price"]).decode() if "price" in values else "",
        windows=_read_windows(values["windows"]) if "windows" in values else None,
        entered={name: (began, n) for name, (began, n) in values.get("entered", {}).items()},
    )


def _read_windows(values: Mapping[str, int]) -> Windows:
    return Windows(
        day=values["day"],
        week=values["week"],
        month=values["month"],
        entered={name: values[f"{name}_held"] for name in WINDOWS if f"{name}_held" in values},
    )
