"""The order of steps that keeps a user's definition and their wallet in agreement.

A user without a wallet could not be served and a wallet without a user is nobody's, so the wallet
comes first, under an id that a repeated try uses again. Refusing is told to the wallet before it
is written down, permitting after: whatever fails in between refuses too much, never too little.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from tollgate.domain import sharding
from tollgate.domain.definitions import Author, UserDefinition, UserStatus
from tollgate.domain.errors import Conflict, TollgateError
from tollgate.domain.wallet import WalletStatus
from tollgate.services.changes import Changed, change
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.dynamodb import StoreError
from tollgate.store.wallet import Wallets

WALLET_STATUS: Final[dict[UserStatus, WalletStatus]] = {
    "active": "active",
    "disabled": "suspended",
    "deleted": "deleted",
}
ROUNDS: Final = 3
Edit = Callable[[UserDefinition], UserDefinition]


class Users:
    """Creates and changes users."""

    def __init__(self, catalog: CatalogTable, wallets: Wallets) -> None:
        self._catalog = catalog
        self._wallets = wallets

    def create(
        self, user: UserDefinition, author: Author, *, resumed: bool = False
    ) -> UserDefinition:
        """Create a user with an empty wallet. `resumed`: an earlier try may have done so.

        Raises:
            ValidationFailed: a field is wrong, or a group does not exist.
            Conflict: the address is taken.
            StoreError: nothing, or only the wallet, was written; try again with the same id.
        """
        self._wallets.create(user.id, user.shards)
        if resumed and (there := self._catalog.users.find(user.id)) is not None:
            return there
        return self._catalog.users.create(user, author)

    def change(
        self, user: str, version: int | None, edit: Edit, author: Author
    ) -> Changed[UserDefinition]:
        """Change a user; their wallet follows at once.

        Raises:
            NotFound, VersionMismatch, ValidationFailed, Conflict: nothing is changed.
        """
        before = self._catalog.users.seen(user, version)
        wanted = edit(before)
        if wanted.shards < before.shards:
            raise Conflict("a user's shards can only become more", param="shards")
        if wanted.shards > before.shards:
            self._wallets.add_shards(user, wanted.shards)
        refusing = wanted.status not in {before.status, "active"}
        if refusing:
            self._wallets.set_status(user, WALLET_STATUS[wanted.status])
        try:
            changed = change(self._catalog.users, user, before.stamp.version, edit, author)
        except (TollgateError, StoreError):
            if refusing:
                with suppress(StoreError):
                    self.align(user)
            raise
        self.align(user)
        if reach(changed.before) != reach(changed.after):
            self._wallets.consolidate(user, reach(changed.after))
        return changed

    def align(self, user: str) -> None:
        """Let the wallet say what the definition says; repeat while somebody else changes it."""
        for _ in range(ROUNDS):
            status = self._catalog.users.get(user).status
            self._wallets.set_status(user, WALLET_STATUS[status])
            if self._catalog.users.get(user).status == status:
                return


def reach(user: UserDefinition) -> int:
    """Over how many wallet shards the user's calls go."""
    return sharding.reach(user.shards, (user.limits, *user.group_limits.values()))
