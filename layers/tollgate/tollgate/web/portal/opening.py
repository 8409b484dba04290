"""How the portal API is put together from settings and clients: for its function and its tests."""

from collections.abc import Callable
from dataclasses import dataclass

from tollgate.services.sessions import SignedIn
from tollgate.services.sign_in import SignIn
from tollgate.services.sign_up import SignUp
from tollgate.settings import Settings
from tollgate.store.audit import AuditLog
from tollgate.store.catalog.items import Endpoint as Table
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.clients import Aws
from tollgate.store.idempotency import Idempotency
from tollgate.store.passwords import PasswordHashes
from tollgate.store.rollups import Rollups
from tollgate.store.sessions import Sessions
from tollgate.store.sign_in_attempts import Attempts
from tollgate.store.snapshots import Snapshots
from tollgate.store.state import bind_state
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.web.management.api import Api, Doors
from tollgate.web.management.creation import Creations
from tollgate.web.management.cursors import Cursors
from tollgate.web.management.surroundings import Surroundings
from tollgate.web.management.trail import Trail
from tollgate.web.portal.api import endpoints
from tollgate.web.portal.desk import Desk, People, Stores
from tollgate.web.portal.gate import Gate


@dataclass(frozen=True, slots=True)
class PortalSurroundings(Surroundings):
    """What the portal's process gives besides; `sleep` waits so many milliseconds."""

    sleep: Callable[[int], None]
    hashes: PasswordHashes


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
        attempts=Attempts(around.clock),
    )


def open_people(settings: Settings, stores: Stores, around: PortalSurroundings) -> People:
    """How strangers become users, and users come and go."""
    signed_in = SignedIn(stores.catalog, Sessions(), around.random, around.clock)
    return People(
        sign_up=SignUp(
            catalog=stores.catalog,
            wallets=stores.wallets,
            attempts=stores.attempts,
            hashes=around.hashes,
            clock=around.clock,
            random=around.random,
            sleep=around.sleep,
            is_open=settings.sign_up == "open",
        ),
        sign_in=SignIn(stores.catalog, signed_in, stores.attempts, around.hashes, around.clock),
        signed_in=signed_in,
    )


def open_desk(settings: Settings, aws: Aws, around: PortalSurroundings) -> Desk:
    """What every resource works with."""
    stores = open_stores(settings, aws, around)
    return Desk(
        stores=stores,
        people=open_people(settings, stores, around),
        creations=Creations(Idempotency(around.clock), around.clock, around.random),
        cursors=Cursors(stores.peppers),
        trail=Trail(AuditLog(around.random), around.clock, around.lost),
        clock=around.clock,
        random=around.random,
    )


def open_api(settings: Settings, desk: Desk, around: PortalSurroundings) -> Api:
    """The portal API, ready to answer."""
    origins = frozenset(settings.allowed_origins.split(",")) - {""}
    doors = Doors(
        authenticate=Gate(desk.people.signed_in, origins, bool(settings.local)),
        new_request_id=lambda: around.new_id("req"),
        log=around.log,
        origins=settings.allowed_origins,
        cookies=True,
    )
    return Api(endpoints(desk), doors)
