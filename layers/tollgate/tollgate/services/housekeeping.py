"""What the janitor does: jobs by the clock, and messages others left in the queue."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollgate.services.closing import Closing
from tollgate.services.jobs import Jobs
from tollgate.services.reconciliation import Finding, Reconciliation
from tollgate.services.recording import MESSAGE_TYPE as RECORD
from tollgate.services.recording import Recording, UnreadableMessage
from tollgate.services.sweeping import MESSAGE_TYPE as SWEEP
from tollgate.services.sweeping import Sweeping, swept_user
from tollgate.store.dynamodb import StoreError
from tollgate.store.usage import RecordTaken
from tollgate.store.wallet import WalletMissing

SEGMENTS: Final = 60
"""The wallets are looked through once an hour, a part every minute: sleepers are swept, too."""

JOBS_MS: Final = 50_000
"""How long a run works on jobs: the next one begins a minute after it began."""

POISON: Final = (
    UnreadableMessage,
    RecordTaken,
    WalletMissing,
    ValueError,
    KeyError,
    TypeError,
)
"""What happens to a message each time it is tried."""

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Runs jobs and empties the queue.

    Args:
        keep: copies a message that never can be worked on to where people find it.
        count: adds to a metric by name.
        tell: logs a finding of the reconciliation.
        clock: epoch ms.
        watch: looks after the upstream accounts; gives how many of them work again.
    """

    sweeping: Sweeping
    closing: Closing
    reconciliation: Reconciliation
    recording: Recording
    jobs: Jobs
    keep: Callable[[str, Mapping[str, Any]], None]
    count: Callable[[str, int], None]
    tell: Callable[[Finding], None]
    clock: Callable[[], int]
    watch: Callable[[], int]

    def run(self, event: Event) -> dict[str, Any]:
        """Answer one invocation: a schedule's `{"job": …}`, or a batch of the queue."""
        if "Records" in event:
            failed = [m["messageId"] for m in event["Records"] if not self._work(m)]
            return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}
        jobs: dict[str, Callable[[], Any]] = {
            "sweep": self._sweep,
            "sweep_all": self.sweeping.sweep_all,
            "close_hours": self.closing.close_due,
            "reconcile": self._reconcile,
            "jobs": lambda: self.jobs.run(self.clock() + JOBS_MS),
            "accounts": self.watch,
        }
        return {"job": event["job"], "result": jobs[event["job"]]()}

    def _sweep(self) -> int:
        segment = self.clock() // 60_000 % SEGMENTS
        return self.sweeping.sweep_all(segment, SEGMENTS)

    def _reconcile(self) -> int:
        found = 0
        for finding in self.reconciliation.everyone():
            self.tell(finding)
            found += 1
        self.count("ReconciliationFindings", found)
        return found

    def _work(self, queued: Mapping[str, Any]) -> bool:
        """Do what a message asks; False to get it again."""
        try:
            message = json.loads(queued["body"])
            self._do(message)
        except POISON as broken:
            return self._set_aside(queued, broken)
        except StoreError:
            return False
        return True

    def _do(self, message: Mapping[str, Any]) -> None:
        if message["type"] == SWEEP:
            self.sweeping.sweep(swept_user(message))
        elif message["type"] == RECORD:
            self.recording.receive(message)
        else:
            raise UnreadableMessage(f"nobody takes messages of type {message['type']!r}")

    def _set_aside(self, queued: Mapping[str, Any], broken: Exception) -> bool:
        """Copy a poisoned message out and count it before the queue forgets it."""
        self.count("PoisonMessages", 1)
        try:
            self.keep(queued["messageId"], {"message": dict(queued), "why": repr(broken)})
        except StoreError:
            return False
        return True
