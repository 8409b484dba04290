"""What bodies may say of drafted prices, and the draft they make: checked as real prices are.

Rows are numbered from 1 as they were sent; every refusal names the row and the field.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Final, TypeVar

from pydantic import Field

from tollgate.domain.catalog import ChannelRow, CustomerPrice, Price
from tollgate.domain.channel_rows import rows_by_name
from tollgate.domain.customer_prices import check_customer_price, within
from tollgate.domain.definition_rules import check_multiplier, require
from tollgate.domain.model_groups import DEFAULT_CODE
from tollgate.domain.patterns import normal
from tollgate.domain.price_draft import PriceDraft, check_price, price_of
from tollgate.domain.price_rules import check_confirmed
from tollgate.domain.repricing import Draft
from tollgate.domain.versions import in_force
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.price_sets import write_draft
from tollgate.web.admin.channel_pricing import ChannelRowBody, pricing_of
from tollgate.web.admin.price_bodies import Intervals, PriceForm, Tiers, figures
from tollgate.web.management.fields import Body, Id, Multiplier, Name, empty

MOST_ROWS: Final = 100
MOST_BYTES: Final = 60_000
"""Of a draft as it is kept: it lies in a job's item beside what came of it."""


class DraftPrice(PriceForm):
    """What a model, or every name behind `prefix*`, would officially cost."""

    model: Name
    intervals: Intervals = empty(list)
    tiers: Tiers = empty(dict)
    free: Annotated[bool, Field(description="Confirms a price of zero.")] = False


class DraftCustomerPrice(PriceForm):
    """What a user would pay for a model in one of its model groups."""

    user: Id
    model: Name
    group_code: Name = DEFAULT_CODE
    apply_group_multiplier: bool = True
    free: Annotated[bool, Field(description="Confirms a price of zero.")] = False


class DraftChannel(Body):
    """All price rows that a channel would have."""

    channel: Id
    pricing: Annotated[list[ChannelRowBody], Field(max_length=MOST_ROWS)]


class DraftGroupMultiplier(Body):
    """The multiplier that a group would have."""

    group: Id
    multiplier: Multiplier


class DraftUserMultiplier(Body):
    """The multiplier that a user would have in a group."""

    user: Id
    group: Id
    multiplier: Multiplier


class DraftSet(Body):
    """Prices that are not in force; what it does not name stays as calls were charged."""

    prices: Annotated[list[DraftPrice], Field(max_length=MOST_ROWS)] = empty(list)
    customer_prices: Annotated[list[DraftCustomerPrice], Field(max_length=MOST_ROWS)] = empty(list)
    channel_pricing: Annotated[list[DraftChannel], Field(max_length=MOST_ROWS)] = empty(list)
    group_multipliers: Annotated[list[DraftGroupMultiplier], Field(max_length=MOST_ROWS)] = empty(
        list
    )
    user_multipliers: Annotated[list[DraftUserMultiplier], Field(max_length=MOST_ROWS)] = empty(
        list
    )


B = TypeVar("B", bound=Body)
V = TypeVar("V")


def draft_of(body: DraftSet, catalog: CatalogTable, now_ms: int) -> Draft:
    """The draft a body describes, with today's official prices of the names that need one.

    Raises:
        ValidationFailed: naming the row and the field, or `draft` when it is empty or too large.
    """
    drafting = Drafting(catalog)
    rows(body.prices, "prices", drafting.price)
    rows(body.customer_prices, "customer_prices", drafting.customer_price)
    rows(body.channel_pricing, "channel_pricing", drafting.channel)
    rows(body.group_multipliers, "group_multipliers", drafting.group_multiplier)
    rows(body.user_multipliers, "user_multipliers", drafting.user_multiplier)
    draft = drafting.finished(now_ms)
    require(draft != Draft(), "draft", "says nothing")
    size = len(json.dumps(write_draft(draft)))
    require(size <= MOST_BYTES, "draft", f"at most {MOST_BYTES:,} bytes; it has {size:,}")
    return draft


