"""Why a wallet refuses a hold: the first limit its old image breaks, with the number behind it.

A hold is tried without reading the wallet first, on assumptions. When its condition fails, the
old image says whether an assumption was wrong (then the hold is tried again, corrected) or a
limit is reached (then the caller is told which). Reaching a limit costs nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tollgate.domain.allowances import (
    Claim,
    hopeless,
    latest_beginning,
    refused_budget,
    refused_open,
    refused_rate,
    stale_windows,
    too_many_open,
)
from tollgate.domain.catalog import UNLIMITED
from tollgate.domain.errors import (
    BillingUnavailable,
    InsufficientBalance,
    KeyQuotaExhausted,
    KeyRevoked,
    Rate,
    SubscriptionExhausted,
    TollgateError,
    UserDisabled,
)
from tollgate.domain.holds import TtlClass
from tollgate.domain.money import usd
from tollgate.domain.record import WINDOWS, Funding, Windows
from tollgate.domain.scopes import Scope, flags_of, with_share
from tollgate.domain.sharding import reach
from tollgate.domain.wallet import OPEN_HOLD_LIMIT, TASK_HOLD_LIMIT, Subscription, Wallet
from tollgate.domain.windows import SubscriptionTerms


class StaleProfile(BillingUnavailable):
    """The wallet knows a newer profile than the caller does: read it again, then hold again."""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What a call asks of its user's wallet.

    `amount` is in nanos; 0 only for a call that is free in every class. `limited_key` tells that
    the key has a quota. `scopes` are those that limit the call, `tokens` its estimated input.
    `strict` tells that the amount is a true upper bound, so it will not be extended. With a
    `subscription` the hold is paid from it and not from the balance. `deadline` is a task's, epoch
    seconds.
    """

    user: str
    key_alias: str
    amount: int
    limited_key: bool
    profile_version: int
    scopes: tuple[Scope, ...] = ()
    tokens: int = 1
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
        """Over how many shards this user's calls go, in whatever group they are."""
        if self.shards == 1 or self.subscription is not None:
            return 1
        return reach(self.shards, (s.limits for s in self.scopes if s.kind == "user"))

    @property
    def choice(self) -> int:
        """Among how many shards this call has the choice, unless its key is pinned to one.

        What a group limits is counted in one place, but no call leaves the shard of its key.
        """
        return reach(self.spread, (s.limits for s in self.scopes if s.kind == "group"))

    @property
    def pinned(self) -> bool:
        """Whether all calls of the key go to one shard: a quota or limits of its own are there."""
        return self.limited_key or any(scope.kind == "key" for scope in self.scopes)

    @property
    def open_limit(self) -> int:
        """Most calls (or tasks) open at once on one shard."""
        if self.ttl_class == "t":
            return TASK_HOLD_LIMIT
        own = next((s for s in self.scopes if s.kind == "user"), Scope("user", UNLIMITED))
        return min(with_share(own, self.spread).concurrency or OPEN_HOLD_LIMIT, OPEN_HOLD_LIMIT)

    @property
    def flags(self) -> int:
        """What the hold is counted in, for its id."""
        return flags_of(self.scopes, task=self.ttl_class == "t")

    @property
    def counted_group(self) -> str:
        """The alias of the group whose limits count."""
        return next((scope.alias for scope in self.scopes if scope.kind == "group"), "")


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside for one call: the hold id, the amount, and what was charged with it.

    `windows` are the subscription windows charged, `stale_minutes` what the settlement may clear;
    both go on the usage record. `charged` tells when the spend windows began that it was charged
    to, `entered` which of them an extension went into (as the record says it), `rates` how limits
    of the minute stood. `started` is in epoch ms.
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
    stale_minutes: tuple[str, ...] = ()
    charged: Mapping[str, int] = field(default_factory=dict)
    entered: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    rates: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True)
class Assumed:
    """What an attempt takes for granted: whether the key has a quota, which windows are stored.

    `stale` are the spend windows that have to begin anew, and when those began that are stored in
    their place (None: nothing is); all others are taken to run.
    """

    limited: bool
    windows: Windows | None = None
    stale: Mapping[str, int | None] = field(default_factory=dict)


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

    @property
    def claim(self) -> Claim:
        """What is asked of limits."""
        request = self.request
        return Claim(request.scopes, request.spread, request.tokens, self.amount, self.now)


def refuse_hopeless(request: HoldRequest, now: int) -> None:
    """Refuse what no waiting would help.

    Raises:
        RequestTooLarge: the input alone is more than a limit of tokens.
    """
    refused = hopeless(Claim(request.scopes, request.spread, request.tokens, request.amount, now))
    if refused is not None:
        raise refused


def corrected(wallet: Wallet, ask: Ask) -> Ask:
    """The ask with what to assume instead, now that this image refused it; perhaps a little later.

    Raises:
        TollgateError: a limit is reached; trying again would not help.
    """
    for check in CHECKS:
        refused = check(wallet, ask)
        if refused is not None:
            raise refused
    ask = replace(ask, now=latest_beginning(wallet, ask.claim))
    assumed = Assumed(
        limited=is_limited(wallet, ask),
        windows=stored_windows(wallet, ask.request),
        stale=stale_windows(wallet, ask.claim),
    )
    return replace(ask, assumed=assumed)


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
    if not ask.opens:
        return None
    if open_calls >= limit:
        return too_many_open("user", open_calls, limit)
    return refused_open(wallet, ask.claim) if ask.request.ttl_class != "t" else None


def _begun_calls(wallet: Wallet, ask: Ask) -> TollgateError | None:
    return refused_rate(wallet, ask.claim) if ask.opens else None


def _budgets(wallet: Wallet, ask: Ask) -> TollgateError | None:
    return refused_budget(wallet, ask.claim)


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
    _budgets,
    _key_quota,
    _funds,
)
"""In the order a caller should hear of them: who may call at all, how often, with what money."""
