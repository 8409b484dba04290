"""Composes one conditional change of a wallet: what moves, and what must hold for it to move.

Placeholders are named after the paths they stand for, so equal kinds of change have equal
expression texts whatever ids they carry. Every change counts the wallet's version up.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from tollgate.store.wallet_item import n

KINDS: Final = {
    "=": "is",
    "<>": "is_not",
    "<": "below",
    "<=": "most",
    ">": "above",
    ">=": "least",
}
"""What a value is called that a comparison is made with."""


@lru_cache(maxsize=1_024)
def _placeholders(path: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A path in placeholders, and what each stands for unless it was named otherwise."""
    segments = path.split(".")
    return "#" + ".#".join(segments), tuple((f"#{segment}", segment) for segment in segments)


class Change:
    """One update being composed.

    A path is written with dots (`keys.key.remaining`); a segment stands for itself unless it was
    named, as `name("key", alias)` does. An update adds to numbers: arithmetic never leaves the
    item, and DynamoDB allows one operator for each SET.
    """

    def __init__(self, now: int) -> None:
        self.meanings: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.sets: list[str] = []
        self.removed: list[str] = []
        self.conditions: list[str] = []
        self.add("version", 1)
        self.put("updated_at", n(now))

    def name(self, segment: str, attribute: str) -> str:
        """Let a path segment stand for an attribute whose name is data; returns the segment."""
        self.meanings[f"#{segment}"] = attribute
        return segment

    def at(self, path: str) -> str:
        """The path in placeholders."""
        place, segments = _placeholders(path)
        for placeholder, segment in segments:
            self.names[placeholder] = self.meanings.get(placeholder, segment)
        return place

    def value(self, name: str, value: Mapping[str, Any]) -> str:
        """A value placeholder."""
        placeholder = ":" + name.replace(".", "_")
        self.values[placeholder] = value
        return placeholder

    def add(self, path: str, amount: int) -> None:
        """Add to a number that is there."""
        place = self.at(path)
        self.sets.append(f"{place} = {place} + {self.value(f'{path}_by', n(amount))}")

    def count(self, path: str, amount: int) -> None:
        """Add to a number that may not be there yet."""
        place, zero = self.at(path), self.value("zero", n(0))
        amount_by = self.value(f"{path}_by", n(amount))
        self.sets.append(f"{place} = if_not_exists({place}, {zero}) + {amount_by}")

    def put(self, path: str, value: Mapping[str, Any]) -> None:
        """Set an attribute, whatever it was."""
        self.sets.append(f"{self.at(path)} = {self.value(f'{path}_new', value)}")

    def put_difference(self, path: str, other: str, amount: int) -> None:
        """Set an attribute to another one less an amount."""
        less = self.value(f"{path}_less", n(amount))
        self.sets.append(f"{self.at(path)} = {self.at(other)} - {less}")

    def remove(self, path: str) -> None:
        """Take an attribute away; one that is not there stays away."""
        self.removed.append(self.at(path))

    def require(self, path: str, operator: str, value: Mapping[str, Any]) -> None:
        """Let the change happen only while `path <operator> value`."""
        kind = KINDS[operator]
        self.conditions.append(f"{self.at(path)} {operator} {self.value(f'{path}_{kind}', value)}")

    def require_present(self, path: str) -> None:
        self.conditions.append(f"attribute_exists({self.at(path)})")

    def require_absent(self, path: str) -> None:
        self.conditions.append(f"attribute_not_exists({self.at(path)})")

    def require_fewer(self, path: str, limit: int) -> None:
        """Let the change happen only while a map has fewer members."""
        self.conditions.append(f"size({self.at(path)}) < {self.value(f'{path}_limit', n(limit))}")

    def require_below_or_absent(self, path: str, limit: int) -> None:
        place, below = self.at(path), self.value(f"{path}_below", n(limit))
        self.conditions.append(f"(attribute_not_exists({place}) OR {place} < {below})")

    def request(self) -> dict[str, Any]:
        """The expressions, names and values of an UpdateItem, or of an Update in a transaction."""
        update = "SET " + ", ".join(self.sets)
        if self.removed:
            update += " REMOVE " + ", ".join(self.removed)
        return {
            "UpdateExpression": update,
            "ConditionExpression": " AND ".join(self.conditions),
            "ExpressionAttributeNames": self.names,
            "ExpressionAttributeValues": self.values,
        }