def rows(bodies: Iterable[B], field: str, take: Callable[[B], None]) -> None:
    """Take each row; a refusal names it."""
    for number, body in enumerate(bodies, start=1):
        with within(f"draft.{field}[{number}]"):
            take(body)


class Drafting:
    """A draft on its way, row by row; what is there already is refused."""

    def __init__(self, catalog: CatalogTable) -> None:
        self._catalog = catalog
        self._prices: dict[str, Price] = {}
        self._customers: dict[str, dict[str, dict[str, CustomerPrice]]] = {}
        self._channels: dict[str, Mapping[str, Mapping[str, ChannelRow]]] = {}
        self._pools: dict[str, tuple[str, str]] = {}
        self._group_multipliers: dict[str, str] = {}
        self._user_multipliers: dict[str, dict[str, str]] = {}

    def price(self, body: DraftPrice) -> None:
        """Take an official price."""
        entered = figures(body, self._catalog)
        draft = PriceDraft(
            body.model,
            body.mode,
            entered.prices,
            entered.intervals or (),
            entered.tiers or {},
            free=body.free,
            currency=entered.currency,
            fx=entered.fx,
        )
        check_price(draft)
        put(self._prices, normal(body.model), price_of(draft, 0, 0), "model")

    def customer_price(self, body: DraftCustomerPrice) -> None:
        """Take a user's price."""
        self._catalog.users.get(body.user)
        entered = figures(body, self._catalog)
        price = CustomerPrice(
            normal(body.model),
            body.group_code,
            0,
            body.mode,
            entered.prices,
            entered.intervals,
            entered.tiers,
            inherits=entered.inherits,
            apply_group_multiplier=body.apply_group_multiplier,
            currency=entered.currency,
            fx=entered.fx,
        )
        check_customer_price(price)
        check_confirmed(price, free=body.free)
        codes = self._customers.setdefault(body.user, {}).setdefault(price.model, {})
        put(codes, price.code, price, "group_code")

    def channel(self, body: DraftChannel) -> None:
        """Take all rows of a channel, for the groups that it serves now."""
        groups = self._catalog.channels.get(body.channel).groups
        sent = pricing_of(body.pricing, self._catalog).rows
        put(self._channels, body.channel, rows_by_name(sent), "channel")
        for group in groups:
            self._pools[group] = (body.channel, self._catalog.groups.get(group).platform)

    def group_multiplier(self, body: DraftGroupMultiplier) -> None:
        """Take a group's multiplier."""
        self._catalog.groups.get(body.group)
        check_multiplier(Decimal(body.multiplier), "multiplier")
        put(self._group_multipliers, body.group, body.multiplier, "group")

    def user_multiplier(self, body: DraftUserMultiplier) -> None:
        """Take a user's multiplier in a group."""
        self._catalog.groups.get(body.group)
        self._catalog.users.get(body.user)
        check_multiplier(Decimal(body.multiplier), "multiplier")
        own = self._user_multipliers.setdefault(body.group, {})
        put(own, body.user, body.multiplier, "user")

    def finished(self, now_ms: int) -> Draft:
        """All of it, with the official prices in force of the names that it completes."""
        return Draft(
            prices=self._prices,
            customers=self._customers,
            channels=self._channels,
            pools=self._pools,
            group_multipliers=self._group_multipliers,
            user_multipliers=self._user_multipliers,
            bases=dict(self._bases(now_ms)),
        )

    def _bases(self, now_ms: int) -> Iterator[tuple[str, Price]]:
        names = {model for models in self._customers.values() for model in models}
        for platforms in self._channels.values():
            names |= {pattern for own in platforms.values() for pattern in own}
        for name in sorted(names - self._prices.keys()):
            head = self._catalog.prices.heads.find(name)
            price = None if head is None else in_force(head.live, now_ms)
            if price is not None:
                yield name, price


def put(found: dict[str, V], name: str, value: V, field: str) -> None:
    """Take what is not there yet.

    Raises:
        ValidationFailed: naming the field.
    """
    require(name not in found, field, "is there twice", "重复")
    found[name] = value
