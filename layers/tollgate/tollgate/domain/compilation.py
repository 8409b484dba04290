"""How definitions become what relays hold: the part for all, those of groups, channels, users."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from tollgate.domain.catalog import (
    Account,
    Channel,
    ChannelPart,
    CustomerPrice,
    GlobalPart,
    GroupPart,
    Key,
    ModelGroup,
    ModelGroupChannel,
    Price,
    Profile,
)
from tollgate.domain.definitions import (
    AccountDefinition,
    ChannelDefinition,
    CustomerPriceDefinition,
    DefaultGroup,
    GroupDefinition,
    KeyDefinition,
    ModelGroupChannelDefinition,
    ModelGroupDefinition,
    Permission,
    PriceDefinition,
    Setting,
    UserDefinition,
)
from tollgate.domain.model_groups import refused
from tollgate.domain.patterns import matching, normal, normal_keys

REVOKED_KEPT: Final = 50
"""Revoked keys of a user that still get "revoked" for an answer; older ones are unknown."""


@dataclass(frozen=True, slots=True)
class Everywhere:
    """The definitions that are nobody's own."""

    prices: tuple[PriceDefinition, ...]
    defaults: tuple[DefaultGroup, ...]
    settings: tuple[Setting, ...]
    groups: tuple[ModelGroupDefinition, ...] = ()
    bindings: tuple[ModelGroupChannelDefinition, ...] = ()


@dataclass(frozen=True, slots=True)
class Pools:
    """The definitions that groups and bound channels are made of; groups by id.

    `bound` are the channels that some model group is bound to: only these have a part.
    """

    groups: Mapping[str, GroupDefinition]
    channels: tuple[ChannelDefinition, ...]
    accounts: tuple[AccountDefinition, ...]
    bound: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Person:
    """The definitions that a user's profile is made of.

    `revision` counts the writes to them; everything written up to it is in them.
    """

    revision: int
    user: UserDefinition
    keys: tuple[KeyDefinition, ...]
    prices: tuple[CustomerPriceDefinition, ...] = ()
    permissions: tuple[Permission, ...] = ()


def compile_global(version: int, everywhere: Everywhere) -> GlobalPart:
    """Official prices, default model groups, all others but the plain ones, and settings."""
    prices = compile_official(everywhere.prices)
    defaults = {normal(default.model): default.code for default in everywhere.defaults}
    return GlobalPart(
        version=version,
        prices=prices,
        default_groups=defaults,
        settings={setting.name: setting.value for setting in everywhere.settings},
        model_groups=compile_model_groups(everywhere, prices, defaults),
    )


def compile_official(heads: Iterable[PriceDefinition]) -> dict[str, tuple[Price, ...]]:
    """Official prices in the versions that live.

    A model whose price was withdrawn is refused until it has one again: a wildcard's must not be
    found in its place, so it stays, without any version.
    """
    known = {normal(head.model): head.live for head in heads}
    sold = {model: live for model, live in known.items() if live}
    gone = (model for model in known if model not in sold and any(matching(sold, model)))
    return sold | dict.fromkeys(gone, ())


def compile_model_groups(
    everywhere: Everywhere, prices: Mapping[str, tuple[Price, ...]], defaults: Mapping[str, str]
) -> dict[str, dict[str, ModelGroup]]:
    """The model groups by model and code, without defaults that are nothing but that."""
    bound = bindings_of(everywhere.bindings)
    found: dict[str, dict[str, ModelGroup]] = {}
    plain: list[tuple[str, str, ModelGroup]] = []
    for row in everywhere.groups:
        model, code = normal(row.model), row.code
        group = ModelGroup(row.billing_type, row.enabled, bound.get((model, code), ()))
        modes = {price.mode for price in prices.get(model, ())}
        nothing_more = group == ModelGroup(row.billing_type) and modes == {row.billing_type}
        if defaults.get(model) == code and nothing_more:
            plain.append((model, code, group))
        else:
            found.setdefault(model, {})[code] = group
    wildcards = {pattern: rows for pattern, rows in found.items() if pattern.endswith("*")}
    for model, code, group in plain if wildcards else ():
        # Left out, a wildcard's row of the same code would be found in its place.
        if hidden(wildcards, model, code):
            found.setdefault(model, {})[code] = group
    return found


