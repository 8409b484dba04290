"""Where records go that nothing else can take: objects in the one bucket, never overwritten."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tollgate.store.aws_json import AwsService
from tollgate.store.dynamodb import StoreError
from tollgate.store.stream import sequence_of

POISON: Final = "poison"


class NoBucket(StoreError):
    """A process without a client for it was asked to keep something."""


class Bucket:
    """The bucket, over any client that speaks S3's `PutObject` behind the port, if there is one."""

    def __init__(self, s3: AwsService | None, name: str) -> None:
        self._s3 = s3
        self._name = name

    def keep(self, folder: str, name: str, value: Mapping[str, Any]) -> None:
        """Keep a JSON value; the same name twice is the same object.

        Raises:
            StoreError: it is not known to be kept.
        """
        body = json.dumps(value, default=str).encode()
        if self._s3 is None:
            raise NoBucket(folder)
        request = {"Bucket": self._name, "Key": f"{folder}/{name}.json", "Body": body}
        self._s3.call("PutObject", request, attempts=3)

    def poison(self, record: Mapping[str, Any]) -> None:
        """Keep a stream record that never can be worked on.

        Raises:
            StoreError: it is not known to be kept.
        """
        self.keep(POISON, sequence_of(record), record)
