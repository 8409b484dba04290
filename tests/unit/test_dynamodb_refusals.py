"""The evaluator refuses what DynamoDB refuses, before anything is written."""

from typing import Any

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.store.dynamodb import RequestRejected, TransactionRefused

KEY = {"pk": {"S": "p"}, "sk": {"S": "1"}}
STORED = {
    **KEY,
    "n": {"N": "5"},
    "s": {"S": "abc"},
    "m": {"M": {"x": {"N": "1"}}},
    "l": {"L": [{"N": "1"}]},
}


@pytest.fixture
def dynamo() -> InMemoryDynamo:
    """A table `T` that holds one item."""
    dynamo = InMemoryDynamo(["T"])
    dynamo.call("PutItem", {"TableName": "T", "Item": STORED})
    return dynamo


def values(text: str) -> dict[str, Any]:
    """Number 1 for every placeholder of the text."""
    words = text.replace(",", " ").replace("(", " ").replace(")", " ").split()
    return {word: {"N": "1"} for word in words if word.startswith(":")}


def update(text: str, condition: str | None = None, **fields: Any) -> dict[str, Any]:
    """An update whose placeholders are all the number 1."""
    request: dict[str, Any] = {"TableName": "T", "Key": KEY, "UpdateExpression": text}
    if condition is not None:
        request["ConditionExpression"] = condition
    placeholders = values(f"{text} {condition or ''}")
    if placeholders:
        request["ExpressionAttributeValues"] = placeholders
    return request | fields


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        pytest.param("SET a = n + :1 - :2", None, id="two operators in one value"),
        pytest.param("SET a = n", "n - :1 >= :2", id="arithmetic in a condition"),
        pytest.param("SET status = :1", None, id="reserved word"),
        pytest.param("SET m.hold = :1", None, id="reserved word in a path"),
        pytest.param("SET a = :1", "n", id="no comparison"),
        pytest.param("SET a = :1", "((n = :1))", id="doubled parentheses"),
        pytest.param("SET a = :1", "(n = :1", id="open parenthesis"),
        pytest.param("SET a = :1", "n = :1 AND", id="nothing after AND"),
        pytest.param("SET a = :1", "exists(n)", id="unknown function"),
        pytest.param("SET a = :1", "attribute_exists(:1)", id="function of a value"),
        pytest.param("SET a = :1", "contains(n, n)", id="function of the same twice"),
        pytest.param("SET a = :1", "size(n)", id="size is no condition"),
        pytest.param("SET a = size(s)", None, id="size in an update"),
        pytest.param("SET a = :1 SET c = :1", None, id="one section twice"),
        pytest.param("SET a = :1,", None, id="nothing after a comma"),
        pytest.param("PUT a = :1", None, id="unknown section"),
        pytest.param("SET a == :1", None, id="two equal signs"),
        pytest.param("SET a[x] = :1", None, id="an index that is no number"),
        pytest.param("SET 1a = :1", None, id="a name that begins with a digit"),
        pytest.param("SET a = :1", "n ! :1", id="unknown sign"),
        pytest.param("", None, id="empty"),
        pytest.param("ADD n n", None, id="adding a path"),
        pytest.param("SET pk = :1", None, id="a key attribute"),
        pytest.param("SET m = :1, m.x = :2", None, id="one path inside another"),
        pytest.param("SET n = :1 REMOVE n", None, id="one path twice"),
        pytest.param("SET m.x = :1, m[0] = :2", None, id="map and list at once"),
        pytest.param("SET a = a + :1", None, id="reading what is missing"),
        pytest.param("SET a = s + :1", None, id="adding to text"),
        pytest.param("SET a.x = :1", None, id="writing into what is missing"),
        pytest.param("SET n.x = :1", None, id="writing into a number"),
        pytest.param("REMOVE a.x", None, id="removing from what is missing"),
        pytest.param("SET l.x = :1", None, id="a name in a list"),
        pytest.param("SET a = list_append(l, n)", None, id="appending a number"),
        pytest.param("ADD s :1", None, id="adding to text in place"),
        pytest.param("SET a = :1", "n BETWEEN :1", id="half a range"),
    ],
)
def test_an_expression_dynamodb_refuses_is_refused(
    dynamo: InMemoryDynamo, text: str, condition: str | None
) -> None:
    with pytest.raises(RequestRejected) as refusal:
        dynamo.call("UpdateItem", update(text, condition))
    assert refusal.value.code == "ValidationException"
    assert dynamo.items("T") == [STORED]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"ExpressionAttributeValues": {}}, id="a value missing"),
        pytest.param(
            {"ExpressionAttributeValues": {":1": {"N": "1"}, ":2": {"N": "2"}}}, id="a value unused"
        ),
        pytest.param({"ExpressionAttributeNames": {"#a": "a"}}, id="a name unused"),
        pytest.param({"ExpressionAttributeNames": {}}, id="no names at all"),
        pytest.param({"ExpressionAttributeValues": {":1": {"N": 1}}}, id="a number not as text"),
        pytest.param({"ExpressionAttributeValues": {":1": {"N": 1.5}}}, id="a float"),
        pytest.param({"ExpressionAttributeValues": {":1": {"N": "nan"}}}, id="not a number"),
        pytest.param({"ExpressionAttributeValues": {":1": {"N": "1" * 39}}}, id="39 digits"),
        pytest.param({"ExpressionAttributeValues": {":1": {"N": "1E126"}}}, id="too large"),
        pytest.param({"ExpressionAttributeValues": {":1": {"SS": []}}}, id="an empty set"),
        pytest.param({"ExpressionAttributeValues": {":1": {"SS": ["a", "a"]}}}, id="a double"),
        pytest.param({"ExpressionAttributeValues": {":1": {"S": 1}}}, id="text that is none"),
        pytest.param({"ExpressionAttributeValues": {":1": {"B": "a"}}}, id="bytes that are none"),
        pytest.param({"ExpressionAttributeValues": {":1": {"BOOL": 1}}}, id="truth that is none"),
        pytest.param({"ExpressionAttributeValues": {":1": {"NULL": False}}}, id="a false null"),
        pytest.param({"ExpressionAttributeValues": {":1": {"L": {}}}}, id="a list that is none"),
        pytest.param({"ExpressionAttributeValues": {":1": {"M": []}}}, id="a map that is none"),
        pytest.param({"ExpressionAttributeValues": {":1": {"X": "a"}}}, id="an unknown type"),
        pytest.param({"ExpressionAttributeValues": {":1": {}}}, id="no type"),
        pytest.param({"ConditionExpresion": "n = :1"}, id="a misspelt field"),
        pytest.param({"ReturnValues": "EVERYTHING"}, id="unknown return values"),
        pytest.param({"ReturnValuesOnConditionCheckFailure": "ALL_NEW"}, id="the future"),
        pytest.param({"Key": {"pk": {"S": "p"}}}, id="half a key"),
        pytest.param({"Key": {**KEY, "n": {"N": "1"}}}, id="more than a key"),
        pytest.param({"Key": {"pk": {"S": ""}, "sk": {"S": "1"}}}, id="an empty key"),
        pytest.param({"Key": {"pk": {"N": "1"}, "sk": {"S": "1"}}}, id="a numeric key"),
        pytest.param({"Key": {"pk": {"S": "p"}, "sk": {"S": "x" * 1_025}}}, id="a long key"),
    ],
)
def test_a_request_dynamodb_refuses_is_refused(
    dynamo: InMemoryDynamo, fields: dict[str, Any]
) -> None:
    with pytest.raises(RequestRejected):
        dynamo.call("UpdateItem", update("SET a = :1", **fields))
    assert dynamo.items("T") == [STORED]


