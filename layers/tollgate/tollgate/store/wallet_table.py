"""Where every read and write of a wallet passes, and every image of one is checked."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tollgate.domain.errors import BillingUnavailable
from tollgate.domain.limits import insufficient
from tollgate.domain.wallet import Wallet, sweepable, violations
from tollgate.store.dynamodb import Dynamo, Item, Throttled, TransactionRefused
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_item import n, read_wallet, wallet_key

BATCH: Final = 100
TORN_READS: Final = 5
IDEMPOTENT_ATTEMPTS: Final = 3


class IdentityViolated(Exception):
    """A wallet image breaks its identity: money is wrong somewhere."""


def raise_violation(user: str, image: str) -> None:
    """What happens to a violated identity where no alarm is wired."""
    raise IdentityViolated(f"{user}: {image}")


def ignore(user: str) -> None:
    """What happens to a wallet with expired holds where nobody sweeps on request."""


class TornRead(Throttled):
    """Transfers between shards never added up to zero: they are moving, or one is wrong."""


class WalletMissing(BillingUnavailable):
    """There is no such wallet shard: the user was never given one."""


@dataclass(frozen=True, slots=True)
class WalletView:
    """All shards of one user, read consistently; sums in nanos."""

    user: str
    shards: tuple[Wallet, ...]

    @property
    def first(self) -> Wallet:
        """The shard every user has; it carries status, profile version and subscriptions."""
        return self.shards[0]

    @property
    def available(self) -> int:
        return sum(shard.available for shard in self.shards)

    @property
    def held(self) -> int:
        return sum(shard.held for shard in self.shards)

    @property
    def debits(self) -> int:
        return sum(shard.debits for shard in self.shards)

    @property
    def credits(self) -> int:
        return sum(shard.credits for shard in self.shards)

    @property
    def subscription_debits(self) -> int:
        return sum(shard.subscription_debits for shard in self.shards)

    @property
    def keys(self) -> dict[str, int]:
        """What is left of each limited key's quota, by key alias."""
        left: dict[str, int] = {}
        for shard in self.shards:
            for alias, remaining in shard.keys.items():
                left[alias] = left.get(alias, 0) + remaining
        return left

    @property
    def open(self) -> dict[str, int]:
        """All open holds."""
        return {hold: amount for shard in self.shards for hold, amount in shard.open.items()}


@dataclass(frozen=True)
class WalletTable:
    """The wallets table.

    Args:
        random: `random(n)` is below n, unpredictable.
        clock: epoch ms.
        on_violation: told of every image that breaks an identity: user, reasons and image.
        on_expired: told of a user one of whose holds should be swept.
    """

    dynamo: Dynamo
    table: str
    random: Callable[[int], int]
    clock: Callable[[], int]
    on_violation: Callable[[str, str], None] = raise_violation
    on_expired: Callable[[str], None] = ignore

    def seen(self, image: Item | None) -> Wallet:
        """The wallet of an image that came back from a write or a read, checked.

        Raises:
            WalletMissing: there was no item.
        """
        if image is None:
            raise WalletMissing("this user has no wallet; ask the operator of this service")
        wallet = read_wallet(image)
        if broken := violations(wallet):
            self.on_violation(wallet.user, f"{'; '.join(broken)}: {json.dumps(image)}")
        if sweepable(wallet, self.clock() // 1_000):
            self.on_expired(wallet.user)
        return wallet

    def write(self, user: str, shard: int, change: Change, *, attempts: int = 1) -> Wallet:
        """Make one conditional change; gives the new image.

        Raises:
            ConditionFailed: with the old image.
            StoreError: as the port says.
        """
        answer = self.dynamo.call(
            "UpdateItem",
            {
                "TableName": self.table,
                "Key": wallet_key(user, shard),
                **change.request(),
                "ReturnValues": "ALL_NEW",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
            attempts=attempts,
        )
        return self.seen(answer["Attributes"])

    def action(self, user: str, shard: int, change: Change) -> dict[str, Item]:
        """The same change as one action of a transaction."""
        return {
            "Update": {
                "TableName": self.table,
                "Key": wallet_key(user, shard),
                **change.request(),
            }
        }

    def shard(self, user: str, shard: int) -> Wallet:
        """One shard, read consistently.

        Raises:
            WalletMissing: there is none.
        """
        answer = self.dynamo.call(
            "GetItem",
            {"TableName": self.table, "Key": wallet_key(user, shard), "ConsistentRead": True},
            attempts=IDEMPOTENT_ATTEMPTS,
        )
        return self.seen(answer.get("Item"))

    def read(self, user: str) -> WalletView:
        """All shards the user ever had, as they were together at one moment.

        Transfers between shards sum to zero, so a set of images read around one shows it.

        Raises:
            WalletMissing: the user has no wallet.
            StoreError: as the port says.
        """
        first = self.shard(user, 0)
        if first.shards == 1:
            return WalletView(user, (first,))
        for _ in range(TORN_READS):
            shards = tuple(self._shards(user, first.shards))
            if sum(shard.transfers for shard in shards) == 0:
                return WalletView(user, shards)
        raise TornRead(f"{user}: money moves between shards faster than they can be read")

    def _shards(self, user: str, count: int) -> Iterable[Wallet]:
        found: dict[int, Wallet] = {}
        keys = [wallet_key(user, shard) for shard in range(count)]
        while keys:
            batch = {"Keys": keys[:BATCH], "ConsistentRead": True}
            answer = self.dynamo.call(
                "BatchGetItem",
                {"RequestItems": {self.table: batch}},
                attempts=IDEMPOTENT_ATTEMPTS,
            )
            for item in answer["Responses"][self.table]:
                wallet = self.seen(item)
                found[wallet.shard] = wallet
            left = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            keys = left + keys[BATCH:]
        return (found[shard] for shard in sorted(found))

    def transfer(self, user: str, source: int, target: int, amount: int) -> bool:
        """Move available money between two shards; False when the source has less than that.

        A transfer that is repeated after an unknown outcome may move twice: the sum stays.

        Raises:
            StoreError: as the port says.
        """
        take, give = Change(self.clock()), Change(self.clock())
        take.add("available", -amount)
        take.add("transfers", -amount)
        take.require("available", ">=", n(amount))
        give.add("available", amount)
        give.add("transfers", amount)
        give.require_present("pk")
        try:
            self.dynamo.call(
                "TransactWriteItems",
                {
                    "TransactItems": [
                        self.action(user, source, take),
                        self.action(user, target, give),
                    ]
                },
                attempts=IDEMPOTENT_ATTEMPTS,
            )
        except TransactionRefused:
            return False
        return True

    def gather(self, user: str, target: int, amount: int) -> None:
        """Bring together on one shard what the user's shards have.

        Raises:
            InsufficientBalance: all of them together have less than the amount.
            StoreError: as the port says.
        """
        view = self.read(user)
        if view.available < amount:
            raise insufficient(amount, view.available)
        have = view.shards[target].available
        siblings = [shard for shard in view.shards if shard.shard != target and shard.available > 0]
        for sibling in sorted(siblings, key=lambda shard: -shard.available):
            if have >= amount:
                return
            # More than is missing, so that the next call need not ask again.
            share = min(sibling.available, max(amount - have, sibling.available // 2))
            if self.transfer(user, sibling.shard, target, share):
                have += share
