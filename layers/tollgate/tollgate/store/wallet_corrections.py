"""How a call's charge is put right: a ledger line and its effect at once, never an edited record.

What the balance paid is corrected on the balance, as an adjustment is; what a subscription paid
only on its counters, and only on windows that are still current. Nothing is taken that is not
there: such a correction is refused, and the next re-rating finds it again.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tollgate.domain.errors import SubscriptionExhausted, UserDisabled
from tollgate.domain.holds import HoldId, parse_hold_id
from tollgate.domain.ledger import RERATE, Correction, LedgerLine, correction_reference
from tollgate.domain.limits import shortage
from tollgate.domain.money import usd
from tollgate.domain.record import WINDOWS, UsageRecord, WindowName
from tollgate.domain.wallet import Subscription, Wallet
from tollgate.domain.windows import MONTH, WEEK
from tollgate.store.dynamodb import Throttled
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_item import n
from tollgate.store.wallet_ledger import TRIES, Ledger, line_key, read_line
from tollgate.store.wallet_table import IDEMPOTENT_ATTEMPTS

DELETED: Final = {"S": "deleted"}
LENGTHS: Final[Mapping[WindowName, int]] = {"day": 86_400, "week": WEEK, "month": MONTH}
"""Seconds for which a window is surely current."""


class Corrections(Ledger):
    """Books and finds corrections of calls."""

    def correct(self, correction: Correction) -> LedgerLine:
        """Book a correction, once: where its number is taken, the line that took it is given.

        Raises:
            Conflict: its number was taken with another amount.
            InsufficientBalance, SubscriptionExhausted: there is less than is to be taken.
            UserDisabled: the wallet is deleted.
            ValidationFailed: the wallet would outgrow its limit.
            WalletMissing: there is no such wallet.
            StoreError: as the port says; calling again is safe.
        """
        hold = parse_hold_id(correction.record.hold)
        by = {"wallet": self._correct_balance, "subscription": self._correct_counters}
        for _ in range(TRIES):
            line = by[hold.funding](correction, hold)
            if line is not None:
                return line
        user = correction.record.user
        raise Throttled(f"{user}: the wallet changes faster than a call can be corrected")

    def corrections(self, user: str, rid: str) -> tuple[LedgerLine, ...]:
        """What has been corrected of one call, oldest first, read one by one by their numbers."""
        found: list[LedgerLine] = []
        while line := self.line(user, RERATE, correction_reference(rid, len(found))):
            found.append(line)
        return tuple(found)

    def corrections_between(
        self, user: str, first: str, last: str
    ) -> dict[str, tuple[LedgerLine, ...]]:
        """What has been corrected of a user's calls whose ids lie from `first` to `last`, by id."""
        low, high = (line_key(user, RERATE, text) for text in (first, f"{last}~"))
        found: dict[str, tuple[LedgerLine, ...]] = {}
        for line in self._range(low["pk"], low["sk"], high["sk"]):
            rid = line.reference.partition(".")[0]
            found[rid] = (*found.get(rid, ()), line)
        return found

    def _range(self, partition: Any, low: Any, high: Any) -> Iterator[LedgerLine]:
        request: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": "#pk = :pk AND #sk BETWEEN :low AND :high",
            "ExpressionAttributeNames": {"#pk": "pk", "#sk": "sk"},
            "ExpressionAttributeValues": {":pk": partition, ":low": low, ":high": high},
            "ConsistentRead": True,
        }
        while True:
            answer = self.dynamo.call("Query", request, attempts=IDEMPOTENT_ATTEMPTS)
            yield from map(read_line, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    # --- what the balance paid ----------------------------------------------------------------

    def _correct_balance(self, correction: Correction, hold: HoldId) -> LedgerLine | None:
        """Move the balance, as an adjustment does; None when it has to be looked at again."""
        credit = correction.credit
        change = self._crediting(credit)
        change.require("status", "<>", DELETED)
        line = self._move(credit, 0, change)
        if line is None:
            check_status(self.shard(credit.user, 0))
            self._explain(credit)
        return line

    # --- what a subscription paid -------------------------------------------------------------

    def _correct_counters(self, correction: Correction, hold: HoldId) -> LedgerLine | None:
        """Move the subscription's counters as they are now; None when they have changed since."""
        made = self._made(correction.credit)
        if made is not None:
            return made
        image = self.shard(correction.record.user, hold.shard)
        check_status(image)
        change, amount = Change(self.clock()), correction.amount
        change.add("subscription_debits", -amount)
        change.add("late", -amount)
        change.require("status", "<>", DELETED)
        group = f"subscriptions.{change.name('group', hold.group_alias)}"
        for name, stored in current(correction.record, image, self.clock() // 1_000):
            left = stored.left[name]
            if left < -amount:
                raise exhausted(name, -amount, left)
            change.require(f"{group}.{name}", "=", n(stored.windows[name]))
            change.add(f"{group}.{name}_left", amount)
            change.require(f"{group}.{name}_left", ">=", n(-amount))
        return self._move(correction.credit, hold.shard, change)


def check_status(wallet: Wallet) -> None:
    """Leave the money of a deleted user alone; a suspended one's is corrected as anybody's.

    Raises:
        UserDisabled: the wallet is deleted.
    """
    if wallet.status == "deleted":
        raise UserDisabled(f"{wallet.user} is deleted; nothing is booked any more")


def exhausted(name: WindowName, amount: int, left: int) -> SubscriptionExhausted:
    """A window has less left than a correction would take."""
    return SubscriptionExhausted(
        f"the correction takes {usd(amount)} USD and the subscription has {usd(left)} USD left "
        f"this {name}",
        detail={"window": name, **shortage(amount, left)},
    )


def current(
    record: UsageRecord, wallet: Wallet, now: int
) -> Iterator[tuple[WindowName, Subscription]]:
    """The windows a call was charged to that still run at epoch second `now`.

    A window that only an extension of the call entered bore an unknown part of it, and one of a
    call that was not recorded in time none of what came late: those are left as they are.
    """
    stored = wallet.subscriptions.get(parse_hold_id(record.hold).group_alias)
    windows = record.windows
    if stored is None or windows is None or record.state != "final":
        return
    for name in WINDOWS:
        began = windows[name]
        runs = stored.windows[name] == began and now < began + LENGTHS[name]
        if runs and name not in windows.entered:
            yield name, stored
