"""Decides which items a Query or a Scan of the test evaluator answers, in which order and pages."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.dynamodb_changes import projected
from tests.dynamodb_grammar import Between, Call, Comparison, Condition, Junction, Path, Placeholder
from tests.dynamodb_operands import Item, Names, Parts, Values, checked_roots, resolved
from tests.dynamodb_requests import Statement, placeholders, statement_of
from tests.dynamodb_tables import Index, Row, Table, given, index_entry, key_of
from tests.dynamodb_values import order, refused

PAGE: Final = 1_024 * 1_024
KEYS: Final = Index("pk", "sk")

Position = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a read request that its expressions share."""

    request: Mapping[str, Any]
    names: Names
    values: Values
    statement: Statement
    paths: Sequence[Parts]

    def view(self, item: Item) -> Item:
        """The asked-for part of an item, as the caller's own."""
        return given(item if self.statement.projection is None else projected(item, self.paths))

    def wanted(self, item: Item) -> bool:
        """Whether the filter lets the item through."""
        program = self.statement.filter
        if program is None or program.test is None:
            return True
        return program.test(item, self.names, self.values)


def asked(request: Mapping[str, Any]) -> Asked:
    """Read the expressions of a request.

    Raises:
        RequestRejected: one is wrong, or its placeholders are.
    """
    meaning = statement_of(request)
    names, values = placeholders(request, meaning)
    shown = () if meaning.projection is None else meaning.projection.paths
    paths = [resolved(path, names) for path in shown]
    checked_roots(paths, "ProjectionExpression")
    return Asked(request, names, values, meaning, paths)


def query(table: Table, asking: Asked) -> tuple[dict[str, Any], list[Row]]:
    """The page, and what was looked at for it.

    Raises:
        RequestRejected: the key condition or the filter does not fit the key schema.
    """
    index, keys = _index(table, asking.request), asking.statement.keys
    if keys is None or keys.condition is None or keys.test is None:
        raise refused("Missing required parameter: KeyConditionExpression")
    hash_value = _check_keys(index, keys.condition, asking)
    _check_filter(index, asking)
    key_test = keys.test
    rows: Iterator[Row] = (
        iter(table.partitions.get(hash_value["S"], {}).values())
        if index is KEYS
        else (row for _, row in table.rows() if index_entry(index, row.item))
    )
    found = [row for row in rows if key_test(row.item, asking.names, asking.values)]
    backwards = asking.request.get("ScanIndexForward", True) is False
    found.sort(key=lambda row: _position(index, row.item), reverse=backwards)
    return _page(index, found, asking, lambda item: _position(index, item), backwards)


def scan(table: Table, asking: Asked) -> tuple[dict[str, Any], list[Row]]:
    """The page of one segment (or of everything), and what was looked at for it."""
    index = _index(table, asking.request)
    segment, total = asking.request.get("Segment", 0), asking.request.get("TotalSegments", 1)
    if ("Segment" in asking.request) != ("TotalSegments" in asking.request) or segment >= total:
        raise refused("Segment must be below TotalSegments, and both are given or none")
    found = [
        row
        for (pk, _), row in table.rows()
        if zlib.crc32(pk.encode()) % total == segment and index_entry(index, row.item)
    ]
    found.sort(key=lambda row: _scatter(row.item))
    return _page(index, found, asking, _scatter, backwards=False)


def _index(table: Table, request: Mapping[str, Any]) -> Index:
    name = request.get("IndexName")
    if name is None:
        return KEYS
    if name not in table.indexes:
        raise refused(f"The table does not have the specified index: {name}")
    if request.get("ConsistentRead"):
        raise refused("Consistent reads are not supported on global secondary indexes")
    return table.indexes[name]


def _position(index: Index, item: Item) -> Position:
    pk, sk = key_of(item)
    if index is KEYS:
        return (sk,)
    return (*(order(item[name]) for name in index.types()), pk, sk)


def _scatter(item: Item) -> Position:
    pk, sk = key_of(item)
    return zlib.crc32(pk.encode()), pk, sk


