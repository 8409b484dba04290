"""Definitions for tests of the catalog, a source of them without a table, and stream records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any, Final

from tollgate.domain.catalog import Limits
from tollgate.domain.compilation import Everywhere, Person, Pools
from tollgate.domain.definitions import (
    AccountDefinition,
    Author,
    ChannelDefinition,
    DefaultGroup,
    GroupDefinition,
    KeyDefinition,
    ModelGroupChannelDefinition,
    ModelGroupDefinition,
    PriceDefinition,
    Setting,
    UserDefinition,
)
from tollgate.domain.price_draft import PriceDraft
from tollgate.store.marshal import item_of

STATE: Final = "State"
AUTHOR: Final = Author("adm_0123456789abcdef", 1_700_000_000_000)
USER: Final = UserDefinition(
    "usr_0000000000000001", "ann@example.com", limits=Limits(rpm=60, concurrency=8)
)
GROUP: Final = GroupDefinition("grp_1", "g001", "main", "openai", Decimal("1.25"))
OTHER_GROUP: Final = GroupDefinition("grp_2", "g002", "spare", "anthropic")
KEY: Final = KeyDefinition("key_1", USER.id, "k001", "a" * 64, 1, "wxyz", GROUP.id)
SEALED: Final[Mapping[str, str | int]] = {"generation": 1, "box": "c2VhbGVk"}
ACCOUNT: Final = AccountDefinition(
    "acc_1", "one", "openai", "apikey", "https://api.example.com/v1", SEALED, groups=(GROUP.id,)
)
CHANNEL: Final = ChannelDefinition(
    "chn_1", "retail", (GROUP.id,), {"openai": {"fast": "gpt-4o-mini", "claude-*": "gpt-4o"}}
)
DRAFT: Final = PriceDraft("gpt-4o", prices={"input": "2.5", "output": "10"}, max_output=16_384)


@dataclass(slots=True)
class Definitions:
    """Definitions in memory: what the publisher reads, without a table."""

    prices: list[PriceDefinition] = field(default_factory=list)
    defaults: list[DefaultGroup] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    groups: dict[str, GroupDefinition] = field(default_factory=dict)
    channels: list[ChannelDefinition] = field(default_factory=list)
    accounts: list[AccountDefinition] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    model_groups: list[ModelGroupDefinition] = field(default_factory=list)
    bindings: list[ModelGroupChannelDefinition] = field(default_factory=list)
    multipliers: dict[str, dict[str, str]] = field(default_factory=dict)

    def everywhere(self) -> Everywhere:
        return Everywhere(
            tuple(self.prices),
            tuple(self.defaults),
            tuple(self.settings),
            tuple(self.model_groups),
            tuple(self.bindings),
        )

    def pools(self) -> Pools:
        bound = frozenset(binding.channel for binding in self.bindings)
        return Pools(dict(self.groups), tuple(self.channels), tuple(self.accounts), bound)

    def own_multipliers(self, group: str) -> Mapping[str, str]:
        return self.multipliers.get(group, {})

    def person(self, user: str) -> Person | None:
        return self.people.get(user)


_sequence = count(1)


def record(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """A stream record of one write, in Lambda's shape, from plain values."""
    return stored_record(old and item_of(old), new and item_of(new))


def stored_record(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """A stream record of one write, from items as they are stored."""
    body: dict[str, Any] = {"SequenceNumber": f"{next(_sequence):021d}"}
    body |= {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image}
    return {"eventSource": "aws:dynamodb", "dynamodb": body}
