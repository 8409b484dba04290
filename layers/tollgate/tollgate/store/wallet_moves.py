"""The three changes a call makes to its wallet: open a hold, extend it, settle it with others."""

from collections.abc import Iterable, Sequence
from typing import Final

from tollgate.domain.holds import day_of, is_task, parse_hold_id
from tollgate.domain.limits import Ask, charged_windows
from tollgate.domain.record import WINDOWS, WindowName
from tollgate.domain.wallet import Outcome, Wallet
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_counters import (
    Line,
    charge_windows,
    close_calls,
    count_call,
    count_tokens,
    return_to_windows,
)
from tollgate.store.wallet_item import n

ACTIVE: Final = {"S": "active"}


def hold_path(change: Change, hold: str, segment: str = "hold") -> str:
    """Where a hold lies in its wallet; tasks have a map of their own."""
    return f"{'task_holds' if is_task(hold) else 'holds'}.{change.name(segment, hold)}"


# --- open and extend ------------------------------------------------------------------------


def opening(hold: str, ask: Ask, now_ms: int) -> Change:
    """Open a hold, against every limit at once."""
    request, change = ask.request, Change(now_ms)
    place = hold_path(change, hold)
    change.put(place, n(ask.amount))
    change.require_absent(place)
    change.require_fewer(place.split(".")[0], request.open_limit)
    change.require("profile_version", "<=", n(request.profile_version))
    _require_permitted(change, request.key_alias)
    count_call(change, ask.claim, task=request.ttl_class == "t")
    if not ask.assumed.limited:
        change.require_absent("keys.key")
    _charge(change, ask)
    return change


def extension(hold: str, held: int, ask: Ask, now_ms: int) -> Change:
    """Add to a hold, if it still is what it was: every limit of its opening counts again."""
    change = Change(now_ms)
    place = hold_path(change, hold)
    change.put(place, n(held + ask.amount))
    change.require(place, "=", n(held))
    _require_permitted(change, ask.request.key_alias)
    _charge(change, ask)
    return change


def _require_permitted(change: Change, key_alias: str) -> None:
    change.require("status", "=", ACTIVE)
    change.require_absent(f"revoked.{change.name('key', key_alias)}")


def _charge(change: Change, ask: Ask) -> None:
    """Take the amount from spend windows, the key's quota, and the balance or the subscription."""
    charge_windows(change, ask.claim, ask.assumed.stale, opens=ask.opens)
    if ask.assumed.limited:
        _take(change, "keys.key.remaining", ask.amount)
    terms, stored, charged = ask.request.subscription, ask.assumed.windows, charged_windows(ask)
    if terms is None or stored is None or charged is None:
        _take(change, "available", ask.amount)
        change.add("held", ask.amount)
        return
    group = f"subscriptions.{change.name('group', terms.group_alias)}"
    change.require(f"{group}.expires", ">", n(ask.now))
    for name in WINDOWS:
        _charge_window(change, f"{group}.{name}", (stored[name], charged[name]), ask.amount)


def _take(change: Change, path: str, amount: int) -> None:
    change.add(path, -amount)
    if amount:
        change.require(path, ">=", n(amount))
    else:
        change.require_present(path)  # a free call passes even where the balance is negative


def _charge_window(change: Change, window: str, began: tuple[int, int], amount: int) -> None:
    """Take from the window stored, or roll it forward to a new one and take from its limit."""
    stored, charged = began
    change.require(window, "=", n(stored))
    if charged == stored:
        _take(change, f"{window}_left", amount)
        return
    change.put(window, n(charged))
    change.put_difference(f"{window}_left", f"{window}_limit", amount)
    change.require(f"{window}_limit", ">=", n(amount))


# --- settle ---------------------------------------------------------------------------------


