"""What the evaluator answers, keeps, records and counts; answers are typed out from DynamoDB's."""

from typing import Any

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Spent
from tollgate.store.dynamodb import (
    ConditionFailed,
    OutcomeUnknown,
    RequestRejected,
    Throttled,
    TransactionRefused,
)

KEY = {"pk": {"S": "p"}, "sk": {"S": "1"}}


@pytest.fixture
def dynamo() -> InMemoryDynamo:
    """An empty table `T`."""
    return InMemoryDynamo(["T"])


def put(dynamo: InMemoryDynamo, **attributes: dict[str, Any]) -> None:
    """Store the item at KEY."""
    dynamo.call("PutItem", {"TableName": "T", "Item": {**KEY, **attributes}})


def updated(
    dynamo: InMemoryDynamo, text: str, returns: str = "ALL_NEW", **values: dict[str, Any]
) -> dict[str, Any]:
    """What an update of KEY returns, without the key; value `a` is the placeholder `:a`."""
    request: dict[str, Any] = {
        "TableName": "T",
        "Key": KEY,
        "UpdateExpression": text,
        "ReturnValues": returns,
    }
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": v for name, v in values.items()}
    answer: dict[str, Any] = dynamo.call("UpdateItem", request).get("Attributes", {})
    return {name: value for name, value in answer.items() if name not in KEY}


@pytest.mark.parametrize(
    ("text", "values", "after"),
    [
        pytest.param("SET n = n + :a", {"a": {"N": "2"}}, {"n": {"N": "7"}}, id="plus"),
        pytest.param("SET n = n - :a", {"a": {"N": "7"}}, {"n": {"N": "-2"}}, id="minus"),
        pytest.param("SET n = n + :a", {"a": {"N": "0.50"}}, {"n": {"N": "5.5"}}, id="a fraction"),
        pytest.param("SET n = :a", {"a": {"N": "007.0"}}, {"n": {"N": "7"}}, id="a tidy number"),
        pytest.param(
            "SET n = l[0], l[0] = n",
            {},
            {"n": {"N": "1"}, "l": {"L": [{"N": "5"}, {"N": "2"}]}},
            id="right sides are read before anything is written",
        ),
        pytest.param(
            "SET n = if_not_exists(z, :a) + :a", {"a": {"N": "1"}}, {"n": {"N": "2"}}, id="default"
        ),
        pytest.param(
            "SET l = list_append(:a, l)",
            {"a": {"L": [{"N": "0"}]}},
            {"l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]}},
            id="before a list",
        ),
        pytest.param(
            "SET l[9] = :b, l[5] = :a",
            {"a": {"N": "3"}, "b": {"N": "4"}},
            {"l": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}, {"N": "4"}]}},
            id="beyond the end of a list, in the order of the indexes",
        ),
        pytest.param("REMOVE l[0], l[1]", {}, {"l": {"L": []}}, id="members of the old list"),
        pytest.param(
            "SET m.y = :a REMOVE m.x",
            {"a": {"S": "new"}},
            {"m": {"M": {"y": {"S": "new"}}}},
            id="inside a map",
        ),
        pytest.param("ADD n :a", {"a": {"N": "-6"}}, {"n": {"N": "-1"}}, id="add"),
        pytest.param(
            "ADD m.z :a",
            {"a": {"N": "3"}},
            {"m": {"M": {"x": {"N": "1"}, "z": {"N": "3"}}}},
            id="add to nothing",
        ),
        pytest.param(
            "ADD t :a", {"a": {"SS": ["c", "a"]}}, {"t": {"SS": ["a", "b", "c"]}}, id="union"
        ),
        pytest.param("DELETE t :a", {"a": {"SS": ["a", "z"]}}, {"t": {"SS": ["b"]}}, id="less"),
        pytest.param("REMOVE z, m.z, l[7]", {}, {}, id="what is not there"),
    ],
)
def test_an_update_does_what_its_text_says(
    dynamo: InMemoryDynamo, text: str, values: dict[str, Any], after: dict[str, Any]
) -> None:
    before: dict[str, Any] = {
        "n": {"N": "5"},
        "l": {"L": [{"N": "1"}, {"N": "2"}]},
        "m": {"M": {"x": {"N": "1"}}},
        "t": {"SS": ["b", "a"]},
    }
    put(dynamo, **before)
    assert updated(dynamo, text, **values) == {**before, "t": {"SS": ["a", "b"]}, **after}


