"""Access tokens of accounts: kept until shortly before they end, and asked for by one at a time.

An environment keeps what it knows; the others see it in the State table. A refresh token that
replaced an older one is never lost to a slower writer: what somebody got for a refresh token
counts only as long as nobody else has replaced that very one before (docs/architecture.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, Protocol

from tollgate.domain.catalog import Account
from tollgate.domain.credentials import (
    CredentialsUnreadable,
    RefreshToken,
    ServiceAccount,
    read_credentials,
)
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.domain.grants import Asking, Grant, GrantRefused
from tollgate.store.dynamodb import StoreError
from tollgate.store.tokens import StoredToken, number_of
from tollgate.upstream.proxies import Proxy

EARLY_MS: Final = 300_000
"""A token is replaced so long before it ends; meanwhile it still serves."""

LAST_MS: Final = 10_000
"""What a token must still be good for to be sent at all."""

CLAIM_MS: Final = 20_000
"""How long one environment has to get a new token before another one tries."""

PAUSE_MS: Final = 5_000
"""How long this environment does not ask again after it got none."""

POLLS: Final = 20
POLL_SECONDS: Final = 0.25
WRITES: Final = 4

Ask = Callable[[Account, Asking, str, Proxy | None], Grant]
Name = tuple[str, int]


class Store(Protocol):
    """Where environments see each other's tokens."""

    def read(self, account: Account) -> StoredToken:
        """What is known now; raises StoreError."""

    def write(self, account: Account, token: StoredToken) -> bool:
        """Replace the version it names; False when that is gone. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose token is wanted: the account, what it asks with, and the proxy on its way."""

    account: Account
    asking: Asking
    proxy: Proxy | None = None

    @property
    def name(self) -> Name:
        """The account with the number of its credentials: others have tokens of their own."""
        return self.account.id, number_of(self.account)


