"""Sums by hour and day: added live from settled calls, overwritten exactly when the hour closes.

A row that is closed takes no more; who would add to it opens its hour again, and the next close
counts it afresh from the usage records. So a sum may lag, but never drifts. Whatever is summed by
name is announced first, so who lists the names of a month misses none that has sums.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import merge
from itertools import groupby, islice
from typing import Any, Final

from tollgate.domain.record import UsageRecord
from tollgate.domain.rollup import Row, Sums, requests_by_account, summed
from tollgate.store.dynamodb import ConditionFailed, Dynamo, Item
from tollgate.store.marshal import item_of, values_of
from tollgate.store.usage import RETENTION

ATTEMPTS: Final = 4
SLICES: Final = 16
"""Who was active in an hour lies on so many partitions: many users may begin at once."""

BATCH: Final = 25
COUNTERS: Final = 100
"""Sums added by one update: its expression stays far below DynamoDB's 4 KB and 300 operators."""

IDS_PER_ITEM: Final = 2_000
MARK_LIFE: Final = RETENTION
"""Marks are kept as long as the calls they lead to: an export of a past month finds everybody."""

HOUR_LIFE: Final = 90 * 86_400
READS: Final = 100
"""Rows read by one request."""

LAST: Final = "\U0010ffff"
"""No name comes after it."""

REMEMBERED: Final = 10_000
"""Names a process remembers to have announced; whoever forgets them announces them again."""

KEY_NAMES: Final = frozenset({"pk", "sk", "closed", "expires"})


@dataclass(frozen=True, slots=True)
class SumRow:
    """One row as it is read: what it is about, its hour or day, its sums, if they are final."""

    name: str
    period: str
    sums: Sums
    closed: bool


