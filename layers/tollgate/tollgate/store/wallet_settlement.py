"""How open holds become debits: many at once, all or none, corrected from the old image.

A hold that is no longer open has been settled before; that alone makes settling idempotent.
"""

from collections.abc import Sequence
from typing import Final

from tollgate.domain.holds import parse_hold_id
from tollgate.domain.wallet import SETTLE_LIMIT, Outcome, Wallet
from tollgate.store.dynamodb import ConditionFailed, RequestRejected, Throttled
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_moves import settlement
from tollgate.store.wallet_table import IDEMPOTENT_ATTEMPTS, WalletTable

TOGETHER: Final = 3
ALONE: Final = 10
"""Tries for one hold by itself; each failure means that somebody else moved the wallet on."""

EXPRESSION_LIMIT: Final = 4_096


class Settling(WalletTable):
    """Settles holds."""

    def settle(
        self, user: str, shard: int, outcomes: Sequence[Outcome], image: Wallet | None = None
    ) -> frozenset[str]:
        """Settle the holds of these outcomes that are still open; gives those this call removed.

        `image` is the newest known; without one the first try is made on assumptions.

        Raises:
            WalletMissing: there is no such shard.
            StoreError: some holds may be settled, others not; call again.
        """
        removed: set[str] = set()
        distinct = list({outcome.hold: outcome for outcome in outcomes}.values())
        for start in range(0, len(distinct), SETTLE_LIMIT):
            removed |= self._settle(user, shard, distinct[start : start + SETTLE_LIMIT], image)
            image = None
        return frozenset(removed)

    def _settle(
        self, user: str, shard: int, outcomes: Sequence[Outcome], image: Wallet | None
    ) -> set[str]:
        """One write's worth: together, then in halves as long as that does not work."""
        if image is None and any(_is_blind(outcome) for outcome in outcomes):
            image = self.shard(user, shard)
        for _ in range(ALONE if len(outcomes) == 1 else TOGETHER):
            pending = [o for o in outcomes if image is None or o.hold in image.open]
            if not pending:
                return set()
            change = settlement(pending, image, self.clock())
            if _is_too_long(change):
                break
            try:
                self.write(user, shard, change, attempts=IDEMPOTENT_ATTEMPTS)
            except ConditionFailed as failed:
                image = self.seen(failed.item)
            except RequestRejected:
                if len(pending) == 1:
                    raise
                break
            else:
                return {outcome.hold for outcome in pending}
        return self._settle_halves(user, shard, outcomes)

    def _settle_halves(self, user: str, shard: int, outcomes: Sequence[Outcome]) -> set[str]:
        if len(outcomes) == 1:
            raise Throttled(f"{user}: the wallet changes faster than one hold can be settled")
        half = len(outcomes) // 2
        first = self._settle(user, shard, outcomes[:half], None)
        return first | self._settle(user, shard, outcomes[half:], None)


def _is_blind(outcome: Outcome) -> bool:
    """Whether only an image can tell which windows the hold was charged to."""
    return bool(outcome.entered) or (
        outcome.windows is None and parse_hold_id(outcome.hold).funding == "subscription"
    )


def _is_too_long(change: Change) -> bool:
    request = change.request()
    longest = max(len(request["UpdateExpression"]), len(request["ConditionExpression"]))
    return longest > EXPRESSION_LIMIT
