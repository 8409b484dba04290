"""Decides how key secrets are hashed: HMAC-SHA256 under a pepper that only SSM holds.

Peppers lie at `<path>/<generation>`; two generations live side by side while keys are rehashed.
"""

import hmac
from collections.abc import Callable
from typing import Final

from tollgate.store.aws_json import AwsService
from tollgate.store.dynamodb import StoreError

LIFE: Final = 3_600
SHORTEST_LIFE: Final = 60
"""Seconds within which an unknown generation does not make us ask again."""

ATTEMPTS: Final = 3
SHORTEST_PEPPER: Final = 32


class PepperMissing(StoreError):
    """SSM has no pepper, or none of that generation, or one too short to be one."""


def hash_secret(pepper: bytes, secret: str) -> str:
    """The hash of a key's secret, 64 hexadecimal digits."""
    return hmac.digest(pepper, secret.encode(), "sha256").hex()


def is_same_hash(one: str, other: str) -> bool:
    """Whether two hashes are equal, in a time that says nothing about where they differ."""
    return hmac.compare_digest(one, other)


class Peppers:
    """The peppers in use, read once an hour.

    Args:
        ssm: `AwsJson(SSM, …)` or boto3 behind the same method.
        path: the parameter path above the generations.
        clock: epoch seconds.
    """

    def __init__(self, ssm: AwsService, path: str, clock: Callable[[], float]) -> None:
        self._ssm = ssm
        self._path = path.rstrip("/")
        self._clock = clock
        self._read_at: float | None = None
        self._known: dict[int, bytes] = {}

    def newest(self) -> tuple[int, bytes]:
        """The generation new keys are hashed with, and its pepper.

        Raises:
            PepperMissing: there is none.
        """
        return self._all(LIFE)[0]

    def of(self, generation: int) -> bytes:
        """One generation's pepper.

        Raises:
            PepperMissing: it is not there.
        """
        for life in (LIFE, SHORTEST_LIFE):
            pepper = dict(self._all(life)).get(generation)
            if pepper is not None:
                return pepper
        raise PepperMissing(f"{self._path}/{generation}")

    def hashes(self, secret: str) -> list[str]:
        """The secret's hash under every generation in use, newest first."""
        return [hash_secret(pepper, secret) for _, pepper in self._all(LIFE)]

    def _all(self, life: int) -> list[tuple[int, bytes]]:
        now = self._clock()
        if self._read_at is None or not 0 <= now - self._read_at < life:
            self._known, self._read_at = self._read(), now
        return sorted(self._known.items(), reverse=True)

    def _read(self) -> dict[int, bytes]:
        request = {"Path": self._path, "WithDecryption": True}
        answer = self._ssm.call("GetParametersByPath", request, attempts=ATTEMPTS)
        peppers = {
            int(parameter["Name"].rpartition("/")[2]): parameter["Value"].encode()
            for parameter in answer.get("Parameters", [])
        }
        if not peppers or any(len(pepper) < SHORTEST_PEPPER for pepper in peppers.values()):
            raise PepperMissing(self._path)
        return peppers
