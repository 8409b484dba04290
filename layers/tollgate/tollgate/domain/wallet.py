"""What a wallet knows, and the sums that hold for every image of it ever stored.

A wallet is one item per user (or one per shard, for users with very many calls at once). It is
the whole authorisation state: a single conditional write holds money against all of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from tollgate.domain.holds import (
    SKEW,
    TTL_SECONDS,
    is_sweepable,
    is_wallet_funded,
    parse_hold_id,
    start_of,
)
from tollgate.domain.record import WindowName, Windows

WalletStatus = Literal["active", "suspended", "deleted"]

OPEN_HOLD_LIMIT: Final = 256
"""Calls open at once on one shard, whatever the user's own limit: keeps the item small."""

TASK_HOLD_LIMIT: Final = 50
LIMITED_KEY_LIMIT: Final = 20
"""Keys with a quota on one shard; beyond it every write of the wallet would cost one unit more."""

SETTLE_LIMIT: Final = 40
"""Holds settled by one write: its condition stays far below DynamoDB's 4 KB and 300 operators."""

STALE_MINUTES: Final = 5
"""A request counter this many minutes old is read by no clock within the skew; it may go."""

STALE_MINUTES_LIMIT: Final = 8
"""Counters one settlement clears at most, so that its record stays small."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription's windows as stored: when each began, what is left of it, its limit."""

    windows: Windows
    left: Mapping[WindowName, int]
    limit: Mapping[WindowName, int]
    expires: int


@dataclass(frozen=True, slots=True)
class Wallet:
    """One image of one wallet shard. Amounts in nanos.

    `keys` has the remaining quota of each limited key, `revoked` the profile version that drops
    each recently revoked key, `days` the settled `<yyyymmdd>c` (nanos) and `<yyyymmdd>n` (count)
    of days not yet closed, `closed` the charges of days that are, `late` the late debits.
    `shards` counts the shards this user ever had; it is kept on shard 0.
    """

    user: str
    shard: int
    version: int
    status: WalletStatus
    profile_version: int
    shards: int = 1
    available: int = 0
    held: int = 0
    debits: int = 0
    credits: int = 0
    transfers: int = 0
    subscription_debits: int = 0
    closed: int = 0
    late: int = 0
    updated_at: int = 0
    holds: Mapping[str, int] = field(default_factory=dict)
    task_holds: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    revoked: Mapping[str, int] = field(default_factory=dict)
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    minutes: Mapping[int, int] = field(default_factory=dict)
    days: Mapping[str, int] = field(default_factory=dict)

    @property
    def open(self) -> dict[str, int]:
        """All open holds, of calls and of tasks."""
        return {**self.holds, **self.task_holds}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one held call ended, as its usage record says; enough to settle its hold.

    `held` is the last acknowledged amount; the wallet's own figure wins where they differ. A hold
    without a record of its own is given back, and counts as no call.
    """

    hold: str
    held: int
    charge: int
    windows: Windows | None = None
    stale_minutes: tuple[int, ...] = ()
    recorded: bool = True


def violations(wallet: Wallet) -> list[str]:
    """The identities this image breaks; empty on every image there should ever be (ruling R13)."""
    return list(_violations(wallet))


def _violations(wallet: Wallet) -> Iterator[str]:
    if wallet.available + wallet.held + wallet.debits != wallet.credits + wallet.transfers:
        yield "available + held + debits != credits + transfers"
    if wallet.held != sum(e for hold, e in wallet.open.items() if is_wallet_funded(hold)):
        yield "held != sum of wallet-funded holds"
    if wallet.debits + wallet.subscription_debits != (
        wallet.closed + wallet.late + sum(n for day, n in wallet.days.items() if day[-1] == "c")
    ):
        yield "debits != closed days + open days + late debits"
    if any(amount < 0 for amount in wallet.open.values()):
        yield "a hold is negative"


def sweepable(wallet: Wallet, now: int) -> list[str]:
    """Open holds that nobody can be at work on any more; `now` in epoch seconds."""
    # Hold ids sort by birth: while the eldest is young there is nothing to take apart.
    if not wallet.open or start_of(min(wallet.open)) + min(TTL_SECONDS.values()) + SKEW >= now:
        return []
    return [hold for hold in wallet.open if is_sweepable(hold, now)]


def stale_minutes(wallet: Wallet, now: int) -> tuple[int, ...]:
    """Request counters that a settlement may drop, oldest first."""
    oldest = now // 60 - STALE_MINUTES
    return tuple(sorted(m for m in wallet.minutes if m < oldest)[:STALE_MINUTES_LIMIT])


def reserved_quota(wallet: Wallet, key_alias: str) -> int:
    """What the open calls of a limited key hold of its quota."""
    return sum(
        amount
        for text, amount in wallet.open.items()
        if (hold := parse_hold_id(text)).key_limited and hold.key_alias == key_alias
    )
