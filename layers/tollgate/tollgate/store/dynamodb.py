"""The port to DynamoDB: one method, plain requests, and failures that say what is known.

Requests and answers are DynamoDB's own JSON (`{"TableName": …, "Key": {"pk": {"S": …}}, …}`)
with `bytes` for binary values. Implementations: boto3 (`store/boto3_dynamodb.py`) and a lean
signed client for the hot path (`store/lean_dynamodb.py`); one contract test runs against both.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Item = dict[str, dict[str, Any]]
"""One item in DynamoDB's JSON: attribute name → {type: value}."""


class StoreError(Exception):
    """A DynamoDB call did not do what was asked."""


class ConditionFailed(StoreError):
    """The condition was false; nothing was written. `item` is the old image where asked for."""

    def __init__(self, item: Item | None = None) -> None:
        super().__init__("the condition was false")
        self.item = item


class TransactionRefused(StoreError):
    """A transaction was cancelled; nothing was written. `reasons`: a code per action or "None"."""

    def __init__(self, reasons: Sequence[str], items: Sequence[Item | None] = ()) -> None:
        super().__init__(f"transaction cancelled: {', '.join(reasons)}")
        self.reasons = tuple(reasons)
        self.items = tuple(items)


class Throttled(StoreError):
    """Refused for capacity or a conflicting transaction; nothing was written; try again later."""


class OutcomeUnknown(StoreError):
    """No answer, a broken one, or a server error: the write may or may not have happened."""


class RequestRejected(StoreError):
    """DynamoDB found the request itself wrong (validation, access, no table): a bug or setup."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Dynamo(Protocol):
    """One DynamoDB endpoint."""

    def call(
        self, operation: str, request: Mapping[str, Any], *, attempts: int = 1
    ) -> dict[str, Any]:
        """Send one request, such as `call("UpdateItem", {...})`.

        `attempts` bounds tries on Throttled and OutcomeUnknown (with backoff); money writes that
        are not idempotent keep it at 1.

        Raises:
            ConditionFailed, TransactionRefused, Throttled, OutcomeUnknown, RequestRejected.
        """
        ...
