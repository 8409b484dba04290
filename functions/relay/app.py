"""Relays every model call: API clients in, model vendors out."""

import os
import secrets
import time
from typing import Any

from tollgate.ids import fresh_id, now_ms
from tollgate.observability import Observer
from tollgate.services.admission import Admission
from tollgate.services.catalog import Catalog
from tollgate.services.listing import Listing
from tollgate.services.recording import Recording
from tollgate.services.relay import Relay
from tollgate.services.sending import Sending
from tollgate.services.sweeping import SweepRequests
from tollgate.settings import Settings
from tollgate.store import clients, credentials
from tollgate.store.snapshots import Snapshots
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.upstream.client import Upstream
from tollgate.web.relay import RelayApi

SET, SEEN = Settings.from_env(os.environ), Observer("relay")
AWS = clients.connect(SET, os.environ)
SWEEP = SweepRequests(AWS.queue.send, now_ms)
WALLETS = Wallets(AWS.dynamo, SET.wallets_table, secrets.randbelow, now_ms, SEEN.violation, SWEEP)
CATALOG = Catalog(Snapshots(AWS.dynamo, SET.state_table), now_ms)
ADMISSION = Admission(CATALOG, WALLETS, AWS.peppers.hashes, now_ms, time.sleep)
SENDING = Sending(Upstream(loopback=bool(SET.local)), credentials.opener(AWS.sealing), now_ms)
RECORDING = Recording(UsageRecords(AWS.dynamo, SET.usage_table), AWS.queue.send, SEEN.last_resort)
RELAY = Relay(ADMISSION, SENDING, WALLETS, RECORDING, now_ms)
API = RelayApi(RELAY, Listing(ADMISSION, CATALOG, now_ms), SEEN, fresh_id, SET.allowed_origins)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway event; see docs/architecture.md for the answer's form."""
    return API(event, context.get_remaining_time_in_millis())