def test_a_literal_of_the_wrong_type_is_refused_even_behind_a_false_condition(
    dynamo: InMemoryDynamo,
) -> None:
    request = update("REMOVE a", "n = :1 AND n < :2")
    request["ExpressionAttributeValues"][":2"] = {"M": {}}
    with pytest.raises(RequestRejected, match="Incorrect operand type"):
        dynamo.call("UpdateItem", request)


def test_a_range_whose_bounds_are_swapped_is_refused(dynamo: InMemoryDynamo) -> None:
    request = update("REMOVE a", "n BETWEEN :1 AND :2")
    request["ExpressionAttributeValues"] = {":1": {"N": "2"}, ":2": {"N": "1"}}
    with pytest.raises(RequestRejected, match="BETWEEN"):
        dynamo.call("UpdateItem", request)


def test_an_expression_over_4_kilobytes_is_refused(dynamo: InMemoryDynamo) -> None:
    fits = "SET " + "a" * (4_096 - len("SET  = :1")) + " = :1"
    dynamo.call("UpdateItem", update(fits))
    with pytest.raises(RequestRejected, match="size"):
        dynamo.call("UpdateItem", update(fits.replace("SET ", "SET  ")))


def test_more_than_300_operators_are_refused(dynamo: InMemoryDynamo) -> None:
    dynamo.call("UpdateItem", update("REMOVE a", " OR ".join(["n <> :1"] * 150)))
    with pytest.raises(RequestRejected, match="300 operators"):
        dynamo.call("UpdateItem", update("REMOVE a", " OR ".join(["n <> :1"] * 151)))


