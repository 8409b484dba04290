"""Feeds one SQS queue to one function; what fails becomes visible again, then a dead letter."""

import threading
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.events.invoke import Invoke
from local.events.mapping import QueueMapping
from local.functions.invocation import InvocationFailed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BETWEEN_LOOKS: Final = 0.5
LARGEST_RECEIVE: Final = 10


class QueueFeed(threading.Thread):
    """A thread that polls one queue."""

    def __init__(
        self, mapping: QueueMapping, region: str, client: "SQSClient", invoke: Invoke
    ) -> None:
        super().__init__(name=mapping.id, daemon=True)
        self._mapping = mapping
        self._region = region
        self._client = client
        self._invoke = invoke
        self._url = client.get_queue_url(QueueName=mapping.queue.rpartition(":")[2])["QueueUrl"]
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Poll no longer; messages in hand become visible again if they are not finished."""
        self._stopped.set()

    def run(self) -> None:
        """Poll."""
        while not self._stopped.is_set():
            try:
                busy = self.step()
            except (BotoCoreError, ClientError):
                busy = False
            if not busy:
                self._stopped.wait(BETWEEN_LOOKS)

    def step(self) -> bool:
        """Deliver one batch; whether there was one."""
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(self._mapping.batch_size, LARGEST_RECEIVE),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if messages:
            failed = self._failed(messages)
            for message in messages:
                if message["MessageId"] not in failed:
                    handle = message["ReceiptHandle"]
                    self._client.delete_message(QueueUrl=self._url, ReceiptHandle=handle)
        return bool(messages)

    def _failed(self, messages: "list[MessageTypeDef]") -> set[str]:
        """Ids of the messages that the function did not finish."""
        everything = {message["MessageId"] for message in messages}
        try:
            result = self._invoke({"Records": [self._record(each) for each in messages]})
            failures = (result or {}).get("batchItemFailures", [])
            reported = {str(failure["itemIdentifier"]) for failure in failures}
        except (InvocationFailed, AttributeError, KeyError, TypeError):
            return everything
        if not self._mapping.reports_failures:
            return set()
        # A message that was never sent makes the whole batch a failure, as on Lambda.
        return everything if reported - everything else reported

    def _record(self, message: "MessageTypeDef") -> dict[str, Any]:
        attributes = message.get("MessageAttributes", {})
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {"stringValue": value.get("StringValue"), "dataType": value["DataType"]}
                for name, value in attributes.items()
            },
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapping.queue,
            "awsRegion": self._region,
        }
