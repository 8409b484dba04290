"""The test evaluator and moto agree on random items and expressions, but for a capped list."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.known_differences import CAP, KNOWN, Outcome, explained
from tests.locked_moto import REGION, create_table
from tests.random_requests import requests
from tollgate.store.attempts import backoff
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.dynamodb import (
    ConditionFailed,
    Dynamo,
    RequestRejected,
    TransactionRefused,
)

TABLE: Final = "tollgate-test"
EXAMPLES: Final = int(os.environ.get("TOLLGATE_COMPARISONS", "90"))  # noqa: TID251 - a test's own knob
REQUESTS: Final = 10

Request = dict[str, Any]
MOTO_CRASHES: Final = (ValueError, TypeError, AttributeError, KeyError)


@pytest.fixture
def theirs(moto: None) -> Boto3Dynamo:
    """Moto with the empty table."""
    client = boto3_client("dynamodb", REGION)
    create_table(client, TABLE)
    return Boto3Dynamo(client, backoff(lambda seconds: None, lambda: 0.0))


def addressed(request: Request) -> Request:
    """The request with its table's name."""
    if "TransactItems" not in request:
        return {"TableName": TABLE, **request}
    return {
        "TransactItems": [
            {word: {"TableName": TABLE, **action} for word, action in one.items()}
            for one in request["TransactItems"]
        ]
    }


def outcome(dynamo: Dynamo, operation: str, request: Request) -> Outcome:
    """What became of the request, in a form that can be compared."""
    try:
        answer = dynamo.call(operation, addressed(request))
    except ConditionFailed as failure:
        return Outcome("ConditionFailed", comparable(failure.item))
    except TransactionRefused as failure:
        return Outcome("TransactionRefused", (failure.reasons, comparable(list(failure.items))))
    except RequestRejected as failure:
        return Outcome("Rejected", str(failure))
    except MOTO_CRASHES as crash:
        return Outcome(type(crash).__name__, str(crash))
    for unasked in ("ConsumedCapacity", "ItemCollectionMetrics"):
        answer.pop(unasked, None)
    if operation == "Scan":
        answer["Items"].sort(key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
    return Outcome("ok", comparable(answer))


def comparable(value: Any) -> Any:
    """The value with sets in one order."""
    if isinstance(value, list):
        return [comparable(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {
        name: sorted(content, key=repr) if name in {"SS", "NS", "BS"} else comparable(content)
        for name, content in value.items()
    }


def agree(ours: Outcome, theirs: Outcome) -> bool:
    """Whether both ended alike; the words of a rejection may differ."""
    return ours == theirs or ours.kind == theirs.kind == "Rejected"


def content(dynamo: Dynamo) -> dict[tuple[str, str], Any]:
    """Every item by key."""
    items = dynamo.call("Scan", {"TableName": TABLE})["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]): comparable(item) for item in items}


def keys_in(request: Request) -> set[tuple[str, str]]:
    """The keys a request may write."""
    places = [request, *(part for one in request.get("TransactItems", ()) for part in one.values())]
    keys = [place.get("Key") or place.get("Item") or {} for place in places]
    return {(key["pk"]["S"], key["sk"]["S"]) for key in keys if key}


def follow(leader: Dynamo, follower: Dynamo) -> set[tuple[str, str]]:
    """Make the follower's table what the leader's is; answers the keys that differed."""
    wanted, found = content(leader), content(follower)
    differing = {key for key in wanted | found if wanted.get(key) != found.get(key)}
    for key in differing:
        place = {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
        if key in wanted:
            follower.call("PutItem", {"TableName": TABLE, "Item": wanted[key]})
        else:
            follower.call("DeleteItem", {"TableName": TABLE, "Key": place})
    return differing


def compare(theirs: Dynamo, drawn: list[tuple[str, Request]]) -> Iterator[Outcome]:
    """Send everything to both; answers the evaluator's outcomes."""
    ours = InMemoryDynamo([TABLE])
    follow(ours, theirs)
    for operation, request in drawn:
        mine, other = outcome(ours, operation, request), outcome(theirs, operation, request)
        if not agree(mine, other):
            assert explained(request, mine, other), (operation, request, mine, other)
        if not agree(mine, other) or mine.kind == "Rejected":
            assert follow(ours, theirs) <= keys_in(request), (operation, request)
        yield mine
    assert content(ours) == content(theirs), drawn


def test_the_evaluator_and_moto_agree_on_random_requests(theirs: Boto3Dynamo) -> None:
    seen: Counter[tuple[str, str]] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(requests, min_size=REQUESTS, max_size=REQUESTS))
    def agreeing(drawn: list[tuple[str, Request]]) -> None:
        for (operation, _), mine in zip(drawn, compare(theirs, drawn), strict=True):
            seen[operation, mine.kind] += 1

    agreeing()
    assert seen.total() >= 9 * EXAMPLES
    assert seen["UpdateItem", "ok"] >= EXAMPLES // 3
    assert seen["UpdateItem", "ConditionFailed"] >= EXAMPLES // 5
    assert seen["TransactWriteItems", "ok"] >= EXAMPLES // 50


def test_the_list_of_known_differences_is_short_and_reasoned() -> None:
    assert len(KNOWN) <= CAP
    assert all(len(difference.reason) > 40 for difference in KNOWN)


KEY: Final = {"pk": {"S": "p"}, "sk": {"S": "1"}}


def test_moto_accepts_two_operators_in_one_value(theirs: Boto3Dynamo) -> None:
    ours = InMemoryDynamo([TABLE])
    request = {
        "TableName": TABLE,
        "Key": KEY,
        "UpdateExpression": "SET a = b + :1 - :2",
        "ExpressionAttributeValues": {":1": {"N": "1"}, ":2": {"N": "2"}},
    }
    for dynamo in (ours, theirs):
        dynamo.call("PutItem", {"TableName": TABLE, "Item": {**KEY, "b": {"N": "5"}}})

    with pytest.raises(RequestRejected):
        ours.call("UpdateItem", request)
    theirs.call("UpdateItem", request)


def test_moto_runs_a_transaction_again_where_the_token_says_it_is_the_same(
    theirs: Boto3Dynamo,
) -> None:
    ours = InMemoryDynamo([TABLE])
    action = {
        "TableName": TABLE,
        "Key": KEY,
        "UpdateExpression": "ADD n :1",
        "ExpressionAttributeValues": {":1": {"N": "1"}},
    }
    request = {"TransactItems": [{"Update": action}], "ClientRequestToken": "the same"}
    for dynamo in (ours, theirs):
        dynamo.call("TransactWriteItems", request)
        dynamo.call("TransactWriteItems", request)

    assert content(ours)["p", "1"]["n"] == {"N": "1"}
    assert content(theirs)["p", "1"]["n"] == {"N": "2"}


def test_moto_writes_a_stream_record_where_nothing_changed(moto: None) -> None:
    client = boto3_client("dynamodb", REGION)
    create_table(client, TABLE, stream=True)
    ours = InMemoryDynamo([TABLE])
    theirs = Boto3Dynamo(client, backoff(lambda seconds: None, lambda: 0.0))
    for dynamo in (ours, theirs):
        dynamo.call("PutItem", {"TableName": TABLE, "Item": KEY})
        dynamo.call("PutItem", {"TableName": TABLE, "Item": KEY})

    assert len(ours.stream(TABLE)) == 1
    assert len(stream_of(client)) == 2


def stream_of(client: Any) -> list[Any]:
    """All records of moto's one stream shard."""
    streams = boto3_client("dynamodbstreams", REGION)
    arn = client.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )
    records: list[Any] = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return records
