"""The order of steps for an upstream account: check its addresses, seal its secrets."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tollgate.domain.account_rules import check_account, check_type, home_of
from tollgate.domain.compilation import compile_group
from tollgate.domain.credentials import (
    ApiKeys,
    Credentials,
    CredentialsUnreadable,
    ServiceAccount,
    kept_text,
    read_credentials,
    read_proxy_credentials,
)
from tollgate.domain.definition_rules import require
from tollgate.domain.definitions import AccountDefinition, Author, DataKeyDefinition
from tollgate.domain.egress import read_origin, read_proxy
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.grants import gives_tokens
from tollgate.services.changes import Changed, change
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.credentials import FIELD, PROXY_FIELD, place_of
from tollgate.store.publications import PART_LIMIT
from tollgate.store.secrets import DataKey, Secrets
from tollgate.store.snapshot_parts import write_group

Edit = Callable[[AccountDefinition], AccountDefinition]


@dataclass(frozen=True, slots=True)
class Submitted:
    """Secrets of an account as they were sent; None keeps what is there, "" clears a proxy's."""

    credentials: str | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)


class Accounts:
    """Creates and changes accounts; `loopback` allows upstreams on one's own machine."""

    def __init__(self, catalog: CatalogTable, secrets: Secrets, *, loopback: bool) -> None:
        self._catalog = catalog
        self._secrets = secrets
        self._loopback = loopback

    def create(
        self,
        draft: AccountDefinition,
        submitted: Submitted,
        author: Author,
        *,
        resumed: bool = False,
    ) -> AccountDefinition:
        """Create an account. `resumed`: an earlier try may have done so.

        Raises:
            ValidationFailed: a field is wrong, or a group does not exist.
        """
        if resumed and (there := self._catalog.accounts.find(draft.id)) is not None:
            return there
        account = self.unsaved(draft, submitted, author)
        self._check_room(account, submitted)
        return self._catalog.accounts.create(account, author)

    def change(
        self,
        account: str,
        version: int | None,
        edit: Edit,
        submitted: Submitted,
        author: Author,
    ) -> Changed[AccountDefinition]:
        """Change an account; `version` None takes whichever is there at this moment.

        Raises:
            NotFound, VersionMismatch, ValidationFailed, Conflict: nothing is changed.
        """

        def edited(before: AccountDefinition) -> AccountDefinition:
            after = moved(before, edit(before), loopback=self._loopback)
            fits = submitted.credentials is not None or after.auth_mode == before.auth_mode
            require(fits, "credentials", "another auth_mode takes others; send them with it")
            if not after.proxy:
                after = replace(after, proxy_secret={})
            checked = self._checked(after, submitted)
            self._check_where(before, checked, submitted)
            sealed = self._sealed(checked, submitted, author)
            self._check_room(sealed, submitted)
            return sealed

        return change(self._catalog.accounts, account, version, edited, author)

    def unsaved(
        self, draft: AccountDefinition, submitted: Submitted, author: Author
    ) -> AccountDefinition:
        """An account as `create` would store it, to be tried before it is.

        Raises:
            ValidationFailed: a field is wrong.
        """
        return self._sealed(self._checked(draft, submitted), submitted, author)

    def _checked(self, account: AccountDefinition, submitted: Submitted) -> AccountDefinition:
        """An account as it may be stored: its addresses in one spelling, its keys counted.

        Raises:
            ValidationFailed: a field is wrong, or its secrets are not what its type takes.
        """
        check_type(account)
        base = read_origin(account.base_url or home_of(account), loopback=self._loopback)
        proxy = read_proxy(account.proxy, loopback=self._loopback).url if account.proxy else ""
        told = replace(account, base_url=base.url, proxy=proxy)
        if submitted.credentials is not None:
            told = replace(told, keys=self._keys(told, submitted.credentials))
        if submitted.proxy:
            require(bool(proxy), "proxy_credentials", "name the proxy that they are for")
            checked_proxy(submitted.proxy)
        check_account(told)
        return told

    def _check_where(
        self, before: AccountDefinition, after: AccountDefinition, submitted: Submitted
    ) -> None:
        """Refuse to send a secret that is kept to a host that it was not given for.

        Who may change addresses could read any secret otherwise. The vendor's own host is none.
        """
        home = home_of(after)
        at_home = bool(home) and after.base_url == read_origin(home, loopback=self._loopback).url
        stays = at_home or host_of(after.base_url) == host_of(before.base_url)
        told = "another host would be sent the ones that are kept; send them again with it"
        require(submitted.credentials is not None or stays, "credentials", told)
        kept = bool(after.proxy_secret) and submitted.proxy is None
        stays = host_of(after.proxy) == host_of(before.proxy)
        require(stays or not kept, "proxy_credentials", told)

    def _check_room(self, account: AccountDefinition, submitted: Submitted) -> None:
        """Refuse secrets with which a group would be larger than what relays read at once.

        Nothing of such a group could be published any more, not even that an account is disabled.
        """
        if submitted.credentials is None or not account.groups:
            return
        pools = self._catalog.pools()
        others = (each for each in pools.accounts if each.id != account.id)
        pools = replace(pools, accounts=(*others, account))
        for name in pools.groups.keys() & set(account.groups):
            size = len(write_group(compile_group(0, pools.groups[name], pools)))
            told = f"group {name} would take {size} bytes, and {PART_LIMIT} can be published; "
            require(size <= PART_LIMIT, "credentials", told + "use another group or fewer keys")

    def _keys(self, account: AccountDefinition, text: str) -> int:
        """How many API keys there are in credentials that the account's type takes."""
        read = checked_credentials(account, text)
        if isinstance(read, ServiceAccount):
            field = "credentials.token_uri"
            read_origin(read.token_uri, loopback=self._loopback, field=field)
            given = gives_tokens(read.token_uri, local=self._loopback)
            require(given, field, "not where Google gives tokens; leave it as it was downloaded")
        return len(read.keys) if isinstance(read, ApiKeys) else 1

    def _sealed(
        self, account: AccountDefinition, submitted: Submitted, author: Author
    ) -> AccountDefinition:
        """The account with what was submitted in place of its secrets."""
        if submitted.credentials is not None:
            text = kept_text(account, submitted.credentials)
            account = replace(account, secret=self._box(account, FIELD, text, author))
        if submitted.proxy == "":
            return replace(account, proxy_secret={})
        if submitted.proxy is not None:
            box = self._box(account, PROXY_FIELD, submitted.proxy, author)
            account = replace(account, proxy_secret=box)
        return account

    def _box(
        self, account: AccountDefinition, name: str, plain: str, author: Author
    ) -> dict[str, str | int]:
        """A secret sealed as the version after the one that is there."""
        version = int(getattr(account, name).get("version", 0)) + 1
        place = place_of(account.id, version, name)
        return self._secrets.seal(plain, place, self._data_key(author))

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


