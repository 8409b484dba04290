"""How a user gets more wallet shards, and how money and quotas follow when fewer are used.

Order when raising: `add_shards`, then publish the profile. Order when lowering: publish, then
`consolidate` until it says that nothing is left. Shards are never deleted: they keep the
history their debits are part of.
"""

from typing import Any, Final

from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.sharding import MOST_SHARDS, home
from tollgate.domain.wallet import Wallet, reserved_quota
from tollgate.store.dynamodb import TransactionRefused
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_item import n, new_wallet
from tollgate.store.wallet_table import IDEMPOTENT_ATTEMPTS, WalletTable

TRIES: Final = 10


class Shards(WalletTable):
    """Adds and empties shards."""

    def add_shards(self, user: str, shards: int) -> None:
        """See to it that the user has at least so many shards.

        Raises:
            ValidationFailed: more than a user may have.
            Conflict: the wallet is too busy just now.
        """
        if not 1 <= shards <= MOST_SHARDS:
            raise ValidationFailed(f"a user has 1 to {MOST_SHARDS} shards", param="shards")
        for _ in range(TRIES * shards):
            first = self.shard(user, 0)
            if first.shards >= shards:
                return
            self._add_shard(first)
        raise Conflict("the wallet is busy; try again")

    def _add_shard(self, first: Wallet) -> None:
        """Put the next shard as a copy of what shard 0 says at that very moment."""
        sibling = Wallet(
            user=first.user,
            shard=first.shards,
            version=0,
            status=first.status,
            profile_version=first.profile_version,
            shards=first.shards + 1,
            revoked=first.revoked,
        )
        change = Change(self.clock())
        change.add("shards", 1)
        change.require("version", "=", n(first.version))
        put = {
            "TableName": self.table,
            "Item": new_wallet(sibling),
            "ConditionExpression": "attribute_not_exists(#pk)",
            "ExpressionAttributeNames": {"#pk": "pk"},
        }
        self._transact([self.action(first.user, 0, change), {"Put": put}])

    def consolidate(self, user: str, spread: int) -> bool:
        """Bring quotas to their shard and money back to the shards in use, as far as possible now.

        `spread` is over how many shards the user's calls go (`domain.sharding.spread`). False
        while open calls still hold money or quota elsewhere: call it again once they are settled.

        Raises:
            StoreError: as the port says; calling again is safe.
        """
        done = True
        for wallet in self.read(user).shards:
            for alias in wallet.keys:
                target = home(alias, spread)
                if target != wallet.shard:
                    done = self._move_quota(wallet, alias, target) and done
            if wallet.shard >= spread:
                if wallet.available > 0:
                    done = self.transfer(user, wallet.shard, 0, wallet.available) and done
                done = not wallet.open and done
        return done

    def _move_quota(self, wallet: Wallet, alias: str, target: int) -> bool:
        """Move what is left; the entry stays while open calls will return something to it."""
        remaining, kept = wallet.keys[alias], bool(reserved_quota(wallet, alias))
        known = alias in self.shard(wallet.user, target).keys
        take, give = Change(self.clock()), Change(self.clock())
        source = f"keys.{take.name('key', alias)}"
        take.require("version", "=", n(wallet.version))
        if kept:
            take.put(source, {"M": {"remaining": n(0)}})
        else:
            take.remove(source)
        key = f"keys.{give.name('key', alias)}"
        if known:
            give.add(f"{key}.remaining", remaining)
            give.require_present(f"{key}.remaining")
        else:
            give.put(key, {"M": {"remaining": n(remaining)}})
            give.require_absent(key)
        moved = self._transact(
            [
                self.action(wallet.user, wallet.shard, take),
                self.action(wallet.user, target, give),
            ]
        )
        return moved and not kept

    def _transact(self, actions: list[dict[str, Any]]) -> bool:
        try:
            self.dynamo.call(
                "TransactWriteItems", {"TransactItems": actions}, attempts=IDEMPOTENT_ATTEMPTS
            )
        except TransactionRefused:
            return False
        return True
