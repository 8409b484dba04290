"""Decides whether a condition, filter or key condition is true of an item."""

import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.dynamodb_grammar import (
    Between,
    Comparison,
    Condition,
    Junction,
    Negation,
    Operand,
    Placeholder,
    Within,
)
from tests.dynamodb_operands import Item, Names, Read, Values, reader_of
from tests.dynamodb_values import ORDERED, TYPES, Value, order, parsed, refused

Test = Callable[[Item, Names, Values], bool]

_ORDERING: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MEMBERS: Final = {"SS": "S", "NS": "N", "BS": "B"}


def decider_of(condition: Condition) -> Test:
    """The closure that decides the condition."""
    if isinstance(condition, Comparison):
        return _comparison(condition)
    if isinstance(condition, Junction):
        return _junction(condition)
    if isinstance(condition, Negation):
        inner = decider_of(condition.condition)
        return lambda item, names, values: not inner(item, names, values)
    if isinstance(condition, Between):
        return _between(condition)
    if isinstance(condition, Within):
        return _within(condition)
    return _PREDICATES[condition.name](*condition.arguments)


def _junction(junction: Junction) -> Test:
    tests = [decider_of(part) for part in _flat(junction, junction.word)]
    stop = junction.word == "OR"

    def joined(item: Item, names: Names, values: Values) -> bool:
        for test in tests:
            if test(item, names, values) is stop:
                return stop
        return not stop

    return joined


def _flat(condition: Condition, word: str) -> Iterator[Condition]:
    if isinstance(condition, Junction) and condition.word == word:
        yield from _flat(condition.left, word)
        yield from _flat(condition.right, word)
    else:
        yield condition


def _comparison(comparison: Comparison) -> Test:
    left, right = reader_of(comparison.left), reader_of(comparison.right)
    if comparison.operator == "<>":
        return lambda item, names, values: left(item, names, values) != right(item, names, values)
    if comparison.operator == "=":

        def same(item: Item, names: Names, values: Values) -> bool:
            value = left(item, names, values)
            return value is not None and value == right(item, names, values)

        return same
    return _ordering(_ORDERING[comparison.operator], left, right)


def _ordering(compare: Callable[[Any, Any], bool], left: Read, right: Read) -> Test:
    def ordered(item: Item, names: Names, values: Values) -> bool:
        first, second = left(item, names, values), right(item, names, values)
        if first is None or second is None:
            return False
        if "N" in first and "N" in second:
            return compare(parsed(first["N"]), parsed(second["N"]))
        return _comparable(first, second) and compare(order(first), order(second))

    return ordered


def _comparable(first: Value, second: Value) -> bool:
    return first.keys() == second.keys() and not first.keys().isdisjoint(ORDERED)


def _between(between: Between) -> Test:
    reads = [reader_of(one) for one in (between.operand, between.low, between.high)]
    are_literals = isinstance(between.low, Placeholder) and isinstance(between.high, Placeholder)

    def inside(item: Item, names: Names, values: Values) -> bool:
        value, low, high = (read(item, names, values) for read in reads)
        if are_literals:
            _check_bounds(low or {}, high or {})
        if value is None or low is None or high is None:
            return False
        if not (_comparable(value, low) and _comparable(value, high)):
            return False
        return bool(order(low) <= order(value) <= order(high))

    return inside


def _check_bounds(low: Value, high: Value) -> None:
    if not _comparable(low, high):
        raise refused("The BETWEEN operator requires same data type for lower and upper bounds")
    if order(low) > order(high):
        raise refused("The BETWEEN operator requires upper bound to be greater or equal to lower")


def _within(within: Within) -> Test:
    value, options = reader_of(within.operand), [reader_of(one) for one in within.options]

    def included(item: Item, names: Names, values: Values) -> bool:
        wanted = value(item, names, values)
        return wanted is not None and any(
            wanted == option(item, names, values) for option in options
        )

    return included


def _attribute_exists(path: Operand) -> Test:
    read = reader_of(path)
    return lambda item, names, values: read(item, names, values) is not None


def _attribute_not_exists(path: Operand) -> Test:
    read = reader_of(path)
    return lambda item, names, values: read(item, names, values) is None


def _attribute_type(path: Operand, kind: Operand) -> Test:
    read, wanted = reader_of(path), reader_of(kind)

    def typed(item: Item, names: Names, values: Values) -> bool:
        name = (wanted(item, names, values) or {}).get("S")
        if name not in TYPES:
            raise refused(f"Invalid attribute type name found: {name}")
        return name in (read(item, names, values) or {})

    return typed


def _begins_with(path: Operand, prefix: Operand) -> Test:
    read, start = reader_of(path), reader_of(prefix)

    def begins(item: Item, names: Names, values: Values) -> bool:
        value, wanted = read(item, names, values) or {}, start(item, names, values) or {}
        kinds = value.keys() & wanted.keys() & {"S", "B"}
        return any(value[kind].startswith(wanted[kind]) for kind in kinds)

    return begins


def _contains(path: Operand, operand: Operand) -> Test:
    read, wanted = reader_of(path), reader_of(operand)

    def contains(item: Item, names: Names, values: Values) -> bool:
        value, part = read(item, names, values), wanted(item, names, values)
        if value is None or part is None:
            return False
        ((kind, content),) = value.items()
        if kind == "L":
            return part in content
        sought = part.get(_MEMBERS.get(kind, kind))
        return kind in {"S", "B", *_MEMBERS} and sought is not None and sought in content

    return contains


_PREDICATES: Final[dict[str, Callable[..., Test]]] = {
    "attribute_exists": _attribute_exists,
    "attribute_not_exists": _attribute_not_exists,
    "attribute_type": _attribute_type,
    "begins_with": _begins_with,
    "contains": _contains,
}