def test_an_item_over_400_kilobytes_is_refused_however_it_grows(dynamo: InMemoryDynamo) -> None:
    half = {":1": {"S": "x" * 200_000}}
    for name in "ab":
        request = update(f"SET {name} = :1", ExpressionAttributeValues=half)
        dynamo.call("UpdateItem", request)
    for grow in (
        update("SET c = :1", ExpressionAttributeValues=half),
        update("SET c = a"),
        update("SET c = if_not_exists(b, :1)"),
    ):
        with pytest.raises(RequestRejected, match="size"):
            dynamo.call("UpdateItem", grow)
    large = {**KEY, "a": {"S": "x" * 410_000}}
    with pytest.raises(RequestRejected, match="size"):
        dynamo.call("PutItem", {"TableName": "T", "Item": large})


def test_values_nest_at_most_32_levels_deep(dynamo: InMemoryDynamo) -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"L": [nested(levels - 1)]} if levels else {"N": "1"}

    dynamo.call("PutItem", {"TableName": "T", "Item": {**KEY, "a": nested(31)}})
    with pytest.raises(RequestRejected, match="Nesting"):
        dynamo.call("PutItem", {"TableName": "T", "Item": {**KEY, "a": nested(32)}})


def test_an_unknown_table_and_an_unknown_operation_are_refused(dynamo: InMemoryDynamo) -> None:
    with pytest.raises(RequestRejected) as refusal:
        dynamo.call("GetItem", {"TableName": "U", "Key": KEY})
    assert refusal.value.code == "ResourceNotFoundException"
    with pytest.raises(RequestRejected):
        dynamo.call("DropTable", {"TableName": "T"})


def put(sort_key: str) -> dict[str, Any]:
    """One put of a transaction or a batch."""
    return {"TableName": "T", "Item": {"pk": {"S": "p"}, "sk": {"S": sort_key}}}


@pytest.mark.parametrize(
    "actions",
    [
        pytest.param([], id="no action"),
        pytest.param([{"Put": put(str(at))} for at in range(101)], id="101 actions"),
        pytest.param(
            [{"Put": put("2")}, {"Delete": {"TableName": "T", "Key": put("2")["Item"]}}],
            id="one item twice",
        ),
        pytest.param([{"Put": {**put("2"), "ReturnValues": "ALL_OLD"}}], id="return values"),
        pytest.param([{"ConditionCheck": {"TableName": "T", "Key": KEY}}], id="an empty check"),
    ],
)
def test_a_transaction_dynamodb_refuses_is_refused(
    dynamo: InMemoryDynamo, actions: list[dict[str, Any]]
) -> None:
    with pytest.raises(RequestRejected):
        dynamo.call("TransactWriteItems", {"TransactItems": actions})
    assert dynamo.items("T") == [STORED]


def test_an_update_that_does_not_fit_its_item_cancels_the_transaction(
    dynamo: InMemoryDynamo,
) -> None:
    actions = [{"Put": put("2")}, {"Update": update("SET a = b + :1")}]
    with pytest.raises(TransactionRefused) as refusal:
        dynamo.call("TransactWriteItems", {"TransactItems": actions})
    assert refusal.value.reasons == ("None", "ValidationError")
    assert dynamo.items("T") == [STORED]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        pytest.param(
            "BatchGetItem", {"RequestItems": {"T": {"Keys": [KEY, KEY]}}}, id="one key twice"
        ),
        pytest.param("BatchGetItem", {"RequestItems": {}}, id="no keys"),
        pytest.param(
            "BatchWriteItem",
            {"RequestItems": {"T": [{"DeleteRequest": {"Key": KEY}}] * 2}},
            id="one item written twice",
        ),
        pytest.param(
            "BatchWriteItem",
            {
                "RequestItems": {
                    "T": [{"PutRequest": {"Item": put(str(at))["Item"]}} for at in range(26)]
                }
            },
            id="26 writes",
        ),
        pytest.param("TransactGetItems", {"TransactItems": []}, id="no reads"),
    ],
)
def test_a_batch_dynamodb_refuses_is_refused(
    dynamo: InMemoryDynamo, operation: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(RequestRejected):
        dynamo.call(operation, request_)
