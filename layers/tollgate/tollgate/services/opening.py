"""How the janitor is put together from settings and clients: for its function, and for tests."""

from collections.abc import Callable
from functools import partial
from typing import Final

from tollgate.domain.catalog import Account
from tollgate.domain.export_order import KIND as EXPORT
from tollgate.domain.replay_order import RERATE, SIMULATION
from tollgate.observability import Observer
from tollgate.services import vendors
from tollgate.services.account_checks import Opened, Trial
from tollgate.services.account_quotas import AccountQuotas, everywhere, open_quotas
from tollgate.services.closing import Closing
from tollgate.services.exports import Exports
from tollgate.services.health import AccountHealth
from tollgate.services.housekeeping import Housekeeping
from tollgate.services.jobs import Jobs
from tollgate.services.past_calls import PastCalls
from tollgate.services.probes import Probes
from tollgate.services.reconciliation import Reconciliation
from tollgate.services.recording import Recording
from tollgate.services.replays import Replays
from tollgate.services.sweeping import Sweeping
from tollgate.settings import Settings
from tollgate.store.bucket import POISON
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.clients import Aws
from tollgate.store.credentials import opener, proxy_opener
from tollgate.store.jobs import JobStore
from tollgate.store.leases import Leases
from tollgate.store.rollups import Rollups
from tollgate.store.snapshots import Snapshots
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets

REPLAYED: Final = 200
"""Records to a page of a replay: each of them may take a transaction."""


def open_housekeeping(
    settings: Settings,
    aws: Aws,
    seen: Observer,
    clock: Callable[[], int],
    random: Callable[[int], int],
) -> Housekeeping:
    """The janitor's work; `clock` is in epoch ms, `random(n)` below n."""
    wallets = Wallets(aws.dynamo, settings.wallets_table, random, clock, seen.violation)
    records = UsageRecords(aws.dynamo, settings.usage_table)
    sums = Rollups(aws.dynamo, settings.rollups_table)
    catalog = open_catalog(settings, aws)
    quotas = open_quotas(aws.dynamo, settings.state_table, catalog, clock)
    add_up = everywhere(sums.add, quotas.add)
    sweeping = Sweeping(wallets, records, sums.mark_active, add_up, clock, seen.count)
    late, stuck = sweeping.finish_late, seen.unclosed
    closing = Closing(sums, records, wallets, late, clock, stuck=stuck, correct=quotas.correct)
    calls = PastCalls(sums, records, wallets)
    replays = Replays(PastCalls(sums, records, wallets, REPLAYED), wallets)
    steps = {
        EXPORT: Exports(calls, aws.bucket).step,
        SIMULATION: replays.simulate,
        RERATE: replays.rerate,
    }
    return Housekeeping(
        sweeping=sweeping,
        closing=closing,
        reconciliation=Reconciliation(wallets, records, sums, closing, clock),
        recording=Recording(records, aws.queue.send, seen.last_resort),
        jobs=Jobs(JobStore(aws.dynamo, settings.state_table), steps, clock, seen.stumbled),
        keep=partial(aws.bucket.keep, POISON),
        count=seen.count,
        tell=seen.finding,
        clock=clock,
        watch=watching(catalog, quotas, open_probes(settings, aws, seen, clock, random)),
    )


def open_catalog(settings: Settings, aws: Aws) -> CatalogTable:
    """The catalog's definitions."""
    return CatalogTable(Endpoint(settings.catalog_table, aws.region, aws.endpoint))


def watching(catalog: CatalogTable, quotas: AccountQuotas, probes: Probes) -> Callable[[], int]:
    """Reviews the quotas of all accounts, then probes those that rest."""

    def watch() -> int:
        quotas.review(catalog.accounts.everything())
        return probes.run()

    return watch


def open_probes(
    settings: Settings,
    aws: Aws,
    seen: Observer,
    clock: Callable[[], int],
    random: Callable[[int], int],
) -> Probes:
    """Probes by the accounts and settings of the catalog; arguments as above."""
    catalog = open_catalog(settings, aws)
    health = AccountHealth(Snapshots(aws.dynamo, settings.state_table), clock)
    at_google = vendors.google(aws, settings, health, seen.unusable, clock)
    checks = vendors.checks(settings, clock, at_google)
    open_secret = opener(aws.sealing, seen.unusable)
    open_proxy = proxy_opener(aws.sealing, seen.unusable)

    def ask(account: Account, key: int, model: str) -> Trial:
        opened = Opened(account, open_secret(account), open_proxy(account), key)
        return checks.call(opened, model)

    return Probes(
        find=catalog.accounts.find,
        settings=lambda: {each.name: each.value for each in catalog.settings.everything()},
        health=health,
        leases=Leases(aws.dynamo, settings.state_table),
        ask=ask,
        clock=clock,
        random=random,
        tell=seen.revived,
    )
