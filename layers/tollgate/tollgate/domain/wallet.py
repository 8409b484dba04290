"""What a wallet knows, and the sums that hold for every image of it ever stored.

A wallet is one item per user (or one per shard, for users with very many calls at once). It is
the whole authorisation state: a single conditional write holds money against all of it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from tollgate.domain.holds import (
    SKEW,
    TTL_SECONDS,
    HoldId,
    is_counted,
    is_sweepable,
    is_wallet_funded,
    parse_hold_id,
    start_of,
)
from tollgate.domain.record import WindowName, Windows
from tollgate.domain.scopes import Spent, counted, kind_of_window, minute_of, resets

WalletStatus = Literal["active", "suspended", "deleted"]

OPEN_HOLD_LIMIT: Final = 256
"""Calls open at once on one shard, whatever the user's own limit: keeps the item small."""

TASK_HOLD_LIMIT: Final = 50
LIMITED_KEY_LIMIT: Final = 20
"""Keys with a quota or limits on one shard; beyond it every write would cost one unit more."""

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
    `minutes` counts calls and tokens, `open_calls` the open calls of keys and groups, `spent` what
    was taken from spend windows, all by the names of domain/scopes.py; what is not limited is not
    there. `shards` counts the shards this user ever had; it is kept on shard 0.
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
    minutes: Mapping[str, int] = field(default_factory=dict)
    open_calls: Mapping[str, int] = field(default_factory=dict)
    spent: Mapping[str, Spent] = field(default_factory=dict)
    days: Mapping[str, int] = field(default_factory=dict)

    @property
    def open(self) -> dict[str, int]:
        """All open holds, of calls and of tasks."""
        return {**self.holds, **self.task_holds}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one held call ended, as its usage record says; enough to settle its hold.

    `held` is the last acknowledged amount; the wallet's own figure wins where they differ. A hold
    without a record of its own is given back, and counts as no call. `tokens` of output count in
    the minute in which the call `ended` (epoch seconds). `entered` says of spend windows that an
    extension of the hold went into when they began and what was charged to them.
    """

    hold: str
    held: int
    charge: int
    windows: Windows | None = None
    stale_minutes: tuple[str, ...] = ()
    recorded: bool = True
    tokens: int = 0
    ended: int = 0
    entered: Mapping[str, tuple[int, int]] = field(default_factory=dict)


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
    yield from _miscounted(wallet)


def _miscounted(wallet: Wallet) -> Iterator[str]:
    """Counters of limits that contradict the open holds."""
    holds = list(filter(is_counted, wallet.open))
    if not (holds or wallet.open_calls or wallet.spent):
        return
    opened: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for text in holds:
        hold = parse_hold_id(text)
        opened.update(counted(hold).open)
        for name in counted(hold).windows:
            spent = wallet.spent.get(name)
            if spent is not None and spent.began <= hold.start:
                held[name] += wallet.open[text]
    names = {*opened, *wallet.open_calls}
    if any(wallet.open_calls.get(name, 0) != opened[name] for name in names):
        yield "open calls of a key or a group != the holds that are counted"
    if any(spent.used < held[name] for name, spent in wallet.spent.items()):
        yield "a spend window has less than its open holds"


def sweepable(wallet: Wallet, now: int) -> list[str]:
    """Open holds that nobody can be at work on any more; `now` in epoch seconds."""
    # Hold ids sort by birth: while the eldest is young there is nothing to take apart.
    if not wallet.open or start_of(min(wallet.open)) + min(TTL_SECONDS.values()) + SKEW >= now:
        return []
    return [hold for hold in wallet.open if is_sweepable(hold, now)]


def stale_minutes(wallet: Wallet, now: int) -> tuple[str, ...]:
    """Counters of minutes that a settlement may drop, oldest first."""
    oldest = now // 60 - STALE_MINUTES
    return tuple(sorted(m for m in wallet.minutes if minute_of(m) < oldest)[:STALE_MINUTES_LIMIT])


def idle_counters(wallet: Wallet, now: int) -> tuple[list[str], list[str]]:
    """Open counters and spend windows that say nothing any more: of none, and long over."""
    over = [
        name
        for name, spent in wallet.spent.items()
        if resets(kind_of_window(name), spent.began) + SKEW < now
    ]
    return [name for name, count in wallet.open_calls.items() if not count], over


def charged_spending(wallet: Wallet, hold: HoldId) -> dict[str, int]:
    """When the spend windows began that a hold was charged to when it was opened."""
    stored = {name: wallet.spent[name] for name in counted(hold).windows if name in wallet.spent}
    return {name: spent.began for name, spent in stored.items() if spent.began <= hold.start}


def reserved_quota(wallet: Wallet, key_alias: str) -> int:
    """What the open calls of a limited key hold of its quota."""
    return sum(
        amount
        for text, amount in wallet.open.items()
        if (hold := parse_hold_id(text)).key_limited and hold.key_alias == key_alias
    )
