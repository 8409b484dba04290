"""Decides which request fields the test evaluator knows, and which placeholders belong together.

DynamoDB ignores a field it does not know and botocore refuses it; a misspelt condition must not
pass a test, so it is refused here.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from tests.dynamodb_expressions import (
    Program,
    condition_program,
    projection_program,
    update_program,
)
from tests.dynamodb_grammar import Demand
from tests.dynamodb_operands import Names, Values
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

EXPRESSIONS: Final[dict[str, Callable[[str], Program]]] = {
    "ConditionExpression": condition_program,
    "UpdateExpression": update_program,
    "KeyConditionExpression": lambda text: condition_program(text, "KeyConditionExpression"),
    "FilterExpression": lambda text: condition_program(text, "FilterExpression"),
    "ProjectionExpression": projection_program,
}
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
    """The expressions of one request and the placeholders all of them use."""

    names: frozenset[str]
    values: frozenset[str]
    demands: tuple[Demand, ...]
    condition: Program | None = None
    update: Program | None = None
    keys: Program | None = None
    filter: Program | None = None
    projection: Program | None = None


@lru_cache(maxsize=4_096)
def statement(texts: tuple[str | None, ...]) -> Statement:
    """Compile the expressions of a request, given in the order of `EXPRESSIONS`.

    Raises:
        RequestRejected: one is not DynamoDB's language.
    """
    programs = [
        None if text is None else read(text)
        for text, read in zip(texts, EXPRESSIONS.values(), strict=True)
    ]
    present = [program for program in programs if program is not None]
    return Statement(
        frozenset().union(*(program.names for program in present)),
        frozenset().union(*(program.values for program in present)),
        tuple(demand for program in present for demand in program.demands),
        *programs,
    )


def statement_of(request: Mapping[str, Any]) -> Statement:
    """The compiled expressions of a request; raises as `statement`."""
    return statement(tuple([request.get(name) for name in EXPRESSIONS]))


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


def placeholders(request: Mapping[str, Any], meaning: Statement) -> tuple[Names, Values]:
    """The request's names and checked values, which must be exactly those its expressions use.

    Raises:
        RequestRejected: one is missing, unused, empty, malformed, or of a type no operator takes.
    """
    names = request.get("ExpressionAttributeNames", {})
    values = request.get("ExpressionAttributeValues", {})
    if names.keys() != meaning.names or values.keys() != meaning.values:
        _refuse(names.keys() ^ meaning.names | values.keys() ^ meaning.values)
    if not names and "ExpressionAttributeNames" in request:
        raise refused("ExpressionAttributeNames must not be empty")
    if not values and "ExpressionAttributeValues" in request:
        raise refused("ExpressionAttributeValues must not be empty")
    if "" in names.values():
        raise refused("ExpressionAttributeNames contains an empty name")
    clean = {name: checked(value) for name, value in values.items()}
    for name, types, where in meaning.demands:
        if types.isdisjoint(clean[name]):
            raise refused(f"Incorrect operand type for operator or function: {where}, {name}")
    return names, clean


def _refuse(difference: set[str]) -> None:
    raise refused(f"Placeholders unused in expressions, or not defined: {sorted(difference)}")
