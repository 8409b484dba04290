"""Official prices over HTTP: every change is a new version, scheduled or in force at once.

Models are named in the query, since their names may have slashes and stars.
"""

from dataclasses import asdict
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tollgate.domain.catalog import Interval, Price
from tollgate.domain.definitions import PriceDefinition, PriceVersion
from tollgate.domain.patterns import normal
from tollgate.domain.price_draft import PriceDraft
from tollgate.store.catalog.official import bundled, chosen
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Count,
    Entries,
    Epoch,
    IfMatch,
    Limit,
    ModelName,
    Name,
    Names,
    Once,
    Positive,
    PriceText,
    Text,
    View,
    empty,
)
from tollgate.web.management.versions import wanted

Prices = Annotated[dict[Name, PriceText], Field(max_length=100)]
Tiers = Annotated[dict[Name, Prices], Field(max_length=20)]
Mode = Literal["tokens", "times", "seconds"]
MOST_AT_ONCE = 100


class IntervalBody(Body):
    """Prices for context sizes over `minimum`, up to and including `maximum` (null: any)."""

    minimum: Count = 0
    maximum: Positive | None = None
    prices: Prices
    tiers: Tiers = empty(dict)


class PriceSet(Body):
    """What a model costs: USD per million tokens, or per unit. Absent classes inherit."""

    mode: Mode = "tokens"
    prices: Prices = empty(dict)
    intervals: Annotated[list[IntervalBody], Field(max_length=50)] = empty(list)
    tiers: Tiers = empty(dict)
    max_output: Positive | None = None
    reasoning: bool = False
    effective_from: Annotated[Epoch | None, Field(description="Null is now.")] = None
    source: Text = ""
    free: Annotated[bool, Field(description="Confirms a price of zero.")] = False


class PriceCreate(PriceSet):
    """The first price of a model, or of all whose names begin as `prefix*`."""

    model: Name


class PricesLoad(Body):
    """Models to be priced by the list that comes with Tollgate; priced ones stay as they are."""

    models: Annotated[Names, Field(min_length=1, max_length=MOST_AT_ONCE)]


class PriceRow(BaseModel):
    """One version of a price."""

    number: int
    mode: str
    prices: dict[str, str]
    intervals: list[dict[str, Any]]
    tiers: dict[str, dict[str, str]]
    max_output: int | None
    reasoning: bool
    effective_from: int


class PriceView(View):
    model: str
    status: str
    number: Annotated[int, Field(description="The newest version of the price.")]
    live: Annotated[list[PriceRow], Field(description="In force, then those scheduled.")]


class PriceVersionView(View):
    price: PriceRow
    source: str


class PricesLoaded(BaseModel):
    """Which of the models were priced; the others had a price."""

    priced: list[str]


@cache
def price_list() -> tuple[PriceDraft, ...]:
    """The bundled list, read once."""
    return tuple(bundled())


class PriceResource:
    """/prices for all of them, /price?model= for one"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._prices = desk.stores.catalog.prices

    def endpoints(self) -> tuple[Endpoint, ...]:
        prices, price = f"{ROOT}/prices", f"{ROOT}/price"
        return (
            Endpoint("GET", prices, "prices.read", self.list),
            Endpoint("POST", prices, "prices.write", self.create, 201),
            Endpoint("POST", f"{prices}/official", "prices.write", self.load, 201),
            Endpoint("GET", price, "prices.read", self.get),
            Endpoint("PUT", price, "prices.write", self.put),
            Endpoint("DELETE", price, "prices.write", self.withdraw),
            Endpoint("GET", f"{price}/versions", "prices.read", self.versions),
        )

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[PriceView]:
        """List prices, withdrawn ones too."""
        return self._desk.listed(self._prices.heads, limit, cursor, view_of)

    def create(self, body: PriceCreate, key: Once = None) -> PriceView:
        """Price a model that has no price; it gets a default model group."""

        def create(_: str, resumed: bool) -> PriceView:
            there = self._prices.heads.find(normal(body.model)) if resumed else None
            made = there or self._prices.add(draft_of(body.model, body), self._desk.author)
            view = view_of(made)
            self._desk.trail.note("price.create", made.model, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("prc", create, PriceView))

    def load(self, body: PricesLoad) -> PricesLoaded:
        """Price models by the list that comes with Tollgate."""
        drafts = chosen(price_list(), body.models)
        priced = self._prices.add_missing(drafts, self._desk.author)
        for model in priced:
            after = view_of(self._prices.get(model))
            self._desk.trail.note("price.create", model, None, after)
        return PricesLoaded(priced=priced)

    def get(self, model: ModelName) -> PriceView:
        """Read a model's price."""
        return view_of(self._prices.get(model))

    def put(self, model: ModelName, body: PriceSet, if_match: IfMatch = None) -> PriceView:
        """Give a model another price, from now or from `effective_from`."""
        version = wanted(if_match)
        before = view_of(self._prices.get(model))
        after = view_of(self._prices.reprice(draft_of(model, body), version, self._desk.author))
        self._desk.trail.note("price.change", after.model, before, after)
        return after

    def withdraw(self, model: ModelName, if_match: IfMatch = None) -> PriceView:
        """Leave a model without a price: calls are refused until it has one again."""
        version = wanted(if_match)
        before = view_of(self._prices.get(model))
        after = view_of(self._prices.withdraw(model, version, self._desk.author))
        self._desk.trail.note("price.withdraw", after.model, before, after)
        return after

    def versions(
        self, model: ModelName, limit: Limit = 50, cursor: After = None
    ) -> Entries[PriceVersionView]:
        """List every version a model's price ever had, oldest first."""
        page = self._prices.versions(model, limit, self._desk.position(cursor))
        return Entries(
            entries=[version_of(version) for version in page.entries],
            next_cursor=self._desk.cursor(page.after),
        )


def draft_of(model: str, body: PriceSet) -> PriceDraft:
    """The draft a body describes."""
    intervals = tuple(
        Interval(row.minimum, row.maximum, row.prices, row.tiers) for row in body.intervals
    )
    sent = {name: getattr(body, name) for name in PriceSet.model_fields if name != "intervals"}
    return PriceDraft(model, intervals=intervals, **sent)


def row_of(price: Price) -> PriceRow:
    """One version as people see it."""
    facts = asdict(price)
    return PriceRow(
        number=price.version, **{n: facts[n] for n in PriceRow.model_fields.keys() - {"number"}}
    )


def view_of(head: PriceDefinition) -> PriceView:
    """A price as people see it."""
    return PriceView.of(head, live=[row_of(price) for price in head.live])


def version_of(version: PriceVersion) -> PriceVersionView:
    """A version with its history in short."""
    return PriceVersionView.of(version, price=row_of(version.price))
