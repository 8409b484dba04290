"""Users and their API keys: every write to either counts up the user's profile revision.

The revision is the version of the profile that holds the write, so whoever revokes a key can
tell the wallet from which version on the revocation is published.
"""

from collections.abc import Iterable

from pynamodb.exceptions import DoesNotExist

from tollgate.domain.definitions import KeyDefinition, Stamp, UserDefinition
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.store.catalog.access import Definitions, read_definition, stamped
from tollgate.store.catalog.items import Item, RevisionItem, UserItem
from tollgate.store.catalog.kinds import email_guard, keys_of
from tollgate.store.catalog.writing import Writing, foreign_errors


def revision_of(user: str) -> RevisionItem:
    """The counter of a user's definitions, as it begins."""
    return RevisionItem(keys_of(user), "revision", revision=1, **stamped(Stamp(1)))


def count(writing: Writing, user: str) -> None:
    """Count a write to a user's definitions in that very write."""
    nobody = ValidationFailed(f"there is no user {user!r}", param="user")
    writing.update(revision_of(user), RevisionItem.revision.add(1), Item.pk.exists(), nobody)


class Users(Definitions[UserDefinition]):
    """Who is billed."""

    def by_email(self, address: str) -> UserDefinition | None:
        """The user of an e-mail address, however it is capitalised; None when nobody has it."""
        claim = email_guard(address)
        with foreign_errors():
            try:
                guard = claim.item.get(claim.pk, claim.sk, consistent_read=True)
            except DoesNotExist:
                return None
        return self.find(guard.owner)

    def many(self, names: Iterable[str]) -> dict[str, UserDefinition]:
        """Those of these users that exist, by id, strongly consistent; a name stands there once."""
        return {item.id: read_definition(UserDefinition, item) for item in self._batch(names)}

    def statuses(self, names: Iterable[str]) -> dict[str, str]:
        """The status of those of these users that exist, as `many` and at a third of its price."""
        return {item.sk: item.status for item in self._batch(names, ["sk", "kind", "status"])}

    def _batch(self, names: Iterable[str], attributes: list[str] | None = None) -> list[UserItem]:
        keys = [(self.partition, name) for name in names]
        with foreign_errors():
            return list(
                UserItem.batch_get(keys, consistent_read=True, attributes_to_get=attributes)
            )

    def _also(
        self, writing: Writing, before: UserDefinition | None, after: UserDefinition | None
    ) -> None:
        if before is None and after is not None:
            there = Conflict(f"user {after.id} is there already")
            writing.put(revision_of(after.id), Item.pk.does_not_exist(), there)
        elif after is not None:
            count(writing, after.id)


class Keys(Definitions[KeyDefinition]):
    """The API keys of one user."""

    def _also(
        self, writing: Writing, before: KeyDefinition | None, after: KeyDefinition | None
    ) -> None:
        if after is None:
            return
        count(writing, after.user)
        if before is None:
            deleted = ValidationFailed(f"user {after.user!r} is deleted", param="user")
            user = UserItem("users", after.user)
            writing.check(user, UserItem.status != "deleted", deleted)
