"""Which wallet shard a call is held on, and what part of a user-wide limit counts there.

Shards exist for users with more open calls than one item carries well. Whatever must be counted
exactly forces the user onto one shard; only large limits are split (ruling R15).
"""

from collections.abc import Callable, Iterable
from typing import Final

from tollgate.domain.catalog import Limits

LIMIT_PER_SHARD: Final = 100
"""A user-wide limit is split only if every shard's part is at least this large."""

MOST_SHARDS: Final = 256


def reach(shards: int, limits: Iterable[Limits]) -> int:
    """Over how many of the user's shards the calls go that these limits count together.

    Tokens and spending are counted on one: a part of such a limit may be less than one call.
    """
    if shards == 1:  # nearly every user, and a call asks a dozen times
        return 1
    least = LIMIT_PER_SHARD * shards
    for own in limits:
        tight = 0 < own.rpm < least or 0 < own.concurrency < least
        if tight or own.tpm or own.spend_5h or own.spend_day or own.spend_week:
            return 1
    return shards


def share(limit: int, spread: int) -> int:
    """The part of a user-wide limit that counts on each shard, rounded down."""
    return limit // spread


def home(key_alias: str, spread: int) -> int:
    """The shard where a limited key's quota lives; all its calls go there.

    A key that a subscription may pay for has it on shard 0: its calls' spread is always 1.
    """
    return int.from_bytes(key_alias.encode()) % spread


def chosen(key_alias: str, *, limited: bool, spread: int, random: Callable[[int], int]) -> int:
    """The shard to try first; `random(n)` is below n."""
    return home(key_alias, spread) if limited else random(spread)
