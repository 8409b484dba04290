"""Decides how a data key is made and unwrapped: two methods, over boto3 or the lean client."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from tollgate.store.aws_json import AwsService

ATTEMPTS: Final = 3
Context = Mapping[str, str]
"""KMS's encryption context: unwrapping needs the very one the key was made with."""


class FreshKey(NamedTuple):
    """A new data key, plain and wrapped."""

    plain: bytes
    wrapped: bytes


class Kms(Protocol):
    """The two things needed of KMS; errors as in `Dynamo.call`."""

    def new_key(self, context: Context) -> FreshKey:
        """A new 256-bit data key."""
        ...

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """The plain data key."""
        ...


class KmsKey:
    """One KMS key behind either client: `service` speaks KMS's JSON.

    Args:
        service: `AwsJson(KMS, …)` or `Boto3Dynamo(boto3_client("kms", …), …)`.
        key: id, alias or ARN.
    """

    def __init__(self, service: AwsService, key: str) -> None:
        self._service = service
        self._key = key

    def new_key(self, context: Context) -> FreshKey:
        """See `Kms.new_key`."""
        request = {"KeyId": self._key, "KeySpec": "AES_256", "EncryptionContext": dict(context)}
        answer = self._service.call("GenerateDataKey", request, attempts=ATTEMPTS)
        return FreshKey(_plain(answer["Plaintext"]), _plain(answer["CiphertextBlob"]))

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """See `Kms.unwrap`."""
        request = {
            "KeyId": self._key,
            "CiphertextBlob": wrapped,
            "EncryptionContext": dict(context),
        }
        return _plain(self._service.call("Decrypt", request, attempts=ATTEMPTS)["Plaintext"])


def _plain(value: Any) -> bytes:
    """Bytes from boto3, base64 from the wire."""
    return value if isinstance(value, bytes) else b64decode(value)
