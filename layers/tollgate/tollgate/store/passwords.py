"""Decides how passwords are kept: argon2id, at the cost OWASP asks of an interactive sign-in."""

import hmac
import unicodedata
from collections.abc import Callable
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

ROUNDS: Final = 2
MEMORY_KIB: Final = 19_456
LANES: Final = 1
"""Two rounds over 19 MiB in one lane: some 50 ms of one core."""

SALT_BYTES: Final = 16
NOBODYS_SALT: Final = bytes(SALT_BYTES)


class PasswordHashes:
    """Hashes and compares; `random(n)` is unpredictable and below n."""

    def __init__(
        self,
        random: Callable[[int], int],
        *,
        rounds: int = ROUNDS,
        memory_kib: int = MEMORY_KIB,
    ) -> None:
        self._random = random
        self._hasher = PasswordHasher(rounds, memory_kib, LANES, salt_len=SALT_BYTES)

    def hash(self, password: str) -> str:
        """What is kept of a password: algorithm, cost, salt and hash in one text."""
        salt = self._random(256**SALT_BYTES).to_bytes(SALT_BYTES)
        return self._hasher.hash(normal(password), salt=salt)

    def fits(self, hashed: str | None, password: str) -> bool:
        """Whether it is that password; where there is none to compare with, no just as slowly."""
        try:
            return self._hasher.verify(hashed or "", normal(password))
        except InvalidHashError:
            self._hasher.hash(normal(password), salt=NOBODYS_SALT)
            return False
        except VerificationError:
            return False

    def is_outdated(self, hashed: str) -> bool:
        """Whether it was hashed at another cost than today's."""
        return self._hasher.check_needs_rehash(hashed)


def normal(password: str) -> str:
    """One spelling of what looks the same on every keyboard."""
    return unicodedata.normalize("NFC", password)


def is_same_text(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that says nothing about where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
