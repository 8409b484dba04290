"""How the admin API is put together from settings and clients: for its function, tests and docs."""

from tollgate.services import vendors
from tollgate.services.health import AccountHealth
from tollgate.settings import Settings
from tollgate.store.account_quotas import AccountQuotaTable
from tollgate.store.audit import AuditLog
from tollgate.store.catalog.items import Endpoint as Table
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.clients import Aws
from tollgate.store.idempotency import Idempotency
from tollgate.store.jobs import JobStore
from tollgate.store.leases import Leases
from tollgate.store.rollups import Rollups
from tollgate.store.snapshots import Snapshots
from tollgate.store.state import bind_state
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.web.admin.api import endpoints, staff
from tollgate.web.admin.desk import Desk, Stores
from tollgate.web.management.api import Api, Doors
from tollgate.web.management.creation import Creations
from tollgate.web.management.cursors import Cursors
from tollgate.web.management.surroundings import Surroundings
from tollgate.web.management.trail import Trail

__all__ = ["Surroundings", "open_api", "open_stores"]


def open_stores(settings: Settings, aws: Aws, around: Surroundings) -> Stores:
    """The stores, with pynamodb's models bound to their tables."""
    bind_state(Table(settings.state_table, around.region, around.endpoint))
    return Stores(
        catalog=CatalogTable(Table(settings.catalog_table, around.region, around.endpoint)),
        wallets=Wallets(
            aws.dynamo, settings.wallets_table, around.random, around.clock, around.violation
        ),
        usage=UsageRecords(aws.dynamo, settings.usage_table),
        rollups=Rollups(aws.dynamo, settings.rollups_table),
        snapshots=Snapshots(aws.dynamo, settings.state_table),
        peppers=aws.peppers,
        secrets=aws.sealing,
        jobs=JobStore(aws.dynamo, settings.state_table),
        bucket=aws.bucket,
        account_quotas=AccountQuotaTable(aws.dynamo, settings.state_table),
        leases=Leases(aws.dynamo, settings.state_table),
    )


def open_api(settings: Settings, aws: Aws, around: Surroundings) -> Api:
    """The admin API, ready to answer."""
    stores = open_stores(settings, aws, around)

    def unusable(account: str, error: Exception) -> None:
        around.log({"account": account, "unusable": repr(error)})

    health = AccountHealth(stores.snapshots, around.clock)
    at_google = vendors.google(aws, settings, health, unusable, around.clock)
    desk = Desk(
        stores=stores,
        creations=Creations(Idempotency(around.clock), around.clock, around.random),
        cursors=Cursors(stores.peppers),
        trail=Trail(AuditLog(around.random), around.clock, around.lost),
        clock=around.clock,
        random=around.random,
        checks=vendors.checks(settings, around.clock, at_google),
        balances=at_google.balances,
        loopback=bool(settings.local),
    )
    doors = Doors(
        authenticate=staff(desk),
        new_request_id=lambda: around.new_id("req"),
        log=around.log,
        origins=settings.allowed_origins,
    )
    return Api(endpoints(desk), doors)