def owner_of(account: Account, secret: str, proxy: Proxy | None) -> Owner:
    """The owner of an account's tokens, by its opened secret.

    Raises:
        UpstreamUnavailable: the secret holds nothing that tokens are asked for with.
    """
    try:
        asking = read_credentials(account, secret)
    except CredentialsUnreadable as error:
        raise UpstreamUnavailable("an account's credentials cannot be read") from error
    if not isinstance(asking, ServiceAccount | RefreshToken):
        raise UpstreamUnavailable("an account's credentials are of another type")
    return Owner(account, asking, proxy)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Clock (epoch ms), sleep (seconds), and who hears of accounts that are refused for good or
    whose new refresh token could not be stored.
    """

    clock: Callable[[], int]
    sleep: Callable[[float], None]
    refused: Callable[[str], None]
    unsaved: Callable[[str, Exception], None]


class Tokens:
    """The access tokens of this environment."""

    def __init__(self, store: Store, ask: Ask, around: Surroundings) -> None:
        self._store = store
        self._ask = ask
        self._around = around
        self._known: dict[Name, StoredToken] = {}
        self._dropped: dict[Name, str] = {}
        self._paused: dict[Name, int] = {}
        self._unsaved: dict[Name, tuple[str, StoredToken]] = {}
        self._locks: dict[Name, Lock] = {}

    def access(self, owner: Owner) -> str:
        """An access token that is good for a while; one for this call where nothing is stored yet.

        Raises:
            UpstreamUnavailable: there is none now.
        """
        if not owner.account.secret:  # staff try it before they save it
            return self._asked(owner, StoredToken()).access
        known = self._known.get(owner.name)
        if known is not None and self._lasts(owner, known, EARLY_MS):
            return known.access
        with self._locks.setdefault(owner.name, Lock()):
            known = self._known.get(owner.name)
            if known is None or not self._lasts(owner, known, EARLY_MS):
                known = self._known[owner.name] = self._found(owner)
        return known.access

    def drop(self, owner: Owner, access: str) -> None:
        """Use a token no more: the upstream refused it."""
        if owner.account.secret:
            self._dropped[owner.name] = access

    def renewed(self, owner: Owner, access: str) -> str | None:
        """A token in place of one that the upstream refused; None where there is none."""
        self.drop(owner, access)
        try:
            return self.access(owner)
        except UpstreamUnavailable:
            return None

    def _lasts(self, owner: Owner, token: StoredToken, ms: int) -> bool:
        """Whether a token may be sent, and for so long."""
        refused = self._dropped.get(owner.name)
        return token.expires_at - ms > self._around.clock() and token.access != refused

    def _found(self, owner: Owner) -> StoredToken:
        """A token that another environment has got, or a new one."""
        if self._paused.get(owner.name, 0) > self._around.clock():
            raise UpstreamUnavailable("the gateway's own account got no access token just now")
        for _ in range(POLLS):
            stored = self._read(owner)
            if owner.name in self._unsaved:
                stored = self._settled(owner, *self._unsaved.pop(owner.name), stored)
            if self._lasts(owner, stored, EARLY_MS):
                return stored
            if stored.claimed_until <= self._around.clock():
                if (claimed := self._claimed(owner, stored)) is not None:
                    return self._renewed(owner, claimed)
            elif self._lasts(owner, stored, LAST_MS):
                return stored  # somebody else is at it
            self._around.sleep(POLL_SECONDS)
        raise UpstreamUnavailable("the gateway's own account waits for an access token")

    def _read(self, owner: Owner) -> StoredToken:
        try:
            return self._store.read(owner.account)
        except StoreError as error:
            raise UpstreamUnavailable("the gateway's own token cannot be read now") from error

    def _claimed(self, owner: Owner, stored: StoredToken) -> StoredToken | None:
        """Make sure that nobody else asks meanwhile; None where somebody was faster."""
        claim = replace(stored, claimed_until=self._around.clock() + CLAIM_MS)
        try:
            written = self._store.write(owner.account, claim)
        except StoreError as error:
            raise UpstreamUnavailable("the gateway's own token cannot be renewed now") from error
        return replace(claim, version=claim.version + 1) if written else None

    def _renewed(self, owner: Owner, claimed: StoredToken) -> StoredToken:
        """Ask for a new token, and let everybody see it."""
        try:
            grant = self._asked(owner, claimed)
        except GrantRefused:
            return self._refused(owner, claimed)
        except UpstreamUnavailable:
            self._pause(owner, claimed)
            raise
        expires_at = self._around.clock() + grant.seconds * 1_000
        fresh = StoredToken(grant.access, expires_at, grant.refresh or claimed.refresh)
        return self._settled(owner, claimed.refresh, fresh, claimed)

    def _asked(self, owner: Owner, stored: StoredToken) -> Grant:
        """Ask with the newest refresh token there is."""
        own = owner.asking.refresh_token if isinstance(owner.asking, RefreshToken) else ""
        return self._ask(owner.account, owner.asking, stored.refresh or own, owner.proxy)

    def _settled(
        self, owner: Owner, replaced: str, fresh: StoredToken, stored: StoredToken
    ) -> StoredToken:
        """Write what was got for a refresh token, unless another has been put in its place.

        What cannot be written is known here, and is written as soon as that works again.
        """
        failure: Exception = StoreError("others wrote all the time")
        for _ in range(WRITES):
            if stored.refresh != replaced or stored.access == fresh.access:
                return stored
            try:
                if self._store.write(owner.account, replace(fresh, version=stored.version)):
                    return fresh
            except StoreError as error:
                failure = error  # it may have been written all the same: look
            try:
                stored = self._store.read(owner.account)
            except StoreError as error:
                failure = error
        self._unsaved[owner.name] = (replaced, fresh)
        self._around.unsaved(owner.account.id, failure)
        return fresh

    def _refused(self, owner: Owner, claimed: StoredToken) -> StoredToken:
        """Credentials were refused: those that somebody has replaced meanwhile, or all there are.

        Raises:
            UpstreamUnavailable: there is no token.
        """
        latest = self._read(owner)
        if latest.refresh != claimed.refresh and self._lasts(owner, latest, LAST_MS):
            return latest
        self._pause(owner, claimed)
        if latest.refresh == claimed.refresh:
            self._around.refused(owner.account.id)
        raise UpstreamUnavailable("the gateway's own account is refused an access token")

    def _pause(self, owner: Owner, claimed: StoredToken) -> None:
        """Ask no more for a while, and let others try."""
        self._paused[owner.name] = self._around.clock() + PAUSE_MS
        try:
            self._store.write(owner.account, replace(claimed, claimed_until=0))
        except StoreError:
            return  # the claim ends by itself
