"""Decides how the test evaluator keeps items: partitions, indexes, sizes, streams, units spent."""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NamedTuple

from tests.dynamodb_operands import Item
from tests.dynamodb_values import Value, copied, refused
from tests.item_size import LARGEST_ITEM, item_size, read_half_units, write_units

LONGEST_PK: Final = 2_048
LONGEST_SK: Final = 1_024

Key = tuple[str, str]


@dataclass(slots=True)
class Row:
    """An item, never changed in place, with a size it certainly does not exceed.

    The exact size takes longer to count than the write itself, and most tests never ask for it.
    """

    item: Item
    bound: int

    @property
    def size(self) -> int:
        """Exact bytes."""
        return item_size(self.item)


ABSENT: Final = Row({}, 0)


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index that holds every attribute of the items that have both keys."""

    hash: str
    range: str | None = None
    hash_type: str = "S"
    range_type: str = "S"

    def types(self) -> dict[str, str]:
        """Key attribute → its type."""
        ranged = {self.range: self.range_type} if self.range else {}
        return {self.hash: self.hash_type, **ranged}


class Spent(NamedTuple):
    """What one item of one call cost."""

    operation: str
    table: str
    write_units: int
    read_half_units: int


class Read(NamedTuple):
    """A read whose cost is counted when somebody asks: `factor` is 2 in transactions."""

    operation: str
    table: "Table"
    rows: Sequence[Row]
    is_consistent: bool
    factor: int = 1

    def spent(self) -> Spent:
        """The cost: of everything that was looked at."""
        size = sum(row.size for row in self.rows)
        halves = read_half_units(size, consistent=self.is_consistent) * self.factor
        return Spent(self.operation, self.table.name, 0, halves)


class Written(NamedTuple):
    """A write whose cost is counted when somebody asks: `factor` is 2 in transactions."""

    operation: str
    table: "Table"
    old: Row
    new: Row
    factor: int = 1

    def spent(self) -> Spent:
        """The cost: of the larger image, and of every index entry that changed."""
        units = write_units(max(self.old.size, self.new.size))
        for index in self.table.indexes.values():
            units += _index_units(index, self.old, self.new)
        return Spent(self.operation, self.table.name, units * self.factor, 0)


class Change(NamedTuple):
    """One stream record: the images before and after."""

    sequence: int
    key: Key
    old: Item | None
    new: Item | None


Watcher = Callable[[str, Item | None, Item | None], None]


def key_of(key: Any) -> Key:
    """Partition and sort key of a `Key` or an item's key attributes.

    Raises:
        RequestRejected: empty, too long, not strings.
    """
    try:
        pk, sk = key["pk"]["S"], key["sk"]["S"]
    except (KeyError, TypeError):
        raise refused("The provided key element does not match the schema") from None
    for text, longest in ((pk, LONGEST_PK), (sk, LONGEST_SK)):
        if not isinstance(text, str) or not 0 < len(text.encode()) <= longest:
            raise refused("The value of a key attribute is empty, too long or not a string")
    return pk, sk


def whole_key(key: Any) -> Key:
    """`key_of` a request's `Key`, which must hold nothing else."""
    if len(key) != 2 or any(len(value) != 1 for value in key.values()):
        raise refused("The provided key element does not match the schema")
    return key_of(key)


def key_item(key: Key) -> Item:
    """The key as an item of its own."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def given(item: Item) -> Item:
    """A copy of an item for the caller."""
    return {name: copied(value) for name, value in item.items()}


@dataclass(slots=True)
class Table:
    """One table with string keys `pk` and `sk`."""

    name: str
    indexes: dict[str, Index]
    watch: Watcher | None = None
    sequence: Iterator[int] = field(default_factory=lambda: count(1))
    partitions: dict[str, dict[str, Row]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def row(self, key: Key) -> Row | None:
        """The stored item, or None."""
        partition = self.partitions.get(key[0])
        return None if partition is None else partition.get(key[1])

    def rows(self) -> Iterator[tuple[Key, Row]]:
        """Everything, in no promised order."""
        for pk, partition in self.partitions.items():
            for sk, row in partition.items():
                yield (pk, sk), row

    def write(self, key: Key, new: Row | None) -> None:
        """Replace (or with None delete) one item; what changes nothing leaves no record."""
        old = self.row(key)
        before = None if old is None else old.item
        after = None if new is None else new.item
        if new is not None:
            self.partitions.setdefault(key[0], {})[key[1]] = new
        elif old is not None:
            del self.partitions[key[0]][key[1]]
        if before != after:
            self.changes.append(Change(next(self.sequence), key, before, after))
            if self.watch is not None:
                self.watch(self.name, before, after)

    def checked_row(self, item: Item, bound: int) -> Row:
        """The row of an item about to be written, given a size it certainly does not exceed.

        Raises:
            RequestRejected: over 400 KB, or an index key of the wrong type.
        """
        if bound > LARGEST_ITEM:
            bound = item_size(item)
            if bound > LARGEST_ITEM:
                raise refused("Item size has exceeded the maximum allowed size")
        for index in self.indexes.values():
            for name, kind in index.types().items():
                value = item.get(name)
                if value is not None and not value.get(kind):
                    raise refused(f"Type mismatch or empty value for Index Key {name}")
        return Row(item, bound)


def new_row(table: Table, item: Item) -> Row:
    """The row of a whole new item; raises as `Table.checked_row`.

    A character is at most four bytes, and everything that counts is longer as Python writes it.
    """
    return table.checked_row(item, 4 * len(repr(item)))


def index_entry(index: Index, item: Item) -> list[Value] | None:
    """The item's key in the index, or None when it is not in it."""
    values = [item.get(name) for name in index.types()]
    return None if None in values else [value for value in values if value]


def _index_units(index: Index, old: Row, new: Row) -> int:
    before, after = index_entry(index, old.item), index_entry(index, new.item)
    if before is not None and before == after:
        return 0 if old.item == new.item else write_units(max(old.size, new.size))
    removed = 0 if before is None else write_units(old.size)
    return removed + (0 if after is None else write_units(new.size))


def stream_record(table: str, change: Change) -> dict[str, Any]:
    """The change as Lambda's event shows it: binary values in base64."""
    stream: dict[str, Any] = {
        "ApproximateCreationDateTime": 0,
        "Keys": key_item(change.key),
        "SequenceNumber": f"{change.sequence:021d}",
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if change.new is not None:
        stream["NewImage"] = {name: _encoded(value) for name, value in change.new.items()}
    if change.old is not None:
        stream["OldImage"] = {name: _encoded(value) for name, value in change.old.items()}
    kind = "MODIFY" if change.new and change.old else "INSERT" if change.new else "REMOVE"
    return {
        "eventID": f"{change.sequence:032x}",
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}/stream/0",
        "dynamodb": stream,
    }


def _encoded(value: Value) -> Value:
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": base64.b64encode(content).decode()}
    if kind == "BS":
        return {"BS": [base64.b64encode(member).decode() for member in content]}
    if kind == "M":
        return {"M": {name: _encoded(member) for name, member in content.items()}}
    if kind == "L":
        return {"L": [_encoded(member) for member in content]}
    return copied(value)
