"""Which upstream accounts a call may go to, and in which order.

The order needs no storage: accounts of the highest priority first, and within a priority a
weighted rendezvous hash of the caller's session, so that a session stays where its prompt cache
is until its account leaves the pool (ruling R25).
"""

import hashlib
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tollgate.domain.catalog import Account, Channel, ChannelPart, GroupPart, ModelGroupChannel
from tollgate.domain.patterns import across, allows, find, target_of


def channel_mapped(channel: Channel | None, platform: str, model: str) -> str:
    """The name a channel sells `model` under; itself without a channel or a mapping for it."""
    if channel is None or not channel.model_mapping:
        return model
    found = across(channel.model_mapping, platform, model)
    return model if found is None else target_of(*found, model)


def serves(account: Account, model: str) -> bool:
    """Whether the account offers a (channel-mapped) model: by its list, or by its own mapping."""
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


def ordered(accounts: Iterable[Account], session: str) -> list[Account]:
    """Accounts in the order to try them; one of weight 0 is drained and left out."""
    able = [account for account in accounts if account.weight > 0]
    if len(able) < 2:
        return able
    return sorted(
        able,
        key=lambda account: (
            -account.priority,
            -score(session, account.id, account.weight),
            account.id,
        ),
    )


class Route(NamedTuple):
    """One account a call may go to: by which channel, and under which name that sells the model.

    All of a lower `tier` are tried before any of a higher one, whatever else orders accounts.
    """

    account: Account
    channel: str
    mapped: str
    tier: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What accounts are looked for: the public name, for a group's platform, in a dialect."""

    model: str
    platform: str
    platforms: tuple[str, ...]
    session: str


def candidates(group: GroupPart, wanted: Wanted, mapped: str) -> list[Route]:
    """The group's accounts that speak the caller's dialect and offer the mapped model, in order.

    Those that the group's routing names for the public name come first; the others stay behind
    them, so that a routed model is served as long as anything can serve it.
    """
    channel = group.channel.id if group.channel else ""
    fitting = [a for a in group.accounts if a.platform in wanted.platforms and serves(a, mapped)]
    found = find(group.model_routing, wanted.model)
    if found is None:
        return [Route(account, channel, mapped) for account in ordered(fitting, wanted.session)]
    routed = [account for account in fitting if account.id in found[1]]
    others = [account for account in fitting if account.id not in found[1]]
    return [
        Route(account, channel, mapped, tier)
        for tier, pool in enumerate((routed, others))
        for account in ordered(pool, wanted.session)
    ]


@dataclass(frozen=True, slots=True)
class Binding:
    """A channel that a model group is bound to, as it is now."""

    terms: ModelGroupChannel
    part: ChannelPart


def bound_candidates(bindings: Iterable[Binding], wanted: Wanted) -> list[Route]:
    """Accounts of the bound channels and no others, each under its channel's own mapping (R3).

    Channels by priority, then by weighted rendezvous, each a tier of its own; within a channel as
    ever. An account of several channels is tried once.
    """
    routes: dict[str, Route] = {}
    for tier, binding in enumerate(in_order(bindings, wanted.session)):
        part = binding.part
        mapped = channel_mapped(part.channel, wanted.platform, wanted.model)
        fitting = (a for a in part.accounts if a.platform in wanted.platforms and serves(a, mapped))
        for account in ordered(fitting, wanted.session):
            routes.setdefault(account.id, Route(account, part.channel.id, mapped, tier))
    return list(routes.values())


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
