"""How exact values are stored: whole numbers as numbers, decimals as text, never a float."""

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.constants import LIST, NUMBER, STRING


class IntegerAttribute(Attribute[int]):
    """A whole number; pynamodb's own would read what is not whole as a float."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        return str(int(value))

    def deserialize(self, value: str) -> int:
        return int(value)


class DecimalAttribute(Attribute[Decimal]):
    """A decimal, as the text it was written with."""

    attr_type = STRING

    def serialize(self, value: Decimal) -> str:
        return format(value, "f")

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class NamesAttribute(Attribute[tuple[str, ...]]):
    """A list of names, in order."""

    attr_type = LIST

    def serialize(self, value: Iterable[str]) -> list[dict[str, str]]:
        return [{STRING: name} for name in value]

    def deserialize(self, value: list[dict[str, str]]) -> tuple[str, ...]:
        return tuple(element[STRING] for element in value)


def refuse_float(text: str) -> Any:
    """No number with a point belongs in the catalog: prices are text.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{text} is a float; write it as text")


class JsonAttribute(Attribute[Any]):
    """A nested value of texts, whole numbers, booleans, lists and maps."""

    attr_type = STRING

    def serialize(self, value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def deserialize(self, value: str) -> Any:
        return json.loads(value, parse_float=refuse_float, parse_constant=refuse_float)


class StoredAttribute(JsonAttribute):
    """A value of the catalog, in the form that `write` gives it and `read` takes."""

    def __init__(self, write: Callable[[Any], Any], read: Callable[[Any], Any]) -> None:
        super().__init__()
        self._write = write
        self._read = read

    def serialize(self, value: Any) -> str:
        return super().serialize(self._write(value))

    def deserialize(self, value: str) -> Any:
        return self._read(super().deserialize(value))


def every(act: Callable[[Any], Any]) -> Callable[[Iterable[Any]], tuple[Any, ...]]:
    """The same, done to each of several values."""
    return lambda values: tuple(act(value) for value in values)
