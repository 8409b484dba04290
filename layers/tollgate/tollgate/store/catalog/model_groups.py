"""Model groups: the tiers of every model, which one is its default, and the channels of each.

All lie in one partition, so that the publisher reads them with one query; a model's own are those
behind its name. What points at a group is counted beside it in the same transaction, so a group
that customers' prices, permissions or channels name cannot be removed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from pynamodb.connection import Connection

from tollgate.domain.catalog import BillingMode
from tollgate.domain.definitions import (
    Author,
    DefaultGroup,
    ModelGroupChannelDefinition,
    ModelGroupDefinition,
    Stamp,
)
from tollgate.domain.errors import (
    BillingTypeMismatch,
    Conflict,
    NotFound,
    TollgateError,
    ValidationFailed,
)
from tollgate.domain.patterns import normal
from tollgate.store.catalog.access import Definitions, stamped
from tollgate.store.catalog.items import (
    ChannelItem,
    DefaultGroupItem,
    Item,
    ModelGroupItem,
    ModelGroupUsesItem,
    UseItem,
)
from tollgate.store.catalog.kinds import (
    DEFAULT_GROUP,
    MODEL_GROUP,
    MODEL_GROUP_CHANNEL,
    group_name,
)
from tollgate.store.catalog.writing import Writing, foreign_errors

GROUPS: Final = "model_groups"
DEFAULTS: Final = "default_groups"
BINDINGS: Final = "model_group_channels"
MOST_REFERENCES: Final = 20
"""References that a refusal lists; the rest are only counted."""


def uses_key(model: str, code: str) -> tuple[str, str]:
    """Where it is counted what points at a model group."""
    return f"uses#{group_name(model, code)}", "uses"


def no_group(model: str, code: str) -> NotFound:
    return NotFound(f"model {model!r} has no model group {code!r}", param="group_code")


class ModelGroups(Definitions[ModelGroupDefinition]):
    """The model groups of all models; a default can be neither disabled nor removed (R6)."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(MODEL_GROUP, GROUPS, connection)

    def of(self, model: str) -> list[ModelGroupDefinition]:
        """The groups of one model, by their codes. A name may hold '#', so its own are filtered."""
        name = normal(model)
        return [group for group in self.everything(f"{name}#") if group.model == name]

    def one(self, model: str, code: str) -> ModelGroupDefinition:
        """One group.

        Raises:
            NotFound: the model has none of that code.
        """
        found = self.find(group_name(model, code))
        if found is None:
            raise no_group(normal(model), code)
        return found

    def remove(self, name: str, version: int | None) -> None:
        """As `Definitions.remove`; the conflict lists what still points at the group."""
        try:
            super().remove(name, version)
        except Conflict as conflict:
            if conflict.param != "uses":
                raise
            raise self._in_use(self.get(name)) from conflict

    def references(self, model: str, code: str) -> list[str]:
        """What points at a group: "price usr_…", "permission usr_…", "channel chn_…"."""
        name = group_name(model, code)
        with foreign_errors():
            users = [item.owner for item in UseItem.query(f"uses#{name}", consistent_read=True)]
        bindings = Bindings(self._connection).of(model, code)
        return sorted([*users, *(f"channel {each.channel}" for each in bindings)])

    def _in_use(self, group: ModelGroupDefinition) -> Conflict:
        found = self.references(group.model, group.code)
        listed = ", ".join(found[:MOST_REFERENCES])
        more = f" and {len(found) - MOST_REFERENCES} more" if len(found) > MOST_REFERENCES else ""
        return Conflict(
            f"model group {group.code!r} of {group.model!r} is still used by {listed}{more}; "
            "take these away first, or disable the group",
            param="code",
            detail={"references": listed, "count": len(found)},
        )

    def _also(
        self,
        writing: Writing,
        before: ModelGroupDefinition | None,
        after: ModelGroupDefinition | None,
    ) -> None:
        if before is None and after is not None:
            there = Conflict(f"model group {after.code!r} is there already", param="code")
            writing.put(nothing_uses(after), Item.pk.does_not_exist(), there)
        if before is None:
            return
        uses = ModelGroupUsesItem(*uses_key(before.model, before.code))
        if after is None:
            unused = (
                (ModelGroupUsesItem.prices == 0)
                & (ModelGroupUsesItem.permissions == 0)
                & (ModelGroupUsesItem.channels == 0)
            )
            writing.delete(uses, unused, Conflict("the group is in use", param="uses"))
        elif after.billing_type != before.billing_type:
            writing.check(uses, ModelGroupUsesItem.prices == 0, priced_otherwise(before))
        if after is None or not after.enabled:
            self._not_the_default(writing, before)

    def _not_the_default(self, writing: Writing, group: ModelGroupDefinition) -> None:
        pointer = DefaultGroupItem(DEFAULTS, group.model)
        other = Item.pk.does_not_exist() | (DefaultGroupItem.code != group.code)
        writing.check(pointer, other, Conflict("this is the model's default group", param="code"))


