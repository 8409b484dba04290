"""How a wallet's counters of limits move with its holds: raised, charged, given back, cleared.

What nobody limits has no attribute, no condition and no byte. Counters lie at the top of the item,
so that none needs another to be there first.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tollgate.domain.allowances import Claim
from tollgate.domain.holds import HoldId
from tollgate.domain.scopes import (
    Spent,
    Window,
    calls_name,
    counted,
    counts_open,
    earliest,
    fresh,
    open_name,
    tokens_name,
    window_name,
)
from tollgate.domain.wallet import STALE_MINUTES, Outcome, Wallet
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_item import n, write_spent


@dataclass(frozen=True, slots=True)
class Line:
    """One hold being settled: what it holds, by the newest image known, and what the call cost."""

    outcome: Outcome
    id: HoldId
    held: int

    @property
    def charge(self) -> int:
        return self.outcome.charge

    @property
    def returned(self) -> int:
        """Nanos that go back; negative where the call cost more than was held."""
        return self.held - self.outcome.charge


# --- open and extend ------------------------------------------------------------------------


def count_call(change: Change, claim: Claim, *, task: bool) -> None:
    """Count a new call, and its input's tokens, in this minute and as open."""
    for scope, limits in claim.limited():
        if limits.rpm:
            name = calls_name(scope, claim.minute)
            calls = f"minutes.{change.name(f'calls_{scope.kind}', name)}"
            change.count(calls, 1)
            change.require_below_or_absent(calls, limits.rpm)
        if limits.tpm:
            name = tokens_name(scope.kind, scope.alias, claim.minute)
            tokens = f"minutes.{change.name(f'tokens_{scope.kind}', name)}"
            change.count(tokens, claim.tokens)
            change.require_below_or_absent(tokens, limits.tpm - claim.tokens + 1)
        if counts_open(scope) and not task:
            opened = change.name(f"open_{scope.kind}", open_name(scope))
            change.count(opened, 1)
            change.require_below_or_absent(opened, limits.concurrency)


def charge_windows(
    change: Change, claim: Claim, stale: Mapping[str, int | None], *, opens: bool
) -> None:
    """Take the amount from every limited window, or begin those anew that are over.

    A new hold is charged to no window that began after it.
    """
    for scope in claim.scopes:
        for window, limit in scope.windows:
            place = change.name(f"{window}_{scope.kind}", window_name(scope, window))
            if window_name(scope, window) in stale:
                _begin(change, place, stale[window_name(scope, window)], _fresh(window, claim))
                continue
            change.add(f"{place}.used", claim.amount)
            change.require(f"{place}.began", ">=", n(earliest(window, claim.now)))
            if opens:
                change.require(f"{place}.began", "<=", n(claim.now))
            if claim.amount:
                change.require(f"{place}.used", "<=", n(limit - claim.amount))


def _fresh(window: Window, claim: Claim) -> Spent:
    return Spent(fresh(window, claim.now), claim.amount)


def _begin(change: Change, place: str, stored: int | None, spent: Spent) -> None:
    change.put(place, write_spent(spent))
    if stored is None:
        change.require_absent(place)
    else:
        change.require(f"{place}.began", "=", n(stored))


# --- settle ---------------------------------------------------------------------------------


def close_calls(change: Change, lines: Sequence[Line]) -> None:
    """Count holds that are removed by the same change as open no more."""
    opened = Counter(name for line in lines for name in counted(line.id).open)
    for index, (name, count) in enumerate(sorted(opened.items())):
        place = change.name(f"open{index}", name)
        change.add(place, -count)
        change.require_present(place)


def return_to_windows(change: Change, lines: Sequence[Line], image: Wallet | None) -> None:
    """Give back what calls did not cost to the windows they were charged to, if those still run.

    Without an image all of them are taken to be charged to what is stored.
    """
    windows: dict[str, list[Line]] = {}
    for line in lines:
        for name in counted(line.id).windows:
            windows.setdefault(name, []).append(line)
    for index, (name, members) in enumerate(sorted(windows.items())):
        if image is None:
            amount = sum(line.returned for line in members)
            operator, began = "<=", min(line.id.start for line in members)
        elif name in image.spent:
            operator, began = "=", image.spent[name].began
            amount = sum(returned_to_window(name, began, line) for line in members)
        else:
            continue  # long over, and cleared
        if amount:
            place = change.name(f"window{index}", name)
            change.require(f"{place}.began", operator, n(began))
            change.add(f"{place}.used", -amount)


def returned_to_window(name: str, began: int, line: Line) -> int:
    """What a call gives back to the window that began then: only what that very window gave."""
    if began <= line.id.start:
        return line.returned
    entered_at, entered = line.outcome.entered.get(name, (0, 0))
    return min(line.returned, entered) if entered_at == began else 0


def count_tokens(change: Change, lines: Sequence[Line], now: int) -> set[str]:
    """Count output in the minute its call ended, unless that is long over; gives the counters."""
    tokens: Counter[str] = Counter()
    for line in lines:
        minute = line.outcome.ended // 60
        if line.outcome.tokens and minute >= now // 60 - STALE_MINUTES:
            for kind, alias in counted(line.id).tokens:
                tokens[tokens_name(kind, alias, minute)] += line.outcome.tokens
    for index, (name, count) in enumerate(sorted(tokens.items())):
        change.count(f"minutes.{change.name(f'tokens{index}', name)}", count)
    return set(tokens)


# --- clear ----------------------------------------------------------------------------------


CLEARED: Final = 20
"""Counters that one change clears at most."""


def clearing(wallet: Wallet, idle: tuple[list[str], list[str]], now_ms: int) -> Change | None:
    """Drop counters that say nothing any more, if they still are as they were; None without any."""
    change = Change(now_ms)
    for index, (name, began) in enumerate(list(_idle(wallet, idle))[:CLEARED]):
        place = change.name(f"idle{index}", name)
        change.remove(place)
        if began is None:
            change.require(place, "=", n(0))
        else:
            change.require(f"{place}.began", "=", n(began))
    return change if change.removed else None


def _idle(wallet: Wallet, idle: tuple[list[str], list[str]]) -> Iterator[tuple[str, int | None]]:
    opened, windows = idle
    for name in opened:
        yield name, None
    for name in windows:
        yield name, wallet.spent[name].began
