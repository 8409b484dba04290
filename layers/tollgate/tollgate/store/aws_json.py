"""Speaks AWS's JSON protocol without an SDK: signs, sends once, and says what is known afterwards.

For the hot path: DynamoDB through `store/lean_dynamodb.py`, and KMS, SSM and SQS as they are.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from tollgate.domain.sigv4 import Credentials
from tollgate.store.attempts import Pause, attempted
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.keep_alive import Connection, Place, Reply
from tollgate.store.refusals import Answered, refusal
from tollgate.store.sigv4 import Signer

OK: Final = 200


class AwsService(Protocol):
    """Any AWS service spoken to in JSON; the port to DynamoDB is one."""

    def call(
        self, operation: str, request: Mapping[str, Any], *, attempts: int = 1
    ) -> dict[str, Any]:
        """Send one request; errors as in `Dynamo.call`."""
        ...


@dataclass(frozen=True, slots=True)
class Api:
    """A service as its JSON protocol names it."""

    service: str
    target: str
    version: str


DYNAMODB: Final = Api("dynamodb", "DynamoDB_20120810", "1.0")
KMS: Final = Api("kms", "TrentService", "1.1")
SSM: Final = Api("ssm", "AmazonSSM", "1.1")
SQS: Final = Api("sqs", "AmazonSQS", "1.0")


@dataclass(frozen=True, slots=True)
class Caller:
    """What all services of a process share.

    Args:
        region: AWS region.
        credentials: asked before every request.
        clock: epoch seconds.
        pause: see `store/attempts.py`.
        endpoint: base URL of a stand-in for all services, or None for AWS.
    """

    region: str
    credentials: Callable[[], Credentials]
    clock: Callable[[], float]
    pause: Pause
    endpoint: str | None = None
    connect_timeout: float = 1.0
    read_timeout: float = 1.0

    def place_of(self, service: str) -> tuple[Place, str]:
        """Where the service is, and the `Host` header that names it."""
        suffix = ".cn" if self.region.startswith("cn-") else ""
        url = self.endpoint or f"https://{service}.{self.region}.amazonaws.com{suffix}"
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        timeouts = (self.connect_timeout, self.read_timeout)
        return Place(parts.hostname or "", port, secure, *timeouts), parts.netloc


class AwsJson:
    """One service, with one connection per thread."""

    def __init__(self, api: Api, caller: Caller) -> None:
        self._api = api
        self._caller = caller
        self._place, host = caller.place_of(api.service)
        self._signer = Signer(
            api.service, caller.region, host, f"application/x-amz-json-{api.version}"
        )
        self._local = threading.local()

    def call(
        self, operation: str, request: Mapping[str, Any], *, attempts: int = 1
    ) -> dict[str, Any]:
        """Send one request, `bytes` in it as base64; errors as in `Dynamo.call`."""
        body = _encode(request).encode()
        return attempted(partial(self._sent, operation, body), attempts, self._caller.pause)

    def decoded(self, body: bytes) -> Any:
        """What the body of an answer means."""
        return json.loads(body)

    def _sent(self, operation: str, body: bytes) -> dict[str, Any]:
        target = f"{self._api.target}.{operation}"
        signed = self._signer.headers(
            self._caller.credentials(), target, body, self._caller.clock()
        )
        head = f"POST / HTTP/1.1\r\n{signed}Content-Length: {len(body)}\r\n\r\n"
        try:
            reply = self._connection().exchange(head.encode("latin-1") + body)
            answer = self.decoded(reply.body) if reply.body else {}
        except (OSError, ValueError) as error:
            raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error
        if reply.status != OK:
            raise refusal(_answered(reply, answer))
        return dict(answer)

    def _connection(self) -> Connection:
        try:
            return self._local.connection  # type: ignore[no-any-return]
        except AttributeError:
            self._local.connection = Connection(self._place, self._caller.clock)
            return self._local.connection  # type: ignore[no-any-return]


def _answered(reply: Reply, answer: Any) -> Answered:
    fields = answer if isinstance(answer, dict) else {}
    code = str(fields.get("__type", "")).rpartition("#")[2]
    return Answered(
        status=reply.status,
        code=code,
        message=str(fields.get("message") or fields.get("Message") or ""),
        item=fields.get("Item"),
        reasons=fields.get("CancellationReasons") or (),
    )


def _base64(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} cannot be sent")


_encode: Final = json.JSONEncoder(
    separators=(",", ":"), default=_base64, allow_nan=False, check_circular=False
).encode
