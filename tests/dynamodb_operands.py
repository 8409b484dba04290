"""Decides what a path, a placeholder or a function of an expression stands for in an item.

Each operand is compiled once into a closure over (item, names, values); the closures are what
the evaluator spends its time in, so the frequent forms (a name, a name in a map) have their own.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from tests.dynamodb_grammar import Operand, Path, Placeholder, Sum
from tests.dynamodb_values import Value, added, refused

Item = dict[str, Value]
Names = Mapping[str, str]
Values = Mapping[str, Value]
Parts = tuple[str | int, ...]
Read = Callable[[Item, Names, Values], Value | None]


def resolved(path: Path, names: Names) -> Parts:
    """The path with its aliases replaced."""
    parts = path.parts
    if not path.has_alias:
        return parts
    if len(parts) == 2:
        outer, inner = parts
        return names.get(outer, outer), names.get(inner, inner)  # type: ignore[arg-type]
    return tuple([names.get(part, part) for part in parts])  # type: ignore[arg-type]


def checked_roots(paths: Iterable[Parts], kind: str) -> Collection[str | int]:
    """The attributes the paths start with.

    Paths of which one contains the other, or that disagree on map or list, are refused.

    Raises:
        RequestRejected: they overlap or conflict.
    """
    by_root: dict[str | int, list[Parts]] = {}
    for path in paths:
        siblings = by_root.get(path[0])
        if siblings is None:
            by_root[path[0]] = [path]
            continue
        for other in siblings:
            _check_pair(path, other, kind)
        siblings.append(path)
    return by_root.keys()


def _check_pair(path: Parts, other: Parts, kind: str) -> None:
    for one, another in zip(path, other, strict=False):
        if type(one) is not type(another):
            raise refused(f"Invalid {kind}: Two document paths conflict with each other")
        if one != another:
            return
    raise refused(f"Invalid {kind}: Two document paths overlap with each other")


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


def reader_of(operand: Operand) -> Read:
    """The closure that reads the operand's value: None where there is none."""
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
    if not rest and not path.has_alias:
        return lambda item, names, values: item.get(first)  # type: ignore[arg-type]
    if len(rest) == 1 and isinstance(rest[0], str):
        return _member_path(str(first), rest[0])
    return lambda item, names, values: found(item, resolved(path, names))


def _member_path(outer: str, inner: str) -> Read:
    def read(item: Item, names: Names, values: Values) -> Value | None:
        container = item.get(names.get(outer, outer))
        if container is None or "M" not in container:
            return None
        member: Value | None = container["M"].get(names.get(inner, inner))
        return member

    return read


def missing() -> Exception:
    """The refusal of an update that reads an attribute which is not there."""
    return refused("The provided expression refers to an attribute that does not exist")


def wrong_type(name: str) -> Exception:
    """The refusal of an update whose operand has the wrong type."""
    return refused(
        f"An operand in the update expression has an incorrect data type; operator: {name}"
    )


def _sum(total: Sum) -> Read:
    left, right, sign = reader_of(total.left), reader_of(total.right), total.sign

    def read(item: Item, names: Names, values: Values) -> Value:
        first, second = left(item, names, values), right(item, names, values)
        if first is None or second is None:
            raise missing()
        try:
            return {"N": added(first["N"], second["N"], sign)}
        except KeyError:
            raise wrong_type("+" if sign > 0 else "-") from None

    return read


def _if_not_exists(path: Operand, default: Operand) -> Read:
    present, otherwise = reader_of(path), reader_of(default)

    def read(item: Item, names: Names, values: Values) -> Value | None:
        value = present(item, names, values)
        return otherwise(item, names, values) if value is None else value

    return read


def _list_append(left: Operand, right: Operand) -> Read:
    first, second = reader_of(left), reader_of(right)

    def read(item: Item, names: Names, values: Values) -> Value:
        start, end = first(item, names, values), second(item, names, values)
        if start is None or end is None:
            raise missing()
        if "L" not in start or "L" not in end:
            raise wrong_type("list_append")
        return {"L": [*start["L"], *end["L"]]}

    return read


def _size(path: Operand) -> Read:
    of = reader_of(path)

    def read(item: Item, names: Names, values: Values) -> Value | None:
        value = of(item, names, values)
        if value is None:
            return None
        ((kind, content),) = value.items()
        return None if kind in {"N", "BOOL", "NULL"} else {"N": str(len(content))}

    return read


_FUNCTIONS: Final[dict[str, Callable[..., Read]]] = {
    "if_not_exists": _if_not_exists,
    "list_append": _list_append,
    "size": _size,
}
