"""Lets the evaluator answer boto3 and pynamodb: DynamoDB's wire on one side, its port on the other.

moto keeps all other services. The requests are those that would have left the process, so what
the libraries make of a call and of a refusal is tested too; only the tables are exact and fast.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest
from moto.core.botocore_stubber import BotocoreStubber

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.locked_moto import locked_moto
from tollgate.store.dynamodb import (
    ConditionFailed,
    Item,
    OutcomeUnknown,
    RequestRejected,
    StoreError,
    Throttled,
    TransactionRefused,
)

Reply = tuple[int, dict[str, str], str]

_TARGET: Final = "DynamoDB_20120810."
_HEADERS: Final = {"Content-Type": "application/x-amz-json-1.0"}


@contextmanager
def playing(dynamo: InMemoryDynamo) -> Iterator[InMemoryDynamo]:
    """Every boto3 client of this process speaks to `dynamo`, or to an empty, locked moto."""
    with locked_moto():
        elsewhere = BotocoreStubber.process_request

        def process(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
            target = _text(request.headers.get("X-Amz-Target", ""))
            if not target.startswith(_TARGET):
                return elsewhere(stubber, request)
            return reply(dynamo, target.removeprefix(_TARGET), _text(request.body))

        BotocoreStubber.process_request = process  # type: ignore[method-assign,assignment]
        try:
            yield dynamo
        finally:
            BotocoreStubber.process_request = elsewhere  # type: ignore[method-assign]


def reply(dynamo: InMemoryDynamo, operation: str, body: str) -> Reply:
    """Status, headers and body of DynamoDB's answer to one request."""
    try:
        answer = dynamo.call(operation, _with_bytes(json.loads(body)))
    except StoreError as error:
        status, code, told = _refusal(error)
        answer = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **told}
        return status, _HEADERS, _written(answer)
    return 200, _HEADERS, _written(answer)


def _refusal(error: StoreError) -> tuple[int, str, dict[str, Any]]:
    match error:
        case ConditionFailed(item=item):
            told = {"message": "The conditional request failed", **_shown(item)}
            return 400, "ConditionalCheckFailedException", told
        case TransactionRefused(reasons=reasons, items=items):
            return 400, "TransactionCanceledException", _cancelled(reasons, items)
        case RequestRejected(code=code):
            return 400, code, {"message": str(error).removeprefix(f"{code}: ")}
        case Throttled():
            return 400, "ProvisionedThroughputExceededException", {"message": str(error)}
        case OutcomeUnknown():
            return 500, "InternalServerError", {"message": str(error)}
    raise error


def _cancelled(reasons: Sequence[str], items: Sequence[Item | None]) -> dict[str, Any]:
    """Transactions spell `Message` with a capital, and so do their reasons."""
    listed = ", ".join(reasons)
    return {
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons "
        f"[{listed}]",
        "CancellationReasons": [
            {"Code": reason, **({} if reason == "None" else {"Message": reason}), **_shown(item)}
            for reason, item in zip(reasons, items, strict=True)
        ],
    }


def _shown(item: Item | None) -> dict[str, Item]:
    return {} if item is None else {"Item": item}


def _text(sent: Any) -> str:
    return sent.decode() if isinstance(sent, bytes) else str(sent)


def _with_bytes(value: Any) -> Any:
    """Binary values travel in base64."""
    match value:
        case list():
            return [_with_bytes(member) for member in value]
        case {"B": str(text), **others} if not others:
            return {"B": b64decode(text)}
        case {"BS": [str(), *_] as texts, **others} if not others:
            return {"BS": [b64decode(text) for text in texts]}
        case dict():
            return {name: _with_bytes(member) for name, member in value.items()}
    return value


def _written(answer: Any) -> str:
    return json.dumps(answer, default=lambda value: b64encode(value).decode())
