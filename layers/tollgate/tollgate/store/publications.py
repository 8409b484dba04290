"""Publishing a snapshot: a claimed number, parts under it, and one conditional write that counts.

A crash anywhere leaves the old version valid: parts nobody names are only waste, and the next
publication of the same part lets them expire (ruling R22).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from tollgate.domain.catalog import ChannelPart, GlobalPart, GroupPart, Profile
from tollgate.domain.multipliers import Multipliers
from tollgate.store.dynamodb import ConditionFailed, Dynamo, Item, StoreError
from tollgate.store.snapshot_parts import (
    pack,
    write_channel_part,
    write_global,
    write_group,
    write_profile,
)
from tollgate.store.snapshots import (
    GLOBAL,
    READ_ATTEMPTS,
    VERSION_KEY,
    Numbers,
    part_key,
    profile_key,
    read_numbers,
    slice_key,
    unless_changed,
)

PART_LIMIT: Final = 350 * 1024
"""Bytes of one compressed part: DynamoDB takes 400 KB for a whole item."""

WRITE_ATTEMPTS: Final = 3
NO_PARTS: Final[Mapping[str, int]] = {}
LOOK_BACK: Final = 4
"""Older numbers looked at when a part is replaced: its predecessor, and what losers and crashes
left in between. Expired ones linger for days, and reading them costs what they weigh."""


class Overtaken(StoreError):
    """Somebody else published since the claim was made; what was built must be built again."""


class PartTooLarge(StoreError):
    """A part does not fit in one item; it cannot be published until it is made smaller."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A number of one's own for the parts about to be written, and what counted before."""

    number: int
    seen: Numbers