def moved(
    before: AccountDefinition, after: AccountDefinition, *, loopback: bool
) -> AccountDefinition:
    """An account that was at the vendor's own address stays at it when that becomes another."""
    home = home_of(before)
    at_home = bool(home) and before.base_url == read_origin(home, loopback=loopback).url
    stays = after.base_url == before.base_url
    return replace(after, base_url="") if at_home and stays else after


def host_of(url: str) -> list[str]:
    """Scheme, host and port of an address in its one spelling."""
    return url.split("/")[:3]


def checked_credentials(account: AccountDefinition, text: str) -> Credentials:
    """Credentials that are what the account's type takes.

    Raises:
        ValidationFailed: they are not; what they say is never repeated.
    """
    try:
        return read_credentials(account, text)
    except CredentialsUnreadable as error:
        raise refused("credentials", error) from None


def checked_proxy(text: str) -> None:
    """Refuse what no proxy takes as credentials."""
    try:
        read_proxy_credentials(text)
    except CredentialsUnreadable as error:
        raise refused("proxy_credentials", error) from None


def refused(field: str, error: CredentialsUnreadable) -> ValidationFailed:
    """A refusal that names the field, and what within it."""
    where = f"{field}.{error.part}" if error.part else field
    return ValidationFailed(f"{where}: {error.message}", param=where)