def settlement(outcomes: Sequence[Outcome], image: Wallet | None, now_ms: int) -> Change:
    """Turn open holds into debits and give back the rest, all of them or none.

    Without an image every hold is taken to be open with its last acknowledged amount, every
    limited key to have its quota still, and the newest window named to be the stored one. The
    condition says so; where it is wrong the old image tells, and the next try is right.
    """
    change = Change(now_ms)
    known = image.open if image else {}
    lines = [Line(o, parse_hold_id(o.hold), known.get(o.hold, o.held)) for o in outcomes]
    for index, line in enumerate(lines):
        place = hold_path(change, line.outcome.hold, f"hold{index}")
        change.remove(place)
        change.require(place, "=", n(line.held))
    _debit(change, lines)
    _count_days(change, lines)
    _return_quotas(change, lines, image)
    _return_to_windows(change, lines, image)
    close_calls(change, lines)
    return_to_windows(change, lines, image)
    counting = count_tokens(change, lines, now_ms // 1_000)
    stale = {minute for outcome in outcomes for minute in outcome.stale_minutes} - counting
    for index, minute in enumerate(sorted(stale)):
        change.remove(f"minutes.{change.name(f'minute{index}', minute)}")
    return change


def _debit(change: Change, lines: Iterable[Line]) -> None:
    wallet = [line for line in lines if line.id.funding == "wallet"]
    subscription = [line for line in lines if line.id.funding == "subscription"]
    if wallet:
        change.add("available", sum(line.returned for line in wallet))
        change.add("held", -sum(line.held for line in wallet))
        change.add("debits", sum(line.charge for line in wallet))
    if subscription:
        change.add("subscription_debits", sum(line.charge for line in subscription))


def _count_days(change: Change, lines: Iterable[Line]) -> None:
    days: dict[str, list[int]] = {}
    for line in lines:
        if line.outcome.recorded:
            days.setdefault(day_of(line.id.start), []).append(line.charge)
    for index, (day, charges) in enumerate(sorted(days.items())):
        change.count(f"days.{change.name(f'charge{index}', f'{day}c')}", sum(charges))
        change.count(f"days.{change.name(f'count{index}', f'{day}n')}", len(charges))


def _return_quotas(change: Change, lines: Iterable[Line], image: Wallet | None) -> None:
    returned: dict[str, int] = {}
    for line in lines:
        if line.id.key_limited:
            alias = line.id.key_alias
            returned[alias] = returned.get(alias, 0) + line.returned
    for index, (alias, amount) in enumerate(sorted(returned.items())):
        key = f"keys.{change.name(f'key{index}', alias)}"
        if image is None or alias in image.keys:
            change.require_present(f"{key}.remaining")
            change.add(f"{key}.remaining", amount)
        else:
            change.require_absent(key)  # the quota was taken off; there is nothing to return to


def _return_to_windows(change: Change, lines: Iterable[Line], image: Wallet | None) -> None:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        if line.id.group_alias:
            groups.setdefault(line.id.group_alias, []).append(line)
    for index, (alias, members) in enumerate(sorted(groups.items())):
        if image is not None and alias not in image.subscriptions:
            continue
        path = f"subscriptions.{change.name(f'group{index}', alias)}"
        for name in WINDOWS:
            began = (
                max(line.outcome.windows[name] for line in members if line.outcome.windows)
                if image is None
                else image.subscriptions[alias].windows[name]
            )
            amount = sum(returned_to(name, began, line) for line in members)
            if amount:
                change.require(f"{path}.{name}", "=", n(began))
                change.add(f"{path}.{name}_left", amount)


def returned_to(name: WindowName, began: int, line: Line) -> int:
    """What a call gives back to the stored window: only what it took from that very window.

    A tombstone does not know its windows. A window that began before the call did is the one the
    call was charged to, since windows only roll forward.
    """
    windows = line.outcome.windows
    if windows is None:
        return line.returned if began <= line.id.start else 0
    if windows[name] != began:
        return 0
    return min(line.returned, windows.entered.get(name, line.held))
