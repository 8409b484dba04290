"""Relays every model call: API clients in, model vendors out."""

import os
import secrets
import time

from tollgate.ids import fresh_id, now_ms
from tollgate.observability import Observer
from tollgate.services import vendors
from tollgate.services.admission import Admission
from tollgate.services.catalog import Catalog
from tollgate.services.listing import Listing
from tollgate.services.quote import Quotes
from tollgate.services.receipts import Receipts
from tollgate.services.recording import Recording
from tollgate.services.refusals import Refusals
from tollgate.services.relay import Relay
from tollgate.services.sweeping import SweepRequests
from tollgate.settings import Settings
from tollgate.store import clients
from tollgate.store.snapshots import Snapshots
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.web.relay import RelayApi

SET, SEEN = Settings.from_env(os.environ), Observer("relay")
AWS = clients.connect(SET, os.environ)
SWEEP, RECORDS = SweepRequests(AWS.queue.send, now_ms), UsageRecords(AWS.dynamo, SET.usage_table)
WALLETS = Wallets(AWS.dynamo, SET.wallets_table, secrets.randbelow, now_ms, SEEN.violation, SWEEP)
CATALOG = Catalog(Snapshots(AWS.dynamo, SET.state_table), now_ms)
ROSTER = vendors.roster(AWS, SET, CATALOG, SEEN.faulty, now_ms)
KEYS, STANDING = AWS.peppers.hashes, ROSTER.standing
ADMISSION = Admission(CATALOG, WALLETS, KEYS, now_ms, time.sleep, STANDING)
SENDING = vendors.sending(AWS, SET, SEEN.unusable, ROSTER)
RECORDING = Recording(RECORDS, AWS.queue.send, SEEN.last_resort)
NOTE = Refusals(ADMISSION, RECORDS, secrets.randbelow, now_ms, SEEN.count).note
RELAY = Relay(ADMISSION, SENDING, WALLETS, RECORDING, now_ms, NOTE, SEEN.count)
LISTING = Listing(ADMISSION, CATALOG, Receipts(RECORDS, WALLETS, staff=False), now_ms)
handler = RelayApi(RELAY, LISTING, Quotes(ADMISSION), SEEN, fresh_id, SET.allowed_origins)
"""Answers one API Gateway event; docs/architecture.md says in which form."""
