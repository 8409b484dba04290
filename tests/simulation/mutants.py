"""Deliberately wrong variants of the real code; a simulator that passes one of them proves nothing.

Each says what it forgets. A mutant replaces functions of the code under test, which is what a
mutation is; everything else runs as it is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tollgate.domain import holds, limits
from tollgate.domain.limits import Ask, Assumed, Hold
from tollgate.domain.record import UsageRecord, Windows
from tollgate.domain.wallet import Outcome, Wallet
from tollgate.services import settlement, sweeping
from tollgate.store import (
    usage,
    wallet_holds,
    wallet_moves,
    wallet_settlement,
)
from tollgate.store.dynamodb import ConditionFailed, Item
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_counters import Line
from tollgate.store.wallet_ledger import Ledger, new_line, read_line

Replacement = tuple[Any, str, Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong, and the functions that make it so."""

    name: str
    replacements: tuple[Replacement, ...]


# --- holds ----------------------------------------------------------------------------------


def same_id(ask: Ask, random: int, shard: int, attempt: int) -> holds.Birth:
    return _birth(ask, random, shard, 0)


_birth = wallet_holds._birth


def without(pattern: str, change: Change) -> Change:
    """The change without the conditions that match; what they alone used goes with them."""
    change.conditions = [c for c in change.conditions if not re.search(pattern, c)]
    request = change.request()
    text = f"{request['UpdateExpression']} {request['ConditionExpression']}"
    for used in (change.names, change.values):
        for name in [n for n in used if not re.search(rf"{re.escape(n)}(?![\w])", text)]:
            del used[name]
    if not change.conditions:
        change.require_present("pk")
    return change


def without_condition(original: Callable[..., Change], pattern: str) -> Callable[..., Change]:
    """A change that never asks for what matches the pattern."""
    return lambda *given: without(pattern, original(*given))


_opening = wallet_moves.opening
right_extension = wallet_moves.extension
right_settlement = wallet_moves.settlement


def extension_of(wrong: Callable[[Ask], Ask]) -> Callable[..., Change]:
    """An extension that is charged by a wrong ask."""
    return lambda hold, held, ask, now_ms: right_extension(hold, held, wrong(ask), now_ms)


def without_quota(ask: Ask) -> Ask:
    return replace(ask, assumed=replace(ask.assumed, limited=False))


def extension_without_windows(hold: str, held: int, ask: Ask, now_ms: int) -> Change:
    if ask.request.subscription is None:
        return right_extension(hold, held, ask, now_ms)
    change = Change(now_ms)
    place = wallet_moves.hold_path(change, hold)
    change.put(place, {"N": str(held + ask.amount)})
    change.require(place, "=", {"N": str(held)})
    return change


def extended_as_if_opened_now(hold: Hold, ask: Ask, amount: int) -> Hold:
    return replace(hold, amount=amount, windows=limits.charged_windows(ask))


def rolled_to_own_clock(ask: Ask) -> Windows | None:
    return ask.current if ask.assumed.windows else None


# --- settle ---------------------------------------------------------------------------------


def settled_by_presence(outcomes: Sequence[Outcome], image: Wallet | None, now_ms: int) -> Change:
    change = right_settlement(outcomes, image, now_ms)
    change.conditions = [
        f"attribute_exists({c.split(' ')[0]})" if re.match(r"#\w+\.#hold\d+ =", c) else c
        for c in change.conditions
    ]
    return without("^$", change)


def returned_whatever_rolled(name: str, began: int, line: Line) -> int:
    return line.returned


def clamped(line: Line) -> int:
    return max(0, line.held - line.outcome.charge)


def settled_without_quota(change: Change, lines: object, image: object) -> None:
    return None


def marked(before: bool) -> Callable[..., frozenset[str]]:
    """Settling guarded by a marker item instead of the hold, written before or after the effect."""

    def settle(
        self: Any, user: str, shard: int, outcomes: Sequence[Outcome], image: Any = None
    ) -> frozenset[str]:
        done = set()
        for one in outcomes:
            if before and not put_marker(self, one.hold):
                continue
            if not before and has_marker(self, one.hold):
                continue
            blind = wallet_settlement._is_blind(one)
            known = self.shard(user, shard) if blind else None
            change = without(r"#hold0 =", right_settlement([one], known, self.clock()))
            try:
                self.write(user, shard, change)
            except ConditionFailed:
                continue
            if not before:
                put_marker(self, one.hold)
            done.add(one.hold)
        return frozenset(done)

    return settle


