"""What every resource of the admin API works with, and the steps they share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from tollgate.domain.definitions import Author
from tollgate.services.account_checks import AccountChecks
from tollgate.services.changes import Changed, change
from tollgate.services.credits import Credits
from tollgate.store.account_quotas import AccountQuotaTable
from tollgate.store.bucket import Bucket
from tollgate.store.catalog.access import D, Definitions
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.jobs import JobStore
from tollgate.store.leases import Leases
from tollgate.store.pepper import Peppers
from tollgate.store.rollups import Rollups
from tollgate.store.secrets import Secrets
from tollgate.store.snapshots import Snapshots
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.web.management.calls import current
from tollgate.web.management.creation import Creations
from tollgate.web.management.cursors import Cursors
from tollgate.web.management.fields import Entries, V
from tollgate.web.management.trail import Trail
from tollgate.web.management.versions import wanted

ROOT: Final = "/api/admin"


@dataclass(frozen=True, slots=True)
class Stores:
    """Where things are kept."""

    catalog: CatalogTable
    wallets: Wallets
    usage: UsageRecords
    rollups: Rollups
    snapshots: Snapshots
    peppers: Peppers
    secrets: Secrets
    jobs: JobStore
    bucket: Bucket
    account_quotas: AccountQuotaTable
    leases: Leases


@dataclass(frozen=True, slots=True)
class Desk:
    """The stores and the habits of every resource; `clock` is in epoch ms, `random(n)` below n."""

    stores: Stores
    creations: Creations
    cursors: Cursors
    trail: Trail
    clock: Callable[[], int]
    random: Callable[[int], int]
    checks: AccountChecks
    balances: Credits
    loopback: bool = False

    @property
    def author(self) -> Author:
        """Who is writing, and when."""
        return self.trail.author()

    def position(self, cursor: str | None) -> str | None:
        """Where the list being answered goes on."""
        return self.cursors.read(cursor, current().place)

    def cursor(self, position: str | None) -> str | None:
        """The cursor that leads on from a position of the list being answered."""
        return self.cursors.write(position, current().place)

    def listed(
        self,
        definitions: Definitions[D],
        limit: int,
        cursor: str | None,
        view: Callable[[D], V],
    ) -> Entries[V]:
        """One page of definitions."""
        page = definitions.page(limit, self.position(cursor))
        return Entries(
            entries=[view(entry) for entry in page.entries], next_cursor=self.cursor(page.after)
        )

    def changed(
        self,
        definitions: Definitions[D],
        name: str,
        if_match: str | None,
        edit: Callable[[D], D],
    ) -> Changed[D]:
        """Change a definition from the version that the caller has seen."""
        return change(definitions, name, wanted(if_match), edit, self.author)

    def removed(self, definitions: Definitions[D], name: str, if_match: str | None) -> D:
        """Remove a definition in the version that the caller has seen."""
        version = wanted(if_match)
        before = definitions.seen(name, version)
        definitions.remove(name, version)
        return before

    def note_change(
        self, action: str, name: str, changed: Changed[Any], view: Callable[[Any], BaseModel]
    ) -> None:
        """Enter a change into the audit log."""
        self.trail.note(action, name, view(changed.before), view(changed.after))
