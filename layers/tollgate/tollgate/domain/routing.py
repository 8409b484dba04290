"""Which upstream accounts a call may go to, and in which order.

The order needs no storage: accounts of the highest priority first, and within a priority a
weighted rendezvous hash of the caller's session, so that a session stays where its prompt cache
is until its account leaves the pool (ruling R25).
"""

import hashlib
import itertools
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from tollgate.domain import bedrock_models
from tollgate.domain.catalog import Account, Channel, ChannelPart, GroupPart, ModelGroupChannel
from tollgate.domain.patterns import across, allows, find, target_of, translate
from tollgate.domain.rating import Same
from tollgate.domain.scheduling import Pool

ANTIGRAVITY: Final = "antigravity"

POOLS: Final = 128
"""Pools that are kept, those used last: of 500 accounts one takes some 200 KB."""


def channel_mapped(channel: Channel | None, platform: str, model: str) -> str:
    """The name a channel sells `model` under; itself without a channel or a mapping for it."""
    if channel is None or not channel.model_mapping:
        return model
    found = across(channel.model_mapping, platform, model)
    return model if found is None else target_of(*found, model)


def serves(account: Account, model: str) -> bool:
    """Whether the account offers a (channel-mapped) model: by its list, or by its own mapping.

    On Bedrock it must have an id, too.
    """
    if account.type == "bedrock" and not bedrock_models.serves(account, model):
        return False
    if not account.models and not account.model_mapping:
        return True
    named = account.models and allows(account.models, model)
    return bool(named) or find(account.model_mapping, model) is not None


@lru_cache(maxsize=8_192)
def score(session: str, name: str, weight: int) -> float:
    """Weighted rendezvous score: higher wins; the share of a name follows its weight.

    Remembered: a session's calls come one after the other, and a key without one is its own.
    """
    digest = hashlib.blake2b(f"{session}\0{name}".encode(), digest_size=8).digest()
    uniform = ((int.from_bytes(digest) >> 12) + 0.5) / 2**52  # exact, and neither 0 nor 1
    return -weight / math.log(uniform)


class Wanted(NamedTuple):
    """What accounts are looked for: the public name, for a group's platform, in a dialect."""

    model: str
    platform: str
    platforms: tuple[str, ...]
    session: str


def speaks(account: Account, wanted: "Wanted") -> bool:
    """Whether an account's platform may serve a call.

    Beside its own groups, an antigravity account serves others only where it is `mixed`.
    """
    if account.platform not in wanted.platforms:
        return False
    return account.platform != ANTIGRAVITY or account.mixed or wanted.platform == ANTIGRAVITY


def pools_of(group: GroupPart, wanted: Wanted, mapped: str) -> tuple[Pool, ...]:
    """The group's accounts that speak the caller's dialect and offer the mapped model.

    Those that the group's routing names for the public name are a pool before the others, so that
    a routed model is served as long as anything can serve it.
    """
    found = find(group.model_routing, wanted.model)
    named = found[1] if found else ()
    return group_pools(Same(group), wanted.platforms, named, mapped)


@lru_cache(maxsize=POOLS)
def group_pools(
    group: Same[GroupPart], platforms: tuple[str, ...], named: tuple[str, ...], mapped: str
) -> tuple[Pool, ...]:
    """As `pools_of`; kept as long as the group's part is the same."""
    part = group.value
    wanted = Wanted("", part.platform, platforms, "")
    channel = part.channel.id if part.channel else ""
    fitting = [each for each in part.accounts if speaks(each, wanted) and serves(each, mapped)]
    first = [account for account in fitting if account.id in named]
    others = [account for account in fitting if account.id not in named]
    made = (pool_of(accounts, channel, mapped) for accounts in (first, others))
    return tuple(pool for pool in made if len(pool))


def pool_of(accounts: Iterable[Account], channel: str, mapped: str) -> Pool:
    """Accounts with the name each is sent."""
    return Pool(
        ((each, translate(each.model_mapping, mapped)) for each in accounts), channel, mapped
    )


class Binding(NamedTuple):
    """A channel that a model group is bound to, as it is now."""

    terms: ModelGroupChannel
    part: ChannelPart


def bound_pools(bindings: Iterable[Binding], wanted: Wanted) -> tuple[Pool, ...]:
    """The accounts of each bound channel and no others, under its own mapping (R3).

    Channels by priority, then by weighted rendezvous.
    """
    made = (
        channel_pool(
            Same(binding.part),
            wanted.platforms,
            wanted.platform,
            channel_mapped(binding.part.channel, wanted.platform, wanted.model),
        )
        for binding in in_order(bindings, wanted.session)
    )
    return tuple(pool for pool in made if len(pool))


@lru_cache(maxsize=POOLS)
def channel_pool(
    part: Same[ChannelPart], platforms: tuple[str, ...], platform: str, mapped: str
) -> Pool:
    """The accounts of a bound channel that offer what it sells under a name."""
    wanted = Wanted("", platform, platforms, "")
    fitting = (a for a in part.value.accounts if speaks(a, wanted) and serves(a, mapped))
    return pool_of(fitting, part.value.channel.id, mapped)


def in_order(bindings: Iterable[Binding], session: str) -> list[Binding]:
    """Bindings in the order to try them; one of weight 0 is drained and left out."""
    return sorted(
        (binding for binding in bindings if binding.terms.weight > 0),
        key=lambda binding: (
            -binding.terms.priority,
            -score(session, binding.terms.channel, binding.terms.weight),
        ),
    )


def chain(*names: str) -> tuple[str, ...]:
    """The mapping chain, requested to upstream; equal neighbours collapse."""
    steps = [names[0]]
    steps.extend(after for before, after in itertools.pairwise(names) if before != after)
    return tuple(steps)
