"""Answers the DynamoDB port from memory: decides what every operation does with plain items.

It evaluates the very expression strings the code sends and refuses what DynamoDB refuses, so a
simulator over it tests our protocol and not a re-implementation. Tables have the string keys
`pk` and `sk`. Everything is exact and immediate; whatever goes wrong comes from the two hooks.

    dynamo = InMemoryDynamo(["Wallets"])
    dynamo.call("UpdateItem", {...})
    dynamo.stream("Wallets"), dynamo.items("Wallets"), dynamo.write_units(), dynamo.sent
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from threading import RLock
from typing import Any, Final

from tests.dynamodb_changes import projected
from tests.dynamodb_operands import Item, Parts
from tests.dynamodb_reads import asked, query, scan
from tests.dynamodb_requests import (
    ACTION_FIELDS,
    FIELDS,
    check_fields,
    check_required,
)
from tests.dynamodb_tables import (
    ABSENT,
    Index,
    Read,
    Row,
    Spent,
    Table,
    Watcher,
    Written,
    given,
    stream_record,
    whole_key,
)
from tests.dynamodb_values import refused
from tests.dynamodb_writes import Write, check_distinct, outcomes, understood
from tollgate.store.dynamodb import (
    ConditionFailed,
    OutcomeUnknown,
    RequestRejected,
    Throttled,
)

Request = Mapping[str, Any]
Answer = dict[str, Any]

TOKEN_LIFE: Final = 600
MOST_ACTIONS: Final = 100
MOST_BATCH_KEYS: Final = 100
MOST_BATCH_WRITES: Final = 25

_RETURNS: Final = {
    "PutItem": {"NONE", "ALL_OLD"},
    "DeleteItem": {"NONE", "ALL_OLD"},
    "UpdateItem": {"NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"},
}


class InMemoryDynamo:
    """The port over plain dicts.

    Args:
        tables: names, or name → index name → `Index`.
        clock: seconds, for the ten minutes a transaction's token lives.

    Attributes:
        before: called with (operation, request) ahead of each attempt; raise to drop or throttle.
        after: called with (operation, request, answer) once it is applied; raise `OutcomeUnknown`
            to lose the answer. `apply` runs a request without hooks: to delay or to repeat it.
        watch: called with (table, old image, new image) at every change.
        sent: every (operation, request) attempted.
    """

    def __init__(
        self,
        tables: Iterable[str] | Mapping[str, Mapping[str, Index]],
        clock: Callable[[], float] = lambda: 0,
    ) -> None:
        indexes = tables if isinstance(tables, Mapping) else {name: {} for name in tables}
        sequence = count(1)
        self.tables = {
            name: Table(name, dict(of), self._watched, sequence) for name, of in indexes.items()
        }
        self.before: Callable[[str, Request], None] | None = None
        self.after: Callable[[str, Request, Answer], None] | None = None
        self.watch: Watcher | None = None
        self.sent: list[tuple[str, Request]] = []
        self._costs: list[Read | Written] = []
        self._clock = clock
        self._tokens: dict[str, tuple[float, str]] = {}
        self._lock = RLock()
        self._operations: dict[str, Callable[[Request], Answer]] = {
            "GetItem": self._get,
            "PutItem": lambda request: self._write("PutItem", "Put", request),
            "UpdateItem": lambda request: self._write("UpdateItem", "Update", request),
            "DeleteItem": lambda request: self._write("DeleteItem", "Delete", request),
            "Query": self._query,
            "Scan": self._scan,
            "BatchGetItem": self._batch_get,
            "BatchWriteItem": self._batch_write,
            "TransactWriteItems": self._transact_write,
            "TransactGetItems": self._transact_get,
        }

    def call(self, operation: str, request: Request, *, attempts: int = 1) -> Answer:
        """The port's method; retries at once, without waiting."""
        for left in reversed(range(attempts)):
            try:
                return self._attempt(operation, request)
            except (Throttled, OutcomeUnknown):
                if not left:
                    raise
        raise ValueError("attempts must be at least 1")

    def apply(self, operation: str, request: Request) -> Answer:
        """Run one request, past the hooks."""
        run = self._operations.get(operation)
        if run is None:
            raise RequestRejected("UnknownOperationException", operation)
        check_fields(request, FIELDS[operation])
        with self._lock:
            return run(request)

    def items(self, table: str) -> list[Item]:
        """Copies of all items, by key."""
        return [given(row.item) for _, row in sorted(self.tables[table].rows())]

    def item(self, table: str, pk: str, sk: str) -> Item | None:
        """A copy of one item."""
        row = self.tables[table].row((pk, sk))
        return None if row is None else given(row.item)

    def stream(self, table: str, since: int = 0) -> list[dict[str, Any]]:
        """The table's stream records in Lambda's shape, without the first `since`."""
        return [stream_record(table, change) for change in self.tables[table].changes[since:]]

    @property
    def units(self) -> list[Spent]:
        """What every item read or written has cost so far, in order."""
        return [cost.spent() for cost in self._costs]

    def write_units(self, table: str | None = None) -> int:
        """Write units spent so far, on one table or on all."""
        return sum(one.write_units for one in self.units if table in {None, one.table})

    def _watched(self, table: str, old: Item | None, new: Item | None) -> None:
        if self.watch is not None:
            self.watch(table, old, new)

    def _attempt(self, operation: str, request: Request) -> Answer:
        self.sent.append((operation, request))
        if self.before is not None:
            self.before(operation, request)
        answer = self.apply(operation, request)
        if self.after is not None:
            self.after(operation, request, answer)
        return answer

    def _table(self, request: Request) -> Table:
        table = self.tables.get(request.get("TableName", ""))
        if table is None:
            raise RequestRejected(
                "ResourceNotFoundException", f"no table {request.get('TableName')!r}"
            )
        return table

    # --- writes -----------------------------------------------------------------------------

    def _write(self, operation: str, word: str, request: Request) -> Answer:
        returns = request.get("ReturnValues", "NONE")
        if returns not in _RETURNS[operation]:
            raise refused(f"Return values set to invalid value: {returns}")
        write = understood(self._table(request), word, request)
        old = write.table.row(write.key) or ABSENT
        try:
            new = write.outcome() or ABSENT
        except ConditionFailed:
            self._costs.append(Written(operation, write.table, old, old))
            raise
        self._commit(operation, write, new)
        shown = _returned(returns, write.paths, old.item, new.item)
        return {"Attributes": given(shown)} if shown else {}

    def _commit(self, operation: str, write: Write, new: Row | None, factor: int = 1) -> None:
        old = write.table.row(write.key) or ABSENT
        write.table.write(write.key, None if new is ABSENT else new)
        self._costs.append(Written(operation, write.table, old, new or ABSENT, factor))

    def _batch_write(self, request: Request) -> Answer:
        writes = [
            understood(self._table({"TableName": name}), kind.removesuffix("Request"), body)
            for name, entries in request["RequestItems"].items()
            for entry in entries
            for kind, body in entry.items()
        ]
        if not 1 <= len(writes) <= MOST_BATCH_WRITES:
            raise refused(f"A batch holds 1 to {MOST_BATCH_WRITES} writes")
        check_distinct(writes, "Provided list of item keys contains duplicates")
        for write in writes:
            self._commit("BatchWriteItem", write, write.outcome())
        return {"UnprocessedItems": {}}

    def _transact_write(self, request: Request) -> Answer:
        actions = request["TransactItems"]
        if not 1 <= len(actions) <= MOST_ACTIONS:
            raise refused(f"A transaction holds 1 to {MOST_ACTIONS} actions")
        writes = []
        for action in actions:
            ((word, body),) = action.items()
            check_fields(body, ACTION_FIELDS[word])
            writes.append(understood(self._table(body), word, body))
        check_distinct(writes, "Transaction request cannot include multiple operations on one item")
        if self._is_repeated(request):
            return {}
        rows = outcomes(writes)
        for write, row in zip(writes, rows, strict=True):
            self._commit("TransactWriteItems", write, row, factor=2)
        self._remember(request)
        return {}

    def _is_repeated(self, request: Request) -> bool:
        token = request.get("ClientRequestToken")
        known = self._tokens.get(token) if token is not None else None
        if known is None or self._clock() - known[0] > TOKEN_LIFE:
            return False
        if known[1] != _fingerprint(request):
            raise RequestRejected(
                "IdempotentParameterMismatchException", "the token was used for another request"
            )
        return True

    def _remember(self, request: Request) -> None:
        if (token := request.get("ClientRequestToken")) is not None:
            self._tokens[token] = (self._clock(), _fingerprint(request))

    # --- reads ------------------------------------------------------------------------------

    def _get(self, request: Request) -> Answer:
        item = self._read("GetItem", request, consistent=bool(request.get("ConsistentRead")))
        return {} if item is None else {"Item": item}

    def _read(
        self, operation: str, request: Request, *, consistent: bool, times: int = 1
    ) -> Item | None:
        table = self._table(request)
        check_required(request, "Key")
        asking = asked(request)
        row = table.row(whole_key(request["Key"]))
        self._costs.append(Read(operation, table, [row or ABSENT], consistent, times))
        return None if row is None else asking.view(row.item)

    def _batch_get(self, request: Request) -> Answer:
        answers: dict[str, list[Item]] = {}
        total = sum(len(of["Keys"]) for of in request["RequestItems"].values())
        if not 1 <= total <= MOST_BATCH_KEYS:
            raise refused(f"A batch reads 1 to {MOST_BATCH_KEYS} keys")
        for name, of in request["RequestItems"].items():
            check_fields(of, ACTION_FIELDS["Keys"])
            if len({whole_key(key) for key in of["Keys"]}) != len(of["Keys"]):
                raise refused("Provided list of item keys contains duplicates")
            shared = {field: of[field] for field in of.keys() - {"Keys", "ConsistentRead"}}
            consistent = bool(of.get("ConsistentRead"))
            read = [
                self._read(
                    "BatchGetItem", {"TableName": name, "Key": key, **shared}, consistent=consistent
                )
                for key in of["Keys"]
            ]
            answers[name] = [item for item in read if item is not None]
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _transact_get(self, request: Request) -> Answer:
        answers = []
        if not 1 <= len(request["TransactItems"]) <= MOST_ACTIONS:
            raise refused(f"A transaction reads 1 to {MOST_ACTIONS} items")
        for action in request["TransactItems"]:
            check_fields(action["Get"], ACTION_FIELDS["Get"])
            item = self._read("TransactGetItems", action["Get"], consistent=True, times=2)
            answers.append({} if item is None else {"Item": item})
        return {"Responses": answers}

    def _query(self, request: Request) -> Answer:
        table = self._table(request)
        return self._page("Query", request, *query(table, asked(request)))

    def _scan(self, request: Request) -> Answer:
        table = self._table(request)
        return self._page("Scan", request, *scan(table, asked(request)))

    def _page(self, operation: str, request: Request, page: Answer, rows: Sequence[Row]) -> Answer:
        consistent = bool(request.get("ConsistentRead"))
        self._costs.append(Read(operation, self._table(request), rows, consistent))
        return page


def _returned(returns: str, paths: Sequence[Parts], old: Item, new: Item) -> Item:
    image = new if returns.endswith("NEW") else old
    if returns.startswith("UPDATED"):
        return projected(image, paths)
    return {} if returns == "NONE" else image


def _fingerprint(request: Request) -> str:
    return json.dumps(request["TransactItems"], sort_keys=True, default=repr)
