"""Decides how a message reaches the queue: JSON in SQS, sent until it is known to be there."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tollgate.store.aws_json import AwsService

ATTEMPTS: Final = 3
LARGEST_MESSAGE: Final = 262_144


class MessageTooLarge(ValueError):
    """A message over 256 KiB cannot be queued."""


class Queue:
    """One SQS queue. A message may arrive twice: whoever reads it must not mind."""

    def __init__(self, sqs: AwsService, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, message: Mapping[str, Any]) -> None:
        """Queue one message.

        Raises:
            MessageTooLarge: it never fits.
            StoreError: it is not known to be queued.
        """
        body = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        if len(body.encode()) > LARGEST_MESSAGE:
            raise MessageTooLarge(f"{len(body.encode())} bytes")
        request = {"QueueUrl": self._url, "MessageBody": body}
        self._sqs.call("SendMessage", request, attempts=ATTEMPTS)
