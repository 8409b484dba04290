"""Where the credentials of upstream accounts lie, and who can open them."""

from collections.abc import Callable, Mapping
from typing import Final

from tollgate.domain.catalog import Account
from tollgate.store.secrets import DataKey, Place, Secrets

FIELD: Final = "secret"


def place_of(account: str, version: int) -> Place:
    """What the credentials of an account are bound to: its id and how often they were replaced."""
    return Place(f"accounts/{account}", FIELD, version)


def sealed(
    sealing: Secrets, key: DataKey, account: str, plain: str, version: int
) -> Mapping[str, str | int]:
    """An account's credentials as the catalog stores them."""
    return sealing.seal(plain, place_of(account, version), key)


def opener(sealing: Secrets) -> Callable[[Account], str]:
    """Opens the credentials of an account of the snapshot."""
    return lambda account: sealing.open(
        account.secret, place_of(account.id, int(account.secret["version"]))
    )
