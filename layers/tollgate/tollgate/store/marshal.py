"""Decides how Python values lie in DynamoDB: text, bytes, whole numbers, truth, None, containers.

Never a fraction: amounts are whole nanos, so a float or a Decimal here is a mistake.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tollgate.store.dynamodb import Item


def item_of(values: Mapping[str, Any]) -> Item:
    """An item from plain values; raises as `marshal`."""
    return {name: marshal(value) for name, value in values.items()}


def values_of(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The plain values of an item; raises as `unmarshal`."""
    return {name: unmarshal(value) for name, value in item.items()}


def marshal(value: Any) -> dict[str, Any]:
    """One value in DynamoDB's JSON.

    Raises:
        TypeError: a type that has no place there.
        ValueError: an empty set, or one of mixed types.
    """
    write = _WRITERS.get(type(value))
    if write is None:
        raise TypeError(f"{type(value).__name__} cannot be stored")
    return write(value)


def unmarshal(value: Mapping[str, Any]) -> Any:
    """The plain value of DynamoDB's JSON.

    Raises:
        ValueError: a fraction, or not one known type.
    """
    if len(value) != 1:
        raise ValueError(f"not one value: {dict(value)!r}")
    ((kind, content),) = value.items()
    read = _READERS.get(kind)
    if read is None:
        raise ValueError(f"unknown type {kind!r}")
    return read(content)


_SETS: Final = {str: "SS", int: "NS", bytes: "BS"}


def _set(members: set[Any] | frozenset[Any]) -> dict[str, Any]:
    types = {type(member) for member in members}
    kind = _SETS.get(types.pop()) if len(types) == 1 else None
    if kind is None:
        raise ValueError("a set must have members, all text, all whole numbers or all bytes")
    ordered = sorted(members)
    return {kind: [str(member) for member in ordered] if kind == "NS" else ordered}


def _list(members: list[Any] | tuple[Any, ...]) -> dict[str, Any]:
    return {"L": [marshal(member) for member in members]}


def _map(members: dict[str, Any]) -> dict[str, Any]:
    return {"M": item_of(members)}


_WRITERS: Final[dict[type, Callable[[Any], dict[str, Any]]]] = {
    str: lambda value: {"S": value},
    int: lambda value: {"N": str(value)},
    bytes: lambda value: {"B": value},
    bool: lambda value: {"BOOL": value},
    type(None): lambda _: {"NULL": True},
    list: _list,
    tuple: _list,
    dict: _map,
    set: _set,
    frozenset: _set,
}

_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "S": str,
    "N": int,
    "B": bytes,
    "BOOL": bool,
    "NULL": lambda _: None,
    "L": lambda members: [unmarshal(member) for member in members],
    "M": values_of,
    "SS": set,
    "NS": lambda members: {int(member) for member in members},
    "BS": lambda members: {bytes(member) for member in members},
}
