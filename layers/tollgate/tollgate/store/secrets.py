"""Decides how secrets lie at rest: AES-GCM under a data key that KMS wraps, bound to their place.

A sealed secret names the item, the field and the version it belongs to as authenticated data, so
a ciphertext that was swapped or rolled back does not open. It carries its wrapped data key: who
may unwrap it needs nothing else, and the relay opens it with the lean client alone.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tollgate.store.dynamodb import RequestRejected, StoreError
from tollgate.store.kms import Kms

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_LIFE: Final = 3_600
NONCE_BYTES: Final = 12


class SecretUnreadable(StoreError):
    """A sealed secret is malformed, changed, or not the one of this item, field and version."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret belongs. `version` must be known from elsewhere than the sealed secret."""

    item: str
    field: str
    version: int

    def bytes(self, generation: int) -> bytes:
        """The authenticated data: lengths keep neighbouring parts apart."""
        parts = (self.item, self.field, str(self.version), str(generation))
        return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


@dataclass(frozen=True, slots=True)
class DataKey:
    """One generation's data key as the catalog stores it: wrapped, in base64."""

    generation: int
    wrapped: str


class Secrets:
    """Seals and opens; an unwrapped data key is kept for an hour.

    Args:
        kms: the port to KMS.
        clock: epoch seconds.
        random: so many unpredictable bytes (`os.urandom`).
    """

    def __init__(
        self, kms: Kms, clock: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self._kms = kms
        self._clock = clock
        self._random = random
        self._keys: dict[tuple[int, str], tuple[float, AESGCM]] = {}

    def new_data_key(self, generation: int) -> DataKey:
        """A data key for a new generation, to be stored once and used for every seal."""
        fresh = self._kms.new_key(_context(generation))
        key = DataKey(generation, b64encode(fresh.wrapped).decode())
        self._keep(key, fresh.plain)
        return key

    def seal(self, plaintext: str, place: Place, key: DataKey) -> dict[str, str | int]:
        """The sealed secret: texts and numbers only, fit for JSON and for any table."""
        nonce = self._random(NONCE_BYTES)
        cipher = self._cipher(key).encrypt(nonce, plaintext.encode(), place.bytes(key.generation))
        return {
            "generation": key.generation,
            "wrapped": key.wrapped,
            "version": place.version,
            "nonce": b64encode(nonce).decode(),
            "ciphertext": b64encode(cipher).decode(),
        }

    def open(self, sealed: Mapping[str, Any], place: Place) -> str:
        """The secret that was sealed for exactly this place.

        Raises:
            SecretUnreadable: it was not.
            StoreError: KMS did not answer.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - 30 ms, only when opened

        key, nonce, ciphertext = _parts(sealed)
        try:
            cipher = self._cipher(key)
            return cipher.decrypt(nonce, ciphertext, place.bytes(key.generation)).decode()
        except InvalidTag as error:
            raise SecretUnreadable(f"{place.item} {place.field} {place.version}") from error

    def _cipher(self, key: DataKey) -> "AESGCM":
        known = self._keys.get((key.generation, key.wrapped))
        if known is not None and 0 <= self._clock() - known[0] < KEY_LIFE:
            return known[1]
        try:
            plain = self._kms.unwrap(b64decode(key.wrapped), _context(key.generation))
        except RequestRejected as error:
            if error.code == "InvalidCiphertextException":
                raise SecretUnreadable("the wrapped data key") from error
            raise
        return self._keep(key, plain)

    def _keep(self, key: DataKey, plain: bytes) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

        cipher = AESGCM(plain)
        self._keys[key.generation, key.wrapped] = (self._clock(), cipher)
        return cipher


def _context(generation: int) -> dict[str, str]:
    """What KMS must be told to unwrap the key; roles are limited to the first pair."""
    return {"tollgate": "secrets", "generation": str(generation)}


def _parts(sealed: Mapping[str, Any]) -> tuple[DataKey, bytes, bytes]:
    try:
        key = DataKey(int(sealed["generation"]), str(sealed["wrapped"]))
        b64decode(key.wrapped, validate=True)
        nonce = b64decode(sealed["nonce"], validate=True)
        ciphertext = b64decode(sealed["ciphertext"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise SecretUnreadable("not a sealed secret") from error
    if len(nonce) != NONCE_BYTES:
        raise SecretUnreadable("not a sealed secret: the nonce's length")
    return key, nonce, ciphertext
