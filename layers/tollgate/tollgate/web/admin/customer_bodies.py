"""What bodies may say of customers' prices, and how prices, groups and explanations are shown."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tollgate.domain.catalog import CustomerPrice, Price
from tollgate.domain.definitions import (
    CustomerPriceDefinition,
    CustomerPriceVersion,
)
from tollgate.domain.explanation import Explanation
from tollgate.domain.price_rules import check_confirmed, check_terms
from tollgate.domain.versions import in_force
from tollgate.store.catalog.table import CatalogTable
from tollgate.web.admin.price_bodies import (
    Priced,
    VersionForm,
    figures,
    shown,
)
from tollgate.web.management.fields import Body, Name, View

MOST_OPERATIONS = 100


class CustomerPriceSet(VersionForm):
    """What a user pays for a model in one of its model groups.

    Token classes that are not said follow the official price by ratio, unless `extra_ratios` is
    {}; `intervals` and `tiers` that are not said follow it as factors, empty ones switch it off.
    """

    apply_group_multiplier: bool = True
    enabled: bool = True


class Operation(Body):
    """What is agreed about one model group; what is not sent stays, `price` null withdraws it."""

    group_code: Name
    price: CustomerPriceSet | None = Field(default=None)
    permitted: bool | None = Field(default=None)


class ModelPricingSet(Body):
    """Several model groups of a model at once: all of them are written, or none.

    `dry_run` tells what would be before and after, and writes nothing.
    """

    operations: Annotated[list[Operation], Field(min_length=1, max_length=MOST_OPERATIONS)]
    dry_run: bool = False


class CustomerPriceRow(Priced):
    """One version of a user's price."""

    number: int
    enabled: bool
    inherits: Annotated[bool, Field(description="Whether classes it lacks follow the official.")]
    apply_group_multiplier: bool
    effective_from: int
    effective_to: int | None


class CustomerPriceView(View):
    user: str
    model: str
    group_code: str
    status: str
    number: Annotated[int, Field(description="The newest version of the price.")]
    current: Annotated[int | None, Field(description="The version in force now.")]
    live: Annotated[list[CustomerPriceRow], Field(description="In force, or still to come.")]


class CustomerPriceVersionView(View):
    price: CustomerPriceRow
    source: str


class OfficialRow(Priced):
    """The official price beside a user's own."""

    model: str
    number: int


class GroupPricing(BaseModel):
    """One model group of a model, and what is agreed with the user about it."""

    group_code: str
    display_name: str
    is_default: bool
    enabled: bool
    billing_type: str
    official: Annotated[OfficialRow | None, Field(description="In force now, for comparison.")]
    price: CustomerPriceView | None
    permitted: bool


class ModelPricingView(BaseModel):
    """What is agreed with a user about a model; `version` goes into If-Match, 0 needs none."""

    version: int
    user: str
    model: str
    groups: list[GroupPricing]


class ModelPricingChange(BaseModel):
    """What was and what is, or what would be."""

    version: int
    dry_run: bool
    before: list[GroupPricing]
    after: list[GroupPricing]


class Component(BaseModel):
    """The price of a usage class, and whose figure it is."""

    price: str
    source: Annotated[str, Field(description="customer, channel, official or inherited.")]


class EffectivePrice(BaseModel):
    """What a call would be charged by, or why it would be refused.

    `rows` are the rows of the decision table that were met, the deciding one last.
    """

    model: str
    group_code: str
    rows: list[int]
    row: int | None
    outcome: str
    code: Annotated[str, Field(description="The refusal's, as the caller gets it.")]
    status: int
    message: str
    price_source: str
    price_id: str
    price_version: int
    flags: list[str]
    mode: str
    currency: str
    fx: str
    prices: dict[str, Component]
    intervals: list[dict[str, Any]]
    tiers: dict[str, dict[str, str]]
    multiplier: str
    multiplier_source: str


def record_of(body: CustomerPriceSet, catalog: CatalogTable, now_ms: int) -> CustomerPriceVersion:
    """The version a body describes; the store numbers it.

    Raises:
        ValidationFailed: naming the field that is no price.
    """
    entered = figures(body, catalog)
    price = CustomerPrice(
        model="",
        code="",
        version=0,
        mode=body.mode,
        prices=entered.prices,
        intervals=entered.intervals,
        tiers=entered.tiers,
        inherits=entered.inherits,
        apply_group_multiplier=body.apply_group_multiplier,
        enabled=body.enabled,
        effective_from=now_ms if body.effective_from is None else body.effective_from,
        effective_to=body.effective_to,
        currency=entered.currency,
        fx=entered.fx,
    )
    check_terms(price)
    check_confirmed(price, free=body.free)
    return CustomerPriceVersion(price, body.source)


def row_of(price: CustomerPrice, fx: str) -> CustomerPriceRow:
    """One version as people see it; `fx` is today's yuan per dollar."""
    own = {
        name: getattr(price, name)
        for name in CustomerPriceRow.model_fields.keys() - Priced.model_fields.keys() - {"number"}
    }
    return CustomerPriceRow(number=price.version, **own, **shown(price, fx))


def view_of(head: CustomerPriceDefinition, now_ms: int, fx: str) -> CustomerPriceView:
    """A price as people see it."""
    found = in_force(head.live, now_ms)
    return CustomerPriceView.of(
        head,
        group_code=head.code,
        live=[row_of(price, fx) for price in head.live],
        current=found and found.version,
    )


def version_of(version: CustomerPriceVersion, fx: str) -> CustomerPriceVersionView:
    """A version with its history in short."""
    return CustomerPriceVersionView.of(version, price=row_of(version.price, fx))


def official_of(price: Price, fx: str) -> OfficialRow:
    """An official price for comparison."""
    return OfficialRow(model=price.model, number=price.version, **shown(price, fx))


def explained(found: Explanation) -> EffectivePrice:
    """An explanation as people see it."""
    rule, refusal = found.rule, found.refusal
    terms = rule.terms if rule else None
    return EffectivePrice(
        model=found.model,
        group_code=found.code,
        rows=list(found.rows),
        row=found.rows[-1] if found.rows else None,
        outcome="refused" if refusal else "priced",
        code=refusal.code if refusal else "",
        status=int(refusal.status) if refusal else 200,
        message=refusal.message if refusal else "",
        price_source=rule.source if rule else "",
        price_id=rule.price_id if rule else "",
        price_version=rule.version if rule else 0,
        flags=list(found.flags),
        mode=terms.mode if terms else "",
        currency=rule.currency if rule else "",
        fx=rule.fx if rule else "",
        prices={
            name: Component(price=text, source=found.sources[name])
            for name, text in (terms.prices if terms else {}).items()
        },
        intervals=[asdict(each) for each in (terms.intervals if terms else ())],
        tiers={tier: dict(prices) for tier, prices in (terms.tiers if terms else {}).items()},
        multiplier=found.multiplier,
        multiplier_source=found.multiplier_source,
    )
