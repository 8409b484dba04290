"""Decides which request fields the test evaluator knows, and which placeholders belong together.

DynamoDB ignores a field it does not know and botocore refuses it; a misspelt condition must not
pass a test, so it is refused here.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from tests.dynamodb_expressions import (
    Names,
    Program,
    Values,
    condition_program,
    projection_program,
    update_program,
)
from tests.dynamodb_values import checked, refused

_COMMON: Final = {"TableName", "ExpressionAttributeNames", "ReturnConsumedCapacity"}
_CONDITION: Final = {
    *_COMMON,
    "ConditionExpression",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
}
_WRITE: Final = _CONDITION | {"ReturnValues", "ReturnItemCollectionMetrics"}
_READ: Final = {
    *_COMMON,
    "ConsistentRead",
    "ExclusiveStartKey",
    "ExpressionAttributeValues",
    "FilterExpression",
    "IndexName",
    "Limit",
    "ProjectionExpression",
    "Select",
}
_BATCH: Final = {"RequestItems", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"}
_TRANSACT: Final = {"TransactItems", "ReturnConsumedCapacity"}

FIELDS: Final = {
    "GetItem": _COMMON | {"Key", "ConsistentRead", "ProjectionExpression"},
    "PutItem": _WRITE | {"Item"},
    "UpdateItem": _WRITE | {"Key", "UpdateExpression"},
    "DeleteItem": _WRITE | {"Key"},
    "Query": _READ | {"KeyConditionExpression", "ScanIndexForward"},
    "Scan": _READ | {"Segment", "TotalSegments"},
    "BatchGetItem": _BATCH - {"ReturnItemCollectionMetrics"},
    "BatchWriteItem": _BATCH,
    "TransactWriteItems": _TRANSACT | {"ClientRequestToken", "ReturnItemCollectionMetrics"},
    "TransactGetItems": _TRANSACT,
}
ACTION_FIELDS: Final = {
    "Put": _CONDITION | {"Item"},
    "Update": _CONDITION | {"Key", "UpdateExpression"},
    "Delete": _CONDITION | {"Key"},
    "ConditionCheck": _CONDITION | {"Key"},
    "Get": FIELDS["GetItem"] - {"ConsistentRead"},
    "Keys": {"Keys", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"},
}


class Statement(NamedTuple):
    """The expressions of one request and all placeholders they use."""

    condition: Program | None
    update: Program | None
    names: frozenset[str]
    values: frozenset[str]


@lru_cache(maxsize=4_096)
def statement(condition: str | None, update: str | None) -> Statement:
    """Compile the two expressions of a write; raises as their programs."""
    tested = None if condition is None else condition_program(condition)
    changed = None if update is None else update_program(update)
    programs = [program for program in (tested, changed) if program is not None]
    return Statement(
        condition=tested,
        update=changed,
        names=frozenset().union(*(program.names for program in programs)),
        values=frozenset().union(*(program.values for program in programs)),
    )


def check_fields(request: Mapping[str, Any], known: set[str]) -> None:
    """Refuse unknown fields.

    Raises:
        RequestRejected: a field is unknown.
    """
    if not request.keys() <= known:
        raise refused(f"Unknown parameters: {sorted(request.keys() - known)}")


def check_required(request: Mapping[str, Any], field: str) -> None:
    """Refuse a request without the field.

    Raises:
        RequestRejected: it is missing.
    """
    if field not in request:
        raise refused(f"Missing required parameter: {field}")


def placeholders(
    request: Mapping[str, Any], used_names: frozenset[str], used_values: frozenset[str]
) -> tuple[Names, Values]:
    """The request's names and checked values, which must be exactly those its expressions use.

    Raises:
        RequestRejected: one is missing, unused, empty or malformed.
    """
    names = request.get("ExpressionAttributeNames", {})
    values = request.get("ExpressionAttributeValues", {})
    if names.keys() != used_names or values.keys() != used_values:
        _refuse_difference(names.keys() ^ used_names | values.keys() ^ used_values)
    if not names and "ExpressionAttributeNames" in request:
        raise refused("ExpressionAttributeNames must not be empty")
    if not values and "ExpressionAttributeValues" in request:
        raise refused("ExpressionAttributeValues must not be empty")
    if not all(isinstance(name, str) and name for name in names.values()):
        raise refused("ExpressionAttributeNames contains an invalid value")
    return names, {name: checked(value) for name, value in values.items()}


def _refuse_difference(difference: set[str]) -> None:
    raise refused(f"Placeholders unused in expressions, or not defined: {sorted(difference)}")


def read_placeholders(request: Mapping[str, Any]) -> tuple[Names, Values, Program | None]:
    """`placeholders` of a Get, Query or Scan, with the compiled key condition of a Query."""
    texts = (request.get("KeyConditionExpression"), request.get("FilterExpression"))
    kinds = ("KeyConditionExpression", "FilterExpression")
    programs = [
        condition_program(text, kind)
        for text, kind in zip(texts, kinds, strict=True)
        if text is not None
    ]
    if (text := request.get("ProjectionExpression")) is not None:
        programs.append(projection_program(text))
    used_names = frozenset[str]().union(*(program.names for program in programs))
    used_values = frozenset[str]().union(*(program.values for program in programs))
    names, values = placeholders(request, used_names, used_values)
    return names, values, None if texts[0] is None else programs[0]
