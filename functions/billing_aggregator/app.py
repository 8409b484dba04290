"""Takes what the tables' streams bring: settles usage, publishes the catalog."""

import os
import secrets
from typing import Any

from tollgate.ids import now_ms
from tollgate.observability import Observer
from tollgate.services.account_quotas import everywhere, open_quotas
from tollgate.services.publishing import Publishing
from tollgate.services.settlement import Settlement
from tollgate.services.sweeping import SweepRequests
from tollgate.settings import Settings
from tollgate.store import clients
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.publications import Publications
from tollgate.store.rollups import Rollups
from tollgate.store.wallet import Wallets

SET, SEEN = Settings.from_env(os.environ), Observer("billing_aggregator")
AWS = clients.connect(SET, os.environ)
PLACE = Endpoint(SET.catalog_table, AWS.region, AWS.endpoint)
SWEEP = SweepRequests(AWS.queue.send, now_ms)
WALLETS = Wallets(AWS.dynamo, SET.wallets_table, secrets.randbelow, now_ms, SEEN.violation, SWEEP)
SUMS = Rollups(AWS.dynamo, SET.rollups_table)
PARTS = Publications(AWS.dynamo, SET.state_table)
CATALOG = CatalogTable(PLACE)
PUBLISH = Publishing(CATALOG, PARTS, WALLETS.set_profile_version, now_ms, SEEN.broken)
QUOTAS = open_quotas(AWS.dynamo, SET.state_table, CATALOG, now_ms)
ADD_UP = everywhere(SUMS.add, QUOTAS.add)
SETTLE = Settlement(WALLETS, SUMS.mark_active, ADD_UP, AWS.bucket.poison, SEEN.count)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one batch of one stream with the records that must come again."""
    ours = f"table/{SET.catalog_table}/" in event["Records"][0]["eventSourceARN"]
    failed = (PUBLISH if ours else SETTLE).apply(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}
