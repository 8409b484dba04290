"""All-or-nothing writes: what each failure of DynamoDB means, and which of them is tried again."""

from collections.abc import Iterable
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError
from pynamodb.connection import Connection
from pynamodb.exceptions import CancellationReason, TransactWriteError, VerboseClientError

from tollgate.domain.definitions import Stamp
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.store.catalog.access import stamped
from tollgate.store.catalog.attributes import JsonAttribute
from tollgate.store.catalog.items import GuardItem, Item
from tollgate.store.catalog.writing import Writing
from tollgate.store.dynamodb import (
    OutcomeUnknown,
    RequestRejected,
    StoreError,
    Throttled,
    TransactionRefused,
)


def failure(code: str, *reasons: str | None) -> TransactWriteError:
    """What pynamodb raises for an error answer."""
    listed = [reason and CancellationReason(reason) for reason in reasons]
    cause = VerboseClientError(
        {"Error": {"Code": code, "Message": "no"}},
        "TransactWriteItems",
        cancellation_reasons=cast("Any", listed),
    )
    return TransactWriteError("Failed to write transaction items", cause)


CANCELLED = "TransactionCanceledException"
UNREACHABLE = TransactWriteError("x", EndpointConnectionError(endpoint_url="http://127.0.0.1:1"))


class Wire:
    """A connection that fails as it is told, then takes everything."""

    def __init__(self, failures: Iterable[Exception]) -> None:
        self._failures = iter(failures)
        self.sent = 0

    def transact_write_items(self, **request: Any) -> None:
        self.sent += 1
        for error in self._failures:
            raise error


def write(wire: Wire, count: int = 2) -> None:
    """Write so many guards, each refused as `taken <number>`."""
    writing = Writing(cast("Connection", wire))
    for number in range(count):
        guard = GuardItem(f"guard#{number}", "guard", owner="x", **stamped(Stamp(1)))
        writing.put(guard, Item.pk.does_not_exist(), Conflict(f"taken {number}"))
    writing.commit()


def test_a_write_that_lost_against_another_is_made_again() -> None:
    wire = Wire([failure(CANCELLED, None, "TransactionConflict"), failure("ThrottlingException")])
    write(wire)
    assert wire.sent == 3


@pytest.mark.parametrize(
    ("error", "raised", "sent"),
    [
        pytest.param(
            failure(CANCELLED, "TransactionConflict", None), Throttled, 3, id="always in the way"
        ),
        pytest.param(
            failure("ProvisionedThroughputExceededException"), Throttled, 3, id="throttled"
        ),
        pytest.param(failure("InternalServerError"), OutcomeUnknown, 1, id="a server error"),
        pytest.param(UNREACHABLE, OutcomeUnknown, 1, id="no connection"),
        pytest.param(failure("ValidationException"), RequestRejected, 1, id="a bug of ours"),
        pytest.param(
            failure(CANCELLED, "ValidationError", None), TransactionRefused, 1, id="a bad action"
        ),
    ],
)
def test_a_failure_leaves_as_the_ports_own(
    error: Exception, raised: type[StoreError], sent: int
) -> None:
    wire = Wire([error] * 3)
    with pytest.raises(raised):
        write(wire)
    assert wire.sent == sent


@pytest.mark.parametrize(
    ("reasons", "message"),
    [
        pytest.param(("ConditionalCheckFailed", None), "taken 0", id="the first condition"),
        pytest.param((None, "ConditionalCheckFailed"), "taken 1", id="the second condition"),
        pytest.param(
            ("TransactionConflict", "ConditionalCheckFailed"), "taken 1", id="a conflict besides"
        ),
    ],
)
def test_a_false_condition_is_what_its_action_says(
    reasons: tuple[str | None, ...], message: str
) -> None:
    with pytest.raises(Conflict, match=message):
        write(Wire([failure(CANCELLED, *reasons)]))


def test_a_write_of_too_many_items_is_refused_before_it_is_sent() -> None:
    wire = Wire([])
    with pytest.raises(ValidationFailed, match="touches 101 items at once, 100 is the most"):
        write(wire, 101)
    assert wire.sent == 0


@pytest.mark.parametrize("text", ["1.5", "NaN", '{"a": [0.1]}'])
def test_a_float_in_a_nested_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is a float; write it as text"):
        JsonAttribute().deserialize(text)