def _page(
    index: Index, found: list[Row], asking: Asked, position: Any, backwards: bool
) -> tuple[dict[str, Any], list[Row]]:
    start, limit = asking.request.get("ExclusiveStartKey"), asking.request.get("Limit")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise refused("Limit must be a whole number of at least 1")
    if start is not None:
        _check_start(index, start)
        after = position(start)
        found = [
            row
            for row in found
            if (position(row.item) < after if backwards else position(row.item) > after)
        ]
    read = _read(found, limit)
    items = [row.item for row in read if asking.wanted(row.item)]
    answer: dict[str, Any] = {"Count": len(items), "ScannedCount": len(read)}
    if asking.request.get("Select") != "COUNT":
        answer["Items"] = [asking.view(item) for item in items]
    if read and (len(read) < len(found) or len(read) == limit):
        last = read[-1].item
        answer["LastEvaluatedKey"] = given(
            {name: last[name] for name in {**index.types(), **KEYS.types()}}
        )
    return answer, read


def _read(found: list[Row], limit: int | None) -> list[Row]:
    """The rows of one page: it ends at the limit, or with the item that fills a megabyte."""
    rows = found[:limit]
    if sum(row.bound for row in rows) < PAGE:
        return rows
    size = 0
    for at, row in enumerate(rows):
        size += row.size
        if size >= PAGE:
            return rows[: at + 1]
    return rows


def _check_start(index: Index, start: Any) -> None:
    expected = {**index.types(), **KEYS.types()}
    if not isinstance(start, dict) or start.keys() != expected.keys():
        raise refused("The provided starting key is invalid")
    if any(set(start[name]) != {kind} for name, kind in expected.items()):
        raise refused("The provided starting key is invalid: type mismatch")


def _check_keys(index: Index, keys: Condition, asking: Asked) -> dict[str, Any]:
    """Refuse all but `hash = :value [AND one test of the range key]`; answers the hash value."""
    leaves = list(_leaves(keys))
    tested = [_tested(leaf, asking) for leaf in leaves]
    if sorted(tested) not in ([index.hash], sorted(index.types())):
        raise refused("Query key condition not supported")
    at_hash = leaves[tested.index(index.hash)]
    if not isinstance(at_hash, Comparison) or at_hash.operator != "=":
        raise refused("Query key condition not supported: the hash key is compared with =")
    for leaf, name in zip(leaves, tested, strict=True):
        for placeholder in _placeholders(leaf):
            content = asking.values[placeholder.name].get(index.types()[name])
            if content is None:
                raise refused("Condition parameter type does not match schema type")
            if content in ("", b""):
                raise refused("A key condition value may not be empty")
    assert isinstance(at_hash.right, Placeholder)
    return dict(asking.values[at_hash.right.name])


def _leaves(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, Junction) and condition.word == "AND":
        yield from _leaves(condition.left)
        yield from _leaves(condition.right)
    else:
        yield condition


def _tested(leaf: Condition, asking: Asked) -> str:
    path: Any = None
    if isinstance(leaf, Comparison) and leaf.operator != "<>":
        path = leaf.left
    elif isinstance(leaf, Between):
        path = leaf.operand
    elif isinstance(leaf, Call) and leaf.name == "begins_with":
        path = leaf.arguments[0]
    if not isinstance(path, Path) or len(path.parts) != 1:
        raise refused("Invalid operator used in KeyConditionExpression")
    return str(resolved(path, asking.names)[0])


def _placeholders(leaf: Condition) -> list[Placeholder]:
    operands: tuple[Any, ...] = ()
    if isinstance(leaf, Comparison):
        operands = (leaf.right,)
    elif isinstance(leaf, Between):
        operands = (leaf.low, leaf.high)
    elif isinstance(leaf, Call):
        operands = leaf.arguments[1:]
    found = [operand for operand in operands if isinstance(operand, Placeholder)]
    if len(found) != len(operands):
        raise refused("Key conditions compare with values only")
    return found


def _check_filter(index: Index, asking: Asked) -> None:
    for path in asking.statement.filter.paths if asking.statement.filter else ():
        if resolved(path, asking.names)[0] in index.types():
            raise refused("Filter Expression can only contain non-primary key attributes")
