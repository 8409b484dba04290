"""How definitions become what relays hold: a part for all, one per group, a profile per user."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollgate.domain.catalog import Account, Channel, GlobalPart, GroupPart, Key, Profile
from tollgate.domain.definitions import (
    AccountDefinition,
    ChannelDefinition,
    DefaultGroup,
    GroupDefinition,
    KeyDefinition,
    PriceDefinition,
    Setting,
    UserDefinition,
)
from tollgate.domain.patterns import normal

REVOKED_KEPT: Final = 50
"""Revoked keys of a user that still get "revoked" for an answer; older ones are unknown."""


@dataclass(frozen=True, slots=True)
class Everywhere:
    """The definitions that are nobody's own."""

    prices: tuple[PriceDefinition, ...]
    defaults: tuple[DefaultGroup, ...]
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Pools:
    """The definitions that groups are made of; groups by id."""

    groups: Mapping[str, GroupDefinition]
    channels: tuple[ChannelDefinition, ...]
    accounts: tuple[AccountDefinition, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """The definitions that a user's profile is made of.

    `revision` counts the writes to them; everything written up to it is in them.
    """

    revision: int
    user: UserDefinition
    keys: tuple[KeyDefinition, ...]


def compile_global(version: int, everywhere: Everywhere) -> GlobalPart:
    """Official prices, default model groups and settings."""
    return GlobalPart(
        version=version,
        prices={normal(head.model): head.live for head in everywhere.prices if head.live},
        default_groups={normal(default.model): default.code for default in everywhere.defaults},
        settings={setting.name: setting.value for setting in everywhere.settings},
    )


def compile_group(version: int, group: GroupDefinition, pools: Pools, slices: int = 0) -> GroupPart:
    """A group with its channel and its accounts, as if what is switched off were not there.

    `slices` is into how many its users' own multipliers were cut.
    """
    channels = serving(group.id, pools.channels)
    return GroupPart(
        id=group.id,
        version=version,
        alias=group.alias,
        name=group.name,
        platform=group.platform,
        status=group.status,
        multiplier=group.multiplier,
        exclusive=group.exclusive,
        channel=compile_channel(channels[0]) if channels else None,
        accounts=tuple(map(compile_account, serving(group.id, pools.accounts))),
        slices=slices,
    )


def serving(group: str, definitions: Iterable[Any]) -> list[Any]:
    """The active ones of a group, in the order of their ids."""
    active = (d for d in definitions if d.status == "active" and group in d.groups)
    return sorted(active, key=lambda definition: str(definition.id))


def compile_channel(channel: ChannelDefinition) -> Channel:
    return Channel(
        id=channel.id,
        name=channel.name,
        model_mapping=channel.model_mapping,
        billing_model_source=channel.billing_model_source,
        restrict_models=channel.restrict_models,
        pricing=channel.pricing,
    )


def compile_account(account: AccountDefinition) -> Account:
    return Account(
        id=account.id,
        name=account.name,
        platform=account.platform,
        type=account.type,
        base_url=account.base_url,
        secret=account.secret,
        priority=account.priority,
        weight=account.weight,
        model_mapping=account.model_mapping,
        models=account.models,
        cost_multiplier=account.cost_multiplier,
    )


def compile_profile(person: Person) -> Profile:
    """A user with their keys by hash; a deleted user has no keys any more.

    The profile's version is the revision, so whoever wrote a definition knows from which version
    on it is published.
    """
    user = person.user
    keys = () if user.status == "deleted" else answering(person.keys)
    return Profile(
        user=user.id,
        version=person.revision,
        status="active" if user.status == "active" else "disabled",
        keys={key.secret_hash: compile_key(key) for key in keys},
        rpm=user.rpm,
        concurrency=user.concurrency,
        shards=user.shards,
        groups=user.groups,
    )


def answering(keys: Iterable[KeyDefinition]) -> list[KeyDefinition]:
    """All keys that are not revoked, and those revoked last."""
    by_time = sorted(keys, key=lambda key: (key.stamp.updated_at, key.id))
    revoked = [key for key in by_time if key.status == "revoked"]
    return [key for key in by_time if key.status != "revoked"] + revoked[-REVOKED_KEPT:]


def compile_key(key: KeyDefinition) -> Key:
    return Key(
        id=key.id,
        alias=key.alias,
        secret_hash=key.secret_hash,
        pepper_generation=key.pepper_generation,
        group=key.group,
        status=key.status,
        pricing_group=key.pricing_group,
        pricing_group_fallback=key.pricing_group_fallback,
        limited=key.quota is not None,
        expires_at=key.expires_at,
        models=key.models,
        endpoints=key.endpoints,
        cost_in_stream=key.cost_in_stream,
        receipt_in_stream=key.receipt_in_stream,
    )
