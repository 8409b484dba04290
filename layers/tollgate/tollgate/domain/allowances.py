"""Which limit of a scope stands in a call's way, by an image of its wallet, and how limits stand.

Requests, open calls and spending are counted exactly. Tokens count as their estimate when a call
begins, and its output when it is settled: so calls in flight may go beyond a limit of tokens, by
no more than what they put out.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from tollgate.domain.catalog import Limits
from tollgate.domain.errors import (
    BudgetExceeded,
    ConcurrencyLimited,
    Rate,
    RateLimited,
    RequestTooLarge,
    TollgateError,
)
from tollgate.domain.money import usd
from tollgate.domain.scopes import (
    Kind,
    Scope,
    Window,
    calls_name,
    counts_open,
    earliest,
    fresh,
    open_name,
    resets,
    tokens_name,
    window_name,
    with_share,
)
from tollgate.domain.wallet import Wallet

RETRY_AFTER_LIMIT: Final = 30
"""Clients give up on a longer wait, so none is named."""

WHOSE: Final[dict[Kind, str]] = {
    "user": "the user's",
    "key": "this API key's",
    "group": "the user's in this group",
}
SPANS: Final[dict[Window, str]] = {"five_hours": "5 hours", "day": "a day", "week": "7 days"}


class Claim(NamedTuple):
    """What a call wants of the limits of its scopes, at epoch second `now`.

    `tokens` are its estimated input, `amount` the nanos to hold (or to add to its hold); `spread`
    is over how many shards the user's calls go.
    """

    scopes: tuple[Scope, ...]
    spread: int
    tokens: int
    amount: int
    now: int

    @property
    def minute(self) -> int:
        return self.now // 60

    def limited(self) -> Iterator[tuple[Scope, Limits]]:
        """The scopes, and what of their limits counts on one shard."""
        for scope in self.scopes:
            yield scope, with_share(scope, self.spread)


def stale_windows(wallet: Wallet, claim: Claim) -> dict[str, int | None]:
    """The windows that have to begin anew, and when those began that are stored in their place."""
    found: dict[str, int | None] = {}
    for scope in claim.scopes:
        for window, _ in scope.windows:
            name = window_name(scope, window)
            spent = wallet.spent.get(name)
            if spent is None or spent.began < earliest(window, claim.now):
                found[name] = spent.began if spent else None
    return found


def latest_beginning(wallet: Wallet, claim: Claim) -> int:
    """The claim's own second, or a later one in which one of its windows began by a faster clock.

    A call is never charged to a window that began after it.
    """
    names = [window_name(scope, window) for scope in claim.scopes for window, _ in scope.windows]
    return max([claim.now, *(wallet.spent[n].began for n in names if n in wallet.spent)])


def hopeless(claim: Claim) -> TollgateError | None:
    """The refusal of a call whose input alone is more than a minute's tokens."""
    for scope, limits in claim.limited():
        if limits.tpm and claim.tokens > limits.tpm:
            return RequestTooLarge(
                f"the input is about {claim.tokens} tokens and {WHOSE[scope.kind]} limit is "
                f"{limits.tpm} tokens a minute; send less",
                detail={"scope": scope.kind, "limit": limits.tpm},
            )
    return None


def refused_open(wallet: Wallet, claim: Claim) -> TollgateError | None:
    """The refusal of one call too many at once, of a key or in a group."""
    for scope, limits in claim.limited():
        used = wallet.open_calls.get(open_name(scope), 0)
        if counts_open(scope) and used >= limits.concurrency:
            return too_many_open(scope.kind, used, limits.concurrency)
    return None


def too_many_open(kind: Kind, used: int, limit: int) -> ConcurrencyLimited:
    """One call too many at once."""
    return ConcurrencyLimited(
        f"{WHOSE[kind]} limit is {limit} calls open at once and {used} of {limit} calls are open; "
        "wait for one of them to end",
        retry_after=1,
        detail={"scope": kind, "limit": limit, "used": used},
    )


def refused_rate(wallet: Wallet, claim: Claim) -> TollgateError | None:
    """The refusal of what is too much for this minute."""
    for scope, limits in claim.limited():
        calls = wallet.minutes.get(calls_name(scope, claim.minute), 0)
        if limits.rpm and calls >= limits.rpm:
            return too_fast(wallet, claim, scope, ("calls", limits.rpm, calls))
        tokens = wallet.minutes.get(tokens_name(scope.kind, scope.alias, claim.minute), 0)
        if limits.tpm and tokens + claim.tokens > limits.tpm:
            return too_fast(wallet, claim, scope, ("tokens", limits.tpm, tokens))
    return None


def too_fast(
    wallet: Wallet, claim: Claim, scope: Scope, figures: tuple[str, int, int]
) -> RateLimited:
    """Too much for this minute: what of, the limit, and what was used."""
    (what, limit, used), reset = figures, (claim.minute + 1) * 60
    wait = reset - claim.now
    asked = f" and this call needs about {claim.tokens}" if what == "tokens" else ""
    return RateLimited(
        f"{WHOSE[scope.kind]} limit is {limit} {what} a minute: {used} of {limit} are used{asked}; "
        f"the next minute begins in {wait} s",
        retry_after=min(wait, RETRY_AFTER_LIMIT),
        detail={"scope": scope.kind, "limit": limit, "used": used, "reset": reset},
        rates=standing(wallet, claim),
    )


def refused_budget(wallet: Wallet, claim: Claim) -> TollgateError | None:
    """The refusal of what a spend window has no room for; a free call always finds some."""
    for scope in claim.scopes:
        for window, limit in scope.windows:
            spent = wallet.spent.get(window_name(scope, window))
            runs = spent is not None and spent.began >= earliest(window, claim.now)
            used = spent.used if spent is not None and runs else 0
            if claim.amount and used + claim.amount > limit:
                began = spent.began if spent is not None and runs else fresh(window, claim.now)
                reset = resets(window, began)
                return over_budget(scope.kind, window, (limit, used, claim.amount, reset))
    return None


def over_budget(kind: Kind, window: Window, figures: tuple[int, int, int, int]) -> BudgetExceeded:
    """A spend window without room: limit, used and asked in nanos, and the second it resets."""
    limit, used, amount, reset = figures
    when = datetime.fromtimestamp(reset, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return BudgetExceeded(
        f"{WHOSE[kind]} limit is {usd(limit)} USD in {SPANS[window]}: {usd(used)} USD are used "
        f"and this call may cost {usd(amount)} USD; it resets at {when}",
        detail={
            "scope": kind,
            "window": window,
            "limit_usd": usd(limit),
            "used_usd": usd(used),
            "required_usd": usd(amount),
            "reset": reset,
        },
    )


def standing(wallet: Wallet, claim: Claim) -> tuple[Rate, ...]:
    """The limits of this minute that have the least left, of requests and of tokens."""
    found: dict[str, Rate] = {}
    wait = (claim.minute + 1) * 60 - claim.now
    for scope, limits in claim.limited():
        counters: tuple[tuple[Literal["requests", "tokens"], int, str], ...] = (
            ("requests", limits.rpm, calls_name(scope, claim.minute)),
            ("tokens", limits.tpm, tokens_name(scope.kind, scope.alias, claim.minute)),
        )
        for what, limit, name in counters:
            if not limit:
                continue
            left, known = max(0, limit - wallet.minutes.get(name, 0)), found.get(what)
            if known is None or left < known.remaining:
                found[what] = Rate(what, limit, left, wait)
    return tuple(found.values())