@dataclass(frozen=True, slots=True)
class Rollups:
    """The rollups table; `announced` are names this process has announced, at most `remembered`."""

    dynamo: Dynamo
    table: str
    remembered: int = REMEMBERED
    announced: set[Row] = field(default_factory=set, repr=False, compare=False)

    # --- live -----------------------------------------------------------------------------

    def mark_active(self, hour: str, users: Collection[str]) -> None:
        """Note that these users have calls in an hour; before anything of them is settled.

        Raises:
            StoreError: some marks may be missing; call again.
        """
        # Each time: the hour may have been closed since this process announced it last.
        self.reopen(hour)
        self._put_all(
            {
                "pk": f"active#{hour}#{slice_of(user)}",
                "sk": user,
                "expires": epoch_of(hour) + MARK_LIFE,
            }
            for user in users
        )

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Add settled calls, each counted once by who really settled it.

        Raises:
            StoreError: part of it may be missing until the hour closes.
        """
        rows = summed(records)
        self._announce(rows)
        for (name, hour), sums in rows.items():
            for start in range(0, len(sums), COUNTERS):
                self._add_to(name, hour, dict(islice(sums.items(), start, start + COUNTERS)))
        for (account, hour), ids in requests_by_account(records).items():
            self._put_all([id_list(account, hour, sorted(ids))])

    def _announce(self, rows: Iterable[Row]) -> None:
        """Note the names of rows that are about to be written, each once in a month."""
        new = {marker for row in rows if (marker := marker_of(row))} - self.announced
        self._put_all({"pk": pk, "sk": sk} for pk, sk in sorted(new))
        if len(self.announced) + len(new) > self.remembered:
            self.announced.clear()
        self.announced.update(islice(new, self.remembered))

    def _add_to(self, name: str, hour: str, sums: Sums) -> None:
        names = {f"#{n}": counter for n, counter in enumerate(sums)}
        values = {f":{n}": {"N": str(total)} for n, total in enumerate(sums.values())}
        added = ", ".join(f"#{n} :{n}" for n in range(len(sums)))
        request = {
            "TableName": self.table,
            "Key": row_key(name, f"hour#{hour}"),
            "UpdateExpression": f"SET #expires = :expires ADD {added}",
            "ConditionExpression": "attribute_not_exists(#closed)",
            "ExpressionAttributeNames": names | {"#closed": "closed", "#expires": "expires"},
            "ExpressionAttributeValues": values
            | {":expires": {"N": str(epoch_of(hour) + HOUR_LIFE)}},
        }
        try:
            self.dynamo.call("UpdateItem", request)
        except ConditionFailed:
            self.reopen(hour)

    # --- closing --------------------------------------------------------------------------

    def reopen(self, hour: str) -> None:
        """Ask for an hour to be closed (again)."""
        request = {
            "TableName": self.table,
            "Key": row_key("hours", hour),
            "UpdateExpression": "SET #expires = :expires ADD #asked :one",
            "ExpressionAttributeNames": {"#expires": "expires", "#asked": "asked"},
            "ExpressionAttributeValues": {
                ":expires": {"N": str(epoch_of(hour) + HOUR_LIFE)},
                ":one": {"N": "1"},
            },
        }
        self.dynamo.call("UpdateItem", request, attempts=ATTEMPTS)

    def open_hours(self, before: str) -> list[tuple[str, int]]:
        """Hours before one that wait to be closed, oldest first, and how often that was asked."""
        found = self._query("hours", "", before)
        return [(str(item["sk"]), int(item["asked"])) for item in found if item["sk"] < before]

    def done(self, hour: str, asked: int) -> None:
        """An hour is closed, unless somebody has asked for it again meanwhile."""
        request = {
            "TableName": self.table,
            "Key": row_key("hours", hour),
            "ConditionExpression": "#asked = :asked",
            "ExpressionAttributeNames": {"#asked": "asked"},
            "ExpressionAttributeValues": {":asked": {"N": str(asked)}},
        }
        with suppress(ConditionFailed):
            self.dynamo.call("DeleteItem", request, attempts=ATTEMPTS)

    def active_users(self, hour: str) -> Iterator[str]:
        """Everyone with calls in an hour."""
        for number in range(SLICES):
            for item in self._query(f"active#{hour}#{number}"):
                yield str(item["sk"])

    def put_exact(self, rows: Mapping[Row, Sums]) -> None:
        """Replace hour rows by what the usage records say; they take no more live sums.

        Their names are announced here, too: the live sums may never have got so far.
        """
        self._announce(rows)
        self._put_all(
            {
                "pk": name,
                "sk": f"hour#{hour}",
                "closed": True,
                "expires": epoch_of(hour) + HOUR_LIFE,
                **sums,
            }
            for (name, hour), sums in rows.items()
        )

    def put_day(self, name: str, day: str, sums: Sums, *, closed: bool) -> None:
        """Replace a day row; `closed` once all its hours are."""
        final = {"closed": True} if closed else {}
        self._put({"pk": name, "sk": f"day#{day}", **final, **sums})

    def put_request_ids(self, account: str, hour: str, ids: Sequence[str]) -> None:
        """Keep the request ids of an account's hour, exactly; more lists of it do no harm."""
        for start in range(0, len(ids), IDS_PER_ITEM):
            self._put_all([id_list(account, hour, list(ids[start : start + IDS_PER_ITEM]))])

    # --- reading --------------------------------------------------------------------------

    def hours(self, name: str, first: str, last: str) -> list[SumRow]:
        """The hour rows of one dimension value, from `first` to `last` inclusive."""
        return [read_row(item) for item in self._query(name, f"hour#{first}", f"hour#{last}")]

    def days(self, name: str, first: str, last: str) -> list[SumRow]:
        """The day rows of one dimension value, from `first` to `last` inclusive."""
        return [read_row(item) for item in self._query(name, f"day#{first}", f"day#{last}")]

    def names(self, kind: str, months: Iterable[str], after: str = "") -> Iterator[str]:
        """The values of a dimension that have sums in one of these months, in order, each once."""
        found = merge(*(self._names(f"names#{kind}#{month}", after) for month in months))
        return (name for name, _ in groupby(found))

    def _names(self, pk: str, after: str) -> Iterator[str]:
        names = (str(item["sk"]) for item in self._query(pk, after, LAST))
        return (name for name in names if name > after)

    def at(self, keys: Iterable[tuple[str, str]]) -> Iterator[SumRow]:
        """The rows there are at these keys (`model#gpt-4o`, `day#20261122`), in no order."""
        waiting = [row_key(pk, sk) for pk, sk in keys]
        while waiting:
            batch = {"Keys": waiting[:READS], "ConsistentRead": True}
            request = {"RequestItems": {self.table: batch}}
            answer = self.dynamo.call("BatchGetItem", request, attempts=ATTEMPTS)
            yield from (read_row(values_of(item)) for item in answer["Responses"][self.table])
            left = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            waiting = left + waiting[READS:]

    def account_request_ids(self, account: str, first: str, last: str) -> list[str]:
        """Request ids of an account's calls in these hours, oldest first, each once."""
        found = self._query(f"account_ids#{account}", first, f"{last}~")
        return sorted({text for item in found for text in item["ids"]})

    # --- requests -------------------------------------------------------------------------

    def _query(self, pk: str, first: str = "", last: str = "~") -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": "#pk = :pk AND #sk BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#pk": "pk", "#sk": "sk"},
            "ExpressionAttributeValues": {
                ":pk": {"S": pk},
                ":first": {"S": first or "!"},
                ":last": {"S": last},
            },
            "ConsistentRead": True,
        }
        while True:
            answer = self.dynamo.call("Query", request, attempts=ATTEMPTS)
            yield from (values_of(item) for item in answer.get("Items", []))
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _put(self, values: Mapping[str, Any]) -> None:
        request = {"TableName": self.table, "Item": item_of(values)}
        self.dynamo.call("PutItem", request, attempts=ATTEMPTS)

    def _put_all(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put items in batches; what a batch leaves over is put by itself."""
        waiting = [item_of(row) for row in rows]
        for start in range(0, len(waiting), BATCH):
            puts = [{"PutRequest": {"Item": item}} for item in waiting[start : start + BATCH]]
            request = {"RequestItems": {self.table: puts}}
            answer = self.dynamo.call("BatchWriteItem", request, attempts=ATTEMPTS)
            for left in answer.get("UnprocessedItems", {}).get(self.table, []):
                single = {"TableName": self.table, "Item": left["PutRequest"]["Item"]}
                self.dynamo.call("PutItem", single, attempts=ATTEMPTS)


def row_key(pk: str, sk: str) -> Item:
    """An item's key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def marker_of(row: Row) -> Row | None:
    """Where the name of a row is announced; the row of all calls has none."""
    name, hour = row
    kind, _, value = name.partition("#")
    return (f"names#{kind}#{hour[:6]}", value) if value else None


def slice_of(user: str) -> int:
    """Which partition of an hour's marks a user is on."""
    return hashlib.blake2b(user.encode(), digest_size=1).digest()[0] % SLICES


def id_list(account: str, hour: str, ids: list[str]) -> dict[str, Any]:
    """A list of request ids under the hash of itself: putting it twice is putting it once."""
    name = hashlib.blake2b("\n".join(ids).encode(), digest_size=8).hexdigest()
    return {
        "pk": f"account_ids#{account}",
        "sk": f"{hour}#{name}",
        "ids": ids,
        "expires": epoch_of(hour) + HOUR_LIFE,
    }


def epoch_of(hour: str) -> int:
    """The epoch second an hour (`2026112213`, UTC) begins with."""
    began = datetime.strptime(hour, "%Y%m%d%H").replace(tzinfo=UTC)
    return int(began.timestamp())


def read_row(item: Mapping[str, Any]) -> SumRow:
    """A stored row."""
    sums = {name: n for name, n in item.items() if name not in KEY_NAMES}
    period = str(item["sk"]).partition("#")[2]
    return SumRow(str(item["pk"]), period, sums, bool(item.get("closed")))
