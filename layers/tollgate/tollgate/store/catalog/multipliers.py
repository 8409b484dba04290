"""Users' own multipliers in groups: whole sets beside each other, and which of them counts.

A set lies under a number of its own, in blocks of many users: one item a user would write a
partition of DynamoDB for longer than a caller waits. The group's definition names the set that
counts, so one conditional write of the group replaces a set of any size (ruling R23). In the set
that counts, a block changes only together with its group's version.

Numbers are claimed upwards. Whoever claimed a lower one than a set that has come to count read
the group before it did, and loses the switch: every lower set may be deleted.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException

from tollgate.domain.definition_rules import MOST_GROUPS
from tollgate.domain.definitions import Author, GroupDefinition, Stamp
from tollgate.domain.errors import (
    NotFound,
    TollgateError,
    ValidationFailed,
    VersionMismatch,
)
from tollgate.domain.multipliers import Multipliers as Rows
from tollgate.domain.multipliers import dealt, place
from tollgate.store.catalog.access import Definitions, stamped
from tollgate.store.catalog.items import Item, MultiplierItem, UserItem, UsesItem
from tollgate.store.catalog.kinds import version_name
from tollgate.store.catalog.writing import Writing, foreign_errors
from tollgate.store.dynamodb import ConditionFailed, StoreError, Throttled

BLOCKS: Final = 64
"""Blocks of a set. Twenty thousand users make items of 10 KB; ten times as many still fit."""

ROUNDS: Final = 5
"""Times a set is read again because it was replaced meanwhile."""


@dataclass(frozen=True, slots=True)
class MultiplierSet:
    """A group, and the multipliers of users that count in it."""

    group: GroupDefinition
    rows: Rows


@dataclass(frozen=True, slots=True)
class OwnMultipliers:
    """All groups, and one user's own multipliers by group; `blocks` is where those lie."""

    user: str
    groups: Mapping[str, GroupDefinition]
    rows: Mapping[str, str]
    blocks: Mapping[str, MultiplierItem] = field(default_factory=dict)


def partition_of(group: str) -> str:
    """The partition of a group's sets."""
    return f"multipliers#{group}"


def block_name(number: int, block: int) -> str:
    """The sort key of a block of a set."""
    return f"{version_name(number)}#{block:02d}"


def block_of(group: GroupDefinition, user: str) -> tuple[str, str]:
    """The key of the block of the set that counts in which a user's multiplier lies."""
    return partition_of(group.id), block_name(group.multipliers, place(user, BLOCKS))


