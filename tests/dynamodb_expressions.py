"""Decides what DynamoDB's expressions mean: each distinct text becomes a program, compiled once.

A program gets the item, the names and the values of a request. Conditions answer true or false,
updates answer a new item that shares what did not change, projections a part of the item.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tests.dynamodb_grammar import (
    Action,
    Between,
    Comparison,
    Condition,
    Junction,
    Negation,
    Operand,
    Path,
    Placeholder,
    Reader,
    Sum,
    Within,
)
from tests.dynamodb_values import ORDERED, TYPES, Value, added, order, refused

Item = dict[str, Value]
Names = Mapping[str, str]
Values = Mapping[str, Value]
Parts = tuple[str | int, ...]
Read = Callable[[Item, Names, Values], Value | None]
Test = Callable[[Item, Names, Values], bool]

_ORDERING: Final = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Program:
    """One compiled expression with the placeholders its text uses."""

    names: frozenset[str]
    values: frozenset[str]
    test: Test | None = None
    reads: tuple[tuple[Action, Read | None], ...] = ()
    paths: tuple[Path, ...] = ()
    condition: Condition | None = None


@lru_cache(maxsize=4_096)
def condition_program(text: str, kind: str = "ConditionExpression") -> Program:
    """A condition, filter or key condition.

    Raises:
        RequestRejected: not DynamoDB's language.
    """
    reader = Reader(text, kind)
    condition = reader.condition()
    return Program(
        names=frozenset(reader.names),
        values=frozenset(reader.values),
        test=_test(condition),
        paths=tuple(reader.seen),
        condition=condition,
    )


@lru_cache(maxsize=4_096)
def update_program(text: str) -> Program:
    """An update; raises as `condition_program`."""
    reader = Reader(text, "UpdateExpression")
    actions = reader.actions()
    return Program(
        names=frozenset(reader.names),
        values=frozenset(reader.values),
        reads=tuple(
            (action, None if action.value is None else _operand(action.value)) for action in actions
        ),
        paths=tuple(action.path for action in actions),
    )


@lru_cache(maxsize=4_096)
def projection_program(text: str) -> Program:
    """A projection; raises as `condition_program`."""
    reader = Reader(text, "ProjectionExpression")
    paths = reader.paths()
    return Program(names=frozenset(reader.names), values=frozenset(), paths=paths)


def resolved(path: Path, names: Names) -> Parts:
    """The path with its aliases replaced."""
    return tuple(
        names[part] if isinstance(part, str) and part[0] == "#" else part for part in path.parts
    )


def check_overlap(paths: Iterable[Parts], kind: str) -> None:
    """Refuse paths of which one contains the other, or that disagree on map or list.

    Raises:
        RequestRejected: they overlap or conflict.
    """
    by_root: dict[str | int, list[Parts]] = {}
    for path in paths:
        siblings = by_root.setdefault(path[0], [])
        for other in siblings:
            shared = min(len(path), len(other))
            if path[:shared] == other[:shared]:
                raise refused(f"Invalid {kind}: Two document paths overlap with each other")
            differing = next(at for at in range(shared) if path[at] != other[at])
            if type(path[differing]) is not type(other[differing]):
                raise refused(f"Invalid {kind}: Two document paths conflict with each other")
        siblings.append(path)


def found(item: Item, path: Parts) -> Value | None:
    """The value at a resolved path, or None."""
    value = item.get(path[0])  # type: ignore[arg-type]  # the first part is always a name
    for part in path[1:]:
        if value is None:
            return None
        value = _member(value, part)
    return value


def _member(value: Value, part: str | int) -> Value | None:
    if isinstance(part, str):
        return value["M"].get(part) if "M" in value else None
    members = value.get("L", ())
    return members[part] if part < len(members) else None


# --- operands -------------------------------------------------------------------------------


def _operand(operand: Operand) -> Read:
    if isinstance(operand, Placeholder):
        name = operand.name
        return lambda item, names, values: values[name]
    if isinstance(operand, Path):
        return _path(operand)
    if isinstance(operand, Sum):
        return _sum(operand)
    return _FUNCTIONS[operand.name](*operand.arguments)


def _path(path: Path) -> Read:
    first, *rest = path.parts
    if not rest and isinstance(first, str) and first[0] != "#":
        return lambda item, names, values: item.get(first)
    return lambda item, names, values: found(item, resolved(path, names))


def _needed(operand: Operand) -> Read:
    read = _operand(operand)

    def needed(item: Item, names: Names, values: Values) -> Value:
        value = read(item, names, values)
        if value is None:
            raise refused("The provided expression refers to an attribute that does not exist")
        return value

    return needed


def _sum(total: Sum) -> Read:
    left, right, sign = _needed(total.left), _needed(total.right), total.sign

    def read(item: Item, names: Names, values: Values) -> Value:
        first, second = left(item, names, values), right(item, names, values)
        try:
            return {"N": added(first["N"], second["N"], sign)}  # type: ignore[index]
        except KeyError:
            raise _wrong_type("+" if sign > 0 else "-") from None

    return read


def _if_not_exists(path: Operand, default: Operand) -> Read:
    present, otherwise = _operand(path), _operand(default)

    def read(item: Item, names: Names, values: Values) -> Value | None:
        value = present(item, names, values)
        return otherwise(item, names, values) if value is None else value

    return read


def _list_append(left: Operand, right: Operand) -> Read:
    first, second = _needed(left), _needed(right)

    def read(item: Item, names: Names, values: Values) -> Value:
        lists = first(item, names, values), second(item, names, values)
        if any(one is None or "L" not in one for one in lists):
            raise _wrong_type("list_append")
        return {"L": [*lists[0]["L"], *lists[1]["L"]]}  # type: ignore[index]

    return read


def _size(path: Operand) -> Read:
    of = _operand(path)

    def read(item: Item, names: Names, values: Values) -> Value | None:
        value = of(item, names, values)
        if value is None:
            return None
        ((kind, content),) = value.items()
        return None if kind in {"N", "BOOL", "NULL"} else {"N": str(len(content))}

    return read


def _wrong_type(name: str) -> Exception:
    return refused(
        f"An operand in the update expression has an incorrect data type; operator: {name}"
    )


_FUNCTIONS: Final[dict[str, Callable[..., Read]]] = {
    "if_not_exists": _if_not_exists,
    "list_append": _list_append,
    "size": _size,
}


# --- conditions -----------------------------------------------------------------------------


def _test(condition: Condition) -> Test:
    if isinstance(condition, Comparison):
        return _comparison(condition)
    if isinstance(condition, Junction):
        return _junction(condition)
    if isinstance(condition, Negation):
        inner = _test(condition.condition)
        return lambda item, names, values: not inner(item, names, values)
    if isinstance(condition, Between):
        return _between(condition)
    if isinstance(condition, Within):
        return _within(condition)
    return _PREDICATES[condition.name](*condition.arguments)


def _junction(junction: Junction) -> Test:
    left, right = _test(junction.left), _test(junction.right)
    if junction.word == "AND":
        return lambda item, names, values: left(item, names, values) and right(item, names, values)
    return lambda item, names, values: left(item, names, values) or right(item, names, values)


def _comparison(comparison: Comparison) -> Test:
    left, right = _operand(comparison.left), _operand(comparison.right)
    if comparison.operator == "<>":
        return lambda item, names, values: left(item, names, values) != right(item, names, values)
    if comparison.operator == "=":

        def same(item: Item, names: Names, values: Values) -> bool:
            value = left(item, names, values)
            return value is not None and value == right(item, names, values)

        return same
    return _ordering(comparison, left, right)


def _ordering(comparison: Comparison, left: Read, right: Read) -> Test:
    compare = _ORDERING[comparison.operator]
    literals = _literals(comparison.left, comparison.right)

    def ordered(item: Item, names: Names, values: Values) -> bool:
        _check_ordered(literals, values, comparison.operator)
        first, second = left(item, names, values), right(item, names, values)
        return _comparable(first, second) and compare(order(first), order(second))  # type: ignore[arg-type]

    return ordered


def _literals(*operands: Operand) -> tuple[str, ...]:
    return tuple(operand.name for operand in operands if isinstance(operand, Placeholder))


def _check_ordered(literals: Iterable[str], values: Values, name: str) -> None:
    for literal in literals:
        if values[literal].keys().isdisjoint(ORDERED):
            raise refused(f"Incorrect operand type for operator or function: {name}, {literal}")


def _comparable(first: Value | None, second: Value | None) -> bool:
    return (
        first is not None
        and second is not None
        and first.keys() == second.keys()
        and not first.keys().isdisjoint(ORDERED)
    )


def _between(between: Between) -> Test:
    reads = [_operand(one) for one in (between.operand, between.low, between.high)]
    bounds = _literals(between.low, between.high)

    def inside(item: Item, names: Names, values: Values) -> bool:
        _check_ordered(bounds, values, "BETWEEN")
        value, low, high = (read(item, names, values) for read in reads)
        if len(bounds) == 2:
            _check_bounds(values[bounds[0]], values[bounds[1]])
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
    value, options = _operand(within.operand), [_operand(one) for one in within.options]

    def included(item: Item, names: Names, values: Values) -> bool:
        wanted = value(item, names, values)
        return wanted is not None and any(
            wanted == option(item, names, values) for option in options
        )

    return included


def _attribute_exists(path: Operand) -> Test:
    read = _operand(path)
    return lambda item, names, values: read(item, names, values) is not None


def _attribute_not_exists(path: Operand) -> Test:
    read = _operand(path)
    return lambda item, names, values: read(item, names, values) is None


def _attribute_type(path: Operand, kind: Operand) -> Test:
    read, wanted = _operand(path), _operand(kind)

    def typed(item: Item, names: Names, values: Values) -> bool:
        name = (wanted(item, names, values) or {}).get("S")
        if not isinstance(kind, Placeholder) or name not in TYPES:
            raise refused("Invalid attribute type name found; attribute_type")
        return name in (read(item, names, values) or {})

    return typed


def _begins_with(path: Operand, prefix: Operand) -> Test:
    read, start = _operand(path), _operand(prefix)

    def begins(item: Item, names: Names, values: Values) -> bool:
        wanted = start(item, names, values) or {}
        if isinstance(prefix, Placeholder) and wanted.keys().isdisjoint({"S", "B"}):
            raise refused("Incorrect operand type for operator or function: begins_with")
        value = read(item, names, values) or {}
        return any(
            value[kind].startswith(wanted[kind]) for kind in value.keys() & wanted & {"S", "B"}
        )

    return begins


_MEMBERS: Final = {"SS": "S", "NS": "N", "BS": "B"}


def _contains(path: Operand, operand: Operand) -> Test:
    read, wanted = _operand(path), _operand(operand)

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
