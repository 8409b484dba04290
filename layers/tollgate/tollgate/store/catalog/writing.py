"""One all-or-nothing write to the Catalog table, and what each failed condition means.

Every action names the refusal that its condition stands for, so the caller hears "this e-mail
address is taken" and not which of five conditions was false. Foreign errors end here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from tollgate.domain.errors import TollgateError, ValidationFailed
from tollgate.store.catalog.items import Item
from tollgate.store.dynamodb import OutcomeUnknown, StoreError, Throttled, TransactionRefused
from tollgate.store.refusals import Answered, refusal

MOST_ACTIONS: Final = 100
ATTEMPTS: Final = 3
"""Tries of a write that lost against another one on the same item; nothing was written then."""

CONDITION: Final = "ConditionalCheckFailed"
SERVER_CODES: Final = frozenset({"InternalServerError", "ServiceUnavailable"})
"""pynamodb keeps the code of an error answer and drops its status."""

Act = Callable[[TransactWrite], None]
Meaning = TollgateError | None


def port_error(error: PynamoDBException) -> StoreError:
    """A failure of pynamodb as the port's own."""
    code = error.cause_response_code
    if code is None:
        return OutcomeUnknown(str(error))
    reasons = getattr(error.cause, "cancellation_reasons", None) or ()
    codes = [{"Code": "None" if reason is None else reason.code} for reason in reasons]
    status = HTTPStatus.INTERNAL_SERVER_ERROR if code in SERVER_CODES else HTTPStatus.BAD_REQUEST
    return refusal(Answered(status, code, error.cause_response_message or "", reasons=codes))


@contextmanager
def foreign_errors() -> Iterator[None]:
    """Let pynamodb's failures leave this room as the port's own.

    Raises:
        Throttled, OutcomeUnknown, RequestRejected, TransactionRefused: in place of pynamodb's.
    """
    try:
        yield
    except PynamoDBException as error:
        raise port_error(error) from error


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
        self,
        item: Item,
        action: Action | Sequence[Action],
        condition: Condition,
        refusal: TollgateError,
    ) -> None:
        """Change attributes of the item of that key."""
        actions = [action] if isinstance(action, Action) else list(action)
        self._updates.append(
            (lambda transaction: transaction.update(item, actions, condition), refusal)
        )

    def checked(self) -> Sequence[tuple[Act, Meaning]]:
        """All actions, in the order in which they are sent.

        Raises:
            ValidationFailed: there are more than one transaction takes.
        """
        actions = [*self._checks, *self._deletes, *self._puts, *self._updates]
        if len(actions) > MOST_ACTIONS:
            raise ValidationFailed(
                f"this change touches {len(actions)} items at once, {MOST_ACTIONS} is the most; "
                "make it in several steps"
            )
        return actions

    def commit(self) -> None:
        """Write everything.

        Raises:
            TollgateError: the refusal of the first action whose condition was false.
            Throttled, OutcomeUnknown, RequestRejected: DynamoDB did not take it.
        """
        actions = self.checked()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._send(actions)
            except Throttled:
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def _send(self, actions: Sequence[tuple[Act, Meaning]]) -> None:
        try:
            with foreign_errors(), TransactWrite(connection=self._connection) as transaction:
                for act, _ in actions:
                    act(transaction)
        except TransactionRefused as refused:
            for code, (_, meaning) in zip(refused.reasons, actions, strict=False):
                if code == CONDITION and meaning is not None:
                    raise meaning from refused
            raise
