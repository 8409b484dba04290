"""Groups: what they lead to is checked in the transaction that writes them.

A group that falls back to another is written only onto the versions of all groups in the row
that were read, so two writers at once cannot close a circle that neither of them saw.
"""

from pynamodb.connection import Connection

from tollgate.domain.definitions import Author, GroupDefinition
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.group_rules import chain_of, check_family
from tollgate.store.catalog.access import Definitions, uses_of
from tollgate.store.catalog.items import AccountItem, GroupItem, Item, UsesItem
from tollgate.store.catalog.kinds import GROUP, fallbacks
from tollgate.store.catalog.writing import Writing


class Groups(Definitions[GroupDefinition]):
    """The pools that keys call through; one that anything names cannot be removed."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(GROUP, "groups", connection)

    def stage(
        self,
        writing: Writing,
        before: GroupDefinition | None,
        after: GroupDefinition,
        author: Author,
    ) -> GroupDefinition:
        """As every definition is; the groups it leads to must fit.

        Raises:
            ValidationFailed, Conflict: `after` is not allowed.
        """
        staged = super().stage(writing, before, after, author)
        settled = leads(after) == leads(before) if before else not fallbacks(after)
        if not settled:
            self._follow(writing, after)
        return staged

    def _follow(self, writing: Writing, group: GroupDefinition) -> None:
        """Check the groups it leads to, and that they stay so until it is written."""
        others = {each.id: each for each in self.everything() if each.id != group.id}
        check_family(group, others)
        led = {each.id: each for each in chain_of(group, others)}
        if group.invalid_request_group:
            led[group.invalid_request_group] = others[group.invalid_request_group]
        for other in led.values():
            unchanged = Item.version == other.stamp.version
            changed = Conflict(f"group {other.id} has just been changed; try again")
            writing.check(GroupItem(self.partition, other.id), unchanged, changed)

    def _also(
        self, writing: Writing, before: GroupDefinition | None, after: GroupDefinition | None
    ) -> None:
        if before is None and after is not None:
            there = Conflict(f"group {after.id} is there already")
            writing.put(uses_of(after.id), Item.pk.does_not_exist(), there)
        if before is not None and after is None:
            named = Conflict(
                f"group {before.id} is still named by keys, users, accounts, a channel or as the "
                "fallback of a group; move them to another group first, or disable this one"
            )
            writing.delete(uses_of(before.id), UsesItem.uses == 0, named)
        if after is not None:
            known = routed(before) if before else frozenset()
            for account in sorted(routed(after) - known):
                outside = ValidationFailed(
                    f"model_routing: {account!r} is not an account of this group",
                    param="model_routing",
                )
                within = AccountItem.groups.contains(after.id)
                writing.check(AccountItem("accounts", account), within, outside)


def leads(group: GroupDefinition) -> tuple[str, ...]:
    """What decides where a group may lead, and what may lead to it."""
    return (
        group.fallback_group,
        group.invalid_request_group,
        group.platform,
        group.subscription_type,
    )


def routed(group: GroupDefinition) -> frozenset[str]:
    """The accounts that a group's routing names."""
    return frozenset(account for named in group.model_routing.values() for account in named)


def listed_at(group: GroupDefinition) -> str:
    """Where a group is in lists: by its sort order, then by when it was made."""
    return f"{group.sort_order:016d}#{group.id}"
