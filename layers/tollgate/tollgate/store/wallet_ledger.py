"""How money enters, leaves and is corrected: a ledger line and its effect in one transaction.

The line's key is the movement's own identity (`source`, `reference`), put once and never
expiring, so a movement repeated after any failure, ever, moves nothing.
"""

from collections.abc import Sequence
from typing import Any, Final

from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.holds import HoldId, parse_hold_id
from tollgate.domain.ledger import OVERDRAWING, Credit, LedgerLine, LedgerPage
from tollgate.domain.money import WALLET_LIMIT, usd
from tollgate.domain.record import UsageRecord
from tollgate.domain.scopes import counted
from tollgate.domain.wallet import charged_spending
from tollgate.store.dynamodb import Item, Throttled, TransactionRefused
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_item import n
from tollgate.store.wallet_table import IDEMPOTENT_ATTEMPTS, WalletTable

TIME_INDEX: Final = "ledger_by_time"
REFUSED: Final = "ConditionalCheckFailed"
TRIES: Final = 5


class Ledger(WalletTable):
    """Makes and lists ledger lines."""

    def credit(self, credit: Credit) -> LedgerLine:
        """Move money into (or, negative, out of) a user's balance, once.

        Raises:
            Conflict: this source and reference were used for another amount or kind.
            WalletMissing: the user has no wallet.
            InsufficientBalance: less is available than is to be taken.
            ValidationFailed: the amount is 0, or the wallet would outgrow its limit.
            StoreError: as the port says; calling again is safe.
        """
        if not credit.amount or abs(credit.amount) > WALLET_LIMIT:
            raise ValidationFailed("the amount must not be 0 or beyond a wallet", param="amount")
        change = self._crediting(credit)
        for _ in range(TRIES):
            line = self._move(credit, 0, change)
            if line is not None:
                return line
            self._explain(credit)
        raise Throttled(f"{credit.user}: the wallet changes faster than its money can be gathered")

    def _crediting(self, credit: Credit) -> Change:
        """The balance's part: what is taken is there, and the wallet does not outgrow its limit."""
        change = Change(self.clock())
        change.add("available", credit.amount)
        change.add("credits", credit.amount)
        if credit.amount > 0:
            change.require("credits", "<=", n(WALLET_LIMIT - credit.amount))
        elif credit.kind in OVERDRAWING:
            change.require_present("available")
        else:
            change.require("available", ">=", n(-credit.amount))
        return change

    def _explain(self, credit: Credit) -> None:
        """Say why a movement cannot be made, or bring together the money for it."""
        wallet = self.read(credit.user).first
        if credit.amount < 0:
            self.gather(credit.user, 0, -credit.amount)
        elif wallet.credits > WALLET_LIMIT - credit.amount:
            raise ValidationFailed(
                f"a wallet takes at most {usd(WALLET_LIMIT)} USD in all", param="amount"
            )

    def late_debit(self, record: UsageRecord) -> LedgerLine:
        """Charge what a call cost beyond the charge its hold was already settled at, once.

        It changes no subscription's window, since those may have rolled, but the spend windows
        that the call was charged to and that are still stored.

        Raises:
            WalletMissing: there is no such wallet shard.
            StoreError: as the port says; calling again is safe.
        """
        hold = parse_hold_id(record.hold)
        credit = Credit(
            record.user, -record.late_charge, "late", "late", hold.rid, "billing", record.model
        )
        limited, windows = hold.key_limited, counted(hold).windows
        for _ in range(TRIES):
            change = self._debit(hold, record.late_charge, limited=limited)
            for index, name in enumerate(windows):
                place = change.name(f"window{index}", name)
                change.add(f"{place}.used", record.late_charge)
                change.require(f"{place}.began", "<=", n(hold.start))
            line = self._move(credit, hold.shard, change)
            if line is not None:
                return line
            wallet = self.shard(record.user, hold.shard)
            limited = hold.key_limited and hold.key_alias in wallet.keys
            windows = tuple(charged_spending(wallet, hold))
        raise Throttled(f"{record.user}: the wallet changes faster than a late debit can be made")

    def _debit(self, hold: HoldId, amount: int, *, limited: bool) -> Change:
        change = Change(self.clock())
        change.require_present("late")
        change.add("late", amount)
        if hold.funding == "wallet":
            change.add("available", -amount)
            change.add("debits", amount)
        else:
            change.add("subscription_debits", amount)
        if limited:
            quota = f"keys.{change.name('key', hold.key_alias)}.remaining"
            change.require_present(quota)
            change.add(quota, -amount)
        return change

    def ledger(self, user: str, cursor: str | None = None, limit: int = 50) -> LedgerPage:
        """A user's lines, newest first; a line may take a moment to appear here.

        Raises:
            ValidationFailed: the cursor is not one of ours.
        """
        request: dict[str, Any] = {
            "TableName": self.table,
            "IndexName": TIME_INDEX,
            "KeyConditionExpression": "#user = :user",
            "ExpressionAttributeNames": {"#user": "ledger_user"},
            "ExpressionAttributeValues": {":user": {"S": user}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            request["ExclusiveStartKey"] = _position(user, cursor)
        answer = self.dynamo.call("Query", request, attempts=IDEMPOTENT_ATTEMPTS)
        last = answer.get("LastEvaluatedKey")
        return LedgerPage(
            lines=tuple(read_line(item) for item in answer["Items"]),
            cursor=f"{last['ledger_at']['N']}:{last['sk']['S']}" if last else None,
        )

    def line(self, user: str, source: str, reference: str) -> LedgerLine | None:
        """One line by its identity, read consistently."""
        answer = self.dynamo.call(
            "GetItem",
            {
                "TableName": self.table,
                "Key": line_key(user, source, reference),
                "ConsistentRead": True,
            },
            attempts=IDEMPOTENT_ATTEMPTS,
        )
        return read_line(answer["Item"]) if "Item" in answer else None

    def _move(self, credit: Credit, shard: int, change: Change) -> LedgerLine | None:
        """Put the line and change the wallet; None when the wallet refused its part."""
        item = new_line(credit, self.clock())
        put = {
            "TableName": self.table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#pk)",
            "ExpressionAttributeNames": {"#pk": "pk"},
        }
        actions = [{"Put": put}, self.action(credit.user, shard, change)]
        try:
            self.dynamo.call(
                "TransactWriteItems", {"TransactItems": actions}, attempts=IDEMPOTENT_ATTEMPTS
            )
        except TransactionRefused as refused:
            return self._refused(credit, refused.reasons)
        return read_line(item)

    def _refused(self, credit: Credit, reasons: Sequence[str]) -> LedgerLine | None:
        return self._made(credit) if reasons[0] == REFUSED else None

    def _made(self, credit: Credit) -> LedgerLine | None:
        """The line of a movement that was made before.

        Raises:
            Conflict: it moved something else.
        """
        made = self.line(credit.user, credit.source, credit.reference)
        if made is not None and (made.amount, made.kind) != (credit.amount, credit.kind):
            raise Conflict(
                f"{credit.source} {credit.reference} was already booked with {usd(made.amount)} "
                f"USD as {made.kind}",
                detail={"amount": str(made.amount), "kind": made.kind},
            )
        return made


def line_key(user: str, source: str, reference: str) -> Item:
    """Where a line lies; always beside the user's first shard."""
    return {"pk": {"S": f"{user}#0"}, "sk": {"S": f"ledger#{source}#{reference}"}}


def new_line(credit: Credit, at: int) -> Item:
    """The item of a line."""
    return {
        **line_key(credit.user, credit.source, credit.reference),
        "ledger_user": {"S": credit.user},
        "ledger_at": n(at),
        "kind": {"S": credit.kind},
        "amount": n(credit.amount),
        "by": {"S": credit.by},
        "source": {"S": credit.source},
        "reference": {"S": credit.reference},
        "note": {"S": credit.note},
        **({} if credit.funding == "wallet" else {"funding": {"S": credit.funding}}),
    }


def read_line(item: Item) -> LedgerLine:
    """The line of an item."""
    return LedgerLine(
        user=item["ledger_user"]["S"],
        amount=int(item["amount"]["N"]),
        kind=item["kind"]["S"],
        source=item["source"]["S"],
        reference=item["reference"]["S"],
        by=item["by"]["S"],
        note=item["note"]["S"],
        at=int(item["ledger_at"]["N"]),
        funding=item["funding"]["S"] if "funding" in item else "wallet",
    )


def _position(user: str, cursor: str) -> Item:
    """Where a page ended.

    Raises:
        ValidationFailed: not a cursor.
    """
    at, colon, sort_key = cursor.partition(":")
    if not (colon and at.isdecimal() and sort_key.startswith("ledger#")):
        raise ValidationFailed("the cursor is not one of this list", param="cursor")
    return {
        "pk": {"S": f"{user}#0"},
        "sk": {"S": sort_key},
        "ledger_user": {"S": user},
        "ledger_at": n(int(at)),
    }
