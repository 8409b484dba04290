"""What every resource of the portal works with, and the steps they share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from tollgate.domain.definitions import Author
from tollgate.services.changes import Changed
from tollgate.services.sessions import Opened, SignedIn
from tollgate.services.sign_in import SignIn
from tollgate.services.sign_up import SignUp
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.pepper import Peppers
from tollgate.store.rollups import Rollups
from tollgate.store.sign_in_attempts import Attempts
from tollgate.store.snapshots import Snapshots
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.web.management.calls import current
from tollgate.web.management.creation import Creations
from tollgate.web.management.cursors import Cursors
from tollgate.web.management.trail import Trail

ROOT: Final = "/api/portal"


@dataclass(frozen=True, slots=True)
class Stores:
    """Where things are kept."""

    catalog: CatalogTable
    wallets: Wallets
    usage: UsageRecords
    rollups: Rollups
    snapshots: Snapshots
    peppers: Peppers
    attempts: Attempts


@dataclass(frozen=True, slots=True)
class People:
    """How strangers become users, and users come and go."""

    sign_up: SignUp
    sign_in: SignIn
    signed_in: SignedIn


@dataclass(frozen=True, slots=True)
class Desk:
    """The stores and the habits of every resource; `clock` is in epoch ms, `random(n)` below n."""

    stores: Stores
    people: People
    creations: Creations
    cursors: Cursors
    trail: Trail
    clock: Callable[[], int]
    random: Callable[[int], int]

    @property
    def user(self) -> str:
        """Whose call is being answered: every resource is theirs alone."""
        return current().caller.actor

    @property
    def author(self) -> Author:
        """Who is writing, and when."""
        return self.trail.author()

    def opened(self) -> Opened:
        """The session of the call being answered."""
        return self.people.signed_in.recognise(current().caller.session)

    def position(self, cursor: str | None) -> str | None:
        """Where the list being answered goes on."""
        return self.cursors.read(cursor, current().place)

    def cursor(self, position: str | None) -> str | None:
        """The cursor that leads on from a position of the list being answered."""
        return self.cursors.write(position, current().place)

    def note_change(
        self, action: str, name: str, changed: Changed[Any], view: Callable[[Any], BaseModel]
    ) -> None:
        """Enter a change into the audit log."""
        self.trail.note(action, name, view(changed.before), view(changed.after))
