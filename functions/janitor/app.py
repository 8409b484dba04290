"""Does what is due by the clock, and what others left in the queue."""

import os
import secrets
from functools import partial
from typing import Any

from tollgate.ids import now_ms
from tollgate.observability import Observer
from tollgate.services.closing import Closing
from tollgate.services.housekeeping import Housekeeping
from tollgate.services.reconciliation import Reconciliation
from tollgate.services.recording import Recording
from tollgate.services.sweeping import Sweeping
from tollgate.settings import Settings
from tollgate.store import clients
from tollgate.store.bucket import POISON
from tollgate.store.rollups import Rollups
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets

SET, SEEN = Settings.from_env(os.environ), Observer("janitor")
AWS = clients.connect(SET, os.environ)
WALLETS = Wallets(AWS.dynamo, SET.wallets_table, secrets.randbelow, now_ms, SEEN.violation)
RECORDS, SUMS = UsageRecords(AWS.dynamo, SET.usage_table), Rollups(AWS.dynamo, SET.rollups_table)
SWEEPING = Sweeping(WALLETS, RECORDS, SUMS.mark_active, SUMS.add, now_ms, SEEN.count)
LATE = SWEEPING.finish_late
CLOSING = Closing(SUMS, RECORDS, WALLETS, LATE, now_ms, stuck=SEEN.unclosed)
CHECKS = Reconciliation(WALLETS, RECORDS, SUMS, CLOSING, now_ms)
RECORDING = Recording(RECORDS, AWS.queue.send, SEEN.last_resort)
KEEP = partial(AWS.bucket.keep, POISON)
DUE = Housekeeping(SWEEPING, CLOSING, CHECKS, RECORDING, KEEP, SEEN.count, SEEN.finding, now_ms)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one schedule or one batch of the queue."""
    return DUE.run(event)
