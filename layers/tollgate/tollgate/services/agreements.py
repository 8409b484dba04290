"""How what is agreed with a user about a model is written: all at once, or only tried."""

from collections.abc import Sequence
from dataclasses import dataclass

from tollgate.domain.customer_prices import Agreement, Standing, within
from tollgate.domain.definition_rules import require
from tollgate.domain.definitions import Author
from tollgate.domain.errors import NotFound, VersionMismatch, VersionRequired
from tollgate.domain.patterns import normal
from tollgate.store.catalog.customers import Customer
from tollgate.store.catalog.table import CatalogTable


@dataclass(frozen=True, slots=True)
class Written:
    """What stood before, and what stands after."""

    before: Standing
    after: Standing


class Agreements:
    """Reads and writes what is agreed with users."""

    def __init__(self, catalog: CatalogTable) -> None:
        self._catalog = catalog

    def customer(self, user: str) -> Customer:
        """What is agreed with somebody who is there.

        Raises:
            NotFound: there is no such user, or they are deleted.
        """
        if self._catalog.users.get(user).status == "deleted":
            raise NotFound(f"there is no user {user!r}")
        return self._catalog.customer(user)

    def standing(self, user: str, model: str) -> Standing:
        """What is agreed with a user about a model.

        Raises:
            NotFound: there is no such user.
        """
        return self.customer(user).standing(model)

    def write(
        self,
        user: str,
        agreements: Sequence[Agreement],
        author: Author,
        *,
        seen: int | None,
        dry: bool = False,
    ) -> Written:
        """Write agreements about one model, or only try what they would come to.

        `seen` is the version of what stood when the caller read it; needed where anything does.

        Raises:
            NotFound: there is no such user.
            VersionRequired, VersionMismatch: it was not read, or has changed since.
            ValidationFailed: naming the operation, from 1, and its field; nothing is written.
        """
        customer = self.customer(user)
        before = customer.standing(agreements[0].model)
        if not dry or seen is not None:
            check_seen(before, seen)
        check_once(agreements)
        writing = customer.begin()
        agreed = []
        for row, agreement in enumerate(agreements, start=1):
            with within(f"operations[{row}]"):
                agreed.append(customer.agree(writing, agreement, author, before))
        customer.settle(writing, agreed)
        writing.checked()
        if not dry:
            writing.commit()
        heads = {one.step.code: one.head for one in agreed if one.head}
        granted = {one.step.code: one.permission for one in agreed if one.permission}
        after = Standing({**before.prices, **heads}, {**before.permissions, **granted})
        return Written(before, after)


def check_seen(before: Standing, seen: int | None) -> None:
    """Refuse to overwrite what the caller has not seen."""
    if seen is None and before.version:
        raise VersionRequired(
            "send If-Match with the version you read (the ETag)", param="If-Match"
        )
    if seen is not None and seen != before.version:
        raise VersionMismatch("what is agreed about this model has been changed; read it again")


def check_once(agreements: Sequence[Agreement]) -> None:
    """Refuse two operations on one model group: which one should win?"""
    first: dict[str, int] = {}
    for row, agreement in enumerate(agreements, start=1):
        known = first.setdefault(normal(agreement.code), row)
        where = f"operations[{row}].group_code"
        require(known == row, where, f"is that of operation {known}, too", f"与第 {known} 项重复")
