"""Decides what an update or a projection makes of an item, once its expression is compiled.

Nothing is changed in place: the new item shares every attribute that no path touched, so the old
image stays what it was.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.dynamodb_expressions import Program
from tests.dynamodb_operands import Item, Names, Parts, Values, found, missing, wrong_type
from tests.dynamodb_values import Value, added, order, refused

_SETS = ("SS", "NS", "BS")


def updated(
    item: Item, program: Program, paths: Sequence[Parts], names: Names, values: Values
) -> Item:
    """The item after the update; every right-hand side is read from the item before it.

    `paths` are the program's own, resolved.

    Raises:
        RequestRejected: a path that cannot be written, a missing attribute, a wrong type.
    """
    new = dict(item)
    removals: list[Parts] = []
    appended: list[tuple[Parts, Value]] = []
    for (word, read), path in zip(program.reads, paths, strict=True):
        value = None if read is None else _result(item, word, path, read(item, names, values))
        if value is None:
            removals.append(path)
        elif type(path[-1]) is int and _is_beyond(item, path):
            appended.append((path, value))
        else:
            _write(new, path, value)
    for path, value in sorted(appended, key=lambda one: one[0][-1]):
        _write(new, path, value)
    if len(removals) > 1:
        removals.sort(key=_index, reverse=True)
    for path in removals:
        _write(new, path, None)
    return new


def projected(item: Item, paths: Iterable[Parts]) -> Item:
    """The part of the item at these paths; list members close up."""
    tree: dict[str | int, Any] = {}
    for path in paths:
        if found(item, path) is not None:
            branch = tree
            for part in path:
                branch = branch.setdefault(part, {})
    return {str(name): _pruned(item[str(name)], branch) for name, branch in tree.items()}


def _pruned(value: Value, branch: dict[str | int, Any]) -> Value:
    if not branch:
        return value
    if "M" in value:
        return {"M": {name: _pruned(value["M"][name], rest) for name, rest in branch.items()}}
    indexes = sorted(index for index in branch if isinstance(index, int))
    return {"L": [_pruned(value["L"][index], branch[index]) for index in indexes]}


def _result(item: Item, word: str, path: Parts, value: Value | None) -> Value | None:
    if value is None:
        raise missing()
    return value if word == "SET" else _ADD_OR_DELETE[word](found(item, path), value)


def _sum(old: Value | None, value: Value) -> Value:
    ((kind, content),) = value.items()
    if kind not in {"N", *_SETS} or (old is not None and kind not in old):
        raise wrong_type("ADD")
    if old is None:
        return value
    if kind == "N":
        return {"N": added(old["N"], content, 1)}
    return {kind: _sorted(kind, {*old[kind], *content})}


def _difference(old: Value | None, value: Value) -> Value | None:
    ((kind, content),) = value.items()
    if kind not in _SETS or (old is not None and kind not in old):
        raise wrong_type("DELETE")
    left = set(old[kind]) - set(content) if old is not None else set()
    return {kind: _sorted(kind, left)} if left else None


_ADD_OR_DELETE: dict[str, Callable[[Value | None, Value], Value | None]] = {
    "ADD": _sum,
    "DELETE": _difference,
}


def _sorted(kind: str, members: set[Any]) -> list[Any]:
    return sorted(members, key=lambda member: order({kind[0]: member}))


def _index(path: Parts) -> int:
    return path[-1] if isinstance(path[-1], int) else -1


def _is_beyond(item: Item, path: Parts) -> bool:
    members = (found(item, path[:-1]) or {}).get("L", ())
    return isinstance(path[-1], int) and path[-1] >= len(members)


def _write(new: Item, path: Parts, value: Value | None) -> None:
    """Put (or with None take away) the value at the path, copying the containers on the way."""
    name, rest = str(path[0]), path[1:]
    if rest:
        new[name] = _rewritten(new.get(name), rest, value)
    elif value is None:
        new.pop(name, None)
    else:
        new[name] = value


def _rewritten(container: Value | None, path: Parts, value: Value | None) -> Value:
    part, rest = path[0], path[1:]
    if container is not None and isinstance(part, str) and "M" in container:
        members = dict(container["M"])
        if rest:
            members[part] = _rewritten(members.get(part), rest, value)
        elif value is None:
            members.pop(part, None)
        else:
            members[part] = value
        return {"M": members}
    if container is not None and isinstance(part, int) and "L" in container:
        return {"L": _relisted(list(container["L"]), part, rest, value)}
    raise refused("The document path provided in the update expression is invalid for update")


def _relisted(members: list[Value], index: int, rest: Parts, value: Value | None) -> list[Value]:
    inside = index < len(members)
    if rest:
        below = _rewritten(members[index] if inside else None, rest, value)
        members[index] = below
    elif value is None:
        del members[index : index + 1]
    elif inside:
        members[index] = value
    else:
        members.append(value)
    return members
