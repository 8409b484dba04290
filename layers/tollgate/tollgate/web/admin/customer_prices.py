"""What is agreed with users over HTTP: prices of their own, permissions, and what comes of them."""

from collections.abc import Callable
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate.domain.catalog import Price
from tollgate.domain.customer_prices import Agreement, Standing, within
from tollgate.domain.definitions import CustomerPriceDefinition
from tollgate.domain.errors import VersionMismatch
from tollgate.domain.patterns import normal, patterns_of
from tollgate.domain.versions import in_force
from tollgate.services.agreements import Agreements, Written
from tollgate.services.effective_prices import EffectivePrices, Wish
from tollgate.store.catalog.customers import Customer
from tollgate.store.catalog.kinds import group_name
from tollgate.web.admin.aliases import with_aliases
from tollgate.web.admin.customer_bodies import (
    CustomerPriceSet,
    CustomerPriceVersionView,
    CustomerPriceView,
    EffectivePrice,
    GroupPricing,
    ModelPricingChange,
    ModelPricingSet,
    ModelPricingView,
    Operation,
    explained,
    official_of,
    record_of,
    version_of,
    view_of,
)
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.admin.price_bodies import PriceNumber, fx_now
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Code, Entries, IfMatch, Limit, ModelName
from tollgate.web.management.versions import check_unseen, wanted

PricingGroup = Annotated[
    str, Query(alias="group", max_length=32, description="Absent: the key's, else the default.")
]
OfKey = Annotated[
    str, Query(alias="key", max_length=64, description="Whose group's channel and factor count.")
]
READ, WRITE = "customer_prices.read", "customer_prices.write"


