"""Puts boto3 behind the port: DynamoDB, and any other service that is spoken to in JSON.

Decides boto3's settings: no retries of its own (it would repeat a write it cannot know the
outcome of) and short timeouts. Its errors are translated in `_translated` and nowhere else.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody

from tollgate.store.attempts import Pause, attempted
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected
from tollgate.store.refusals import Answered, refusal

CONNECT_TIMEOUT: Final = 1
READ_TIMEOUT: Final = 1
OK: Final = 200
UNANSWERED: Final = (
    HTTPClientError,
    NotConnected,
    ResponseParserError,
    ChecksumError,
    IncompleteReadError,
)
"""No answer, or not a whole one."""


def boto3_client(
    service: str, region: str, endpoint: str | None = None, *, read_timeout: float = READ_TIMEOUT
) -> Any:
    """A boto3 client that sends every request exactly once.

    Args:
        service: boto3's name, such as `dynamodb`.
        region: AWS region.
        endpoint: base URL instead of AWS's own.
        read_timeout: seconds; 1 for money, more where a table is read through.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=read_timeout,
        retries={"total_max_attempts": 1, "mode": "standard"},
        tcp_keepalive=True,
    )
    if service == "s3":
        config = config.merge(_for_links(endpoint))
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]


def _for_links(endpoint: str | None) -> Config:
    """What makes a signed link good: for encrypted objects, and at the region's own address."""
    return Config(
        signature_version="s3v4", s3={"addressing_style": "path" if endpoint else "virtual"}
    )


class Boto3Dynamo:
    """The port over a boto3 client (of DynamoDB, SQS, SSM, S3: whatever `client` speaks to)."""

    def __init__(self, client: Any, pause: Pause) -> None:
        self._client = client
        self._pause = pause
        if client.meta.service_model.resolved_protocol == "json":
            client.meta.events.register("after-call", _check_whole, unique_id=_check_whole.__name__)

    def call(
        self, operation: str, request: Mapping[str, Any], *, attempts: int = 1
    ) -> dict[str, Any]:
        """The port's method; see `Dynamo.call`."""
        send = getattr(self._client, xform_name(operation))
        return attempted(partial(_sent, send, request), attempts, self._pause)

    def signed(self, operation: str, request: Mapping[str, Any], seconds: int) -> str:
        """A URL by which anybody may send this one request for so long; nothing is sent here."""
        with _translated():
            url: str = self._client.generate_presigned_url(
                xform_name(operation), Params=dict(request), ExpiresIn=seconds
            )
        return url


def _sent(send: Callable[..., dict[str, Any]], request: Mapping[str, Any]) -> dict[str, Any]:
    with _translated():
        answer = send(**request)
        if isinstance(answer.get("Body"), StreamingBody):
            answer["Body"] = answer["Body"].read()  # here a cut body is an error like any other
    answer.pop("ResponseMetadata", None)
    return answer


def _check_whole(http_response: Any, **_: Any) -> None:
    """Notice the cut or foreign 200 that botocore would take for an empty answer."""
    length = http_response.headers.get("Content-Length")
    body = http_response.content
    is_cut = length is not None and int(length) != len(body)
    if is_cut or (http_response.status_code == OK and body[:1] not in {b"{", b""}):
        raise OutcomeUnknown(f"a broken answer: {body[:80]!r}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise refusal(_answered(error)) from error
    except UNANSWERED as error:
        raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error
    except BotoCoreError as error:
        raise RequestRejected(type(error).__name__, str(error)) from error


def _answered(error: ClientError) -> Answered:
    answer: Mapping[str, Any] = error.response
    told = answer.get("Error", {})
    return Answered(
        status=answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
        code=told.get("Code", ""),
        message=told.get("Message", ""),
        item=answer.get("Item"),
        reasons=answer.get("CancellationReasons", ()),
    )
