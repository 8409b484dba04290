"""How the fact of a finished call is kept even when the usage table cannot take it right now."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from tollgate.domain.record import UsageRecord, Windows
from tollgate.store.dynamodb import StoreError
from tollgate.store.usage import RecordTaken, UsageRecords

MESSAGE_TYPE: Final = "record"

_TUPLES: Final = ("chain", "stale_minutes", "attempts")


class UnreadableMessage(ValueError):
    """A queued message that is no usage record of this version."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Records calls: in the table, else in the queue, else as a line of the log.

    Args:
        enqueue: sends a message to the janitor; raises StoreError or ValueError when it cannot.
        last_resort: writes a line that operators are alarmed by and can replay.
    """

    records: UsageRecords
    enqueue: Callable[[dict[str, Any]], None]
    last_resort: Callable[[str], None]

    def record(self, record: UsageRecord) -> None:
        """Keep the record; never raises what the call's answer could fail of."""
        try:
            self.records.put(record)
        except RecordTaken as taken:
            self.last_resort(f"{taken}: {json.dumps(write_message(record))}")
        except StoreError:
            self._queue(write_message(record))

    def draft(self, record: UsageRecord) -> None:
        """Note how far a running call has come; it is no loss when a note cannot be kept."""
        with suppress(StoreError):
            self.records.draft(record)

    def receive(self, message: Mapping[str, Any]) -> None:
        """Store a record that was queued (the janitor's half).

        Raises:
            UnreadableMessage: it never can be stored.
            StoreError: try again later.
        """
        self.records.put(read_message(message))

    def _queue(self, message: dict[str, Any]) -> None:
        try:
            self.enqueue(message)
        except (StoreError, ValueError):
            self.last_resort(json.dumps(message))


def write_message(record: UsageRecord) -> dict[str, Any]:
    """A record as JSON values."""
    return {"type": MESSAGE_TYPE, "record": asdict(record)}


def read_message(message: Mapping[str, Any]) -> UsageRecord:
    """The record `write_message` wrote.

    Raises:
        UnreadableMessage: it is none.
    """
    try:
        values = dict(message["record"])
        values |= {name: tuple(values[name]) for name in _TUPLES}
        if values["windows"] is not None:
            values["windows"] = Windows(**values["windows"])
        values["entered"] = {name: (began, n) for name, (began, n) in values["entered"].items()}
        return UsageRecord(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMessage(f"a message that is no usage record: {error!r}") from error