class Multipliers:
    """The users' own multipliers of all groups."""

    def __init__(self, groups: Definitions[GroupDefinition], connection: Connection) -> None:
        self._groups = groups
        self._connection = connection

    def of_group(self, group: str) -> MultiplierSet:
        """The set that counts in a group, never half of one.

        Raises:
            NotFound: there is no such group.
            Throttled: it was replaced again and again while it was being read.
        """
        for _ in range(ROUNDS):
            before = self._groups.get(group)
            rows = self._rows(before)
            if self._groups.get(group).multipliers == before.multipliers:
                return MultiplierSet(before, rows)
        raise Throttled(f"the multipliers of group {group} are being replaced")

    def replace(self, group: str, version: int, rows: Rows, author: Author) -> GroupDefinition:
        """Let these multipliers, and no others, count in a group.

        Raises:
            NotFound: there is no such group.
            VersionMismatch: it has been written since, or was while the set was being written.
            StoreError: the old set counts, save after OutcomeUnknown; either is whole.
        """
        self._groups.seen(group, version)
        number = self._claim(group)
        self._write(group, number, rows, author)
        chosen = number if rows else 0
        try:
            after = self._groups.change(
                group, version, lambda before: replace(before, multipliers=chosen), author
            )
        except TollgateError:  # a refusal, not a lost answer: this set will never count
            self._clear(group, number, number)
            raise
        self._clear(group, 0, number - 1)
        return after

    def of_user(self, user: str) -> OwnMultipliers:
        """A user's own multipliers in every group.

        Raises:
            Throttled: sets were replaced again and again while they were being read.
        """
        for _ in range(ROUNDS):
            groups = self._all_groups()
            found = self._own(user, groups)
            if numbers(self._all_groups()) == numbers(groups):
                return found
        raise Throttled("the multipliers of several groups are being replaced")

    def change_user(
        self, before: OwnMultipliers, wanted: Mapping[str, str], author: Author
    ) -> OwnMultipliers:
        """Let a user have these multipliers by group, and no others, all at once.

        Raises:
            NotFound: there is no such user.
            ValidationFailed: the user is deleted, or too many groups change at once.
            VersionMismatch: one of the groups has been written since.
        """
        names = before.rows.keys() | wanted.keys()
        changed = sorted(name for name in names if before.rows.get(name) != wanted.get(name))
        if len(changed) > MOST_GROUPS:
            raise ValidationFailed(
                f"entries: this changes {len(changed)} groups, {MOST_GROUPS} is the most at once",
                param="entries",
            )
        writing = Writing(self._connection)
        deleted = ValidationFailed(f"user {before.user} is deleted", param="user")
        writing.check(UserItem("users", before.user), UserItem.status != "deleted", deleted)
        groups = {
            name: self._stage(writing, before, name, wanted.get(name), author) for name in changed
        }
        writing.commit()
        return OwnMultipliers(before.user, {**before.groups, **groups}, dict(wanted))

    # --- parts of the above -------------------------------------------------------------------

    def _rows(self, group: GroupDefinition) -> Rows:
        number = group.multipliers
        blocks = self._blocks(group.id, number, number) if number else ()
        return {user: value for block in blocks for user, value in block.users.items()}

    def _blocks(
        self, group: str, first: int, last: int, attributes: list[str] | None = None
    ) -> Iterator[MultiplierItem]:
        """The blocks of the sets from one number to another."""
        sets = MultiplierItem.sk.between(f"{version_name(first)}#", f"{version_name(last)}$")
        with foreign_errors():
            yield from MultiplierItem.query(
                partition_of(group), sets, consistent_read=True, attributes_to_get=attributes
            )

    def _claim(self, group: str) -> int:
        """A number for a set that nobody else has or will have."""
        counter = UsesItem(f"uses#{group}", "uses")
        try:
            with foreign_errors():
                counter.update([UsesItem.sets.add(1)], condition=Item.pk.exists())
        except ConditionFailed as error:
            raise NotFound(f"there is no group {group!r}") from error
        return int(counter.sets or 0)

    def _write(self, group: str, number: int, rows: Rows, author: Author) -> None:
        """Write a set that does not count yet."""
        stamp = stamped(Stamp(1, author.at, author.at, author.by))
        with foreign_errors():
            for block, users in enumerate(dealt(rows, BLOCKS)):
                if users:
                    name = block_name(number, block)
                    MultiplierItem(partition_of(group), name, users=users, **stamp).save()

    def _clear(self, group: str, first: int, last: int) -> None:
        """Delete sets that do not count; what fails here is deleted by the next replacement."""
        with suppress(StoreError, PynamoDBException):
            for block in self._blocks(group, first, last, ["pk", "sk", "kind"]):
                block.delete()

    def _all_groups(self) -> dict[str, GroupDefinition]:
        return {group.id: group for group in self._groups.everything()}

    def _own(self, user: str, groups: Mapping[str, GroupDefinition]) -> OwnMultipliers:
        keys = {block_of(group, user): group.id for group in groups.values() if group.multipliers}
        with foreign_errors():
            found = list(MultiplierItem.batch_get(keys, consistent_read=True)) if keys else []
        blocks = {keys[block.pk, block.sk]: block for block in found}
        rows = {name: block.users[user] for name, block in blocks.items() if user in block.users}
        return OwnMultipliers(user, groups, rows, blocks)

    def _stage(
        self,
        writing: Writing,
        before: OwnMultipliers,
        name: str,
        multiplier: str | None,
        author: Author,
    ) -> GroupDefinition:
        """Add to a write what gives the user another multiplier in one group, or none."""
        group = before.groups[name]
        chosen = replace(group, multipliers=group.multipliers or self._claim(name))
        block = before.blocks.get(name)
        users = {} if block is None else dict(block.users)
        users.pop(before.user, None)
        if multiplier is not None:
            users[before.user] = multiplier
        stamp = Stamp(1 if block is None else block.version + 1, author.at, author.at, author.by)
        item = MultiplierItem(*block_of(chosen, before.user), users=users, **stamped(stamp))
        # The group's version, written in the same transaction, guards the block as well.
        raced = VersionMismatch(f"the multipliers of group {name} have been changed; read again")
        unchanged = Item.version == stamp.version - 1
        writing.put(item, unchanged if block else Item.pk.does_not_exist(), raced)
        return self._groups.stage(writing, group, chosen, author)


def numbers(groups: Mapping[str, GroupDefinition]) -> dict[str, int]:
    """Which set counts in each group."""
    return {name: group.multipliers for name, group in groups.items() if group.multipliers}
