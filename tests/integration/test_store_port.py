"""One contract for everything behind the DynamoDB port: boto3 and lean on moto, the evaluator,
and boto3 on the evaluator.

The faults are answered by a scripted server, for the two that speak HTTP.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread
from typing import Any, Final

import pytest

from tests.dynamodb_behind_boto3 import playing
from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Index
from tests.locked_moto import REGION, create_table
from tests.scripted_endpoint import Behaviour, answer, drop, raw, refuse, scripted_endpoint
from tests.store_clients import CLIENTS, IMPATIENT, PATIENT, at_once
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.dynamodb import (
    ConditionFailed,
    Dynamo,
    OutcomeUnknown,
    RequestRejected,
    StoreError,
    Throttled,
    TransactionRefused,
)

TABLE: Final = "tollgate-test"
Client = Callable[..., Dynamo]
INDEXES: Final = {"by_moment": Index("holder", "moment", range_type="N")}
KEY: Final = {"pk": {"S": "usr_1"}, "sk": {"S": "wallet"}}
EVERYTHING: Final = {
    **KEY,
    "text": {"S": 'é中 "quoted" \u2028'},
    "number": {"N": "-123456789012345678"},
    "binary": {"B": b"\x00\xff zlib"},
    "flag": {"BOOL": False},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "binaries": {"BS": [b"\x00", b"\x01"]},
    "list": {"L": [{"N": "1"}, {"B": b"\x02"}, {"M": {}}]},
    "map": {"M": {"B": {"S": "a name that looks like a type"}, "deep": {"M": {"b": {"B": b""}}}}},
}


@pytest.fixture(params=["boto3", "lean", "evaluator", "boto3 on the evaluator"])
def dynamo(request: pytest.FixtureRequest, moto_url: str) -> Iterator[Dynamo]:
    """Each implementation over an empty table."""
    if request.param == "evaluator":
        yield InMemoryDynamo({TABLE: INDEXES})
        return
    with ExitStack() as opened:
        if request.param == "boto3 on the evaluator":
            opened.enter_context(playing(InMemoryDynamo({TABLE: INDEXES})))
            client = boto3_client("dynamodb", REGION)
            opened.callback(client.close)
            yield Boto3Dynamo(client, at_once)
            return
        owner = boto3_client("dynamodb", REGION, moto_url, read_timeout=PATIENT)
        opened.callback(owner.close)
        create_table(owner, TABLE, INDEXES)
        yield CLIENTS[request.param](moto_url, opened, PATIENT)


def put(dynamo: Dynamo, sort_key: str = "wallet", **attributes: dict[str, Any]) -> None:
    """Store an item under `usr_1`."""
    item = {"pk": {"S": "usr_1"}, "sk": {"S": sort_key}, **attributes}
    dynamo.call("PutItem", {"TableName": TABLE, "Item": item})


def add(dynamo: Dynamo, limit: int, **fields: Any) -> dict[str, Any]:
    """Count `n` up by one, at most to the limit."""
    request = {
        "TableName": TABLE,
        "Key": KEY,
        "UpdateExpression": "SET n = n + :one",
        "ConditionExpression": "n < :limit",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":limit": {"N": str(limit)}},
    }
    return dynamo.call("UpdateItem", request | fields)


def test_every_type_survives_the_way_there_and_back(dynamo: Dynamo) -> None:
    dynamo.call("PutItem", {"TableName": TABLE, "Item": EVERYTHING})
    read = {"TableName": TABLE, "Key": KEY, "ConsistentRead": True}
    assert dynamo.call("GetItem", read) == {"Item": EVERYTHING}


def test_what_is_not_there_is_no_item(dynamo: Dynamo) -> None:
    assert dynamo.call("GetItem", {"TableName": TABLE, "Key": KEY}) == {}


def test_an_update_answers_the_new_image(dynamo: Dynamo) -> None:
    put(dynamo, n={"N": "1"}, b={"B": b"\x01"})
    assert add(dynamo, 2, ReturnValues="ALL_NEW")["Attributes"] == {
        **KEY,
        "n": {"N": "2"},
        "b": {"B": b"\x01"},
    }


def test_a_false_condition_shows_the_old_image_where_it_was_asked_for(dynamo: Dynamo) -> None:
    put(dynamo, n={"N": "5"}, b={"B": b"\x01"})
    with pytest.raises(ConditionFailed) as failure:
        add(dynamo, 5, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert failure.value.item == {**KEY, "n": {"N": "5"}, "b": {"B": b"\x01"}}
    with pytest.raises(ConditionFailed) as failure:
        add(dynamo, 5)
    assert failure.value.item is None


def test_a_refused_transaction_names_its_reasons_and_images(dynamo: Dynamo) -> None:
    put(dynamo, n={"N": "5"}, b={"B": b"\x01"})
    absent = {
        "TableName": TABLE,
        "Item": KEY,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    other = {"TableName": TABLE, "Item": {**KEY, "sk": {"S": "other"}}}
    with pytest.raises(TransactionRefused) as refusal:
        dynamo.call("TransactWriteItems", {"TransactItems": [{"Put": other}, {"Put": absent}]})
    assert refusal.value.reasons == ("None", "ConditionalCheckFailed")
    assert refusal.value.items == (None, {**KEY, "n": {"N": "5"}, "b": {"B": b"\x01"}})
    assert dynamo.call("GetItem", {"TableName": TABLE, "Key": other["Item"]}) == {}


def test_a_transaction_writes_all_of_it(dynamo: Dynamo) -> None:
    put(dynamo, n={"N": "5"})
    update = {
        "TableName": TABLE,
        "Key": KEY,
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    other = {"TableName": TABLE, "Item": {**KEY, "sk": {"S": "other"}}}
    dynamo.call("TransactWriteItems", {"TransactItems": [{"Update": update}, {"Put": other}]})
    keys = [KEY, {**KEY, "sk": {"S": "other"}}]
    found = dynamo.call("BatchGetItem", {"RequestItems": {TABLE: {"Keys": keys}}})
    assert sorted(found["Responses"][TABLE], key=len) == [other["Item"], {**KEY, "n": {"N": "6"}}]


def test_pages_of_a_query_are_the_whole(dynamo: Dynamo) -> None:
    for at in (3, 1, 2, 10):
        put(dynamo, f"line#{at}", holder={"S": "h"}, moment={"N": str(at)})
    request: dict[str, Any] = {
        "TableName": TABLE,
        "IndexName": "by_moment",
        "KeyConditionExpression": "holder = :holder AND moment > :after",
        "ExpressionAttributeValues": {":holder": {"S": "h"}, ":after": {"N": "1"}},
        "ScanIndexForward": False,
        "Limit": 2,
    }
    first = dynamo.call("Query", request)
    rest = dynamo.call("Query", {**request, "ExclusiveStartKey": first["LastEvaluatedKey"]})
    moments = [item["moment"]["N"] for page in (first, rest) for item in page["Items"]]
    assert moments == ["10", "3", "2"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        pytest.param({"TableName": "none"}, "ResourceNotFoundException", id="no table"),
        pytest.param({"UpdateExpression": "SET n = "}, "ValidationException", id="no expression"),
        pytest.param({"Key": {"pk": {"S": "p"}}}, "ValidationException", id="half a key"),
    ],
)
def test_a_wrong_request_is_rejected_with_its_code(
    dynamo: Dynamo, request_: dict[str, Any], code: str
) -> None:
    with pytest.raises(RequestRejected) as rejection:
        add(dynamo, 1, **request_)
    assert rejection.value.code == code


def test_threads_together_pass_a_limit_exactly(dynamo: Dynamo) -> None:
    put(dynamo, n={"N": "0"})
    passed: list[int] = []

    def count() -> None:
        for _ in range(10):
            try:
                add(dynamo, 25)
            except ConditionFailed:
                continue
            passed.append(1)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 25


# --- faults ---------------------------------------------------------------------------------


@pytest.fixture(params=sorted(CLIENTS))
def client(request: pytest.FixtureRequest, aws_environment: None) -> Iterator[Client]:
    """Makes the client of an endpoint."""
    with ExitStack() as opened:
        yield lambda endpoint, timeout=PATIENT: CLIENTS[request.param](endpoint, opened, timeout)


CANCELLED: Final = {
    "CancellationReasons": [
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Item": {**KEY, "b": {"B": "AQ=="}}},
    ]
}
CONFLICT: Final = {"CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}]}


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        pytest.param(drop, OutcomeUnknown, id="read and dropped"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), OutcomeUnknown, id="cut"
        ),
        pytest.param(raw(b"SSH-2.0-server\r\n\r\n"), OutcomeUnknown, id="not HTTP"),
        pytest.param(answer(200, b"<html>", "Connection: close"), OutcomeUnknown, id="not JSON"),
        pytest.param(refuse(500, "InternalServerError"), OutcomeUnknown, id="server error"),
        pytest.param(answer(503, b"busy", "Connection: close"), OutcomeUnknown, id="a proxy's 503"),
        pytest.param(refuse(400, "TransactionInProgressException"), OutcomeUnknown, id="under way"),
        pytest.param(
            refuse(400, "ProvisionedThroughputExceededException"), Throttled, id="throttled"
        ),
        pytest.param(refuse(400, "ThrottlingException"), Throttled, id="throttled otherwise"),
        pytest.param(refuse(400, "RequestLimitExceeded"), Throttled, id="over the account's limit"),
        pytest.param(refuse(400, "TransactionConflictException"), Throttled, id="conflict"),
        pytest.param(
            refuse(400, "TransactionCanceledException", **CONFLICT), Throttled, id="conflicting"
        ),
        pytest.param(refuse(400, "ConditionalCheckFailedException"), ConditionFailed, id="false"),
        pytest.param(
            refuse(400, "TransactionCanceledException", **CANCELLED), TransactionRefused, id="not"
        ),
        pytest.param(refuse(400, "ValidationException"), RequestRejected, id="invalid"),
        pytest.param(refuse(400, "AccessDeniedException"), RequestRejected, id="not allowed"),
    ],
)
def test_a_write_is_delivered_once_and_its_failure_is_told(
    client: Client, behaviour: Behaviour, error: type[StoreError]
) -> None:
    with scripted_endpoint(behaviour, behaviour) as endpoint:
        with pytest.raises(StoreError) as failure:
            put(client(endpoint.url))
        assert type(failure.value) is error
        assert len(endpoint.deliveries) == 1


def test_no_answer_in_time_is_an_unknown_outcome(client: Client) -> None:
    def wait_until_the_client_gives_up(connection: socket.socket) -> bool:
        connection.recv(1)
        return False

    with scripted_endpoint(wait_until_the_client_gives_up) as endpoint:
        with pytest.raises(OutcomeUnknown):
            put(client(endpoint.url, IMPATIENT))
        assert len(endpoint.deliveries) == 1


def test_a_refused_condition_brings_its_image_from_the_wire(client: Client) -> None:
    image = {**KEY, "b": {"B": "AQ=="}, "s": {"BS": ["AA=="]}}
    refused = refuse(400, "ConditionalCheckFailedException", Item=image)
    with scripted_endpoint(refused) as endpoint, pytest.raises(ConditionFailed) as failure:
        put(client(endpoint.url))
    assert failure.value.item == {**KEY, "b": {"B": b"\x01"}, "s": {"BS": [b"\x00"]}}


def test_a_cancelled_transaction_brings_its_images_from_the_wire(client: Client) -> None:
    cancelled = refuse(400, "TransactionCanceledException", **CANCELLED)
    actions = [{"Put": {"TableName": TABLE, "Item": KEY}}]
    with scripted_endpoint(cancelled) as endpoint, pytest.raises(TransactionRefused) as refusal:
        client(endpoint.url).call("TransactWriteItems", {"TransactItems": actions})
    assert refusal.value.reasons == ("None", "ConditionalCheckFailed")
    assert refusal.value.items == (None, {**KEY, "b": {"B": b"\x01"}})


def test_nobody_listening_is_an_unknown_outcome(client: Client) -> None:
    with scripted_endpoint() as endpoint:
        url = endpoint.url
    with pytest.raises(OutcomeUnknown):
        put(client(url))


def test_more_attempts_get_past_what_passes(client: Client) -> None:
    script = [drop, refuse(400, "ThrottlingException"), answer(200, {"Item": KEY})]
    with scripted_endpoint(*script) as endpoint:
        read = {"TableName": TABLE, "Key": KEY}
        assert client(endpoint.url).call("GetItem", read, attempts=3) == {"Item": KEY}
        assert len(endpoint.deliveries) == 3


def test_attempts_end(client: Client) -> None:
    with scripted_endpoint(drop, refuse(400, "ThrottlingException"), drop) as endpoint:
        with pytest.raises(Throttled):
            client(endpoint.url).call("GetItem", {"TableName": TABLE, "Key": KEY}, attempts=2)
        assert len(endpoint.deliveries) == 2


def test_a_request_boto3_itself_finds_wrong_is_rejected(aws_environment: None) -> None:
    with ExitStack() as opened, pytest.raises(RequestRejected) as rejection:
        CLIENTS["boto3"]("http://127.0.0.1:9", opened, PATIENT).call("GetItem", {"Tabel": TABLE})
    assert rejection.value.code == "ParamValidationError"


def test_a_refusal_is_not_tried_again(client: Client) -> None:
    with scripted_endpoint(refuse(400, "ValidationException")) as endpoint:
        with pytest.raises(RequestRejected):
            client(endpoint.url).call("GetItem", {"TableName": TABLE, "Key": KEY}, attempts=3)
        assert len(endpoint.deliveries) == 1
