"""How much of each limit is used at a moment, for people to look at: by scope, over all shards."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from tollgate.domain.scopes import (
    Kind,
    Scope,
    calls_name,
    earliest,
    open_name,
    resets,
    tokens_name,
    window_name,
)
from tollgate.domain.wallet import Wallet

LimitName = Literal["rpm", "tpm", "concurrency", "spend_5h", "spend_day", "spend_week"]
NAMES: dict[str, LimitName] = {
    "five_hours": "spend_5h",
    "day": "spend_day",
    "week": "spend_week",
}


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One limit and what of it is used: calls, tokens, or nanos where it limits spending.

    `id` names the key or the group. It begins anew at `resets_at` (epoch seconds), None where
    nothing runs: open calls end with their settlement, a spend window begins with a call.
    """

    scope: Kind
    id: str
    limit: LimitName
    allowed: int
    used: int
    resets_at: int | None


def uses(wallets: Iterable[Wallet], scope: Scope, identity: str, now: int) -> Iterator[LimitUse]:
    """How the limits of a scope stand at epoch second `now`."""
    shards, minute, limits = tuple(wallets), now // 60, scope.limits
    counters: tuple[tuple[LimitName, int, str], ...] = (
        ("rpm", limits.rpm, calls_name(scope, minute)),
        ("tpm", limits.tpm, tokens_name(scope.kind, scope.alias, minute)),
    )
    for name, allowed, counter in counters:
        if allowed:
            used = sum(shard.minutes.get(counter, 0) for shard in shards)
            yield LimitUse(scope.kind, identity, name, allowed, used, (minute + 1) * 60)
    if limits.concurrency:
        used = sum(open_calls(shard, scope) for shard in shards)
        yield LimitUse(scope.kind, identity, "concurrency", limits.concurrency, used, None)
    for window, allowed in scope.windows:
        place = window_name(scope, window)
        spent = [shard.spent[place] for shard in shards if place in shard.spent]
        running = [each for each in spent if each.began >= earliest(window, now)]
        used = sum(each.used for each in running)
        ends = max((resets(window, each.began) for each in running), default=None)
        yield LimitUse(scope.kind, identity, NAMES[window], allowed, used, ends)


def open_calls(wallet: Wallet, scope: Scope) -> int:
    """Calls of a scope that are open; the user's are all there are."""
    return len(wallet.holds) if scope.kind == "user" else wallet.open_calls.get(open_name(scope), 0)
