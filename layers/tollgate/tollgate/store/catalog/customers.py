"""What is agreed with one user: prices of their own by versions, and permissions.

Every write counts the user's revision, so that their profile is published again and a relay with
an older one notices; it counts what points at a model group, too, and is refused when the group
is billed otherwise by then. Several model groups are written in one transaction, or none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from pynamodb.connection import Connection

from tollgate.domain.catalog import CustomerPrice, Profile
from tollgate.domain.compilation import compile_permissions, compile_prices
from tollgate.domain.customer_prices import Agreed, Agreement, Standing, Step
from tollgate.domain.definitions import (
    Author,
    CustomerPriceDefinition,
    CustomerPriceVersion,
    Permission,
    Stamp,
)
from tollgate.domain.errors import BillingTypeMismatch, NotFound, ValidationFailed, VersionMismatch
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
from tollgate.store.snapshot_parts import write_profile

MOST_BYTES: Final = 300 * 1024
"""Of a user's prices and permissions in their profile; a part holds 350 KB, keys are in it, too."""


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

    def standing(self, model: str) -> Standing:
        """All that is agreed with the user about a model."""
        return Standing(self.of_model(model), self.permitted(model))

    def begin(self) -> Writing:
        """A write as yet empty, for `agree` and `settle`."""
        return Writing(self._connection)

    def agree(
        self,
        writing: Writing,
        agreement: Agreement,
        author: Author,
        seen: Standing | None = None,
    ) -> Agreed:
        """Add to a write what is agreed about one model group; `settle` completes the write.

        `seen` is what stood when the caller read it: what has changed since refuses the write.
        None takes what is there.

        Raises:
            NotFound: the model has no such group.
            BillingTypeMismatch: the group is billed otherwise.
            ValidationFailed: the price is not allowed.
        """
        group = self._groups.one(agreement.model, agreement.code)
        agreed = Agreed(Step(group.model, group.code))
        stands = self.standing(group.model) if seen is None else seen
        before = stands.prices.get(group.code)
        if agreement.price is not None:
            named = replace(agreement.price.price, model=group.model, code=group.code)
            record = replace(agreement.price, price=named)
            head = before or CustomerPriceDefinition(self.user, group.model, group.code, 0, ())
            agreed = self._price(writing, (before, head), record, author)
        elif agreement.withdrawn and before is not None and before.status == "active":
            head = self.heads.stage(writing, before, moved(before, before.number, ()), author)
            agreed = Agreed(replace(agreed.step, prices=-1), head)
        if agreement.permitted is not None:
            known = stands.permissions.get(group.code)
            blank = known or Permission(self.user, group.model, group.code)
            wanted = replace(blank, enabled=agreement.permitted)
            agreed = self._permit(writing, agreed, (known, wanted), author)
        return agreed

    def settle(self, writing: Writing, agreed: Iterable[Agreed]) -> None:
        """Complete a write: the user is there, the groups are as they were read, all is counted.

        Raises:
            ValidationFailed: the user's profile would not fit.
        """
        each = tuple(agreed)
        self._check_size(each)
        nobody = NotFound(f"there is no user {self.user!r}")
        there = Item.pk.exists() & (UserItem.status != "deleted")
        writing.check(UserItem("users", self.user), there, nobody)
        count(writing, self.user)
        for step in (one.step for one in each):
            self._check_group(writing, step)
            counted: Mapping[str, int] = {"prices": step.prices, "permissions": step.permissions}
            gone = no_group(step.model, step.code)
            count_uses(writing, step.model, step.code, counted, gone)
            for what, change in counted.items():
                self._refer(writing, step, what.removesuffix("s"), change)

    # --- parts of the above -------------------------------------------------------------------

    def _price(
        self,
        writing: Writing,
        heads: tuple[CustomerPriceDefinition | None, CustomerPriceDefinition],
        record: CustomerPriceVersion,
        author: Author,
    ) -> Agreed:
        """Add a version to a write; `heads` are the one that is there, and what to start from."""
        before, head = heads
        group = self._groups.one(head.model, head.code)
        if record.price.mode != group.billing_type:
            raise mismatch(record.price.mode, group.billing_type)
        was = before is not None and before.status == "active"
        step = Step(group.model, group.code, 1 - was, mode=record.price.mode)
        return Agreed(step, self.stage(writing, before, head, record, author))

    def _permit(
        self,
        writing: Writing,
        agreed: Agreed,
        permissions: tuple[Permission | None, Permission],
        author: Author,
    ) -> Agreed:
        """Add a permission to a write, if it changes; `permissions` are the old and the new one."""
        before, after = permissions
        was = before is not None and before.enabled
        if was == after.enabled:
            return agreed
        written = self.permissions.stage(writing, before, after, author)
        step = replace(agreed.step, permissions=after.enabled - was)
        return replace(agreed, step=step, permission=written)

    def _check_size(self, agreed: Iterable[Agreed]) -> None:
        """What is agreed with one user must fit into their profile, beside their keys."""
        heads = {(head.model, head.code): head for head in self.heads.everything()}
        granted = {(each.model, each.code): each for each in self.permissions.everything()}
        for one in agreed:
            place = (one.step.model, one.step.code)
            heads |= {place: one.head} if one.head else {}
            granted |= {place: one.permission} if one.permission else {}
        prices, permissions = compile_prices(heads.values()), compile_permissions(granted.values())
        profile = Profile(self.user, 0, "active", {}, prices=prices, permissions=permissions)
        size = len(write_profile(profile))
        if size > MOST_BYTES:
            raise ValidationFailed(
                f"the user's prices and permissions would take {size} bytes compressed, "
                f"{MOST_BYTES} is the most; price prefixes of names, or withdraw what is not used",
                param="price",
            )

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
        writing = self.begin()
        agreed = self._price(writing, (before, head), record, author)
        self.settle(writing, [agreed])
        writing.commit()
        return agreed.head or head

    def _move(
        self, before: CustomerPriceDefinition, left: tuple[CustomerPrice, ...], author: Author
    ) -> CustomerPriceDefinition:
        after = moved(before, before.number, living(left, author.at))
        writing = self.begin()
        written = self.heads.stage(writing, before, after, author)
        change = 0 if after.status == "active" else -1
        self.settle(writing, [Agreed(Step(before.model, before.code, change), written)])
        writing.commit()
        return written


def mismatch(mode: str, billing_type: str) -> BillingTypeMismatch:
    return BillingTypeMismatch(
        f"mode: the price is of type {mode}, the model group is billed by {billing_type}",
        param="mode",
        translations={"zh": f"mode：价格类型是 {mode}，而该模型分组按 {billing_type} 计费"},
    )


def race(what: str) -> VersionMismatch:
    """Another write of the same came first."""
    return VersionMismatch(f"the {what} has been changed; read it again")
