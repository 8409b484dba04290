"""Decides what one write of the test evaluator, alone or in a transaction, does to its item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tollgate.store.dynamodb import ConditionFailed, RequestRejected, TransactionRefused

from tests.dynamodb_changes import updated
from tests.dynamodb_expressions import Item, Names, Parts, Values, check_overlap, resolved
from tests.dynamodb_requests import Statement, check_required, placeholders, statement
from tests.dynamodb_tables import Key, Row, Table, given, key_item, key_of, new_row, whole_key
from tests.dynamodb_values import checked, refused
from tests.item_size import attribute_size, item_size


@dataclass(slots=True)
class Write:
    """One write understood but not yet tried against the stored item."""

    word: str
    table: Table
    key: Key
    statement: Statement
    names: Names
    values: Values
    item: Item | None
    show_old: bool
    paths: Sequence[Parts]

    def outcome(self) -> Row | None:
        """The row that replaces the stored one (the same for a mere check).

        Raises:
            ConditionFailed: nothing may be written.
            RequestRejected: the update does not fit the item.
        """
        old = self.table.row(self.key)
        item = old.item if old else {}
        condition = self.statement.condition
        test = None if condition is None else condition.test
        if test is not None and not test(item, self.names, self.values):
            raise ConditionFailed(given(item) if old and self.show_old else None)
        if self.item is not None:
            return new_row(self.table, self.item)
        if self.word == "Update":
            return self._updated(old or Row(key_item(self.key), item_size(key_item(self.key))))
        return old if self.word == "ConditionCheck" else None

    def _updated(self, old: Row) -> Row:
        program = self.statement.update
        if program is None:
            return old
        new = updated(old.item, program, self.paths, self.names, self.values)
        size = old.size
        for root in {str(path[0]) for path in self.paths}:
            if root in old.item:
                size -= attribute_size(root, old.item[root])
            if root in new:
                size += attribute_size(root, new[root])
        return self.table.checked_row(new, size)


def understood(table: Table, word: str, request: Mapping[str, Any]) -> Write:
    """Read one `Put`, `Update`, `Delete` or `ConditionCheck`.

    Raises:
        RequestRejected: it is wrong in itself, whatever is stored.
    """
    condition, show = _options(word, request)
    meaning = statement(condition, request.get("UpdateExpression"))
    names, values = placeholders(request, meaning.names, meaning.values)
    item = checked({"M": request["Item"]}, 0)["M"] if word == "Put" else None
    return Write(
        word=word,
        table=table,
        key=whole_key(request["Key"]) if item is None else key_of(item),
        statement=meaning,
        names=names,
        values=values,
        item=item,
        show_old=show == "ALL_OLD",
        paths=_update_paths(meaning, names),
    )


def _options(word: str, request: Mapping[str, Any]) -> tuple[str | None, str]:
    check_required(request, "Item" if word == "Put" else "Key")
    if word == "ConditionCheck":
        check_required(request, "ConditionExpression")
    show = request.get("ReturnValuesOnConditionCheckFailure", "NONE")
    if show not in {"NONE", "ALL_OLD"}:
        raise refused(f"ReturnValuesOnConditionCheckFailure set to invalid value: {show}")
    return request.get("ConditionExpression"), show


def _update_paths(meaning: Statement, names: Names) -> Sequence[Parts]:
    if meaning.update is None:
        return ()
    paths = [resolved(path, names) for path in meaning.update.paths]
    check_overlap(paths, "UpdateExpression")
    if any(path[0] in {"pk", "sk"} for path in paths):
        raise refused("Cannot update attribute. This attribute is part of the key")
    return paths


def check_distinct(writes: Sequence[Write], message: str) -> None:
    """Refuse two writes of one item.

    Raises:
        RequestRejected: there are two.
    """
    if len({(write.table.name, write.key) for write in writes}) != len(writes):
        raise refused(message)


def outcomes(writes: Sequence[Write]) -> list[Row | None]:
    """What each write of a transaction would leave.

    Raises:
        TransactionRefused: one of them cannot be done, so none is.
    """
    tried = [_tried(write) for write in writes]
    if any(reason != "None" for _, reason, _ in tried):
        raise TransactionRefused([reason for _, reason, _ in tried], [item for *_, item in tried])
    return [row for row, *_ in tried]


def _tried(write: Write) -> tuple[Row | None, str, Item | None]:
    try:
        return write.outcome(), "None", None
    except ConditionFailed as failure:
        return None, "ConditionalCheckFailed", failure.item
    except RequestRejected:
        return None, "ValidationError", None
