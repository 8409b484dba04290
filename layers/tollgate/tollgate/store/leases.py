"""The numbered places of accounts with finite concurrency, in the State table.

A place is taken by one conditional write and given back by another; one whose holder died is
free again when its lease is over. Fifty places share an item: one write unit, whoever takes one
learns which others are taken, and an account with many places is spread over several items.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tollgate.store.dynamodb import ConditionFailed, Dynamo, Item, Throttled

PLACES: Final = 40
"""In one item: with so many it stays below the kilobyte that one write unit writes."""

ATTEMPTS: Final = 3
READS: Final = 100
"""Items read by one request."""

KEPT_SECONDS: Final = 86_400
"""How long an item nobody takes a place of any more is kept; far longer than any lease."""

PLACE: Final = "place_"
MARKS: Final = 1_000_000
"""Marks behind a time: two leases of one place that end in the same ms are not the same."""

Taken = Mapping[int, int]
"""Number of a place → until when it is taken (epoch ms)."""


class Lease(NamedTuple):
    """One place taken until then (epoch ms); `mark`, below MARKS, tells its holder from others."""

    account: str
    number: int
    until: int
    mark: int

    @property
    def stored(self) -> str:
        """The lease as one number, which is larger the longer it lasts."""
        return str(self.until * MARKS + self.mark)


class Tried(NamedTuple):
    """Whether a place was got, and what its item says of it and its neighbours."""

    got: bool
    taken: Taken


@dataclass(frozen=True, slots=True)
class Leases:
    """Places in the State table. Every method may raise StoreError, as the port says."""

    dynamo: Dynamo
    table: str

    def take(self, lease: Lease, now: int) -> Tried:
        """Take a place, if its last lease is over at `now` (epoch ms).

        Repeating it after an answer got lost takes it once: it is the same lease.
        """
        request = {
            "TableName": self.table,
            "Key": key_of(lease),
            "UpdateExpression": "SET #place = :lease, #expires = :expires",
            "ConditionExpression": (
                "attribute_not_exists(#place) OR #place < :now OR #place = :lease"
            ),
            "ExpressionAttributeNames": names_of(lease) | {"#expires": "expires"},
            "ExpressionAttributeValues": {
                ":lease": {"N": lease.stored},
                ":now": {"N": str(now * MARKS)},
                ":expires": {"N": str(lease.until // 1_000 + KEPT_SECONDS)},
            },
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            answer = self.dynamo.call("UpdateItem", request, attempts=ATTEMPTS)
        except ConditionFailed as failed:
            return Tried(got=False, taken=read_places(failed.item or {}))
        return Tried(got=True, taken=read_places(answer["Attributes"]))

    def give_back(self, lease: Lease) -> None:
        """Free a place; one that is somebody else's by now stays theirs.

        Raises:
            ConditionFailed: it is.
        """
        request: dict[str, Any] = {
            "TableName": self.table,
            "Key": key_of(lease),
            "UpdateExpression": "REMOVE #place",
            "ConditionExpression": "#place = :lease",
            "ExpressionAttributeNames": names_of(lease),
            "ExpressionAttributeValues": {":lease": {"N": lease.stored}},
        }
        self.dynamo.call("UpdateItem", request, attempts=ATTEMPTS)

    def look(self, account: str, places: int) -> Taken:
        """Which of an account's first so many places are taken, or were by who then died."""
        pages = range(-(-places // PLACES))
        keys = [key_of(Lease(account, page * PLACES, 0, 0)) for page in pages]
        found: dict[int, int] = {}
        for start in range(0, len(keys), READS):
            batch = {"Keys": keys[start : start + READS], "ConsistentRead": True}
            request = {"RequestItems": {self.table: batch}}
            answer = self.dynamo.call("BatchGetItem", request, attempts=ATTEMPTS)
            if answer.get("UnprocessedKeys"):
                raise Throttled("an account's places were not read")
            for item in answer["Responses"][self.table]:
                found |= read_places(item)
        return found


def key_of(lease: Lease) -> Item:
    """The item that a place lies in."""
    return {"pk": {"S": f"lease#{lease.account}"}, "sk": {"S": str(lease.number // PLACES)}}


def names_of(lease: Lease) -> dict[str, str]:
    return {"#place": f"{PLACE}{lease.number}"}


def read_places(item: Item) -> dict[int, int]:
    """The places an item names."""
    return {
        int(name.removeprefix(PLACE)): int(value["N"]) // MARKS
        for name, value in item.items()
        if name.startswith(PLACE)
    }
