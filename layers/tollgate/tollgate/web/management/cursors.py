"""Where a list goes on: opaque cursors, signed, good for one list and one reader only."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from tollgate.domain.errors import InvalidRequest
from tollgate.store.pepper import PepperMissing, Peppers

MAC_BYTES: Final = 16
LABEL: Final = b"tollgate cursor"


class Cursors:
    """Signs with a key derived from the newest pepper; `peppers` verifies older generations."""

    def __init__(self, peppers: Peppers) -> None:
        self._peppers = peppers

    def write(self, position: str | None, place: str) -> str | None:
        """The cursor of a position in the list `place` (route and reader); None at the end."""
        if position is None:
            return None
        generation, pepper = self._peppers.newest()
        payload = json.dumps([generation, position]).encode()
        signed = mac(pepper, payload, place) + payload
        return urlsafe_b64encode(signed).decode().rstrip("=")

    def read(self, cursor: str | None, place: str) -> str | None:
        """The position behind a cursor; None at the beginning.

        Raises:
            InvalidRequest: tampered with, of another list, or of another reader.
        """
        if cursor is None:
            return None
        try:
            signed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            generation, position = json.loads(signed[MAC_BYTES:])
            genuine = hmac.compare_digest(
                signed[:MAC_BYTES], mac(self._pepper(generation), signed[MAC_BYTES:], place)
            )
        except (ValueError, TypeError) as error:
            raise foreign() from error
        if not genuine:
            raise foreign()
        return str(position)

    def _pepper(self, generation: object) -> bytes:
        try:
            return self._peppers.of(int(str(generation)))
        except PepperMissing as error:
            raise foreign() from error


Write = Callable[[str | None], str | None]


def foreign() -> InvalidRequest:
    return InvalidRequest("the cursor is not one of this list; begin without one", param="cursor")


def mac(pepper: bytes, payload: bytes, place: str) -> bytes:
    key = hmac.digest(pepper, LABEL, "sha256")
    message = len(place.encode()).to_bytes(4, "big") + place.encode() + payload
    return hmac.digest(key, message, "sha256")[:MAC_BYTES]
