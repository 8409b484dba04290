"""Users over HTTP: created with their wallet, changed, disabled at once."""

from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from tollgate.domain.catalog import Limits
from tollgate.domain.definition_rules import MOST_GROUPS
from tollgate.domain.definitions import UserDefinition, UserStatus
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.sharding import MOST_SHARDS
from tollgate.services.limit_use import LimitUses
from tollgate.services.users import Users
from tollgate.store.passwords import PasswordHashes
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Entries,
    Id,
    Ids,
    IfMatch,
    Limit,
    Name,
    NewPassword,
    Once,
    Text,
    View,
    absent,
    empty,
)
from tollgate.web.management.limits import (
    LimitsBody,
    LimitsView,
    LimitUseView,
    limits_of,
)
from tollgate.web.management.versions import wanted

GroupLimits = Annotated[dict[Id, LimitsBody], Field(max_length=MOST_GROUPS)]
Shards = Annotated[int, Field(ge=1, le=MOST_SHARDS)]


class UserView(View):
    id: str
    email: str
    name: str
    status: str
    shards: int
    groups: list[str]
    limits: LimitsView
    group_limits: dict[str, LimitsView]

    @classmethod
    def of(cls, definition: Any, **more: Any) -> Self:
        """The view of a user."""
        within = {group: LimitsView.of(own) for group, own in definition.group_limits.items()}
        limits = LimitsView.of(definition.limits)
        return super().of(definition, limits=limits, group_limits=within, **more)


class UserCreate(Body):
    """A new user. `groups` are exclusive ones opened.

    `limits` count over all the user's calls, `group_limits` (by group id) instead of a group's own.
    """

    email: Text
    name: Text = ""
    shards: Shards = 1
    groups: Ids = empty(list)
    limits: LimitsBody | None = None
    group_limits: GroupLimits = empty(dict)


class UserPatch(Body):
    """What is sent is changed; null clears `groups`, `name` and limits."""

    email: Text = absent()
    name: Name | None = absent()
    shards: Shards = absent()
    groups: Ids | None = absent()
    limits: LimitsBody | None = absent()
    group_limits: GroupLimits | None = absent()
    status: Literal["active", "disabled", "deleted"] = absent()


class PasswordGiven(Body):
    """The password a user signs in to the portal with."""

    password: NewPassword


class UserResource:
    """/users"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._users = Users(desk.stores.catalog, desk.stores.wallets)
        self._hashes = PasswordHashes(desk.random)

    def endpoints(self) -> tuple[Endpoint, ...]:
        users, user = f"{ROOT}/users", f"{ROOT}/users/<user>"
        return (
            Endpoint("GET", users, "users.read", self.list),
            Endpoint("POST", users, "users.write", self.create, 201),
            Endpoint("GET", user, "users.read", self.get),
            Endpoint("PATCH", user, "users.write", self.patch),
            Endpoint("DELETE", user, "users.write", self.delete),
            Endpoint("GET", f"{user}/limits", "users.read", self.limits),
            Endpoint("PUT", f"{user}/password", "users.write", self.set_password, 204),
        )

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[UserView]:
        """List users."""
        return self._desk.listed(self._desk.stores.catalog.users, limit, cursor, UserView.of)

    def create(self, body: UserCreate, key: Once = None) -> UserView:
        """Create a user with an empty wallet."""

        def create(identity: Id, resumed: bool) -> UserView:
            user = UserDefinition(
                identity,
                body.email,
                name=body.name,
                shards=body.shards,
                groups=tuple(body.groups),
                limits=limits_of(body.limits),
                group_limits=self._within(body.group_limits),
            )
            view = UserView.of(self._users.create(user, self._desk.author, resumed=resumed))
            self._desk.trail.note("user.create", identity, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("usr", create, UserView))

    def get(self, user: str) -> UserView:
        """Read a user."""
        return UserView.of(self._desk.stores.catalog.users.get(user))

    def limits(self, user: str) -> Entries[LimitUseView]:
        """Tell what of a user's limits is used now: their own, their keys' and those in groups."""
        stores = self._desk.stores
        found = LimitUses(stores.catalog, stores.wallets).of(user, self._desk.clock() // 1_000)
        return Entries(entries=[LimitUseView.of(use) for use in found])

    def patch(self, user: str, body: UserPatch, if_match: IfMatch = None) -> UserView:
        """Change a user; a new status takes effect on the next call."""
        changes = body.changes({"groups": (), "name": ""})
        if "groups" in changes:
            changes["groups"] = tuple(changes["groups"])
        if "limits" in changes:
            changes["limits"] = limits_of(body.limits)
        if "group_limits" in changes:
            changes["group_limits"] = self._within(body.group_limits or {})
        return self._change("user.change", user, if_match, changes)

    def delete(self, user: str, if_match: IfMatch = None) -> UserView:
        """Delete a user: calls are refused, the address is free again, the records stay."""
        status: UserStatus = "deleted"
        return self._change("user.delete", user, if_match, {"status": status})

    def set_password(self, user: str, body: PasswordGiven) -> None:
        """Give a user a password for the portal, in place of any they had; their sessions end."""
        desk = self._desk
        desk.stores.catalog.set_password(user, self._hashes.hash(body.password), desk.author)
        desk.trail.note("password.set", user)

    def _within(self, sent: dict[str, LimitsBody]) -> dict[str, Limits]:
        """Limits by group.

        Raises:
            ValidationFailed: there is no such group, or an amount is too large.
        """
        for group in sent:
            if self._desk.stores.catalog.groups.find(group) is None:
                raise ValidationFailed(f"there is no group {group}", param=f"group_limits.{group}")
        return {group: limits_of(own, f"group_limits.{group}") for group, own in sent.items()}

    def _change(
        self, action: str, user: str, if_match: str | None, changes: dict[str, Any]
    ) -> UserView:
        desk = self._desk
        changed = self._users.change(
            user,
            wanted(if_match),
            lambda before: replace(before, **changes),
            desk.author,
        )
        desk.note_change(action, user, changed, UserView.of)
        return UserView.of(changed.after)