def test_a_set_that_loses_its_last_member_is_gone(dynamo: InMemoryDynamo) -> None:
    put(dynamo, t={"SS": ["a"]})
    assert updated(dynamo, "DELETE t :a", a={"SS": ["a", "b"]}) == {}


@pytest.mark.parametrize(
    ("returns", "shown"),
    [
        ("NONE", {}),
        ("ALL_OLD", {"n": {"N": "1"}, "m": {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}}),
        ("ALL_NEW", {"n": {"N": "2"}, "m": {"M": {"x": {"N": "9"}, "y": {"N": "2"}}}}),
        ("UPDATED_OLD", {"n": {"N": "1"}, "m": {"M": {"x": {"N": "1"}}}}),
        ("UPDATED_NEW", {"n": {"N": "2"}, "m": {"M": {"x": {"N": "9"}}}}),
    ],
)
def test_an_update_shows_what_was_asked(
    dynamo: InMemoryDynamo, returns: str, shown: dict[str, Any]
) -> None:
    put(dynamo, n={"N": "1"}, m={"M": {"x": {"N": "1"}, "y": {"N": "2"}}})
    values = {"a": {"N": "1"}, "b": {"N": "9"}}
    assert updated(dynamo, "SET n = n + :a, m.x = :b", returns, **values) == shown


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        pytest.param("attribute_exists(n) AND attribute_not_exists(z)", {}, True, id="exists"),
        pytest.param("n = :a", {":a": {"N": "5.0"}}, True, id="numbers are equal by value"),
        pytest.param("t = :a", {":a": {"SS": ["b", "a"]}}, True, id="sets have no order"),
        pytest.param("n = :a", {":a": {"S": "5"}}, False, id="types differ"),
        pytest.param("z = :a", {":a": {"N": "5"}}, False, id="missing equals nothing"),
        pytest.param("z <> :a", {":a": {"N": "5"}}, True, id="missing differs from everything"),
        pytest.param("z < :a", {":a": {"N": "5"}}, False, id="missing is not less"),
        pytest.param("s < :a", {":a": {"N": "5"}}, False, id="text is not less than a number"),
        pytest.param("n > :a", {":a": {"N": "-10"}}, True, id="numbers compare as numbers"),
        pytest.param("s >= :a", {":a": {"S": "ab"}}, True, id="text compares by bytes"),
        pytest.param("n BETWEEN :a AND :b", {":a": {"N": "5"}, ":b": {"N": "5"}}, True, id="range"),
        pytest.param("n IN (:a, :b)", {":a": {"N": "1"}, ":b": {"N": "5"}}, True, id="in"),
        pytest.param("size(s) = :a AND size(t) < :a", {":a": {"N": "3"}}, True, id="size"),
        pytest.param("size(n) >= :a", {":a": {"N": "0"}}, False, id="a number has no size"),
        pytest.param("contains(s, :a)", {":a": {"S": "bc"}}, True, id="part of text"),
        pytest.param("contains(t, :a)", {":a": {"S": "a"}}, True, id="member of a set"),
        pytest.param("contains(l, :a)", {":a": {"N": "1"}}, True, id="member of a list"),
        pytest.param("NOT contains(z, :a)", {":a": {"S": "a"}}, True, id="nothing contains"),
        pytest.param("begins_with(s, :a)", {":a": {"S": "ab"}}, True, id="prefix"),
        pytest.param("attribute_type(m.x, :a)", {":a": {"S": "N"}}, True, id="type"),
        pytest.param("l[0] = m.x", {}, True, id="path against path"),
        pytest.param(
            "n = :a OR n = :b AND s = :a",
            {":a": {"N": "5"}, ":b": {"N": "1"}},
            True,
            id="AND binds closer than OR",
        ),
        pytest.param(
            "(n = :a OR n = :b) AND s = :a",
            {":a": {"N": "5"}, ":b": {"N": "1"}},
            False,
            id="parentheses",
        ),
        pytest.param("NOT n = :a OR n = :a", {":a": {"N": "5"}}, True, id="NOT binds closest"),
    ],
)
def test_a_condition_means_what_dynamodb_says(
    dynamo: InMemoryDynamo, condition: str, values: dict[str, Any], holds: bool
) -> None:
    item = {
        **KEY,
        "n": {"N": "5"},
        "s": {"S": "abc"},
        "t": {"SS": ["a", "b"]},
        "l": {"L": [{"N": "1"}]},
        "m": {"M": {"x": {"N": "1"}}},
    }
    dynamo.call("PutItem", {"TableName": "T", "Item": item})
    request: dict[str, Any] = {
        "TableName": "T",
        "Key": KEY,
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if values:
        request["ExpressionAttributeValues"] = values
    if holds:
        dynamo.call("DeleteItem", request)
        assert dynamo.items("T") == []
        return
    with pytest.raises(ConditionFailed) as failure:
        dynamo.call("DeleteItem", request)
    assert failure.value.item == item
    assert dynamo.items("T") == [item]


def test_answers_and_requests_share_nothing_with_the_store(dynamo: InMemoryDynamo) -> None:
    sent: dict[str, Any] = {"M": {"x": {"L": [{"N": "1"}]}}}
    put(dynamo, m=sent)
    sent["M"]["x"]["L"].append({"N": "2"})
    answer = dynamo.call("GetItem", {"TableName": "T", "Key": KEY})
    answer["Item"]["m"]["M"].clear()
    assert dynamo.items("T") == [{**KEY, "m": {"M": {"x": {"L": [{"N": "1"}]}}}}]


def test_a_transaction_is_done_wholly_or_not_at_all(dynamo: InMemoryDynamo) -> None:
    put(dynamo, n={"N": "1"})
    check = {
        "TableName": "T",
        "Key": KEY,
        "ConditionExpression": "n = :a",
        "ExpressionAttributeValues": {":a": {"N": "2"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    other = {"TableName": "T", "Item": {"pk": {"S": "p"}, "sk": {"S": "2"}}}
    request = {"TransactItems": [{"Put": other}, {"ConditionCheck": check}]}
    with pytest.raises(TransactionRefused) as refusal:
        dynamo.call("TransactWriteItems", request)
    assert refusal.value.reasons == ("None", "ConditionalCheckFailed")
    assert refusal.value.items == (None, {**KEY, "n": {"N": "1"}})
    assert len(dynamo.items("T")) == 1

    check["ExpressionAttributeValues"] = {":a": {"N": "1"}}
    dynamo.call("TransactWriteItems", request)
    assert len(dynamo.items("T")) == 2


def test_a_token_lives_ten_minutes_and_is_for_one_request() -> None:
    now = [0.0]
    dynamo = InMemoryDynamo(["T"], clock=lambda: now[0])

    def add(amount: str) -> None:
        action = {
            "TableName": "T",
            "Key": KEY,
            "UpdateExpression": "ADD n :a",
            "ExpressionAttributeValues": {":a": {"N": amount}},
        }
        request = {"TransactItems": [{"Update": action}], "ClientRequestToken": "t"}
        dynamo.call("TransactWriteItems", request)

    add("1")
    now[0] = 600
    add("1")
    with pytest.raises(RequestRejected) as refusal:
        add("2")
    assert refusal.value.code == "IdempotentParameterMismatchException"
    assert dynamo.items("T") == [{**KEY, "n": {"N": "1"}}]
    now[0] = 601
    add("1")
    assert dynamo.items("T") == [{**KEY, "n": {"N": "2"}}]


def test_the_stream_tells_every_change_and_nothing_else(dynamo: InMemoryDynamo) -> None:
    put(dynamo, b={"B": b"\x00"})
    put(dynamo, b={"B": b"\x00"})
    updated(dynamo, "REMOVE z")
    with pytest.raises(ConditionFailed):
        dynamo.call(
            "DeleteItem",
            {"TableName": "T", "Key": KEY, "ConditionExpression": "attribute_exists(z)"},
        )
    updated(dynamo, "REMOVE b")
    dynamo.call("DeleteItem", {"TableName": "T", "Key": KEY})
    dynamo.call("DeleteItem", {"TableName": "T", "Key": KEY})

    records = dynamo.stream("T")
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert [record["dynamodb"]["SequenceNumber"] for record in records] == [
        "000000000000000000001",
        "000000000000000000002",
        "000000000000000000003",
    ]
    assert records[0]["dynamodb"]["NewImage"] == {**KEY, "b": {"B": "AA=="}}
    assert "OldImage" not in records[0]["dynamodb"]
    assert records[1]["dynamodb"]["OldImage"] == {**KEY, "b": {"B": "AA=="}}
    assert records[1]["dynamodb"]["NewImage"] == KEY
    assert records[2]["dynamodb"]["OldImage"] == KEY
    assert dynamo.stream("T", since=2) == records[2:]


def test_faults_come_before_or_after_a_request_is_applied(dynamo: InMemoryDynamo) -> None:
    def throttle(operation: str, request: Any) -> None:
        raise Throttled(operation)

    def lose(operation: str, request: Any, answer: Any) -> None:
        raise OutcomeUnknown(operation)

    dynamo.before = throttle
    with pytest.raises(Throttled):
        put(dynamo)
    assert dynamo.items("T") == []

    dynamo.before, dynamo.after = None, lose
    with pytest.raises(OutcomeUnknown):
        put(dynamo)
    assert dynamo.items("T") == [KEY]
    assert [operation for operation, _ in dynamo.sent] == ["PutItem", "PutItem"]


def test_attempts_bound_the_deliveries(dynamo: InMemoryDynamo) -> None:
    answers = iter([Throttled("1"), OutcomeUnknown("2"), None])

    def fail_twice(operation: str, request: Any) -> None:
        error = next(answers)
        if error is not None:
            raise error

    dynamo.before = fail_twice
    dynamo.call("PutItem", {"TableName": "T", "Item": KEY}, attempts=3)
    assert len(dynamo.sent) == 3


def test_every_image_passes_the_watcher(dynamo: InMemoryDynamo) -> None:
    seen: list[Any] = []
    dynamo.watch = lambda table, old, new: seen.append((table, old, new))
    put(dynamo)
    put(dynamo)
    dynamo.call("DeleteItem", {"TableName": "T", "Key": KEY})
    assert seen == [("T", None, KEY), ("T", KEY, None)]


def test_units_are_counted_from_real_sizes(dynamo: InMemoryDynamo) -> None:
    put(dynamo, a={"S": "x" * 2_000})
    updated(dynamo, "REMOVE a")
    with pytest.raises(ConditionFailed):
        dynamo.call(
            "DeleteItem",
            {"TableName": "T", "Key": KEY, "ConditionExpression": "attribute_exists(z)"},
        )
    dynamo.call(
        "TransactWriteItems", {"TransactItems": [{"Delete": {"TableName": "T", "Key": KEY}}]}
    )
    dynamo.call("GetItem", {"TableName": "T", "Key": KEY, "ConsistentRead": True})

    assert dynamo.units == [
        Spent("PutItem", "T", 2, 0),
        Spent("UpdateItem", "T", 2, 0),
        Spent("DeleteItem", "T", 1, 0),
        Spent("TransactWriteItems", "T", 2, 0),
        Spent("GetItem", "T", 0, 2),
    ]
    assert dynamo.write_units() == dynamo.write_units("T") == 7
