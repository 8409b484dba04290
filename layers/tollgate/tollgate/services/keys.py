"""The order of steps that keeps API keys, their quotas and their wallet in agreement.

A first quota of a key in use is in the wallet before the definition says that it is limited, and
leaves it after relays know that it is not. A new key's is set before anybody has the secret. A
revocation is written down first, so that the wallet can be told which published version makes
remembering it unnecessary.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tollgate.domain.base32 import base32
from tollgate.domain.catalog import UNLIMITED
from tollgate.domain.definitions import Author, KeyDefinition, UserDefinition
from tollgate.domain.errors import Conflict, TollgateError, ValidationFailed
from tollgate.domain.money import WALLET_LIMIT
from tollgate.domain.sharding import home, reach
from tollgate.domain.wallet import LIMITED_KEY_LIMIT
from tollgate.services.changes import Changed, change
from tollgate.services.secret_texts import Random, mint_key
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.pepper import Peppers
from tollgate.store.wallet import Wallets

ALIAS_DIGITS: Final = 4
ALIAS_TRIES: Final = 5
Edit = Callable[[KeyDefinition], KeyDefinition]


@dataclass(frozen=True, slots=True)
class KeyCreated:
    """A key and its secret, which is None when the key was created by an earlier try."""

    key: KeyDefinition
    secret: str | None


class Keys:
    """Creates, changes and revokes the API keys of users; `random(n)` is below n."""

    def __init__(
        self, catalog: CatalogTable, wallets: Wallets, peppers: Peppers, random: Random
    ) -> None:
        self._catalog = catalog
        self._wallets = wallets
        self._peppers = peppers
        self._random = random

    def create(self, draft: KeyDefinition, author: Author, *, resumed: bool = False) -> KeyCreated:
        """Create a key from a draft without alias and secret.

        Raises:
            NotFound: there is no such user.
            ValidationFailed: a field is wrong, or the wallet carries no more quotas.
        """
        owner = self._catalog.users.get(draft.user)
        keys = self._catalog.keys(draft.user)
        if resumed and (there := keys.find(draft.id)) is not None:
            return self._found(owner, there)
        minted = mint_key(draft.user, self._peppers, self._random)
        for attempt in range(1, ALIAS_TRIES + 1):
            key = replace(
                draft,
                alias=base32(self._random(32**ALIAS_DIGITS), ALIAS_DIGITS),
                secret_hash=minted.hash,
                pepper_generation=minted.generation,
                last4=minted.last4,
            )
            try:
                return KeyCreated(self._create(owner, key, author), minted.secret)
            except Conflict as taken:
                if taken.param != "alias" or attempt == ALIAS_TRIES:
                    raise
        raise AssertionError("the loop returns or raises")

    def _create(self, owner: UserDefinition, key: KeyDefinition, author: Author) -> KeyDefinition:
        """The definition claims the alias before the wallet hears of it: it may be another's."""
        if key.limits != UNLIMITED or key.quota is not None:
            self._make_room(owner, key, "limits" if key.quota is None else "quota")
        if key.quota is None:
            return self._catalog.keys(key.user).create(key, author)
        wallet = self._wallets.read(owner.id).shards[shard_of(owner, key.alias)]
        if len(wallet.keys) >= LIMITED_KEY_LIMIT:
            raise full("quota")
        created = self._catalog.keys(key.user).create(key, author)
        try:
            self._limit(owner, key.alias, key.quota)
        except TollgateError:
            self.revoke(key.user, key.id, None, author)
            raise
        return created

    def _found(self, owner: UserDefinition, key: KeyDefinition) -> KeyCreated:
        """A key that an earlier try created, with the quota that it may not have got to."""
        if key.quota is not None and key.alias not in self.remaining(owner.id):
            self._limit(owner, key.alias, key.quota)
        return KeyCreated(key, None)

    def change(
        self, user: str, key: str, version: int | None, edit: Edit, author: Author
    ) -> Changed[KeyDefinition]:
        """Change a key other than its quota. Disabling and revoking take effect at once.

        Raises:
            NotFound, VersionMismatch, ValidationFailed, Conflict: nothing is changed.
        """

        def checked(before: KeyDefinition) -> KeyDefinition:
            after = edit(before)
            if after.limits != UNLIMITED and before.limits == UNLIMITED:
                self._make_room(self._catalog.users.get(user), after, "limits")
            return after

        changed = change(self._catalog.keys(user), key, version, checked, author)
        if changed.after.status != "active":
            revision = self._catalog.profile_revision(user)
            self._wallets.revoke_key(user, changed.after.alias, revision)
        return changed

    def revoke(
        self, user: str, key: str, version: int | None, author: Author
    ) -> Changed[KeyDefinition]:
        """End a key for good; it is refused from this moment on."""
        return self.change(user, key, version, lambda k: replace(k, status="revoked"), author)

    def set_quota(
        self, user: str, key: str, version: int, quota: int | None, author: Author
    ) -> Changed[KeyDefinition]:
        """Let a key spend so many nanos from now on, or without a limit of its own (None).

        Raises:
            NotFound, VersionMismatch: nothing is changed.
            ValidationFailed: the wallet carries no more quotas.
            Conflict: the key is revoked.
        """
        owner = self._catalog.users.get(user)
        before = self._catalog.keys(user).seen(key, version)
        if before.status == "revoked":
            raise Conflict("this key is revoked", param="status")
        self._drop_unused(owner)

        def write() -> Changed[KeyDefinition]:
            keys = self._catalog.keys(user)
            return change(keys, key, version, lambda k: replace(k, quota=quota), author)

        if before.quota is None and quota is not None:
            self._make_room(owner, before, "quota")
            return self._first_quota(owner, before.alias, quota, write)
        changed = write()
        if before.quota is not None:
            # Without a quota it stays in the wallet, out of reach, until relays know better.
            self._limit(owner, before.alias, WALLET_LIMIT if quota is None else quota)
        return changed

    def add_quota(
        self, user: str, key: str, version: int, amount: int, author: Author
    ) -> Changed[KeyDefinition]:
        """Give a limited key more (or, negative, less) to spend.

        Raises:
            NotFound, VersionMismatch: nothing is changed.
            ValidationFailed: the key has no quota, or would have less than none.
        """
        owner = self._catalog.users.get(user)

        def more(before: KeyDefinition) -> KeyDefinition:
            if before.quota is None:
                raise ValidationFailed("this key has no quota; set one", param="quota_usd")
            if not 0 <= before.quota + amount <= WALLET_LIMIT:
                raise ValidationFailed("the quota would be out of range", param="amount_usd")
            return replace(before, quota=before.quota + amount)

        # The definition first: repeating the request after a crash is a version mismatch, so
        # nothing is ever added twice.
        changed = change(self._catalog.keys(user), key, version, more, author)
        alias = changed.after.alias
        self._wallets.add_key_quota(user, alias, amount, shard_of(owner, alias))
        return changed

    def remaining(self, user: str) -> dict[str, int]:
        """What is left of each limited key's quota, in nanos by key alias."""
        return self._wallets.read(user).keys

    def _make_room(self, owner: UserDefinition, key: KeyDefinition, field: str) -> None:
        """Refuse to limit one key more than a wallet shard carries well.

        Raises:
            ValidationFailed: as many keys have quotas or limits there.
        """
        place = shard_of(owner, key.alias)
        others = (
            other
            for other in self._catalog.keys(owner.id).everything()
            if other.status != "revoked" and other.id != key.id
            if other.quota is not None or other.limits != UNLIMITED
            if shard_of(owner, other.alias) == place
        )
        if sum(1 for _ in others) >= LIMITED_KEY_LIMIT:
            raise full(field)

    # --- steps ------------------------------------------------------------------------------

    def _limit(self, owner: UserDefinition, alias: str, quota: int) -> None:
        self._wallets.set_key_quota(owner.id, alias, quota, shard_of(owner, alias))

    def _first_quota(
        self,
        owner: UserDefinition,
        alias: str,
        quota: int,
        write: Callable[[], Changed[KeyDefinition]],
    ) -> Changed[KeyDefinition]:
        """Limit a key that was not: the wallet refuses when it carries too many, so it is first."""
        self._limit(owner, alias, quota)
        try:
            return write()
        except TollgateError:
            self._wallets.drop_key_quota(owner.id, alias, shard_of(owner, alias))
            raise

    def _drop_unused(self, owner: UserDefinition) -> None:
        """Give back the places of keys that relays know to be without a quota."""
        wallet = self._wallets.read(owner.id)
        if wallet.first.profile_version < self._catalog.profile_revision(owner.id):
            return
        unlimited = {
            key.alias
            for key in self._catalog.keys(owner.id).everything()
            if key.quota is None or key.status == "revoked"
        }
        for shard in wallet.shards:
            for alias in unlimited & shard.keys.keys():
                self._wallets.drop_key_quota(owner.id, alias, shard.shard)


def full(field: str) -> ValidationFailed:
    """What is said when a wallet shard carries as many quotas and limits as it can."""
    return ValidationFailed(
        f"a wallet carries at most {LIMITED_KEY_LIMIT} keys with a quota or limits, since each "
        "call writes all of them; remove those of another key",
        param=field,
    )


def shard_of(owner: UserDefinition, alias: str) -> int:
    """The wallet shard that keeps a key's quota."""
    return home(alias, reach(owner.shards, (owner.limits, *owner.group_limits.values())))
