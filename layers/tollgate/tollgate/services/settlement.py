"""From usage records on the stream to settled holds: mark who was active, settle, then add up.

Repeating a batch, or any part of it in any order, changes nothing: a hold is settled once because
it is there once. What never can be settled is copied out, so nothing gets stuck behind it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tollgate.domain.holds import hour_of, parse_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.domain.usage import OUTPUT_CLASSES
from tollgate.domain.wallet import SETTLE_LIMIT, Outcome
from tollgate.store.dynamodb import RequestRejected, StoreError
from tollgate.store.stream import read_change, sequence_of
from tollgate.store.usage_item import read_record
from tollgate.store.wallet import WalletMissing, Wallets

StreamRecord = Mapping[str, Any]
"""One record of a DynamoDB stream, as Lambda hands it over."""

MarkActive = Callable[[str, Collection[str]], None]
"""Notes who was active in an hour (`yyyymmddhh`), so that its close finds everyone."""

AddUp = Callable[[Sequence[UsageRecord]], None]
"""Adds settled records to the rollups."""


@dataclass(frozen=True, slots=True)
class Event:
    """One usage record on the stream, and what the stream calls it."""

    sequence: str
    raw: StreamRecord
    record: UsageRecord


@dataclass(frozen=True, slots=True)
class Settlement:
    """Settles what the stream brings.

    Args:
        poison: copies out a record that never can be settled.
        count: adds to a metric by name.
    """

    wallets: Wallets
    mark_active: MarkActive
    add_up: AddUp
    poison: Callable[[StreamRecord], None]
    count: Callable[[str, int], None]

    def apply(self, batch: Sequence[StreamRecord]) -> list[str]:
        """Settle a batch; gives the sequence numbers that must come again, lowest first."""
        failed: set[str] = set()
        events = [event for raw in batch if (event := self._read(raw, failed))]
        try:
            mark(self.mark_active, [event.record for event in events])
        except StoreError:
            return lowest_first(failed | {event.sequence for event in events})
        settled: list[UsageRecord] = []
        for shard, mine in by_wallet(events).items():
            for start in range(0, len(mine), SETTLE_LIMIT):
                settled += self._settle(*shard, mine[start : start + SETTLE_LIMIT], failed)
        for event in events:
            self._debit_late(event, failed)
        self._add_up(settled)
        return lowest_first(failed)

    def _read(self, raw: StreamRecord, failed: set[str]) -> Event | None:
        try:
            change = read_change(raw)
            if change.new is None or change.new.get("state") in {"draft", "refused"}:
                return None
            return Event(change.sequence, raw, read_record(change.new))
        except Exception:  # noqa: BLE001 - the poison guard: one bad record must not stop the rest
            self._poison(raw, failed)
            return None

    def _settle(
        self, user: str, shard: int, events: list[Event], failed: set[str]
    ) -> list[UsageRecord]:
        """Settle what lies on one wallet; gives the records whose holds this call removed."""
        try:
            removed = self.wallets.settle(user, shard, [outcome(e.record) for e in events])
        except (WalletMissing, RequestRejected):
            if len(events) > 1:
                return [
                    record
                    for event in events
                    for record in self._settle(user, shard, [event], failed)
                ]
            self._poison(events[0].raw, failed)
            return []
        except StoreError:
            failed.update(event.sequence for event in events)
            return []
        return list({e.record.hold: e.record for e in events if e.record.hold in removed}.values())

    def _debit_late(self, event: Event, failed: set[str]) -> None:
        if not event.record.late_charge or event.sequence in failed:
            return
        try:
            self.wallets.late_debit(event.record)
        except (WalletMissing, RequestRejected):
            self._poison(event.raw, failed)
        except StoreError:
            failed.add(event.sequence)

    def _add_up(self, settled: list[UsageRecord]) -> None:
        try:
            self.add_up(settled)
        except StoreError:
            # The holds are gone, so coming again would add nothing; the hour's close repairs it.
            self.count("RollupsDelayed", len(settled))

    def _poison(self, raw: StreamRecord, failed: set[str]) -> None:
        self.count("PoisonRecords", 1)
        try:
            self.poison(raw)
        except StoreError:
            failed.add(sequence_of(raw))


def lowest_first(sequences: Iterable[str]) -> list[str]:
    """Sequence numbers in the order of the stream: decimal numbers of any length."""
    return sorted(sequences, key=lambda sequence: (len(sequence), sequence))


def by_wallet(events: Iterable[Event]) -> dict[tuple[str, int], list[Event]]:
    """Events by the wallet shard their holds lie on."""
    groups: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        shard = parse_hold_id(event.record.hold).shard
        groups.setdefault((event.record.user, shard), []).append(event)
    return groups


def mark(mark_active: MarkActive, records: Iterable[UsageRecord]) -> None:
    """Mark the users of these records in the hours their calls began."""
    hours: dict[str, set[str]] = {}
    for record in records:
        hours.setdefault(hour_of(parse_hold_id(record.hold).start), set()).add(record.user)
    for hour, users in sorted(hours.items()):
        mark_active(hour, sorted(users))


def outcome(record: UsageRecord) -> Outcome:
    """What a record says of its hold."""
    return Outcome(
        hold=record.hold,
        held=record.held,
        charge=record.charge,
        windows=record.windows,
        stale_minutes=record.stale_minutes,
        tokens=sum(record.usage.get(name, 0) for name in OUTPUT_CLASSES),
        ended=record.ended // 1_000,
        entered=record.entered,
    )
