"""The catalog's snapshot in the State table: numbered parts, one version item, user profiles.

Decides where they lie and how they are read. Only the version item says which number of a part
counts; `store/publications.py` moves it. Over the plain port, so the relay needs neither boto3
nor pynamodb.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from tollgate.domain.catalog import ChannelPart, GlobalPart, GroupPart, Health, Profile
from tollgate.store.dynamodb import ConditionFailed, Dynamo, Item, StoreError, Throttled
from tollgate.store.snapshot_parts import (
    read_channel_part,
    read_global,
    read_group,
    read_profile,
    unpack,
)

NUMBER_DIGITS: Final = 12
READ_ATTEMPTS: Final = 2
GLOBAL: Final = "global"
V = TypeVar("V")

VERSION_KEY: Final[Item] = {"pk": {"S": "snapshot"}, "sk": {"S": "version"}}
HEALTH_KEY: Final[Item] = {"pk": {"S": "health"}, "sk": {"S": "health"}}


class PartUnusable(StoreError):
    """A part that the version item names is not there, or is none of ours."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which part of each kind counts: the snapshot's version, and numbers by part (0: none)."""

    version: int = 0
    everywhere: int = 0
    groups: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heads:
    """What a relay looks at every few seconds."""

    numbers: Numbers
    health: Health


class Snapshots:
    """What a relay reads of the snapshot, and the health item that all relays write."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._dynamo = dynamo
        self._table = table

    def heads(self) -> Heads:
        """The version item and the health item, in one read.

        Raises:
            StoreError: they could not be read.
        """
        keys = {"Keys": [VERSION_KEY, HEALTH_KEY], "ConsistentRead": True}
        answer = self._dynamo.call(
            "BatchGetItem", {"RequestItems": {self._table: keys}}, attempts=READ_ATTEMPTS
        )
        if answer.get("UnprocessedKeys"):
            raise Throttled("the snapshot's version was not read")
        items = {item["pk"]["S"]: item for item in answer["Responses"].get(self._table, [])}
        return Heads(read_numbers(items.get("snapshot", {})), read_health(items.get("health", {})))

    def everywhere(self, number: int) -> GlobalPart:
        """The global part of that number.

        Raises:
            StoreError: it could not be read, or is not there.
        """
        body = self._body(GLOBAL, number)
        return usable(GLOBAL, lambda: read_global(number, body))

    def group(self, group: str, number: int) -> GroupPart:
        """A group's part of that number.

        Raises:
            StoreError: it could not be read, or is not there.
        """
        body = self._body(group, number)
        return usable(group, lambda: read_group(number, body))

    def multipliers(self, group: str, number: int, slice_: int) -> Mapping[str, str]:
        """A slice of the users' own multipliers that belong to a group's part of that number.

        Raises:
            StoreError: it could not be read, or is not there.
        """
        item = read_item(self._dynamo, self._table, slice_key(group, number, slice_))
        if item is None:
            raise PartUnusable(f"slice {slice_} of {group} {number} is named but not there")
        body: bytes = item["body"]["B"]
        return usable(group, lambda: unpack(body))

    def channel(self, channel: str, number: int) -> ChannelPart:
        """A bound channel's part of that number.

        Raises:
            StoreError: it could not be read, or is not there.
        """
        body = self._body(channel, number)
        return usable(channel, lambda: read_channel_part(number, body))

    def profile(self, user: str) -> Profile | None:
        """A user's newest profile; None when they have none.

        Raises:
            StoreError: it could not be read.
        """
        item = read_item(self._dynamo, self._table, profile_key(user))
        if item is None:
            return None
        return usable(
            user, lambda: read_profile(user, int(item["version"]["N"]), item["body"]["B"])
        )

    def read_health(self) -> Health:
        """The health item alone, as it is now.

        Raises:
            StoreError: it could not be read.
        """
        return read_health(read_item(self._dynamo, self._table, HEALTH_KEY) or {})

    def write_health(self, health: Health) -> bool:
        """Replace the health item, if it is still the version named; False when it is not."""
        accounts = {
            account: {"M": {name: {"N": str(value)} for name, value in facts.items()}}
            for account, facts in health.accounts.items()
        }
        item = HEALTH_KEY | {"version": {"N": str(health.version + 1)}, "accounts": {"M": accounts}}
        return put_onto(self._dynamo, self._table, item, health.version)

    def _body(self, part: str, number: int) -> bytes:
        item = read_item(self._dynamo, self._table, part_key(part, number))
        if item is None:
            raise PartUnusable(f"part {part} {number} is named but not there")
        body: bytes = item["body"]["B"]
        return body


def usable(what: str, read: Callable[[], V]) -> V:
    """What `read` makes of stored bytes.

    Raises:
        PartUnusable: they are none of ours.
    """
    try:
        return read()
    except (ArithmeticError, LookupError, TypeError, ValueError, zlib.error) as error:
        raise PartUnusable(f"{what} cannot be read: {error}") from error


def read_item(dynamo: Dynamo, table: str, key: Item) -> Item | None:
    """One item, strongly consistent: what was just published must be seen."""
    request = {"TableName": table, "Key": key, "ConsistentRead": True}
    item: Item | None = dynamo.call("GetItem", request, attempts=READ_ATTEMPTS).get("Item")
    return item


def put_onto(dynamo: Dynamo, table: str, item: Item, seen: int) -> bool:
    """Replace an item if its version is still the one seen (0: it is not there); else False."""
    request: dict[str, Any] = {"TableName": table, "Item": item, **unless_changed(seen)}
    try:
        dynamo.call("PutItem", request)
    except ConditionFailed:
        return False
    return True


def unless_changed(seen: int) -> dict[str, Any]:
    """The condition that an item's version is still the one seen (0: it has none)."""
    names = {"ExpressionAttributeNames": {"#version": "version"}}
    if not seen:
        return names | {"ConditionExpression": "attribute_not_exists(#version)"}
    return names | {
        "ConditionExpression": "#version = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(seen)}},
    }


def part_key(part: str, number: int) -> Item:
    return {"pk": {"S": f"snapshot#{part}"}, "sk": {"S": f"{number:0{NUMBER_DIGITS}d}"}}


def slices_of(group: str) -> str:
    """The part that the slices of users' own multipliers in a group make up."""
    return f"{group}#slice"


def slice_key(group: str, number: int, slice_: int) -> Item:
    key = part_key(slices_of(group), number)
    return key | {"sk": {"S": f"{key['sk']['S']}#{slice_}"}}


def profile_key(user: str) -> Item:
    return {"pk": {"S": f"profile#{user}"}, "sk": {"S": "profile"}}


def read_numbers(item: Item) -> Numbers:
    """The version item's own attributes; an item that is not there counts nothing."""
    parts = {
        name: {part: int(number["N"]) for part, number in item.get(name, {"M": {}})["M"].items()}
        for name in ("groups", "channels")
    }
    return Numbers(
        version=int(item.get("version", {"N": "0"})["N"]),
        everywhere=int(item.get("global", {"N": "0"})["N"]),
        **parts,
    )


def read_health(item: Item) -> Health:
    """The health item's own attributes; an item that is not there knows nothing."""
    accounts = item.get("accounts", {"M": {}})["M"]
    return Health(
        version=int(item.get("version", {"N": "0"})["N"]),
        accounts={
            account: {name: int(value["N"]) for name, value in facts["M"].items()}
            for account, facts in accounts.items()
        },
    )
