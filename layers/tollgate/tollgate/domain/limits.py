"""Why a wallet refuses a hold: the first limit its old image breaks, with the number behind it.

A hold is tried without reading the wallet first, on assumptions. When its condition fails, the
old image says whether an assumption was wrong (then the hold is tried again, corrected) or a
limit is reached (then the caller is told which). Reaching a limit costs nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from tollgate.domain.errors import (
    BillingUnavailable,
    ConcurrencyLimited,
    InsufficientBalance,
    KeyQuotaExhausted,
    KeyRevoked,
    RateLimited,
    SubscriptionExhausted,
    TollgateError,
    UserDisabled,
)
from tollgate.domain.holds import TtlClass
from tollgate.domain.money import usd
from tollgate.domain.record import WINDOWS, Funding, Windows
from tollgate.domain.sharding import share, spread
from tollgate.domain.wallet import OPEN_HOLD_LIMIT, TASK_HOLD_LIMIT, Subscription, Wallet
from tollgate.domain.windows import SubscriptionTerms

RETRY_AFTER_LIMIT: Final = 30
"""Clients give up on a longer wait, so none is named."""


class StaleProfile(BillingUnavailable):
    """The wallet knows a newer profile than the caller does: read it again, then hold again."""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What a call asks of its user's wallet.

    `amount` is in nanos; 0 only for a call that is free in every class. `limited_key` tells that
    the key has a quota. `rpm` and `concurrency` are the user's own limits, 0 for none. `strict`
    tells that the amount is a true upper bound, so it will not be extended. With a `subscription`
    the hold is paid from it and not from the balance. `deadline` is a task's, epoch seconds.
    """

    user: str
    key_alias: str
    amount: int
    limited_key: bool
    rpm: int
    concurrency: int
    profile_version: int
    shards: int = 1
    subscription: SubscriptionTerms | None = None
    strict: bool = True
    ttl_class: TtlClass = "s"
    deadline: int = 0

    @property
    def funding(self) -> Funding:
        return "subscription" if self.subscription else "wallet"

    @property
    def spread(self) -> int:
        """Over how many shards this user's calls may go."""
        limits = (self.rpm, self.concurrency)
        return spread(self.shards, limits, subscription=self.subscription is not None)

    @property
    def open_limit(self) -> int:
        """Most calls (or tasks) open at once on one shard."""
        if self.ttl_class == "t":
            return TASK_HOLD_LIMIT
        own = share(self.concurrency, self.spread) or OPEN_HOLD_LIMIT
        return min(own, OPEN_HOLD_LIMIT)

    @property
    def rpm_limit(self) -> int:
        """Most calls begun in one minute on one shard; 0 for no limit."""
        return share(self.rpm, self.spread)


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside for one call: the hold id, the amount, and what was charged with it.

    `windows` are the subscription windows charged, `stale_minutes` what the settlement may clear;
    both go on the usage record. `started` is in epoch ms.
    """

    id: str
    rid: str
    user: str
    shard: int
    amount: int
    funding: Funding
    request: HoldRequest
    started: int
    windows: Windows | None = None
    stale_minutes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Assumed:
    """What an attempt takes for granted: whether the key has a quota, which windows are stored."""

    limited: bool
    windows: Windows | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One attempt to move `amount` into a hold of `request`, at epoch second `now`.

    `opens` tells a new hold from an extension, which counts as no new call.
    """

    request: HoldRequest
    amount: int
    now: int
    assumed: Assumed
    opens: bool = True

    @property
    def current(self) -> Windows | None:
        """The subscription's windows by the caller's own clock."""
        terms = self.request.subscription
        return terms.windows(self.now) if terms else None


def corrected(wallet: Wallet, ask: Ask) -> Assumed:
    """What to assume instead, now that this image refused the ask.

    Raises:
        TollgateError: a limit is reached; trying again would not help.
    """
    for check in CHECKS:
        refused = check(wallet, ask)
        if refused is not None:
            raise refused
    return Assumed(limited=is_limited(wallet, ask), windows=stored_windows(wallet, ask.request))


def is_limited(wallet: Wallet, ask: Ask) -> bool:
    """Whether the ask is charged to a key quota: the wallet's word counts, not the profile's.

    An extension is charged only where its hold was, so that the settlement returns what was taken.
    """
    return ask.request.key_alias in wallet.keys and (ask.opens or ask.request.limited_key)


def stored_windows(wallet: Wallet, request: HoldRequest) -> Windows | None:
    """The windows the wallet stores for the subscription of the request."""
    if request.subscription is None:
        return None
    return wallet.subscriptions[request.subscription.group_alias].windows


