"""Which upstream accounts a call may go to, and in which order.

The order needs no storage: accounts of the highest priority first, and within a priority a
weighted rendezvous hash of the caller's session, so that a session stays where its prompt cache
is until its account leaves the pool (ruling R25).
"""

import hashlib
import itertools
import math
from collections.abc import Iterable

from tollgate.domain.catalog import Account, Channel, GroupPart
from tollgate.domain.patterns import allows, translate


def channel_mapped(channel: Channel | None, platform: str, model: str) -> str:
    """The name a channel sells `model` under; itself without a channel or a mapping for it."""
    if channel is None:
        return model
    return translate(channel.model_mapping.get(platform, {}), model)


def serves(account: Account, model: str) -> bool:
    """Whether the account offers a (channel-mapped) model: by its list, or by its own mapping."""
    if not account.models and account.model_mapping:
        return allows(account.model_mapping, model)
    return allows((*account.models, *account.model_mapping) if account.models else (), model)


def score(account: Account, session: str) -> float:
    """Weighted rendezvous score: higher wins; an account's share follows its weight."""
    digest = hashlib.blake2b(f"{session}\0{account.id}".encode(), digest_size=8).digest()
    uniform = ((int.from_bytes(digest) >> 12) + 0.5) / 2**52  # exact, and neither 0 nor 1
    return -account.weight / math.log(uniform)


def ordered(accounts: Iterable[Account], session: str) -> list[Account]:
    """Accounts in the order to try them; one of weight 0 is drained and left out."""
    return sorted(
        (account for account in accounts if account.weight > 0),
        key=lambda account: (-account.priority, -score(account, session), account.id),
    )


def candidates(
    group: GroupPart, platforms: tuple[str, ...], model: str, session: str
) -> list[Account]:
    """The group's accounts that speak the caller's dialect and offer the mapped model, in order."""
    fitting = (a for a in group.accounts if a.platform in platforms and serves(a, model))
    return ordered(fitting, session)


def chain(*names: str) -> tuple[str, ...]:
    """The mapping chain, requested to upstream; equal neighbours collapse."""
    steps = [names[0]]
    steps.extend(after for before, after in itertools.pairwise(names) if before != after)
    return tuple(steps)