def bindings_of(
    bindings: Iterable[ModelGroupChannelDefinition],
) -> dict[tuple[str, str], tuple[ModelGroupChannel, ...]]:
    """The channels of each model group, in the order of their ids.

    One that is switched off stays as if it were drained: a group with bindings never routes
    anywhere else (onehub.md §11.3).
    """
    found: dict[tuple[str, str], tuple[ModelGroupChannel, ...]] = {}
    for row in sorted(bindings, key=lambda row: row.channel):
        weight = row.weight if row.enabled else 0
        key = (normal(row.model), row.code)
        bound = ModelGroupChannel(row.channel, row.priority, weight)
        found[key] = (*found.get(key, ()), bound)
    return found


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
        claude_code_only=group.claude_code_only,
        fallback_group=group.fallback_group,
        invalid_request_group=group.invalid_request_group,
        model_routing=normal_keys(group.model_routing),
        strategy=group.strategy,
        limits=group.limits,
    )


def compile_bound(version: int, channel: str, pools: Pools) -> ChannelPart | None:
    """A bound channel with the accounts it may use; None when it is off, or bound no more."""
    definition = next((each for each in pools.channels if each.id == channel), None)
    if definition is None or definition.status != "active" or channel not in pools.bound:
        return None
    accounts = (each for each in pools.accounts if each.status == "active")
    own = sorted((a for a in accounts if usable(definition, a)), key=lambda account: account.id)
    # Its prices count for its own groups only; whoever is merely routed here never asks (R3).
    channel_only = replace(compile_channel(definition), pricing=())
    return ChannelPart(version, channel_only, tuple(map(compile_account, own)))


def usable(channel: ChannelDefinition, account: AccountDefinition) -> bool:
    """Whether a bound channel may use an account: one of its own, else of its groups (R3)."""
    if channel.accounts:
        return account.id in channel.accounts
    return not set(channel.groups).isdisjoint(account.groups)


def bound_by(part: str, pools: Pools) -> frozenset[str]:
    """The bound channels whose parts hold something of a channel, an account or a group."""
    named = {part} if part.startswith("chn_") else set()
    for channel in pools.channels:
        holds = part in channel.accounts if channel.accounts else part in channel.groups
        if channel.id in pools.bound and holds:
            named.add(channel.id)
    return frozenset(named)


def serving(group: str, definitions: Iterable[Any]) -> list[Any]:
    """The active ones of a group, in the order of their ids."""
    active = (d for d in definitions if d.status == "active" and group in d.groups)
    return sorted(active, key=lambda definition: str(definition.id))


def compile_channel(channel: ChannelDefinition) -> Channel:
    return Channel(
        id=channel.id,
        name=channel.name,
        model_mapping={
            platform: normal_keys(mapping) for platform, mapping in channel.model_mapping.items()
        },
        billing_model_source=channel.billing_model_source,
        restrict_models=channel.restrict_models,
        pricing=channel.pricing,
    )


def compile_account(account: AccountDefinition) -> Account:
    """What relays know of an account, as it is defined; its mapping is by normal names."""
    same = {each.name: getattr(account, each.name) for each in fields(Account)}
    return Account(**same | {"model_mapping": normal_keys(account.model_mapping)})


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
        shards=user.shards,
        groups=user.groups,
        prices=compile_prices(person.prices),
        permissions=compile_permissions(person.permissions),
        limits=user.limits,
        group_limits=user.group_limits,
    )


def compile_prices(
    heads: Iterable[CustomerPriceDefinition],
) -> dict[str, dict[str, tuple[CustomerPrice, ...]]]:
    """A user's own prices in the versions that live; what was withdrawn has none.

    One that is switched off counts as not there, but a wildcard's must not be found in its place.
    """
    found: dict[str, dict[str, tuple[CustomerPrice, ...]]] = {}
    off: list[CustomerPriceDefinition] = []
    for head in heads:
        if any(price.enabled for price in head.live):
            found.setdefault(normal(head.model), {})[head.code] = head.live
        elif head.live:
            off.append(head)
    for head in off:
        if hidden(found, head.model, head.code):
            found.setdefault(normal(head.model), {})[head.code] = ()
    return found


def compile_permissions(permissions: Iterable[Permission]) -> dict[str, frozenset[str]]:
    """The model groups a user may ask for, and those a wildcard's permission must not open."""
    found: dict[str, set[str]] = {}
    off: list[Permission] = []
    for permission in permissions:
        if permission.enabled:
            found.setdefault(normal(permission.model), set()).add(permission.code)
        else:
            off.append(permission)
    for permission in off:
        if hidden(found, permission.model, permission.code):
            found.setdefault(normal(permission.model), set()).add(refused(permission.code))
    return {model: frozenset(codes) for model, codes in found.items()}


def hidden(rows: Mapping[str, Container[str]], model: str, code: str) -> bool:
    """Whether a row for a model would be mistaken for a wildcard's of the same code (C12)."""
    return any(code in rows[pattern] for pattern in matching(rows, model))


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
        allowed_networks=key.allowed_networks,
        denied_networks=key.denied_networks,
        limits=key.limits,
    )