class Publications:
    """Writes the snapshot."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._dynamo = dynamo
        self._table = table

    def claim(self) -> Claim:
        """Take a number for new parts and learn what counts now, in one write.

        What is read **after** this may be published under the claim: whoever publishes in
        between makes `publish` refuse it.
        """
        item: Item = self._update(
            VERSION_KEY,
            {
                "UpdateExpression": "ADD claimed :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
                "ReturnValues": "ALL_NEW",
            },
        )["Attributes"]
        return Claim(int(item["claimed"]["N"]), read_numbers(item))

    def put_everywhere(self, part: GlobalPart) -> None:
        """Write a global part under its number; it does not count yet.

        Raises:
            PartTooLarge: it does not fit.
        """
        self._put_part(GLOBAL, part.version, write_global(part))

    def put_group(self, part: GroupPart) -> None:
        """Write a group's part under its number; it does not count yet.

        Raises:
            PartTooLarge: it does not fit.
        """
        self._put_part(part.id, part.version, write_group(part))

    def put_multipliers(self, group: str, number: int, slices: Iterable[Multipliers]) -> None:
        """Write the slices of users' own multipliers under the number of the group's part.

        Raises:
            PartTooLarge: one does not fit.
        """
        for slice_, multipliers in enumerate(slices):
            body = fitting(f"slice {slice_} of {group}", pack(dict(multipliers)))
            item = slice_key(group, number, slice_) | {"body": {"B": body}}
            self._put(item)

    def put_channel(self, part: ChannelPart) -> None:
        """Write a bound channel's part under its number; it does not count yet.

        Raises:
            PartTooLarge: it does not fit.
        """
        self._put_part(part.channel.id, part.version, write_channel_part(part))

    def publish(
        self,
        claim: Claim,
        everywhere: int,
        groups: Mapping[str, int],
        channels: Mapping[str, int] = NO_PARTS,
    ) -> None:
        """Make these part numbers count.

        Raises:
            Overtaken: another publisher came first.
        """
        guard = unless_changed(claim.seen.version)
        names = {"#global": "global", "#groups": "groups", "#channels": "channels"}
        values = {
            ":version": {"N": str(claim.number)},
            ":global": {"N": str(everywhere)},
            ":groups": written_numbers(groups),
            ":channels": written_numbers(channels),
        }
        try:
            self._update(
                VERSION_KEY,
                {
                    "UpdateExpression": (
                        "SET #version = :version, #global = :global, "
                        "#groups = :groups, #channels = :channels"
                    ),
                    "ConditionExpression": guard["ConditionExpression"],
                    "ExpressionAttributeNames": guard["ExpressionAttributeNames"] | names,
                    "ExpressionAttributeValues": guard.get("ExpressionAttributeValues", {})
                    | values,
                },
                attempts=1,
            )
        except ConditionFailed as error:
            raise Overtaken(f"another publisher came before version {claim.number}") from error

    def retire(self, part: str, below: int, expires: int) -> None:
        """Let the older numbers of a part expire (epoch seconds), those of crashes too."""
        for key in list(self._older(part, below)):
            self._update(
                key,
                {
                    "UpdateExpression": "SET expires = :expires",
                    "ConditionExpression": "attribute_exists(pk)",
                    "ExpressionAttributeValues": {":expires": {"N": str(expires)}},
                },
            )

    def put_profile(self, profile: Profile) -> None:
        """Replace a user's profile, unless a newer one is there: versions never go back.

        Raises:
            PartTooLarge: the user has more keys than fit.
        """
        body = fitting(f"profile {profile.user}", write_profile(profile))
        version = {"N": str(profile.version)}
        content: Item = {"version": version, "body": {"B": body}}
        with suppress(ConditionFailed):
            self._dynamo.call(
                "PutItem",
                {
                    "TableName": self._table,
                    "Item": profile_key(profile.user) | content,
                    "ConditionExpression": "attribute_not_exists(#version) OR #version <= :version",
                    "ExpressionAttributeNames": {"#version": "version"},
                    "ExpressionAttributeValues": {":version": version},
                },
                attempts=WRITE_ATTEMPTS,
            )

    def _put_part(self, part: str, number: int, body: bytes) -> None:
        self._put(part_key(part, number) | {"body": {"B": fitting(f"part {part}", body)}})

    def _put(self, item: Item) -> None:
        self._dynamo.call(
            "PutItem", {"TableName": self._table, "Item": item}, attempts=WRITE_ATTEMPTS
        )

    def _update(
        self, key: Item, request: Mapping[str, Any], attempts: int = WRITE_ATTEMPTS
    ) -> dict[str, Any]:
        whole = {"TableName": self._table, "Key": key, **request}
        return self._dynamo.call("UpdateItem", whole, attempts=attempts)

    def _older(self, part: str, below: int) -> Iterator[Item]:
        """Newest first; on past a page only where all of it still counted, as slices do."""
        current, place = part_key(part, below), None
        while True:
            answer = self._dynamo.call(
                "Query",
                {
                    "TableName": self._table,
                    "KeyConditionExpression": "pk = :part AND sk < :current",
                    "FilterExpression": "attribute_not_exists(expires)",
                    "ProjectionExpression": "pk, sk",
                    "ExpressionAttributeValues": {
                        ":part": current["pk"],
                        ":current": current["sk"],
                    },
                    "ScanIndexForward": False,
                    "Limit": LOOK_BACK,
                }
                | ({"ExclusiveStartKey": place} if place else {}),
                attempts=READ_ATTEMPTS,
            )
            yield from answer["Items"]
            place = answer.get("LastEvaluatedKey")
            if place is None or len(answer["Items"]) < LOOK_BACK:
                return


def written_numbers(numbers: Mapping[str, int]) -> Item:
    """Part numbers as the version item has them."""
    return {"M": {part: {"N": str(number)} for part, number in numbers.items()}}


def fitting(what: str, body: bytes) -> bytes:
    """The body itself, if one item can hold it.

    Raises:
        PartTooLarge: it cannot.
    """
    if len(body) > PART_LIMIT:
        raise PartTooLarge(f"{what} has {len(body)} bytes compressed, {PART_LIMIT} is the most")
    return body
