"""Official prices over HTTP: every change is a new version, scheduled or in force at once.

Models are named in the query, since their names may have slashes and stars.
"""

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tollgate.domain.catalog import Price
from tollgate.domain.definitions import PriceDefinition, PriceVersion
from tollgate.domain.patterns import normal
from tollgate.domain.price_changes import check_changes
from tollgate.domain.price_draft import VIRTUAL_TOKENS, PriceDraft
from tollgate.domain.versions import in_force
from tollgate.store.catalog.official import bundled, chosen
from tollgate.store.catalog.prices import record_of
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.admin.price_bodies import (
    Intervals,
    Priced,
    PriceNumber,
    Tiers,
    VersionForm,
    figures,
    fx_now,
    shown,
)
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Entries,
    IfMatch,
    Limit,
    ModelName,
    Name,
    Names,
    Once,
    Positive,
    View,
    empty,
)
from tollgate.web.management.versions import wanted

MOST_AT_ONCE = 100


class PriceSet(VersionForm):
    """What a model costs: per million tokens, or per unit. Absent classes inherit."""

    intervals: Intervals = empty(list)
    tiers: Tiers = empty(dict)
    max_output: Positive | None = None
    reasoning: bool = False
    virtual_tokens: Annotated[
        Positive, Field(description="One Hub's tokens a second stands for.")
    ] = VIRTUAL_TOKENS


class PriceChange(PriceSet):
    """Another price of a model."""

    confirm: Annotated[
        bool,
        Field(description="Means figures that become free, were, or move by over ten times."),
    ] = False


class PriceCreate(PriceSet):
    """The first price of a model, or of all whose names begin as `prefix*`."""

    model: Name


class PriceLock(Body):
    """Whether imports leave the price as it is."""

    locked: bool


class PricesLoad(Body):
    """Models to be priced by the list that comes with Tollgate; priced ones stay as they are."""

    models: Annotated[Names, Field(min_length=1, max_length=MOST_AT_ONCE)]


class PriceRow(Priced):
    """One version of a price."""

    number: int
    max_output: int | None
    reasoning: bool
    virtual_tokens: int
    effective_from: int
    effective_to: int | None


