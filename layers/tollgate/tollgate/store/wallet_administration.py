"""What is changed on wallets other than by calls: status, keys, profiles, subscriptions, days.

Shard 0 is changed first and says how many siblings there are. A new shard copies shard 0 in one
transaction with it, so none is ever missed.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.holds import parse_hold_id
from tollgate.domain.money import WALLET_LIMIT
from tollgate.domain.wallet import (
    LIMITED_KEY_LIMIT,
    Subscription,
    Wallet,
    WalletStatus,
    idle_counters,
    reserved_quota,
)
from tollgate.store.dynamodb import ConditionFailed
from tollgate.store.wallet_change import Change
from tollgate.store.wallet_counters import clearing
from tollgate.store.wallet_item import n, new_wallet, write_subscription
from tollgate.store.wallet_shards import Shards
from tollgate.store.wallet_table import IDEMPOTENT_ATTEMPTS, WalletMissing

TRIES: Final = 10
SCAN_PAGE: Final = 500


class Administration(Shards):
    """Changes wallets for people and jobs."""

    def create(self, user: str, shards: int = 1, profile_version: int = 0) -> None:
        """Give a new user an empty wallet; one that is there already keeps what it has."""
        wallet = Wallet(user, 0, 0, "active", profile_version)
        request = {
            "TableName": self.table,
            "Item": new_wallet(wallet),
            "ConditionExpression": "attribute_not_exists(#pk)",
            "ExpressionAttributeNames": {"#pk": "pk"},
        }
        with suppress(ConditionFailed):
            self.dynamo.call("PutItem", request, attempts=IDEMPOTENT_ATTEMPTS)
        if shards > 1:
            self.add_shards(user, shards)

    def set_status(self, user: str, status: WalletStatus) -> None:
        """Let a user's calls through or refuse them, from this moment on, at every relay."""
        self._everywhere(user, lambda change: change.put("status", {"S": status}))

    def revoke_key(self, user: str, key_alias: str, profile_version: int) -> None:
        """Refuse a key from this moment on.

        Running calls of the key cannot be extended either. `profile_version` is the first version
        without the key: once that is published, the wallet need not remember.
        """

        def revoke(change: Change) -> None:
            change.put(f"revoked.{change.name('key', key_alias)}", n(profile_version))

        self._everywhere(user, revoke)

    def set_profile_version(self, user: str, version: int) -> None:
        """Make relays with an older profile read it again; call it after publishing. Never back."""
        for shard in self._shards_of(user):
            change = Change(self.clock())
            change.put("profile_version", n(version))
            change.require("profile_version", "<", n(version))
            try:
                wallet = self.write(user, shard, change, attempts=IDEMPOTENT_ATTEMPTS)
            except ConditionFailed as failed:
                wallet = self.seen(failed.item)
            self._forget_revoked(wallet)

    def _forget_revoked(self, wallet: Wallet) -> None:
        """Forget keys that no published profile has, once no open call could still use them."""
        in_use = {parse_hold_id(hold).key_alias for hold in wallet.open}
        for alias, version in wallet.revoked.items():
            if version <= wallet.profile_version and alias not in in_use:
                change = Change(self.clock())
                revoked = f"revoked.{change.name('key', alias)}"
                change.remove(revoked)
                change.require(revoked, "<=", n(wallet.profile_version))
                self._try(wallet.user, wallet.shard, change)

    # --- key quotas -------------------------------------------------------------------------

    def set_key_quota(self, user: str, key_alias: str, quota: int, shard: int = 0) -> None:
        """Limit a key to so many nanos from now on; what its open calls cost counts against it.

        Set the quota before publishing the profile that says the key is limited, and drop it
        after publishing one that says it is not: relays in between then refuse nobody.

        Raises:
            ValidationFailed: the wallet has as many limited keys as it can carry.
            Conflict: the wallet changed faster than this could be written.
        """
        for _ in range(TRIES):
            wallet = self.shard(user, shard)
            if key_alias not in wallet.keys and len(wallet.keys) >= LIMITED_KEY_LIMIT:
                raise ValidationFailed(
                    f"a wallet carries at most {LIMITED_KEY_LIMIT} keys with a quota; "
                    "remove the quota of another key",
                    param="quota",
                )
            change = Change(self.clock())
            remaining = n(quota - reserved_quota(wallet, key_alias))
            key = f"keys.{change.name('key', key_alias)}"
            change.put(key, {"M": {"remaining": remaining}})
            # Not a version that was read, but the very image: every write counts it up.
            change.require("version", "=", n(wallet.version))
            if self._try(user, shard, change):
                return
        raise Conflict("the wallet is busy; try again")

    def add_key_quota(self, user: str, key_alias: str, amount: int, shard: int = 0) -> None:
        """Raise (or, negative, lower) what is left of a key's quota.

        Raises:
            ValidationFailed: the key has no quota.
            StoreError: as the port says; after OutcomeUnknown look before adding again.
        """
        change = Change(self.clock())
        key = f"keys.{change.name('key', key_alias)}.remaining"
        change.add(key, amount)
        change.require_present(key)
        change.require(key, "<=", n(WALLET_LIMIT - amount))
        if not self._try(user, shard, change, attempts=1):
            raise ValidationFailed("this key has no quota to change", param="quota")

    def drop_key_quota(self, user: str, key_alias: str, shard: int = 0) -> None:
        """Let a key spend without a limit of its own."""
        change = Change(self.clock())
        change.remove(f"keys.{change.name('key', key_alias)}")
        change.require_present("keys")
        self._try(user, shard, change)

    # --- subscriptions ----------------------------------------------------------------------

    def set_subscription(self, user: str, group_alias: str, subscription: Subscription) -> None:
        """Start or renew a subscription: windows, what is left of them, limits and end."""
        change = Change(self.clock())
        path = f"subscriptions.{change.name('group', group_alias)}"
        change.put(path, write_subscription(subscription))
        change.require_present("subscriptions")
        self._try(user, 0, change)

    # --- limits -----------------------------------------------------------------------------

    def clear_idle(self, wallet: Wallet) -> None:
        """Drop counters of limits that say nothing any more, by an image just read."""
        now = self.clock()
        change = clearing(wallet, idle_counters(wallet, now // 1_000), now)
        if change is not None:
            self._try(wallet.user, wallet.shard, change)

    # --- days -------------------------------------------------------------------------------

    def close_day(self, user: str, shard: int, day: str, totals: tuple[int, int]) -> bool:
        """Drop a day's counters once its usage was counted elsewhere as (nanos, calls).

        False when the wallet has counted otherwise: then something is unsettled or wrong.
        """
        charge, count = totals
        change = Change(self.clock())
        charges = f"days.{change.name('charge', f'{day}c')}"
        calls = f"days.{change.name('count', f'{day}n')}"
        change.remove(charges)
        change.remove(calls)
        change.add("closed", charge)
        change.require(charges, "=", n(charge))
        change.require(calls, "=", n(count))
        return self._try(user, shard, change)

    # --- all wallets ------------------------------------------------------------------------

    def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Wallet]:
        """Every wallet shard of one segment of the table, consistently read page by page."""
        request: dict[str, Any] = {
            "TableName": self.table,
            "ConsistentRead": True,
            "Limit": SCAN_PAGE,
            "Segment": segment,
            "TotalSegments": segments,
            "FilterExpression": "#sk = :wallet",
            "ExpressionAttributeNames": {"#sk": "sk"},
            "ExpressionAttributeValues": {":wallet": {"S": "wallet"}},
        }
        while True:
            answer = self.dynamo.call("Scan", request, attempts=IDEMPOTENT_ATTEMPTS)
            for item in answer["Items"]:
                yield self.seen(item)
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    # --- steps ------------------------------------------------------------------------------

    def _shards_of(self, user: str) -> range:
        return range(self.shard(user, 0).shards)

    def _everywhere(self, user: str, compose: Callable[[Change], None]) -> None:
        shards, shard = 1, 0
        while shard < shards:
            change = Change(self.clock())
            compose(change)
            change.require_present("pk")
            try:
                wallet = self.write(user, shard, change, attempts=IDEMPOTENT_ATTEMPTS)
            except ConditionFailed as failed:
                raise WalletMissing(f"{user} has no wallet shard {shard}") from failed
            shards = wallet.shards if shard == 0 else shards
            shard += 1

    def _try(
        self, user: str, shard: int, change: Change, *, attempts: int = IDEMPOTENT_ATTEMPTS
    ) -> bool:
        """Whether the change could be made; its condition is false otherwise.

        Raises:
            WalletMissing: there is nothing to change.
        """
        try:
            self.write(user, shard, change, attempts=attempts)
        except ConditionFailed as failed:
            self.seen(failed.item)
            return False
        return True