def charged_windows(ask: Ask) -> Windows | None:
    """The windows an ask is charged to: the stored ones rolled forward to now, never back."""
    stored, current = ask.assumed.windows, ask.current
    if stored is None or current is None:
        return None
    return Windows(
        day=max(stored.day, current.day),
        week=max(stored.week, current.week),
        month=max(stored.month, current.month),
    )


def _status(wallet: Wallet, ask: Ask) -> TollgateError | None:
    if wallet.status == "active":
        return None
    return UserDisabled(f"this user is {wallet.status}; ask the operator of this service")


def _revoked(wallet: Wallet, ask: Ask) -> TollgateError | None:
    if ask.request.key_alias not in wallet.revoked:
        return None
    return KeyRevoked("this API key has been revoked; use another one")


def _profile(wallet: Wallet, ask: Ask) -> TollgateError | None:
    if not ask.opens:
        return None
    missing_quota = ask.request.limited_key and not is_limited(wallet, ask)
    if wallet.profile_version > ask.request.profile_version or missing_quota:
        return StaleProfile("the user's settings have just changed; try again", retry_after=1)
    return None


def _open_calls(wallet: Wallet, ask: Ask) -> TollgateError | None:
    limit = ask.request.open_limit
    open_calls = len(wallet.task_holds if ask.request.ttl_class == "t" else wallet.holds)
    if not ask.opens or open_calls < limit:
        return None
    return ConcurrencyLimited(
        f"{open_calls} of {limit} calls are open at once; wait for one of them to end",
        retry_after=1,
        detail={"limit": limit, "open": open_calls},
    )


def _begun_calls(wallet: Wallet, ask: Ask) -> TollgateError | None:
    limit, minute = ask.request.rpm_limit, ask.now // 60
    if not ask.opens or not limit or wallet.minutes.get(minute, 0) < limit:
        return None
    wait = (minute + 1) * 60 - ask.now
    return RateLimited(
        f"{limit} of {limit} calls of this minute are used up; the next begins in {wait} s",
        retry_after=min(wait, RETRY_AFTER_LIMIT),
        detail={"limit": limit, "reset": (minute + 1) * 60},
    )


def _key_quota(wallet: Wallet, ask: Ask) -> TollgateError | None:
    if not ask.amount or not is_limited(wallet, ask):
        return None
    left = wallet.keys[ask.request.key_alias]
    if left >= ask.amount:
        return None
    return KeyQuotaExhausted(
        f"this call may cost {usd(ask.amount)} USD and the key's quota has {usd(left)} USD left; "
        "raise the key's quota or ask for less output",
        detail=shortage(ask.amount, left),
    )


def shortage(amount: int, left: int) -> dict[str, str]:
    """What a program is told of a refusal for want of money."""
    return {"required_usd": usd(amount), "available_usd": usd(left)}


def _funds(wallet: Wallet, ask: Ask) -> TollgateError | None:
    if ask.request.subscription is not None:
        return _subscription(wallet.subscriptions.get(ask.request.subscription.group_alias), ask)
    if not ask.amount or wallet.available >= ask.amount:
        return None
    return insufficient(ask.amount, wallet.available)


def insufficient(amount: int, available: int) -> InsufficientBalance:
    """The balance does not cover the call; both in nanos."""
    return InsufficientBalance(
        f"this call may cost {usd(amount)} USD and {usd(available)} USD is available; "
        "top up the balance or ask for less output",
        detail=shortage(amount, available),
    )


def _subscription(stored: Subscription | None, ask: Ask) -> TollgateError | None:
    if stored is None or stored.expires <= ask.now:
        return SubscriptionExhausted("there is no running subscription for this group; renew it")
    for limit in _exhausted(stored, ask):
        return limit
    return None


def _exhausted(stored: Subscription, ask: Ask) -> Iterator[TollgateError]:
    charged = charged_windows(replace(ask, assumed=replace(ask.assumed, windows=stored.windows)))
    for name in WINDOWS:
        fresh = charged is not None and charged[name] > stored.windows[name]
        left = stored.limit[name] if fresh else stored.left[name]
        if ask.amount and left < ask.amount:
            yield SubscriptionExhausted(
                f"this call may cost {usd(ask.amount)} USD and the subscription has "
                f"{usd(left)} USD left this {name}; wait for the next {name} or ask for less",
                detail={"window": name, **shortage(ask.amount, left)},
            )


CHECKS: Final[tuple[Callable[[Wallet, Ask], TollgateError | None], ...]] = (
    _status,
    _revoked,
    _profile,
    _open_calls,
    _begun_calls,
    _key_quota,
    _funds,
)
"""In the order a caller should hear of them: who may call at all, how often, with what money."""
