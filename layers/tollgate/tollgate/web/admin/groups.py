"""Groups over HTTP: the pools that keys call through."""

from dataclasses import replace
from typing import Final

from tollgate.domain.base32 import base32
from tollgate.domain.definitions import GroupDefinition
from tollgate.domain.errors import Conflict
from tollgate.store.catalog.access import in_order
from tollgate.store.catalog.groups import listed_at
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.admin.group_bodies import GroupCreate, GroupPatch, GroupView, definition_of
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Entries, IfMatch, Limit, Once

ALIAS_DIGITS: Final = 4
ALIAS_TRIES: Final = 5


class GroupResource:
    """/groups"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._groups = desk.stores.catalog.groups

    def endpoints(self) -> tuple[Endpoint, ...]:
        groups, group = f"{ROOT}/groups", f"{ROOT}/groups/<group>"
        return (
            Endpoint("GET", groups, "groups.read", self.list),
            Endpoint("POST", groups, "groups.write", self.create, 201),
            Endpoint("GET", group, "groups.read", self.get),
            Endpoint("PATCH", group, "groups.write", self.patch),
            Endpoint("DELETE", group, "groups.write", self.delete, 204),
        )

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[GroupView]:
        """List groups, by their sort order."""
        place = self._desk.position(cursor)
        page = in_order(self._groups.everything(), listed_at, limit, place)
        return Entries(
            entries=[GroupView.of(group) for group in page.entries],
            next_cursor=self._desk.cursor(page.after),
        )

    def create(self, body: GroupCreate, key: Once = None) -> GroupView:
        """Create a group."""

        def create(identity: str, resumed: bool) -> GroupView:
            there = self._groups.find(identity) if resumed else None
            view = GroupView.of(there or self._create(identity, body))
            self._desk.trail.note("group.create", identity, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("grp", create, GroupView))

    def get(self, group: str) -> GroupView:
        """Read a group."""
        return GroupView.of(self._groups.get(group))

    def patch(self, group: str, body: GroupPatch, if_match: IfMatch = None) -> GroupView:
        """Change a group; relays follow within seconds."""
        changes = definition_of(body)
        changed = self._desk.changed(
            self._groups, group, if_match, lambda before: replace(before, **changes)
        )
        self._desk.note_change("group.change", group, changed, GroupView.of)
        return GroupView.of(changed.after)

    def delete(self, group: str, if_match: IfMatch = None) -> None:
        """Remove a group that nothing names any more."""
        before = self._desk.removed(self._groups, group, if_match)
        self._desk.trail.note("group.delete", group, GroupView.of(before), None)

    def _create(self, identity: str, body: GroupCreate) -> GroupDefinition:
        for attempt in range(1, ALIAS_TRIES + 1):
            alias = base32(self._desk.random(32**ALIAS_DIGITS), ALIAS_DIGITS)
            group = GroupDefinition(identity, alias, **definition_of(body))
            try:
                return self._groups.create(group, self._desk.author)
            except Conflict as taken:
                if taken.param != "alias" or attempt == ALIAS_TRIES:
                    raise
        raise AssertionError("the loop returns or raises")
