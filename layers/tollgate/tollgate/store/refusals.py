"""Decides which of the port's errors an AWS answer means: the one translation of foreign errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tollgate.store.dynamodb import (
    ConditionFailed,
    Item,
    OutcomeUnknown,
    RequestRejected,
    StoreError,
    Throttled,
    TransactionRefused,
)

SERVER_ERROR: Final = 500

THROTTLES: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
    }
)
UNDER_WAY: Final = "TransactionInProgressException"
"""The same token's first request has not ended: its outcome is not known yet."""

PASSING_REASONS: Final = frozenset(
    {"None", "ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}
)
"""Reasons of a cancelled transaction that say nothing against the request itself."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An error answer: HTTP status, bare code, message, and what DynamoDB adds to it."""

    status: int
    code: str
    message: str
    item: Item | None = None
    reasons: Sequence[Mapping[str, Any]] = ()


def refusal(answer: Answered) -> StoreError:
    """The port's error for an error answer."""
    if answer.code == "ConditionalCheckFailedException":
        return ConditionFailed(answer.item)
    if answer.code == "TransactionCanceledException":
        return _cancelled(answer)
    if answer.code in THROTTLES:
        return Throttled(f"{answer.code}: {answer.message}")
    if answer.status >= SERVER_ERROR or answer.code == UNDER_WAY:
        return OutcomeUnknown(f"{answer.status} {answer.code}: {answer.message}")
    return RequestRejected(answer.code or str(answer.status), answer.message)


def _cancelled(answer: Answered) -> StoreError:
    codes = [str(reason.get("Code", "None")) for reason in answer.reasons]
    if codes and PASSING_REASONS.issuperset(codes):
        return Throttled(f"transaction cancelled: {', '.join(codes)}")
    return TransactionRefused(codes, [reason.get("Item") for reason in answer.reasons])