class PriceView(View):
    model: str
    status: str
    locked: bool
    source: Annotated[str, Field(description="Where the newest version is from.")]
    number: Annotated[int, Field(description="The newest version of the price.")]
    current: Annotated[int | None, Field(description="The version in force now.")]
    live: Annotated[list[PriceRow], Field(description="In force, or still to come, by start.")]


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
        self._catalog = desk.stores.catalog
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
            Endpoint("POST", f"{price}/cancel", "prices.write", self.cancel),
            Endpoint("POST", f"{price}/rollback", "prices.write", self.rollback),
            Endpoint("PUT", f"{price}/lock", "prices.write", self.lock),
        )

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[PriceView]:
        """List prices, withdrawn ones too."""
        fx = fx_now(self._catalog)
        return self._desk.listed(
            self._prices.heads, limit, cursor, lambda head: self._view(head, fx)
        )

    def create(self, body: PriceCreate, key: Once = None) -> PriceView:
        """Price a model that has no price; it gets a default model group."""

        def create(_: str, resumed: bool) -> PriceView:
            there = self._prices.heads.find(normal(body.model)) if resumed else None
            draft = self._draft(body.model, body)
            made = there or self._prices.add(draft, self._desk.author)
            view = self._view(made)
            self._desk.trail.note("price.create", made.model, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("prc", create, PriceView))

    def load(self, body: PricesLoad) -> PricesLoaded:
        """Price models by the list that comes with Tollgate."""
        drafts = chosen(price_list(), body.models)
        priced = self._prices.add_missing(drafts, self._desk.author)
        for model in priced:
            after = self._view(self._prices.get(model))
            self._desk.trail.note("price.create", model, None, after)
        return PricesLoaded(priced=priced)

    def get(self, model: ModelName) -> PriceView:
        """Read a model's price."""
        return self._view(self._prices.get(model))

    def put(self, model: ModelName, body: PriceChange, if_match: IfMatch = None) -> PriceView:
        """Give a model another price, from now or from `effective_from`."""
        version = wanted(if_match)
        before, draft, author = self._prices.get(model), self._draft(model, body), self._desk.author
        if not body.confirm:
            old = in_force(before.live, author.at)
            check_changes(old, record_of(draft, author).price)
        after = self._prices.reprice(draft, version, author)
        return self._noted("price.change", before, after)

    def withdraw(self, model: ModelName, if_match: IfMatch = None) -> PriceView:
        """Leave a model without a price: calls are refused until it has one again."""
        version = wanted(if_match)
        before = self._prices.get(model)
        after = self._prices.withdraw(model, version, self._desk.author)
        return self._noted("price.withdraw", before, after)

    def cancel(self, model: ModelName, body: PriceNumber, if_match: IfMatch = None) -> PriceView:
        """Take back a version that is scheduled and has not begun."""
        version = wanted(if_match)
        before = self._prices.get(model)
        after = self._prices.cancel(model, body.number, version, self._desk.author)
        return self._noted("price.cancel", before, after)

    def rollback(self, model: ModelName, body: PriceNumber, if_match: IfMatch = None) -> PriceView:
        """Bring the figures of an old version back into force, as a new version from now on."""
        version = wanted(if_match)
        before = self._prices.get(model)
        after = self._prices.rollback(model, body.number, version, self._desk.author)
        return self._noted("price.rollback", before, after)

    def lock(self, model: ModelName, body: PriceLock, if_match: IfMatch = None) -> PriceView:
        """Keep imports from changing a price, or let them again."""
        version = wanted(if_match)
        before = self._prices.get(model)
        after = self._prices.lock(model, version, body.locked, self._desk.author)
        return self._noted("price.lock", before, after)

    def versions(
        self, model: ModelName, limit: Limit = 50, cursor: After = None
    ) -> Entries[PriceVersionView]:
        """List every version a model's price ever had, oldest first."""
        page = self._prices.versions(model, limit, self._desk.position(cursor))
        fx = fx_now(self._catalog)
        return Entries(
            entries=[version_of(version, fx) for version in page.entries],
            next_cursor=self._desk.cursor(page.after),
        )

    # --- parts of the above -------------------------------------------------------------------

    def _draft(self, model: str, body: PriceSet) -> PriceDraft:
        """The draft a body describes."""
        entered = figures(body, self._catalog)
        return PriceDraft(
            model,
            body.mode,
            entered.prices,
            entered.intervals or (),
            entered.tiers or {},
            currency=entered.currency,
            fx=entered.fx,
            **{name: getattr(body, name) for name in SENT},
        )

    def _noted(self, action: str, before: PriceDefinition, after: PriceDefinition) -> PriceView:
        """The changed price as people see it, once the change is in the audit log."""
        fx = fx_now(self._catalog)
        view = self._view(after, fx)
        self._desk.trail.note(action, after.model, self._view(before, fx), view)
        return view

    def _view(self, head: PriceDefinition, fx: str | None = None) -> PriceView:
        """A price as people see it; `fx` is today's exchange rate, read when it is not given."""
        today = fx_now(self._catalog) if fx is None else fx
        return price_view(head, today, self._desk.clock())


SENT = (
    "max_output",
    "reasoning",
    "virtual_tokens",
    "effective_from",
    "effective_to",
    "source",
    "free",
)


def price_view(head: PriceDefinition, fx: str, now_ms: int) -> PriceView:
    """A price as people see it; `fx` is today's exchange rate."""
    found = in_force(head.live, now_ms)
    return PriceView.of(
        head,
        live=[row_of(price, fx) for price in head.live],
        current=found and found.version,
    )


def row_of(price: Price, fx: str) -> PriceRow:
    """One version as people see it."""
    own: dict[str, Any] = {
        name: getattr(price, name)
        for name in PriceRow.model_fields.keys() - Priced.model_fields.keys() - {"number"}
    }
    return PriceRow(number=price.version, **own, **shown(price, fx))


def version_of(version: PriceVersion, fx: str) -> PriceVersionView:
    """A version with its history in short."""
    return PriceVersionView.of(version, price=row_of(version.price, fx))
