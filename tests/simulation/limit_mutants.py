"""Deliberately wrong variants of how limits are counted; the simulator must catch each of them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tests.simulation.mutants import (
    Mutant,
    Replacement,
    extension_of,
    opening_where,
    right_extension,
    right_settlement,
    settling_where,
    without,
    without_condition,
)
from tollgate.domain.limits import Ask, Hold
from tollgate.domain.scopes import NOTHING
from tollgate.domain.wallet import Outcome, Wallet
from tollgate.store import (
    wallet_administration,
    wallet_counters,
    wallet_holds,
    wallet_ledger,
    wallet_moves,
    wallet_settlement,
)
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_counters import Line

_entered = wallet_holds.entered_windows
_close_calls = wallet_counters.close_calls


def unspending(ask: Ask) -> Ask:
    """The ask of a call without spend windows."""
    scopes = tuple(
        s._replace(limits=replace(s.limits, spend_5h=0, spend_day=0, spend_week=0))
        for s in ask.request.scopes
    )
    return replace(ask, request=replace(ask.request, scopes=scopes))


def entered_as_if_opened_now(hold: Hold, wallet: Wallet, amount: int) -> dict[str, tuple[int, int]]:
    entered = _entered(hold, wallet, amount)
    return {name: (began, hold.amount + amount) for name, (began, _) in entered.items()}


def returned_whatever_began(name: str, began: int, line: Line) -> int:
    return line.returned


def forgetting(step: str) -> tuple[Replacement, ...]:
    """Settling without one of its steps."""
    return ((wallet_moves, step, lambda *given: None),)


def closed_twice(change: Change, lines: Sequence[Line]) -> None:
    _close_calls(change, [*lines, *lines])


def swept_without_counters(
    outcomes: Sequence[Outcome], image: Wallet | None, now_ms: int
) -> Change:
    change = right_settlement(outcomes, image, now_ms)
    if all(outcome.recorded for outcome in outcomes):
        return change
    change.sets = [each for each in change.sets if not re.match(r"#(open|window)\d", each)]
    return without(r"^attribute_exists\(#open|#window", change)


def every_counter(wallet: Wallet, now: int) -> tuple[list[str], list[str]]:
    return list(wallet.open_calls), list(wallet.spent)


LIMIT_MUTANTS: Final = (
    Mutant("a hold counts no tokens", opening_where(r"#tokens_\w+ <")),
    Mutant("a hold counts no open calls of its key or group", opening_where(r"#open_\w+ <")),
    Mutant("a hold needs no room in a spend window", opening_where(r"#used <=")),
    Mutant("a hold is charged to a window that is over", opening_where(r"#began >=")),
    Mutant("a hold is charged to a window that began after it", opening_where(r"#began <=")),
    Mutant(
        "a window begins twice", opening_where(r"(not_exists\(#\w+_(user|key|group)\)$|#began =)")
    ),
    Mutant(
        "an extension charges no spend window",
        ((wallet_holds, "extension", extension_of(unspending)),),
    ),
    Mutant(
        "an extension needs no room in a spend window",
        ((wallet_holds, "extension", without_condition(right_extension, "#used <=")),),
    ),
    Mutant(
        "an extension is charged to a spend window that is over",
        ((wallet_holds, "extension", without_condition(right_extension, "#began >=")),),
    ),
    Mutant(
        "an extension claims the whole hold of a spend window",
        ((wallet_holds, "entered_windows", entered_as_if_opened_now),),
    ),
    Mutant(
        "settling gives back to a spend window that began since",
        (
            (wallet_counters, "returned_to_window", returned_whatever_began),
            (wallet_settlement, "settlement", without_condition(right_settlement, r"#began <=")),
        ),
    ),
    Mutant("settling ignores which spend window is stored", settling_where(r"#began (<=|=)")),
    Mutant("settling gives nothing back to spend windows", forgetting("return_to_windows")),
    Mutant("settling counts calls as open for ever", forgetting("close_calls")),
    Mutant("settling closes calls twice", ((wallet_moves, "close_calls", closed_twice),)),
    Mutant(
        "the sweeper leaves counters of limits alone",
        ((wallet_settlement, "settlement", swept_without_counters),),
    ),
    Mutant(
        "counters of limits are cleared while they count",
        ((wallet_administration, "idle_counters", every_counter),),
    ),
    Mutant(
        "a late charge is in no spend window",
        ((wallet_ledger, "counted", lambda hold: NOTHING),),
    ),
)
