"""Where access tokens lie between environments: sealed, one item per account and its credentials.

A refresh token that a vendor put in place of an older one lies there, too, and nowhere else: every
write names the version it was made from, so that a slower writer never puts an older one back.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tollgate.domain.catalog import Account
from tollgate.store.dynamodb import Dynamo, Item
from tollgate.store.marshal import item_of, values_of
from tollgate.store.secrets import DataKey, Place, Secrets, SecretUnreadable
from tollgate.store.snapshots import put_onto, read_item

PREFIX: Final = "token#"
FIELD: Final = "token"
NUMBER_DIGITS: Final = 8
KEPT_SECONDS: Final = 400 * 86_400
"""Google itself forgets a refresh token that nobody used for half a year."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What all environments know of an account's access: the token (times are epoch ms; "" none),
    the refresh token that replaced the account's own ("" none did), who is asking for a new one.

    `version` is the item's; 0 where there is none yet.
    """

    access: str = field(default="", repr=False)
    expires_at: int = 0
    refresh: str = field(default="", repr=False)
    claimed_until: int = 0
    version: int = 0


class TokenStore:
    """Access tokens in the State table."""

    def __init__(
        self, dynamo: Dynamo, table: str, sealing: Secrets, clock: Callable[[], int]
    ) -> None:
        self._dynamo = dynamo
        self._table = table
        self._sealing = sealing
        self._clock = clock

    def read(self, account: Account) -> StoredToken:
        """What is known now, strongly consistent.

        Raises:
            StoreError: it could not be read, or is none of ours.
        """
        item = read_item(self._dynamo, self._table, key_of(account))
        if item is None:
            return StoredToken()
        values = values_of(item)
        box = json.loads(self._sealing.open(values["sealed"], place_of(account)))
        return StoredToken(
            box["access"],
            values["expires_at"],
            box["refresh"],
            values["claimed_until"],
            values["version"],
        )

    def write(self, account: Account, token: StoredToken) -> bool:
        """Put a token in place of the version it names; False when that is not there any more.

        Raises:
            StoreError: as the port says.
        """
        box = json.dumps({"access": token.access, "refresh": token.refresh})
        values = {
            "version": token.version + 1,
            "sealed": self._sealing.seal(box, place_of(account), data_key_of(account)),
            "expires_at": token.expires_at,
            "claimed_until": token.claimed_until,
            "expires": self._clock() // 1_000 + KEPT_SECONDS,
        }
        item = key_of(account) | item_of(values)
        return put_onto(self._dynamo, self._table, item, token.version)


def number_of(account: Account) -> int:
    """How often the account's credentials were replaced: tokens belong to one of them."""
    return int(account.secret["version"])


def key_of(account: Account) -> Item:
    """Where an account's token lies."""
    number = f"{number_of(account):0{NUMBER_DIGITS}d}"
    return {"pk": {"S": f"{PREFIX}{account.id}"}, "sk": {"S": number}}


def place_of(account: Account) -> Place:
    """What a sealed token is bound to."""
    return Place(f"tokens/{account.id}", FIELD, number_of(account))


def data_key_of(account: Account) -> DataKey:
    """The data key of the account's own secret: a relay can open it, and makes none.

    Raises:
        SecretUnreadable: the account has none.
    """
    sealed: dict[str, Any] = dict(account.secret)
    try:
        return DataKey(int(sealed["generation"]), str(sealed["wrapped"]))
    except (KeyError, ValueError) as error:
        raise SecretUnreadable("not a sealed secret") from error
