"""How stream records look to a function, and what is written down of those that are given up."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.events.delivery import Discard
from local.events.destination import Destination, UnknownDestination
from local.events.mapping import StreamMapping
from local.events.record import as_event

READ = {
    "eventID": "1",
    "eventName": "INSERT",
    "awsRegion": "eu-west-1",
    "dynamodb": {
        "ApproximateCreationDateTime": datetime(2026, 11, 22, 13, 0, tzinfo=UTC),
        "Keys": {"pk": {"S": "u"}},
        "NewImage": {
            "price": {"B": b"\x00\xff"},
            "set": {"BS": {b"\x01"}},
            "l": {"L": [{"N": "1"}]},
        },
        "SequenceNumber": "7",
    },
}


def test_binary_values_and_times_take_the_form_lambda_gives_them() -> None:
    event = as_event(READ, "arn:stream")

    assert event == {
        "eventID": "1",
        "eventName": "INSERT",
        "awsRegion": "eu-west-1",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": "arn:stream",
        "dynamodb": {
            "ApproximateCreationDateTime": 1795352400.0,
            "Keys": {"pk": {"S": "u"}},
            "NewImage": {"price": {"B": "AP8="}, "set": {"BS": ["AQ=="]}, "l": {"L": [{"N": "1"}]}},
            "SequenceNumber": "7",
        },
    }


class FakeStores:
    """A bucket and a queue that keep what they get."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def put_object(self, **request: Any) -> None:
        self.kept.append(request)

    def get_queue_url(self, **request: Any) -> dict[str, str]:
        return {"QueueUrl": f"http://queue/{request['QueueName']}"}

    def send_message(self, **request: Any) -> None:
        self.kept.append(request)


def kept(destination: str | None) -> list[dict[str, Any]]:
    stores: Any = FakeStores()
    mapping = StreamMapping(id="F.E", function="F", stream="arn:stream", destination=destination)
    target = Destination(mapping, stores, stores, lambda: 1795352400.5, lambda: "id-1")
    target.keep(Discard((as_event(READ, "arn:stream"),), 3, "RetryAttemptsExhausted"))
    found: list[dict[str, Any]] = stores.kept
    return found


def test_a_bucket_gets_the_records_and_the_reason() -> None:
    (request,) = kept("arn:aws:s3:::bucket")

    assert request["Bucket"] == "bucket"
    assert request["Key"] == "aws/lambda/F.E/shard/2026/11/22/2026-11-22T13.00.00-id-1"
    report = json.loads(request["Body"])
    assert report["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert report["requestContext"]["approximateInvokeCount"] == 3
    assert report["timestamp"] == "2026-11-22T13:00:00.500Z"
    assert report["DDBStreamBatchInfo"]["startSequenceNumber"] == "7"
    assert report["payload"]["Records"][0]["dynamodb"]["NewImage"]["price"] == {"B": "AP8="}


def test_a_queue_gets_the_reason_only() -> None:
    (request,) = kept("arn:aws:sqs:eu-west-1:000000000000:dead")

    assert request["QueueUrl"] == "http://queue/dead"
    assert "payload" not in json.loads(request["MessageBody"])


def test_without_a_destination_nothing_is_kept() -> None:
    assert kept(None) == []


def test_another_kind_of_destination_is_refused() -> None:
    with pytest.raises(UnknownDestination, match="sns"):
        kept("arn:aws:sns:eu-west-1:000000000000:topic")
