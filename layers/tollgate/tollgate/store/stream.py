"""DynamoDB stream records as values: what was there before, what is there now."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollgate.store.dynamodb import Item
from tollgate.store.marshal import values_of

Image = dict[str, Any]
"""One item's attributes as plain values (store/marshal.py)."""


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
    """Every attribute of an image, as a plain value.

    Raises:
        Unreadable: an attribute is none of ours.
    """
    try:
        return values_of(as_stored(item))
    except (AttributeError, TypeError, ValueError) as error:
        raise Unreadable(f"an image that cannot be read: {error}") from error


def as_stored(image: Mapping[str, Any]) -> Item:
    """An image as the table holds it: Lambda hands binary values over as base64 text.

    Raises:
        ValueError: a binary value is not base64, or an attribute has not one type.
    """
    return {name: with_bytes(attribute) for name, attribute in image.items()}


def with_bytes(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """One attribute with its binary values as bytes."""
    ((kind, content),) = attribute.items()
    decode = DECODERS.get(kind)
    return {kind: content if decode is None else decode(content)}


def read_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else base64.b64decode(value, validate=True)


DECODERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "B": read_bytes,
    "BS": lambda binaries: [read_bytes(binary) for binary in binaries],
    "L": lambda elements: [with_bytes(element) for element in elements],
    "M": as_stored,
}
