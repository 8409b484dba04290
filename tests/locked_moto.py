"""Makes moto fit to test conditions: one request at a time, in this process or over loopback HTTP.

moto's DynamoDB reads and writes an item in separate steps without a lock, so threads would test
moto's races and not our conditions. One lock goes round its request entry; what we test stays
as concurrent as it is.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any, Final
from unittest.mock import patch

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.kms.utils import generate_private_key

from tests.dynamodb_tables import Index

REGION: Final = "us-east-1"
ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_SESSION_TOKEN": "test-token",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
"""What a test sets; moto serves no account-based endpoints."""

_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_LOCK = RLock()
_unlocked = BotocoreStubber.process_request
_one_private_key = cache(generate_private_key)
"""moto makes an RSA key for every KMS key, and uses it for none of ours: a tenth of a second."""


def _locked(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
    with _LOCK:
        return _unlocked(stubber, request)


@contextmanager
def locked_moto() -> Iterator[None]:
    """Moto with nothing in it, answering every boto3 client of this process one by one."""
    BotocoreStubber.process_request = _locked  # type: ignore[method-assign,assignment]
    try:
        with mock_aws(), patch("moto.kms.models.generate_private_key", _one_private_key):
            yield
    finally:
        BotocoreStubber.process_request = _unlocked  # type: ignore[method-assign]


@cache
def service(name: str) -> Any:
    """A client for looking on, made once: loading botocore's models takes longer than a test."""
    return boto3.client(name, region_name=REGION)  # type: ignore[call-overload]


class _Handler(BaseHTTPRequestHandler):
    """Hands each request to moto as if it had been sent to AWS."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        scope = _SCOPE.search(self.headers["Authorization"])
        assert scope is not None
        headers = HTTPHeaders()
        for name, value in self.headers.items():
            headers[name] = value
        url = f"https://{scope['service']}.{scope['region']}.amazonaws.com{self.path}"
        request = AWSPreparedRequest("POST", url, headers, body, stream_output=False)
        status, answered, content = _locked(BotocoreStubber(), request)
        self._answer(status, answered, content.encode() if isinstance(content, str) else content)

    def _answer(self, status: int, headers: Any, content: bytes) -> None:
        self.send_response(status)
        for name, value in dict(headers).items():
            if name.lower() not in {"content-length", "date", "server"}:
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def moto_server() -> Iterator[str]:
    """Locked moto at a loopback URL, for clients that are not boto3."""
    with locked_moto(), ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def create_table(
    client: Any, name: str, indexes: Mapping[str, Index] | None = None, *, stream: bool = False
) -> None:
    """A table with our keys and these indexes, as the evaluator has them.

    moto copies all stream records in every transaction: only who reads the stream has one.
    """
    indexes = indexes or {}
    types = {"pk": "S", "sk": "S"}
    for index in indexes.values():
        types |= index.types()
    request: dict[str, Any] = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _schema("pk", "sk"),
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in types.items()
        ],
    }
    if stream:
        images = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        request["StreamSpecification"] = images
    if indexes:
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index_name,
                "KeySchema": _schema(*index.types()),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index_name, index in indexes.items()
        ]
    client.create_table(**request)


def _schema(*names: str) -> list[dict[str, str]]:
    kinds = ("HASH", "RANGE")
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)
    ]
