"""How secrets that people carry are made: 260 unpredictable bits behind the id of their owner."""

from collections.abc import Callable
from dataclasses import dataclass

from tollgate.domain.api_keys import ADMIN_PREFIX, KEY_PREFIX, SECRET_DIGITS
from tollgate.domain.base32 import base32
from tollgate.store.pepper import Peppers, hash_secret

Random = Callable[[int], int]
"""Unpredictable, below its argument."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A new secret, shown once, and what is kept of it."""

    secret: str
    hash: str
    generation: int

    @property
    def last4(self) -> str:
        """What people tell it by."""
        return self.secret[-4:]


def mint(prefix: str, owner: str, peppers: Peppers, random: Random) -> Minted:
    """A secret of an owner such as `usr_…`; whose it is can be read off it.

    Raises:
        PepperMissing: nothing can be hashed yet; run the bootstrap.
    """
    part = owner.partition("_")[2]
    secret = f"{prefix}{part}{base32(random(32**SECRET_DIGITS), SECRET_DIGITS)}"
    generation, pepper = peppers.newest()
    return Minted(secret, hash_secret(pepper, secret), generation)


def mint_key(user: str, peppers: Peppers, random: Random) -> Minted:
    """An API key's secret."""
    return mint(KEY_PREFIX, user, peppers, random)


def mint_admin_token(token: str, peppers: Peppers, random: Random) -> Minted:
    """A management token's secret."""
    return mint(ADMIN_PREFIX, token, peppers, random)