class CustomerPriceResource:
    """/users/<user>/model_pricing, /customer_prices, /customer_price and /effective_price"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalog = desk.stores.catalog
        self._agreements = Agreements(desk.stores.catalog)
        self._effective = EffectivePrices(desk.stores.catalog, desk.clock)

    def endpoints(self) -> tuple[Endpoint, ...]:
        user = f"{ROOT}/users/<user>"
        price = f"{user}/customer_price"
        return with_aliases(
            (
                Endpoint("GET", f"{user}/model_pricing", READ, self.pricing),
                Endpoint("POST", f"{user}/model_pricing", WRITE, self.agree),
                Endpoint("GET", f"{user}/customer_prices", READ, self.prices),
                Endpoint("GET", price, READ, self.get),
                Endpoint("PUT", price, WRITE, self.put),
                Endpoint("DELETE", price, WRITE, self.withdraw),
                Endpoint("GET", f"{price}/versions", READ, self.versions),
                Endpoint("POST", f"{price}/cancel", WRITE, self.cancel),
                Endpoint("POST", f"{price}/rollback", WRITE, self.rollback),
                Endpoint("GET", f"{user}/effective_price", READ, self.effective),
            )
        )

    # --- a model at a time --------------------------------------------------------------------

    def pricing(self, user: str, model: ModelName) -> ModelPricingView:
        """Read what is agreed with a user about a model, beside the official price."""
        standing = self._agreements.standing(user, model)
        groups = self._groups(model, standing)
        return ModelPricingView(
            version=standing.version, user=user, model=normal(model), groups=groups
        )

    def agree(
        self, user: str, model: ModelName, body: ModelPricingSet, if_match: IfMatch = None
    ) -> ModelPricingChange:
        """Agree prices and permissions for several model groups of a model, all or none."""
        seen = wanted(if_match) if if_match else None
        agreements = [
            self._agreement(model, operation, row)
            for row, operation in enumerate(body.operations, start=1)
        ]
        written = self._agreements.write(
            user, agreements, self._desk.author, seen=seen, dry=body.dry_run
        )
        before = self._groups(model, written.before)
        after = self._groups(model, written.after)
        change = ModelPricingChange(
            version=(written.before if body.dry_run else written.after).version,
            dry_run=body.dry_run,
            before=before,
            after=after,
        )
        if not body.dry_run:
            self._note(user, normal(model), written, change)
        return change

    def effective(
        self, user: str, model: ModelName, group: PricingGroup = "", key: OfKey = ""
    ) -> EffectivePrice:
        """Explain what a user's call of a model would cost now, or why it would be refused."""
        return explained(self._effective.explain(user, Wish(model, group, key)))

    # --- one price ----------------------------------------------------------------------------

    def prices(
        self, user: str, limit: Limit = 50, cursor: After = None
    ) -> Entries[CustomerPriceView]:
        """List a user's prices, withdrawn ones too."""
        heads = self._customer(user).heads
        fx = fx_now(self._catalog)
        return self._desk.listed(heads, limit, cursor, lambda head: self._view(head, fx))

    def get(self, user: str, model: ModelName, code: Code) -> CustomerPriceView:
        """Read a user's price for a model in a model group."""
        return self._view(self._customer(user).get(group_name(model, code)))

    def put(
        self,
        user: str,
        model: ModelName,
        code: Code,
        body: CustomerPriceSet,
        if_match: IfMatch = None,
    ) -> CustomerPriceView:
        """Give a user another price, or the first one, from now or from `effective_from`."""
        record = record_of(body, self._catalog, self._desk.clock())
        customer = self._customer(user)
        standing = customer.standing(model)
        before = standing.prices.get(normal(code))
        if before is None or before.status == "withdrawn":
            check_unseen(if_match)
        elif before.stamp.version != wanted(if_match):
            raise VersionMismatch("this price has been changed; read it again")
        writing = customer.begin()
        agreement = Agreement(model, code, price=record)
        agreed = customer.agree(writing, agreement, self._desk.author, standing)
        customer.settle(writing, [agreed])
        writing.commit()
        after = customer.get(group_name(model, code))
        return self._noted("customer_price.change", before, after)

    def withdraw(
        self, user: str, model: ModelName, code: Code, if_match: IfMatch = None
    ) -> CustomerPriceView:
        """Take a user's price away: in the default group the official one counts again."""
        seen = wanted(if_match)
        return self._moved(
            "withdraw",
            (user, model, code),
            lambda prices, name: prices.withdraw(name, seen, self._desk.author),
        )

    def cancel(
        self, user: str, model: ModelName, code: Code, body: PriceNumber, if_match: IfMatch = None
    ) -> CustomerPriceView:
        """Take back a version that is scheduled and has not begun."""
        seen = wanted(if_match)
        return self._moved(
            "cancel",
            (user, model, code),
            lambda prices, name: prices.cancel(name, body.number, seen, self._desk.author),
        )

    def rollback(
        self, user: str, model: ModelName, code: Code, body: PriceNumber, if_match: IfMatch = None
    ) -> CustomerPriceView:
        """Bring the figures of an old version back into force, as a new version from now on."""
        seen = wanted(if_match)
        return self._moved(
            "rollback",
            (user, model, code),
            lambda prices, name: prices.rollback(name, body.number, seen, self._desk.author),
        )

    def versions(
        self, user: str, model: ModelName, code: Code, limit: Limit = 50, cursor: After = None
    ) -> Entries[CustomerPriceVersionView]:
        """List every version a user's price ever had, oldest first."""
        customer = self._customer(user)
        page = customer.versions(group_name(model, code), limit, self._desk.position(cursor))
        fx = fx_now(self._catalog)
        return Entries(
            entries=[version_of(version, fx) for version in page.entries],
            next_cursor=self._desk.cursor(page.after),
        )

    # --- parts of the above -------------------------------------------------------------------

    def _note(self, user: str, model: str, written: Written, change: ModelPricingChange) -> None:
        """Enter what was and what is into the audit log."""
        was, now = (
            ModelPricingView(version=standing.version, user=user, model=model, groups=groups)
            for standing, groups in (
                (written.before, change.before),
                (written.after, change.after),
            )
        )
        self._desk.trail.note("model_pricing.change", f"{user}/{model}", was, now)

    def _customer(self, user: str) -> Customer:
        return self._agreements.customer(user)

    def _agreement(self, model: str, operation: Operation, row: int) -> Agreement:
        """What one operation says."""
        sent = operation.model_fields_set
        record = None
        if operation.price is not None:
            with within(f"operations[{row}].price"):
                record = record_of(operation.price, self._catalog, self._desk.clock())
        return Agreement(
            normal(model),
            normal(operation.group_code),
            price=record,
            withdrawn="price" in sent and operation.price is None,
            permitted=operation.permitted,
        )

    def _groups(self, model: str, standing: Standing) -> list[GroupPricing]:
        """Every model group of a model with what stands."""
        fx, official = fx_now(self._catalog), self._official(model)
        pointer = self._catalog.prices.defaults.find(normal(model))
        return [
            GroupPricing(
                group_code=group.code,
                display_name=group.display_name,
                is_default=pointer is not None and pointer.code == group.code,
                enabled=group.enabled,
                billing_type=group.billing_type,
                official=None if official is None else official_of(official, fx),
                price=self._view(head, fx) if (head := standing.prices.get(group.code)) else None,
                permitted=(found := standing.permissions.get(group.code)) is not None
                and found.enabled,
            )
            for group in self._catalog.model_groups.of(model)
        ]

    def _official(self, model: str) -> Price | None:
        """The official price of a name: exact, else of the longest `prefix*`."""
        heads = self._catalog.prices.heads
        found = (heads.find(pattern) for pattern in patterns_of(model))
        live = next((head.live for head in found if head is not None and head.live), ())
        return in_force(live, self._desk.clock())

    def _moved(
        self,
        action: str,
        place: tuple[str, str, str],
        move: Callable[[Customer, str], CustomerPriceDefinition],
    ) -> CustomerPriceView:
        user, model, code = place
        customer, name = self._customer(user), group_name(model, code)
        before = customer.get(name)
        return self._noted(f"customer_price.{action}", before, move(customer, name))

    def _noted(
        self, action: str, before: CustomerPriceDefinition | None, after: CustomerPriceDefinition
    ) -> CustomerPriceView:
        """The changed price as people see it, once the change is in the audit log."""
        fx = fx_now(self._catalog)
        view = self._view(after, fx)
        name = f"{after.user}/{after.model}/{after.code}"
        was = None if before is None else self._view(before, fx)
        self._desk.trail.note(action, name, was, view)
        return view

    def _view(self, head: CustomerPriceDefinition, fx: str | None = None) -> CustomerPriceView:
        today = fx_now(self._catalog) if fx is None else fx
        return view_of(head, self._desk.clock(), today)
