"""The order of steps for an upstream account: check its address, seal its credentials."""

from collections.abc import Callable
from dataclasses import replace

from tollgate.domain.definitions import AccountDefinition, Author, DataKeyDefinition
from tollgate.domain.egress import read_origin
from tollgate.domain.errors import Conflict
from tollgate.services.changes import Changed, change
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.credentials import place_of
from tollgate.store.secrets import DataKey, Secrets

Edit = Callable[[AccountDefinition], AccountDefinition]


class Accounts:
    """Creates and changes accounts; `loopback` allows upstreams on one's own machine."""

    def __init__(self, catalog: CatalogTable, secrets: Secrets, *, loopback: bool) -> None:
        self._catalog = catalog
        self._secrets = secrets
        self._loopback = loopback

    def create(
        self, draft: AccountDefinition, credentials: str, author: Author, *, resumed: bool = False
    ) -> AccountDefinition:
        """Create an account. `resumed`: an earlier try may have done so.

        Raises:
            ValidationFailed: a field is wrong, or a group does not exist.
        """
        if resumed and (there := self._catalog.accounts.find(draft.id)) is not None:
            return there
        checked = self._checked(draft)
        box = self._sealed(draft.id, credentials, 1, author)
        return self._catalog.accounts.create(replace(checked, secret=box), author)

    def change(
        self, account: str, version: int, edit: Edit, credentials: str | None, author: Author
    ) -> Changed[AccountDefinition]:
        """Change an account; `credentials` None keeps those it has.

        Raises:
            NotFound, VersionMismatch, ValidationFailed, Conflict: nothing is changed.
        """

        def edited(before: AccountDefinition) -> AccountDefinition:
            after = self._checked(edit(before))
            if credentials is None:
                return after
            number = int(before.secret["version"]) + 1
            box = self._sealed(account, credentials, number, author)
            return replace(after, secret=box)

        return change(self._catalog.accounts, account, version, edited, author)

    def _checked(self, account: AccountDefinition) -> AccountDefinition:
        origin = read_origin(account.base_url, loopback=self._loopback)
        return replace(account, base_url=origin.url)

    def _sealed(
        self, account: str, plain: str, version: int, author: Author
    ) -> dict[str, str | int]:
        return self._secrets.seal(plain, place_of(account, version), self._data_key(author))

    def _data_key(self, author: Author) -> DataKey:
        """The newest data key; the very first secret brings the first one."""
        known = [DataKey(key.generation, key.wrapped) for key in self._all()]
        if known:
            return max(known, key=lambda key: key.generation)
        fresh = self._secrets.new_data_key(1)
        try:
            self._catalog.data_keys.create(DataKeyDefinition(1, fresh.wrapped), author)
        except Conflict:
            return self._data_key(author)
        return fresh

    def _all(self) -> list[DataKeyDefinition]:
        return list(self._catalog.data_keys.everything())
