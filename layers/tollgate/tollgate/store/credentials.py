"""Where the credentials of upstream accounts lie, and who can open them."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from tollgate.domain.catalog import Account
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.store.dynamodb import StoreError
from tollgate.store.secrets import DataKey, Place, Secrets, SecretUnreadable

FIELD: Final = "secret"
VISIBLE: Final = re.compile(r"[\x20-\x7e]+")


def place_of(account: str, version: int) -> Place:
    """What the credentials of an account are bound to: its id and how often they were replaced."""
    return Place(f"accounts/{account}", FIELD, version)


def sealed(
    sealing: Secrets, key: DataKey, account: str, plain: str, version: int
) -> Mapping[str, str | int]:
    """An account's credentials as the catalog stores them."""
    return sealing.seal(plain, place_of(account, version), key)


def ignore(account: str, error: Exception) -> None:
    """What becomes of an account whose credentials cannot be opened, where nobody is told."""


def opener(
    sealing: Secrets, tell: Callable[[str, Exception], None] = ignore
) -> Callable[[Account], str]:
    """Opens the credentials of an account of the snapshot.

    It raises UpstreamUnavailable where they cannot be opened, or no header can hold them: `tell`
    hears of it, and the call goes to the next account.
    """

    def opened(account: Account) -> str:
        try:
            place = place_of(account.id, int(account.secret["version"]))
            secret = sealing.open(account.secret, place)
            if not VISIBLE.fullmatch(secret):
                raise SecretUnreadable("the secret has characters that no header can hold")
        except (StoreError, KeyError, TypeError, ValueError) as error:
            tell(account.id, error)
            raise UpstreamUnavailable("the gateway's own account cannot be used now") from error
        return secret

    return opened
