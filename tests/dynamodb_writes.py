"""Decides what one write of the test evaluator, alone or in a transaction, does to its item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.dynamodb_changes import updated
from tests.dynamodb_operands import Item, Names, Parts, Values, checked_roots, resolved
from tests.dynamodb_requests import Statement, check_required, placeholders, statement_of
from tests.dynamodb_tables import Key, Row, Table, given, key_item, key_of, new_row, whole_key
from tests.dynamodb_values import checked, refused
from tests.item_size import value_size
from tollgate.store.dynamodb import ConditionFailed, RequestRejected, TransactionRefused

SMALL: Final = 300
"""More than the bytes of any number and of one unaliased name with its overhead."""


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
            return self._updated(old or new_row(self.table, key_item(self.key)))
        return old if self.word == "ConditionCheck" else None

    def _updated(self, old: Row) -> Row:
        program = self.statement.update
        if program is None:
            return old
        new = updated(old.item, program, self.paths, self.names, self.values)
        return self.table.checked_row(new, old.bound * (1 + program.copies) + self._weight())

    def _weight(self) -> int:
        """Bytes the request's names, values and sums cannot exceed in the item."""
        names = sum([len(name) for name in self.names.values()])
        large = sum([value_size(value) for value in self.values.values() if "N" not in value])
        return 4 * names + len(self.paths) * (SMALL + large)


def understood(table: Table, word: str, request: Mapping[str, Any]) -> Write:
    """Read one `Put`, `Update`, `Delete` or `ConditionCheck`.

    Raises:
        RequestRejected: it is wrong in itself, whatever is stored.
    """
    show = _shown(word, request)
    meaning = statement_of(request)
    names, values = placeholders(request, meaning)
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


def _shown(word: str, request: Mapping[str, Any]) -> str:
    check_required(request, "Item" if word == "Put" else "Key")
    if word == "ConditionCheck":
        check_required(request, "ConditionExpression")
    show: str = request.get("ReturnValuesOnConditionCheckFailure", "NONE")
    if show not in {"NONE", "ALL_OLD"}:
        raise refused(f"ReturnValuesOnConditionCheckFailure set to invalid value: {show}")
    return show


def _update_paths(meaning: Statement, names: Names) -> Sequence[Parts]:
    if meaning.update is None:
        return ()
    paths = [resolved(path, names) for path in meaning.update.paths]
    roots = checked_roots(paths, "UpdateExpression")
    if "pk" in roots or "sk" in roots:
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
