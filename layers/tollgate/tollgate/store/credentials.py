"""Where the credentials of upstream accounts lie, and who can open them."""

from collections.abc import Callable
from typing import Final

from tollgate.domain.catalog import Account
from tollgate.domain.credentials import kept_text, read_proxy_credentials
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.store.dynamodb import StoreError
from tollgate.store.secrets import Place, Secrets

FIELD: Final = "secret"
PROXY_FIELD: Final = "proxy_secret"


def place_of(account: str, version: int, field: str = FIELD) -> Place:
    """What an account's secret is bound to: its id, which of its secrets, how often replaced."""
    return Place(f"accounts/{account}", field, version)


def ignore(account: str, error: Exception) -> None:
    """What becomes of an account whose credentials cannot be opened, where nobody is told."""


def opener(
    sealing: Secrets, tell: Callable[[str, Exception], None] = ignore
) -> Callable[[Account], str]:
    """Opens the credentials of an account of the snapshot, as `domain/credentials.py` reads them.

    It raises UpstreamUnavailable where they cannot be opened, or are not what the account's type
    takes, such as an API key that no header can hold: `tell` hears of it, and the call goes to
    the next account.
    """

    def read(account: Account) -> str:
        place = place_of(account.id, int(account.secret["version"]))
        return kept_text(account, sealing.open(account.secret, place))

    return told(read, tell)


def proxy_opener(
    sealing: Secrets, tell: Callable[[str, Exception], None] = ignore
) -> Callable[[Account], str]:
    """Opens the `user:password` of an account's proxy, as `opener` does; "" where it has none."""

    def read(account: Account) -> str:
        if not account.proxy_secret:
            return ""
        place = place_of(account.id, int(account.proxy_secret["version"]), PROXY_FIELD)
        return read_proxy_credentials(sealing.open(account.proxy_secret, place))

    return told(read, tell)


def told(
    read: Callable[[Account], str], tell: Callable[[str, Exception], None]
) -> Callable[[Account], str]:
    """Reading an account's secret, told of where it fails."""

    def opened(account: Account) -> str:
        try:
            return read(account)
        except (StoreError, KeyError, TypeError, ValueError) as error:
            tell(account.id, error)
            raise UpstreamUnavailable("the gateway's own account cannot be used now") from error

    return opened
