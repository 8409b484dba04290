"""What is agreed with one user: prices of their own by versions, and permissions.

Every write counts the user's revision, so that their profile is published again and a relay with
an older one notices; it counts what points at a model group, too, and is refused when the group
is billed otherwise by then. Several model groups are written in one transaction, or none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from pynamodb.connection import Connection

from tollgate.domain.catalog import CustomerPrice
from tollgate.domain.customer_prices import Agreement, Step
from tollgate.domain.definitions import (
    Author,
    CustomerPriceDefinition,
    CustomerPriceVersion,
    Permission,
    Stamp,
)
from tollgate.domain.errors import BillingTypeMismatch, NotFound, VersionMismatch
from tollgate.domain.patterns import normal
from tollgate.domain.versions import living
from tollgate.store.catalog.access import Definitions, stamped
from tollgate.store.catalog.items import Item, ModelGroupItem, UseItem, UserItem
from tollgate.store.catalog.kinds import (
    CUSTOMER_PRICE,
    CUSTOMER_PRICE_VERSION,
    PERMISSION,
    group_name,
)
from tollgate.store.catalog.model_groups import (
    GROUPS,
    ModelGroups,
    count_uses,
    no_group,
    uses_key,
)
from tollgate.store.catalog.people import count
from tollgate.store.catalog.versioned import Line, Versioned
from tollgate.store.catalog.writing import Writing


def prices_of(user: str) -> str:
    """The partition of a user's prices."""
    return f"customer_prices#{user}"


def moved(
    head: CustomerPriceDefinition, number: int, live: tuple[CustomerPrice, ...]
) -> CustomerPriceDefinition:
    """A head at another version; without any that lives it is withdrawn."""
    return replace(head, number=number, live=live, status="active" if live else "withdrawn")


LINE: Final[Line[CustomerPriceDefinition, CustomerPrice, CustomerPriceVersion]] = Line(
    word="customer price",
    kind=CUSTOMER_PRICE_VERSION,
    place=lambda head: f"{prices_of(head.user)}#{group_name(head.model, head.code)}",
    number=lambda head: head.number,
    live=lambda head: head.live,
    moved=moved,
    content=lambda record: record.price,
    filed=lambda record, price: replace(record, price=price),
)