def put_marker(table: Any, hold: str) -> bool:
    """Whether the marker was not there yet."""
    request = {
        "TableName": "Markers",
        "Item": {"pk": {"S": hold}, "sk": {"S": "marker"}},
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    try:
        table.dynamo.call("PutItem", request)
    except ConditionFailed:
        return False
    return True


def has_marker(table: Any, hold: str) -> bool:
    """Whether the marker is there."""
    key = {"pk": {"S": hold}, "sk": {"S": "marker"}}
    return "Item" in table.dynamo.call("GetItem", {"TableName": "Markers", "Key": key})


# --- records --------------------------------------------------------------------------------


def put_over(self: usage.UsageRecords, record: UsageRecord) -> UsageRecord | None:
    self.dynamo.call("PutItem", self._request(record), attempts=3)
    return None


def put_late_over(self: usage.UsageRecords, record: UsageRecord, tombstone: UsageRecord) -> bool:
    late = replace(record, state="late", charge=0, late_charge=record.charge)
    self.dynamo.call("PutItem", self._request(late), attempts=3)
    return True


def no_tombstone(self: usage.UsageRecords, user: str, hold: str, held: int) -> UsageRecord:
    return UsageRecord(user, hold, held, charge=0, state="abandoned")


def late_is_the_same(self: usage.UsageRecords, record: UsageRecord, tombstone: Any) -> bool:
    return True


# --- sweeping, settling, crediting ------------------------------------------------------------


def ended_by_whatever_record(hold: str, held: int, fact: UsageRecord) -> Outcome:
    return replace(settlement.outcome(fact), hold=hold, held=held)


def swept_at_once(wallet: Wallet, now: int) -> list[str]:
    return [hold for hold in wallet.open if holds.start_of(hold) + 360 < now]


def unmarked(mark_active: object, records: object) -> None:
    return None


def line_without_condition(self: Ledger, credit: Any, shard: int, change: Change) -> Any:
    item: Item = new_line(credit, self.clock())
    put: Mapping[str, Any] = {"Put": {"TableName": self.table, "Item": item}}
    actions = [put, self.action(credit.user, shard, change)]
    self.dynamo.call("TransactWriteItems", {"TransactItems": actions}, attempts=3)
    return read_line(item)


def trusting(wallet: Wallet, ask: Ask) -> Assumed:
    return ask.assumed


def opening_where(pattern: str) -> tuple[Replacement, ...]:
    """Opening without a condition."""
    return ((wallet_holds, "opening", without_condition(_opening, pattern)),)


def settling_where(pattern: str) -> tuple[Replacement, ...]:
    """Settling without a condition."""
    return ((wallet_settlement, "settlement", without_condition(right_settlement, pattern)),)


MUTANTS: Final = (
    Mutant("every attempt reuses the hold id", ((wallet_holds, "_birth", same_id),)),
    Mutant("a hold needs no balance", opening_where(r"#available >=")),
    Mutant("a hold needs no key quota", opening_where(r"#remaining >=")),
    Mutant("a hold counts no open calls", opening_where(r"^size")),
    Mutant("a hold counts no begun calls", opening_where(r"#calls_\w+ <")),
    Mutant("a hold ignores revocation", opening_where(r"#revoked")),
    Mutant("a hold ignores a newer profile", opening_where(r"#profile_version")),
    Mutant("a hold ignores suspension", opening_where(r"#status")),
    Mutant(
        "an extension forgets the key's quota",
        ((wallet_holds, "extension", extension_of(without_quota)),),
    ),
    Mutant(
        "an extension forgets the windows",
        ((wallet_holds, "extension", extension_without_windows),),
    ),
    Mutant(
        "an extension forgets revocation",
        ((wallet_holds, "extension", without_condition(right_extension, "#revoked")),),
    ),
    Mutant(
        "an extension is not a comparison",
        ((wallet_holds, "extension", without_condition(right_extension, r"#hold =")),),
    ),
    Mutant(
        "an extension into a new window claims the whole hold for it",
        ((wallet_holds, "_extended", extended_as_if_opened_now),),
    ),
    Mutant(
        "a window rolls backwards",
        (
            (limits, "charged_windows", rolled_to_own_clock),
            (wallet_moves, "charged_windows", rolled_to_own_clock),
            (wallet_holds, "charged_windows", rolled_to_own_clock),
        ),
    ),
    Mutant("settling is unguarded", settling_where(r"#hold\d+ =")),
    Mutant(
        "settling ignores the amount",
        ((wallet_settlement, "settlement", settled_by_presence),),
    ),
    Mutant(
        "a refund goes into a new window",
        ((wallet_moves, "returned_to", returned_whatever_rolled),),
    ),
    Mutant("a refund ignores that the window may roll", settling_where(r"#(day|week|month) =")),
    Mutant("what goes back is clamped at zero", ((Line, "returned", property(clamped)),)),
    Mutant(
        "settling keeps the key's quota",
        ((wallet_moves, "_return_quotas", settled_without_quota),),
    ),
    Mutant("a marker before the effect", ((wallet_settlement.Settling, "settle", marked(True)),)),
    Mutant("a marker after the effect", ((wallet_settlement.Settling, "settle", marked(False)),)),
    Mutant("a record replaces another", ((usage.UsageRecords, "_put_absent", put_over),)),
    Mutant(
        "a late record replaces whatever is there",
        ((usage.UsageRecords, "_put_late", put_late_over),),
    ),
    Mutant("a late record is dropped", ((usage.UsageRecords, "_put_late", late_is_the_same),)),
    Mutant("the sweeper leaves no tombstone", ((usage.UsageRecords, "abandon", no_tombstone),)),
    Mutant(
        "the sweeper ignores which hold a record names",
        ((sweeping, "ended", ended_by_whatever_record),),
    ),
    Mutant(
        "a hold expires before its call must end",
        ((sweeping, "sweepable", swept_at_once),),
    ),
    Mutant(
        "nobody is marked active before settling",
        ((settlement, "mark", unmarked), (sweeping, "mark", unmarked)),
    ),
    Mutant("a notice is credited twice", ((Ledger, "_move", line_without_condition),)),
)
