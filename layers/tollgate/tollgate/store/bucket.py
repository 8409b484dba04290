"""The one bucket: what nothing else can take, and the files people fetch by a signed link."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from tollgate.store.aws_json import AwsService
from tollgate.store.dynamodb import RequestRejected, StoreError
from tollgate.store.stream import sequence_of

POISON: Final = "poison"
ATTEMPTS: Final = 3

PART_BYTES: Final = 8 * 2**20
"""Least size of all parts of an object but the last; S3 takes no less than 5 MiB."""


class NoBucket(StoreError):
    """A process without a client for it was asked to keep something."""


class ObjectStore(AwsService, Protocol):
    """S3 behind the port, bodies as bytes; it also signs requests for others to send."""

    def signed(self, operation: str, request: Mapping[str, Any], seconds: int) -> str:
        """The URL by which anybody may send this one request for so long."""
        ...


class Bucket:
    """The bucket, over any client that speaks S3, if there is one.

    Every method may raise StoreError; calling again is safe: the same name is the same object.
    """

    def __init__(self, s3: ObjectStore | None, name: str) -> None:
        self._s3 = s3
        self._name = name

    def keep(self, folder: str, name: str, value: Mapping[str, Any]) -> None:
        """Keep a JSON value; the same name twice is the same object.

        Raises:
            StoreError: it is not known to be kept.
        """
        self.put(f"{folder}/{name}.json", json.dumps(value, default=str).encode())

    def poison(self, record: Mapping[str, Any]) -> None:
        """Keep a stream record that never can be worked on.

        Raises:
            StoreError: it is not known to be kept.
        """
        self.keep(POISON, sequence_of(record), record)

    # --- files ------------------------------------------------------------------------------

    def put(self, key: str, body: bytes) -> None:
        """Write an object whole."""
        self._call("PutObject", key, Body=body)

    def get(self, key: str) -> bytes:
        """Read an object whole."""
        body: bytes = self._call("GetObject", key)["Body"]
        return body

    def begin(self, key: str) -> str:
        """Begin an object that is written in parts; gives the upload's id."""
        upload: str = self._call("CreateMultipartUpload", key)["UploadId"]
        return upload

    def part(self, key: str, upload: str, number: int, body: bytes) -> str:
        """Write part `number` (from 1 on), over one that is there; gives its tag."""
        tag: str = self._call("UploadPart", key, UploadId=upload, PartNumber=number, Body=body)[
            "ETag"
        ]
        return tag

    def finish(self, key: str, upload: str, tags: Sequence[str]) -> None:
        """Put the parts together; once that was done, doing it again changes nothing."""
        parts = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
        try:
            self._call(
                "CompleteMultipartUpload", key, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except RequestRejected as rejected:
            if rejected.code != "NoSuchUpload":
                raise
            self._call("HeadObject", key)  # it is there, or this says what is wrong

    def link(self, key: str, file_name: str, seconds: int) -> str:
        """A URL that lets anybody fetch the object under that name for so long."""
        request = {
            "Bucket": self._name,
            "Key": key,
            "ResponseContentDisposition": f'attachment; filename="{file_name}"',
        }
        return self._client(key).signed("GetObject", request, seconds)

    def _call(self, operation: str, key: str, **request: Any) -> dict[str, Any]:
        named = {"Bucket": self._name, "Key": key, **request}
        return self._client(key).call(operation, named, attempts=ATTEMPTS)

    def _client(self, key: str) -> ObjectStore:
        if self._s3 is None:
            raise NoBucket(key)
        return self._s3
