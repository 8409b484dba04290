"""S3 as far as exports need it, in memory: objects, uploads in parts, and what it refuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tollgate.store.dynamodb import RequestRejected

LEAST_PART: Final = 5 * 2**20
"""S3 refuses an object any part of which but the last is smaller."""


@dataclass
class ObjectsInMemory:
    """The port to S3 over a dict. `before` and `after` are called with each operation."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], None] | None = None
    after: Callable[[str, str], None] | None = None

    def call(
        self, operation: str, request: Mapping[str, Any], *, attempts: int = 1
    ) -> dict[str, Any]:
        """One request."""
        key = request["Key"]
        self.sent.append((operation, key))
        if self.before is not None:
            self.before(operation, key)
        answer: dict[str, Any] = getattr(self, f"_{operation}")(request)
        if self.after is not None:
            self.after(operation, key)
        return answer

    def signed(self, operation: str, request: Mapping[str, Any], seconds: int) -> str:
        """What stands for a signature: everything that was signed."""
        shown = request["ResponseContentDisposition"]
        return f"https://{request['Bucket']}/{request['Key']}?{operation}&{shown}&{seconds}"

    def _PutObject(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - S3's word
        self.objects[request["Key"]] = bytes(request["Body"])
        return {}

    def _GetObject(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Body": self._there(request["Key"])}

    def _HeadObject(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"ContentLength": len(self._there(request["Key"]))}

    def _CreateMultipartUpload(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        upload = f"upload-{len(self.sent)}"
        self.uploads[upload] = {}
        return {"UploadId": upload}

    def _UploadPart(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        body = bytes(request["Body"])
        self._upload(request)[request["PartNumber"]] = body
        return {"ETag": f'"{hash(body)}"'}

    def _CompleteMultipartUpload(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        parts = self._upload(request)
        bodies = [parts[part["PartNumber"]] for part in request["MultipartUpload"]["Parts"]]
        tags = [part["ETag"] for part in request["MultipartUpload"]["Parts"]]
        if tags != [f'"{hash(body)}"' for body in bodies]:
            raise RequestRejected("InvalidPart", "a part has another tag")
        if any(len(body) < LEAST_PART for body in bodies[:-1]):
            raise RequestRejected("EntityTooSmall", "a part is too small")
        self.objects[request["Key"]] = b"".join(bodies)
        del self.uploads[request["UploadId"]]
        return {}

    def _there(self, key: str) -> bytes:
        if key not in self.objects:
            raise RequestRejected("NoSuchKey", key)
        return self.objects[key]

    def _upload(self, request: Mapping[str, Any]) -> dict[int, bytes]:
        upload = self.uploads.get(request["UploadId"])
        if upload is None:
            raise RequestRejected("NoSuchUpload", request["UploadId"])
        return upload