def nothing_uses(group: ModelGroupDefinition) -> ModelGroupUsesItem:
    """The counter of what points at a group, as it begins."""
    pk, sk = uses_key(group.model, group.code)
    return ModelGroupUsesItem(pk, sk, prices=0, permissions=0, channels=0, **stamped(Stamp(1)))


def priced_otherwise(group: ModelGroupDefinition) -> Conflict:
    return Conflict(
        f"customers have prices of type {group.billing_type} in model group {group.code!r} of "
        f"{group.model!r}; withdraw them before the group is billed otherwise",
        param="billing_type",
    )


def count_uses(
    writing: Writing, model: str, code: str, steps: Mapping[str, int], refusal: TollgateError
) -> None:
    """Count in the same write what begins (1) or ceases (-1) to point at a group.

    `steps` are those of `prices`, `permissions` and `channels`; with none nothing is written.
    """
    counters = {
        "prices": ModelGroupUsesItem.prices,
        "permissions": ModelGroupUsesItem.permissions,
        "channels": ModelGroupUsesItem.channels,
    }
    actions = [counters[what].add(step) for what, step in steps.items() if step]
    if actions:
        uses = ModelGroupUsesItem(*uses_key(model, code))
        writing.update(uses, actions, Item.pk.exists(), refusal)


class DefaultGroups(Definitions[DefaultGroup]):
    """Which model group is each model's default: one item a model, so exactly one."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(DEFAULT_GROUP, DEFAULTS, connection)

    def choose(
        self, model: str, code: str, version: int | None, mode: BillingMode | None, author: Author
    ) -> DefaultGroup:
        """Make a group the default of its model, whose official price is of that mode, if any.

        Raises:
            NotFound: the model has no default yet; its first price makes one.
            VersionMismatch: the default has changed since.
            Conflict: there is no such group, or it is disabled.
            BillingTypeMismatch: it is not billed as the model is priced (C6).
        """
        before = self.seen(normal(model), version)
        after = replace(before, code=code)
        writing = Writing(self._connection)
        changed = self.stage(writing, before, after, author)
        group = ModelGroupItem(GROUPS, group_name(model, code))
        usable = Item.pk.exists() & (ModelGroupItem.enabled == True)  # noqa: E712 - an expression
        refusal: TollgateError = Conflict(
            f"group {code!r} is not there, or is disabled", param="code"
        )
        found = ModelGroups(self._connection).find(group_name(model, code))
        if mode is not None and found is not None and found.enabled:
            usable &= ModelGroupItem.billing_type == mode
            refusal = BillingTypeMismatch(
                f"the model is priced by {mode}, group {code!r} is billed by {found.billing_type}",
                param="code",
            )
        writing.check(group, usable, refusal)
        writing.commit()
        return changed


class Bindings(Definitions[ModelGroupChannelDefinition]):
    """Which channels the calls of a model group may go to."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(MODEL_GROUP_CHANNEL, BINDINGS, connection)

    def of(self, model: str, code: str) -> list[ModelGroupChannelDefinition]:
        """The bindings of one group, by channel."""
        return [each for each in self.of_model(model) if each.code == code]

    def of_model(self, model: str) -> list[ModelGroupChannelDefinition]:
        """The bindings of all groups of a model."""
        name = normal(model)
        return [each for each in self.everything(f"{name}#") if each.model == name]

    def of_channel(self, channel: str) -> Iterator[ModelGroupChannelDefinition]:
        """The bindings that name a channel."""
        return (each for each in self.everything() if each.channel == channel)

    def _also(
        self,
        writing: Writing,
        before: ModelGroupChannelDefinition | None,
        after: ModelGroupChannelDefinition | None,
    ) -> None:
        if after is None and before is not None:
            gone = no_group(before.model, before.code)
            count_uses(writing, before.model, before.code, {"channels": -1}, gone)
        if after is not None and before is None:
            gone = no_group(after.model, after.code)
            count_uses(writing, after.model, after.code, {"channels": 1}, gone)
            missing = ValidationFailed(f"there is no channel {after.channel!r}", param="channel")
            writing.check(ChannelItem("channels", after.channel), Item.pk.exists(), missing)
