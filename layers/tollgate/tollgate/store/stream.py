"""DynamoDB stream records as values: what was there before, what is there now."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Image = dict[str, Any]
"""One item's attributes as Python values; numbers are int, or Decimal when not whole."""


class Unreadable(ValueError):
    """A record or an attribute that no table of ours can have written."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write to one item. `sequence` is how the stream numbers it."""

    sequence: str
    keys: Image
    old: Image | None
    new: Image | None


def sequence_of(record: Mapping[str, Any]) -> str:
    """The number a batch names a record by.

    Raises:
        Unreadable: it has none.
    """
    try:
        return str(record["dynamodb"]["SequenceNumber"])
    except (KeyError, TypeError) as error:
        raise Unreadable("a stream record without a sequence number") from error


def read_change(record: Mapping[str, Any]) -> Change:
    """A stream record of Lambda or of the streams API.

    Raises:
        Unreadable: it is not one.
    """
    sequence = sequence_of(record)
    body = record["dynamodb"]
    old, new = body.get("OldImage"), body.get("NewImage")
    if old is None and new is None:
        raise Unreadable(f"stream record {sequence} has no image")
    return Change(
        sequence,
        read_image(body.get("Keys", {})),
        None if old is None else read_image(old),
        None if new is None else read_image(new),
    )


def read_image(item: Mapping[str, Any]) -> Image:
    """Every attribute of an item.

    Raises:
        Unreadable: an attribute is not DynamoDB's.
    """
    try:
        return {name: read_value(value) for name, value in item.items()}
    except (AttributeError, TypeError, ValueError, InvalidOperation) as error:
        raise Unreadable(f"an image that cannot be read: {error}") from error


def read_value(attribute: Mapping[str, Any]) -> Any:
    """One attribute, such as `{"N": "7"}`.

    Raises:
        ValueError: it has no type, or one that DynamoDB does not know.
    """
    ((kind, value),) = attribute.items()
    if kind not in READERS:
        raise Unreadable(f"unknown attribute type {kind!r}")
    return READERS[kind](value)


def read_number(text: str) -> int | Decimal:
    """Never a float."""
    exact = Decimal(text)
    whole = exact == exact.to_integral_value()
    return int(exact) if whole else exact


def read_bytes(value: str | bytes) -> bytes:
    """Lambda hands binary values over as base64 text, the streams API as bytes."""
    return value if isinstance(value, bytes) else base64.b64decode(value, validate=True)


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "S": str,
    "N": read_number,
    "B": read_bytes,
    "BOOL": bool,
    "NULL": lambda _: None,
    "L": lambda elements: [read_value(element) for element in elements],
    "M": lambda entries: {name: read_value(entry) for name, entry in entries.items()},
    "SS": frozenset,
    "NS": lambda numbers: frozenset(map(read_number, numbers)),
    "BS": lambda binaries: frozenset(map(read_bytes, binaries)),
}
