"""Users' own multipliers over HTTP: all of a group as one set, or all of a user at once."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field

from tollgate.domain.definitions import GroupDefinition
from tollgate.domain.errors import ValidationFailed, VersionMismatch
from tollgate.domain.multiplier_rules import check_rows, check_users, row_refused
from tollgate.domain.multipliers import Multipliers
from tollgate.store.catalog.multipliers import OwnMultipliers
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Decimals,
    Id,
    IfMatch,
    Limit,
    Multiplier,
)
from tollgate.web.management.multipliers import UserMultiplier
from tollgate.web.management.versions import wanted
from tollgate.web.requests import BODY_LIMIT

Version = Annotated[int, Field(description="Goes into If-Match to replace exactly what was read.")]
VERSION_BYTES: Final = 6
"""Of a digest that serves as a version: no JavaScript client rounds so small a number."""


class GroupRow(Body):
    """One user's multiplier; 0 is free of charge."""

    user_id: Id
    multiplier: Multiplier


class GroupRows(Body):
    """Everybody who has a multiplier of their own in the group; an empty list clears them."""

    entries: list[GroupRow]


class UserRow(Body):
    """The multiplier in one group; 0 is free of charge."""

    group_id: Id
    multiplier: Multiplier


class UserRows(Body):
    """Every group in which the user has a multiplier of their own."""

    entries: Annotated[list[UserRow], Field(max_length=1_000)]


class GroupMultiplier(BaseModel):
    """A user with a multiplier of their own."""

    user_id: str
    name: str
    email: str
    status: str
    multiplier: Decimals


class GroupMultipliers(BaseModel):
    """One page of a group's users, by their ids; everybody else has `group_multiplier`."""

    version: Version
    group_multiplier: Decimals
    entries: list[GroupMultiplier]
    next_cursor: str | None = None


class SetSummary(BaseModel):
    """A set in short, as it goes into the audit log: how many users, and a digest of the rows."""

    version: Version
    count: int
    digest: Annotated[str, Field(description="SHA-256 of the rows, sorted by user.")]

    @classmethod
    def of(cls, group: GroupDefinition, rows: Multipliers) -> Self:
        """A set of a group in short."""
        return cls(version=group.stamp.version, count=len(rows), digest=digest(rows).hex())


class UserMultipliers(BaseModel):
    """All of a user's own multipliers, by the groups' ids."""

    version: Version
    entries: list[UserMultiplier]

    @classmethod
    def of(cls, own: OwnMultipliers) -> Self:
        """The view of a user's own multipliers; the version changes with nothing else."""
        entries = [UserMultiplier.of(own.groups[name], own.rows[name]) for name in sorted(own.rows)]
        return cls(version=version_of(own.rows), entries=entries)


def digest(rows: Mapping[str, str]) -> bytes:
    """The digest of rows, in whichever order they are."""
    return hashlib.sha256(json.dumps(sorted(rows.items())).encode()).digest()


def version_of(rows: Mapping[str, str]) -> int:
    """A version made of the rows themselves: a user's lie in many groups, each with its own."""
    return int.from_bytes(digest(rows)[:VERSION_BYTES])


class MultiplierResource:
    """/groups/<group>/rate-multipliers and /users/<user>/rate-multipliers"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._users = desk.stores.catalog.users
        self._multipliers = desk.stores.catalog.multipliers

    def endpoints(self) -> tuple[Endpoint, ...]:
        group, user = (f"{ROOT}/{p}/rate-multipliers" for p in ("groups/<group>", "users/<user>"))
        return (
            Endpoint("GET", group, "multipliers.read", self.of_group),
            Endpoint("PUT", group, "multipliers.write", self.replace, body_limit=BODY_LIMIT),
            Endpoint("DELETE", group, "multipliers.write", self.clear),
            Endpoint("GET", user, "multipliers.read", self.of_user),
            Endpoint("PUT", user, "multipliers.write", self.set_user),
        )

    def of_group(self, group: str, limit: Limit = 50, cursor: After = None) -> GroupMultipliers:
        """List the users who have multipliers of their own in a group."""
        found = self._multipliers.of_group(group)
        after = self._desk.position(cursor) or ""
        names = sorted(name for name in found.rows if name > after)
        page = names[:limit]
        users = self._users.many(page)
        entries = [
            GroupMultiplier(
                user_id=name,
                name=users[name].name,
                email=users[name].email,
                status=users[name].status,
                multiplier=found.rows[name],
            )
            for name in page
        ]
        return GroupMultipliers(
            version=found.group.stamp.version,
            group_multiplier=format(found.group.multiplier, "f"),
            entries=entries,
            next_cursor=self._desk.cursor(page[-1] if len(names) > limit else None),
        )

    def replace(self, group: str, body: GroupRows, if_match: IfMatch = None) -> SetSummary:
        """Let these users, and no others, have these multipliers in a group, all at once."""
        rows = check_rows((row.user_id, row.multiplier) for row in body.entries)
        return self._replace("multipliers.replace", group, rows, if_match)

    def clear(self, group: str, if_match: IfMatch = None) -> SetSummary:
        """Let everybody have the group's multiplier again."""
        return self._replace("multipliers.clear", group, {}, if_match)

    def of_user(self, user: str) -> UserMultipliers:
        """List the groups in which a user has a multiplier of their own."""
        self._users.get(user)
        return UserMultipliers.of(self._multipliers.of_user(user))

    def set_user(self, user: str, body: UserRows, if_match: IfMatch = None) -> UserMultipliers:
        """Let a user have these multipliers, and the groups' own everywhere else, all at once."""
        version = wanted(if_match)
        rows = check_rows(((row.group_id, row.multiplier) for row in body.entries), "group_id")
        if self._users.get(user).status == "deleted":
            raise ValidationFailed(f"user {user} is deleted", param="user")
        own = self._multipliers.of_user(user)
        for number, name in enumerate(rows, start=1):
            if name not in own.groups:
                raise row_refused(number, "group_id", f"there is no group {name}")
        before = UserMultipliers.of(own)
        if before.version != version:
            raise VersionMismatch(f"the multipliers of {user} have been changed; read them again")
        after = UserMultipliers.of(self._multipliers.change_user(own, rows, self._desk.author))
        self._desk.trail.note("multipliers.user", user, before, after)
        return after

    def _replace(
        self, action: str, group: str, rows: Multipliers, if_match: str | None
    ) -> SetSummary:
        version = wanted(if_match)
        before = self._multipliers.of_group(group)
        check_users(rows, self._users.statuses(rows))
        after = self._multipliers.replace(group, version, rows, self._desk.author)
        view = SetSummary.of(after, rows)
        self._desk.trail.note(action, group, SetSummary.of(before.group, before.rows), view)
        return view
