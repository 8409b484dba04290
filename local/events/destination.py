"""Where records go that are given up: one object or message that says what happened and why."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.events.delivery import Discard
from local.events.mapping import StreamMapping
from local.events.record import Record, created, sequence
from local.template.played import NotPlayed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


class UnknownDestination(NotPlayed):
    """The template names a failure destination that is not played on this machine."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The failure destination of one mapping."""

    mapping: StreamMapping
    s3: "S3Client"
    sqs: "SQSClient"
    clock: Callable[[], float]
    new_id: Callable[[], str]

    def __post_init__(self) -> None:
        """Check the destination before anything depends on it.

        Raises:
            UnknownDestination: neither a bucket nor a queue.
        """
        arn = self.mapping.destination
        if arn and arn.split(":")[2] not in {"s3", "sqs"}:
            raise UnknownDestination(f"the local stack does not play the destination {arn}")

    def keep(self, discard: Discard) -> None:
        """Write down what is given up."""
        arn = self.mapping.destination
        if arn is None:
            return
        now = datetime.fromtimestamp(self.clock(), UTC)
        service, name = arn.split(":")[2], arn.rpartition(":")[2]
        report = self._report(discard, now)
        if service == "s3":
            # Only a bucket gets the records themselves.
            body = {**report, "payload": {"Records": list(discard.records)}}
            self.s3.put_object(Bucket=name, Key=self._key(now), Body=json.dumps(body).encode())
        else:
            url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            self.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(report))

    def _key(self, now: datetime) -> str:
        moment = f"{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}"
        return f"aws/lambda/{self.mapping.id}/shard/{moment}-{self.new_id()}"

    def _report(self, discard: Discard, now: datetime) -> Mapping[str, Any]:
        return {
            "requestContext": {
                "requestId": self.new_id(),
                "functionArn": self.mapping.function,
                "condition": discard.condition,
                "approximateInvokeCount": discard.attempts,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": _moment(now.timestamp()),
            "DDBStreamBatchInfo": _batch(discard.records, self.mapping.stream),
        }


def _batch(records: tuple[Record, ...], stream: str) -> Mapping[str, Any]:
    return {
        "shardId": "shard",
        "startSequenceNumber": sequence(records[0]),
        "endSequenceNumber": sequence(records[-1]),
        "approximateArrivalOfFirstRecord": _moment(created(records[0])),
        "approximateArrivalOfLastRecord": _moment(created(records[-1])),
        "batchSize": len(records),
        "streamArn": stream,
    }


def _moment(seconds: float) -> str:
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
