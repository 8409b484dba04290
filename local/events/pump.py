"""Keeps one stream mapping going: reads, batches, delivers, remembers how far it has come."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from local.events import checkpoint, filters
from local.events.checkpoint import Checkpoint
from local.events.delivery import Delivery
from local.events.mapping import StreamMapping
from local.events.stream_reader import StreamReader

READ_LIMIT: Final = 200
ACTIVE: Final = 2.0
"""Seconds after the last record during which the stream is looked at more often."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly things happen, in seconds; AWS is slower."""

    window: float = 0.05
    """Longest wait for a batch to fill, whatever the template says."""
    busy: float = 0.05
    idle: float = 0.25
    """Between two looks at the stream, soon after a record and later."""
    retry: float = 0.1
    """Before the first retry; doubled for each further one."""
    longest_retry: float = 2.0


class Pump(threading.Thread):
    """A thread that pumps one mapping until it is stopped."""

    def __init__(
        self, mapping: StreamMapping, reader: StreamReader, delivery: Delivery, pace: Pace
    ) -> None:
        super().__init__(name=mapping.id, daemon=True)
        self._mapping = mapping
        self._reader = reader
        self._delivery = delivery
        self._pace = pace
        self._stop_at: float | None = None
        self._wake = threading.Event()
        self._last_record = 0.0

    def resume(self, path: Path) -> None:
        """Go on from the checkpoint in that file, and keep it there."""
        self._path = path
        saved = checkpoint.load(path, self._mapping.stream)
        self._reader.positions.update(saved.positions)
        self._delivery.add(saved.backlog)

    def stop(self, seconds: float) -> None:
        """Deliver what is in the stream, for at most that long, then keep the rest and end."""
        self._stop_at = time.monotonic() + seconds
        self._wake.set()
        self.join(seconds + 1)

    def run(self) -> None:
        """Pump."""
        while not self._is_over():
            try:
                self._turn()
            except (BotoCoreError, ClientError):  # the emulator is away; so is everything else
                if self._stop_at is not None:
                    break
                self._sleep(self._pace.idle)
        self._save()

    def _is_over(self) -> bool:
        return self._stop_at is not None and time.monotonic() > self._stop_at

    def _turn(self) -> None:
        if self._delivery.pending:
            self._deliver()
        elif not self._take():
            self._rest()

    def _rest(self) -> None:
        if self._stop_at is not None:
            self._stop_at = 0.0  # the stream is drained
            return
        recent = time.monotonic() - self._last_record < ACTIVE
        self._sleep(self._pace.busy if recent else self._pace.idle)

    def _take(self) -> bool:
        """Queue what the stream has; whether it had anything."""
        records = self._reader.read(READ_LIMIT)
        if not records:
            return False
        if len(records) < self._mapping.batch_size:
            self._sleep(min(self._mapping.window, self._pace.window))
            records += self._reader.read(READ_LIMIT)
        self._last_record = time.monotonic()
        patterns = self._mapping.patterns
        self._delivery.add(record for record in records if filters.passes(record, patterns))
        self._save()
        return True

    def _deliver(self) -> None:
        if failures := self._delivery.failures:
            self._sleep(min(self._pace.retry * 2 ** (failures - 1), self._pace.longest_retry))
        self._delivery.step()
        if not self._delivery.pending:
            self._save()

    def _save(self) -> None:
        state = Checkpoint(self._mapping.stream, self._reader.positions, self._delivery.pending)
        checkpoint.save(self._path, state)

    def _sleep(self, seconds: float) -> None:
        if self._stop_at is None:
            self._wake.wait(seconds)
        else:
            time.sleep(min(seconds, self._pace.retry))