class Customer(Versioned[CustomerPriceDefinition, CustomerPrice, CustomerPriceVersion]):
    """The prices and permissions of one user; a price is named "<model>#<code>"."""

    def __init__(self, user: str, connection: Connection) -> None:
        heads = Definitions(CUSTOMER_PRICE, prices_of(user), connection)
        super().__init__(LINE, heads, connection)
        self.user = user
        self.permissions: Definitions[Permission] = Definitions(
            PERMISSION, f"permissions#{user}", connection
        )
        self._groups = ModelGroups(connection)

    def of_model(self, model: str) -> dict[str, CustomerPriceDefinition]:
        """The user's prices for a model by model group, withdrawn ones too."""
        name = normal(model)
        return {h.code: h for h in self.heads.everything(f"{name}#") if h.model == name}

    def permitted(self, model: str) -> dict[str, Permission]:
        """The user's permissions for a model by model group, disabled ones too."""
        name = normal(model)
        return {p.code: p for p in self.permissions.everything(f"{name}#") if p.model == name}

    def agree(self, writing: Writing, agreement: Agreement, author: Author) -> Step:
        """Add to a write what is agreed about one model group; `settle` completes the write.

        Raises:
            NotFound: the model has no such group.
            BillingTypeMismatch: the group is billed otherwise.
            ValidationFailed: the price is not allowed.
        """
        group = self._groups.one(agreement.model, agreement.code)
        name = group_name(group.model, group.code)
        step = Step(group.model, group.code)
        before = self.heads.find(name)
        was = before is not None and before.status == "active"
        if agreement.price is not None:
            step = replace(step, prices=1 - was, mode=agreement.price.price.mode)
            check_mode(step, group.billing_type)
            blank = CustomerPriceDefinition(self.user, group.model, group.code, 0, ())
            self.stage(writing, before, before or blank, agreement.price, author)
        elif agreement.withdrawn and before is not None and was:
            self.heads.stage(writing, before, moved(before, before.number, ()), author)
            step = replace(step, prices=-1)
        if agreement.permitted is not None:
            step = replace(step, permissions=self._permit(writing, group.code, agreement, author))
        return step

    def settle(self, writing: Writing, steps: Iterable[Step]) -> None:
        """Complete a write: the user is there, the groups are as they were read, all is counted."""
        nobody = NotFound(f"there is no user {self.user!r}")
        there = Item.pk.exists() & (UserItem.status != "deleted")
        writing.check(UserItem("users", self.user), there, nobody)
        count(writing, self.user)
        for step in steps:
            self._check_group(writing, step)
            counted: Mapping[str, int] = {"prices": step.prices, "permissions": step.permissions}
            gone = no_group(step.model, step.code)
            count_uses(writing, step.model, step.code, counted, gone)
            for what, change in counted.items():
                self._refer(writing, step, what.removesuffix("s"), change)

    # --- parts of the above -------------------------------------------------------------------

    def _permit(self, writing: Writing, code: str, agreement: Agreement, author: Author) -> int:
        model, enabled = normal(agreement.model), bool(agreement.permitted)
        before = self.permissions.find(group_name(model, code))
        was = before is not None and before.enabled
        if was == enabled:
            return 0
        after = replace(before or Permission(self.user, model, code), enabled=enabled)
        self.permissions.stage(writing, before, after, author)
        return enabled - was

    def _check_group(self, writing: Writing, step: Step) -> None:
        group = ModelGroupItem(GROUPS, group_name(step.model, step.code))
        if step.mode is None:
            writing.check(group, Item.pk.exists(), no_group(step.model, step.code))
        else:
            same = ModelGroupItem.billing_type == step.mode
            writing.check(group, same, mismatch(step.mode, "otherwise"))

    def _refer(self, writing: Writing, step: Step, what: str, change: int) -> None:
        """Keep by name what the group's counter counts."""
        pk, _ = uses_key(step.model, step.code)
        place = f"{what}#{self.user}"
        if change > 0:
            use = UseItem(pk, place, owner=f"{what} {self.user}", **stamped(Stamp(1)))
            writing.put(use, Item.pk.does_not_exist(), race(what))
        elif change < 0:
            writing.delete(UseItem(pk, place), Item.pk.exists(), race(what))

    def _write(
        self,
        before: CustomerPriceDefinition | None,
        head: CustomerPriceDefinition,
        record: CustomerPriceVersion,
        author: Author,
    ) -> CustomerPriceDefinition:
        group = self._groups.one(head.model, head.code)
        was = before is not None and before.status == "active"
        step = Step(group.model, group.code, 1 - was, mode=record.price.mode)
        check_mode(step, group.billing_type)
        writing = Writing(self._connection)
        written = self.stage(writing, before, head, record, author)
        self.settle(writing, [step])
        writing.commit()
        return written

    def _move(
        self, before: CustomerPriceDefinition, left: tuple[CustomerPrice, ...], author: Author
    ) -> CustomerPriceDefinition:
        after = moved(before, before.number, living(left, author.at))
        writing = Writing(self._connection)
        written = self.heads.stage(writing, before, after, author)
        change = 0 if after.status == "active" else -1
        self.settle(writing, [Step(before.model, before.code, change)])
        writing.commit()
        return written


def check_mode(step: Step, billing_type: str) -> None:
    """Refuse a price of another type than its model group is billed by (C6)."""
    if step.mode != billing_type:
        raise mismatch(str(step.mode), billing_type)


def mismatch(mode: str, billing_type: str) -> BillingTypeMismatch:
    return BillingTypeMismatch(
        f"mode: the price is of type {mode}, the model group is billed by {billing_type}",
        param="mode",
    )


def race(what: str) -> VersionMismatch:
    """Another write of the same came first."""
    return VersionMismatch(f"the {what} has been changed; read it again")
