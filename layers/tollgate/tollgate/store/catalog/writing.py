"""One all-or-nothing write to the Catalog table, and what each failed condition means.

Every action names the refusal that its condition stands for, so the caller hears "this e-mail
address is taken" and not which of five conditions was false. Foreign errors end here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from pynamodb.connection import Connection
from pynamodb.exceptions import CancellationReason, PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from tollgate.domain.errors import TollgateError, ValidationFailed
from tollgate.store.catalog.items import Item
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, StoreError, Throttled

MOST_ACTIONS: Final = 100
ATTEMPTS: Final = 3
"""Tries of a write that lost against another one on the same item; nothing was written then."""

CONDITION: Final = "ConditionalCheckFailed"
AGAIN: Final = frozenset(
    {
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ThrottlingError",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    }
)
UNANSWERED: Final = frozenset({None, "InternalServerError", "ServiceUnavailable"})

Act = Callable[[TransactWrite], None]
Meaning = TollgateError | None


def store_error(code: str | None, message: str) -> StoreError:
    """DynamoDB's code as one of the port's failures."""
    if code in AGAIN:
        return Throttled(message)
    if code in UNANSWERED:
        return OutcomeUnknown(message)
    return RequestRejected(code or "Unknown", message)


@contextmanager
def foreign_errors() -> Iterator[None]:
    """Let pynamodb's failures leave this room as the port's own.

    Raises:
        Throttled, OutcomeUnknown, RequestRejected: in place of any pynamodb error.
    """
    try:
        yield
    except PynamoDBException as error:
        raise store_error(error.cause_response_code, str(error)) from error


class Writing:
    """Actions that happen together or not at all; at most one per item.

    The four lists keep the order in which pynamodb sends them, which is the order of the reasons.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._checks: list[tuple[Act, Meaning]] = []
        self._deletes: list[tuple[Act, Meaning]] = []
        self._puts: list[tuple[Act, Meaning]] = []
        self._updates: list[tuple[Act, Meaning]] = []

    def check(self, item: Item, condition: Condition, refusal: TollgateError) -> None:
        """Write nothing unless the condition holds for that item."""

        def act(transaction: TransactWrite) -> None:
            transaction.condition_check(type(item), item.pk, item.sk, condition)

        self._checks.append((act, refusal))

    def delete(
        self, item: Item, condition: Condition | None = None, refusal: Meaning = None
    ) -> None:
        """Remove the item of that key."""
        self._deletes.append((lambda transaction: transaction.delete(item, condition), refusal))

    def put(self, item: Item, condition: Condition, refusal: TollgateError) -> None:
        """Write the whole item."""
        self._puts.append((lambda transaction: transaction.save(item, condition), refusal))

    def update(
        self, item: Item, action: Action, condition: Condition, refusal: TollgateError
    ) -> None:
        """Change one attribute of the item of that key."""
        self._updates.append(
            (lambda transaction: transaction.update(item, [action], condition), refusal)
        )

    def commit(self) -> None:
        """Write everything.

        Raises:
            TollgateError: the refusal of the first action whose condition was false.
            Throttled, OutcomeUnknown, RequestRejected: DynamoDB did not take it.
        """
        actions = [*self._checks, *self._deletes, *self._puts, *self._updates]
        if len(actions) > MOST_ACTIONS:
            raise ValidationFailed(
                f"this change touches {len(actions)} items at once, {MOST_ACTIONS} is the most; "
                "make it in several steps"
            )
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._send(actions)
            except Throttled:
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def _send(self, actions: Sequence[tuple[Act, Meaning]]) -> None:
        with foreign_errors():
            try:
                with TransactWrite(connection=self._connection) as transaction:
                    for act, _ in actions:
                        act(transaction)
            except TransactWriteError as error:
                raise_reason(error.cancellation_reasons, [meaning for _, meaning in actions])
                raise


def raise_reason(reasons: Sequence[CancellationReason | None], meanings: Sequence[Meaning]) -> None:
    """Turn a cancelled transaction into what its first reason means; do nothing without reasons."""
    for reason, meaning in zip(reasons, meanings, strict=False):
        if reason is None:
            continue
        if reason.code == CONDITION and meaning is not None:
            raise meaning
        raise store_error(reason.code, reason.message or "transaction cancelled")
