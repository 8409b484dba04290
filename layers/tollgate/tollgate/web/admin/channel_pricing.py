"""A channel's prices over HTTP: all rows at once, in versions, from now or from a start.

Rows are numbered from 1 as they were sent; every refusal names the row and the field.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, StringConstraints

from tollgate.domain.catalog import BillingMode, ChannelPricing, Currency, Interval
from tollgate.domain.channel_rows import SentRow, as_sent, check_rows, in_dollars
from tollgate.domain.definitions import ChannelDefinition, ChannelPricingVersion
from tollgate.domain.price_entry import check_once, exchange_rate
from tollgate.domain.versions import in_force
from tollgate.store.catalog.channels import Pricing
from tollgate.store.catalog.table import CatalogTable
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.admin.price_bodies import (
    MOST_CLASSES,
    MOST_INTERVALS,
    MOST_TIERS,
    FxText,
    PriceNumber,
    fx_now,
)
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    LARGEST,
    PRINTABLE,
    After,
    Body,
    Entries,
    Epoch,
    IfMatch,
    Limit,
    Text,
    View,
    empty,
)
from tollgate.web.management.versions import wanted

Figure = Annotated[
    str,
    StringConstraints(max_length=64, pattern=PRINTABLE),
    Field(description="A decimal as text, or a quotient such as 0.5/7.0.", examples=["2.50"]),
]
Word = Annotated[str, StringConstraints(max_length=100, pattern=PRINTABLE)]
Prices = Annotated[
    dict[Word, Figure | None],
    Field(
        max_length=MOST_CLASSES,
        description="By usage class, USD per million or per unit; null and absent ones inherit.",
    ),
]
Tiers = Annotated[dict[Word, Prices], Field(max_length=MOST_TIERS)]
Bound = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Mode = Literal[BillingMode, "token", "per_request", "image"]
MODES: Final[Mapping[str | None, BillingMode]] = {
    "tokens": "tokens",
    "times": "times",
    "seconds": "seconds",
    "token": "tokens",
    "per_request": "times",
    "image": "times",
}
"""Our own words, and sub2api's for them."""

UNITS: Final[Mapping[str | None, str]] = {"image": "images"}
"""What `per_request_price` prices: calls, but for rows that are billed by image."""


class ChannelIntervalBody(Body):
    """Prices for context sizes over `minimum`, up to and including `maximum`; or for a label."""

    minimum: Bound = 0
    maximum: Bound | None = None
    label: Text = ""
    prices: Prices = empty(dict)
    per_request_price: Figure | None = None
    tiers: Tiers = empty(dict)


class ChannelRowBody(Body):
    """What names and prefixes of one platform cost in this channel; what is absent inherits."""

    platform: Word
    models: Annotated[list[Text], Field(max_length=1_000)]
    billing_mode: Annotated[
        Mode | None, Field(description="token is tokens; per_request and image are times.")
    ] = None
    prices: Prices = empty(dict)
    image_output_price: Annotated[
        Figure | None, Field(description="Another name of prices.output_image.")
    ] = None
    per_request_price: Annotated[
        Figure | None, Field(description="prices.calls, or prices.images in mode image.")
    ] = None
    intervals: Annotated[list[ChannelIntervalBody], Field(max_length=MOST_INTERVALS)] = empty(list)
    tiers: Tiers = empty(dict)
    currency: Annotated[Currency, Field(description="Of all figures of the row.")] = "USD"
    fx: FxText | None = None


Rows = Annotated[
    list[ChannelRowBody], Field(max_length=1_000, description="All rows of the channel.")
]


class ChannelPricingPut(Body):
    """All rows of a channel; they replace those there are."""

    pricing: Rows
    effective_from: Annotated[Epoch | None, Field(description="Null is now.")] = None
    effective_to: Annotated[Epoch | None, Field(description="Null is never.")] = None
    source: Text = ""


class ChannelIntervalView(BaseModel):
    minimum: int
    maximum: int | None
    label: str
    prices: dict[str, str]
    tiers: dict[str, dict[str, str]]


class ChannelRowView(BaseModel):
    """A row as it can be sent again; names that cost the same are together."""

    platform: str
    models: list[str]
    billing_mode: str | None
    prices: dict[str, str]
    intervals: list[ChannelIntervalView]
    tiers: dict[str, dict[str, str]]


class ChannelPrices(BaseModel):
    """One version of a channel's prices."""

    number: int
    effective_from: int
    effective_to: int | None
    pricing: list[ChannelRowView]


class ChannelPricingView(View):
    channel: str
    number: Annotated[int, Field(description="The newest version of the prices; 0 has none.")]
    live: Annotated[
        list[ChannelPrices], Field(description="In force now or later, by their start.")
    ]


class ChannelPricingNoted(View):
    """What the audit log keeps: the versions themselves stay readable for ever."""

    number: int
    live: list[int]


class ChannelPricingVersionView(View):
    price: ChannelPrices
    source: str


class ChannelPricingResource:
    """/channels/<channel>/pricing"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._channels = desk.stores.catalog.channels

    def endpoints(self) -> tuple[Endpoint, ...]:
        pricing = f"{ROOT}/channels/<channel>/pricing"
        return (
            Endpoint("GET", pricing, "channels.read", self.get),
            Endpoint("PUT", pricing, "prices.write", self.put),
            Endpoint("GET", f"{pricing}/versions", "channels.read", self.versions),
            Endpoint("POST", f"{pricing}/rollback", "prices.write", self.rollback),
            Endpoint("POST", f"{pricing}/cancel", "prices.write", self.cancel),
        )

    def get(self, channel: str) -> ChannelPricingView:
        """Read what a channel's models cost, now and as scheduled."""
        return pricing_view(self._channels.get(channel))

    def put(
        self, channel: str, body: ChannelPricingPut, if_match: IfMatch = None
    ) -> ChannelPricingView:
        """Replace all price rows of a channel, from now or from `effective_from`."""
        before = self._channels.seen(channel, wanted(if_match))
        pricing = replace(
            pricing_of(body.pricing, self._desk.stores.catalog),
            effective_from=body.effective_from,
            effective_to=body.effective_to,
            source=body.source,
        )
        after = self._channels.revise(before, before, pricing, self._desk.author)
        return self._noted("channel.price", before, after)

    def versions(
        self, channel: str, limit: Limit = 50, cursor: After = None
    ) -> Entries[ChannelPricingVersionView]:
        """List every version a channel's prices ever had, oldest first."""
        page = self._channels.pricing.versions(channel, limit, self._desk.position(cursor))
        return Entries(
            entries=[version_view(version) for version in page.entries],
            next_cursor=self._desk.cursor(page.after),
        )

    def rollback(
        self, channel: str, body: PriceNumber, if_match: IfMatch = None
    ) -> ChannelPricingView:
        """Bring the rows of an old version back into force, as a new version."""
        version = wanted(if_match)
        before = self._channels.seen(channel, version)
        line = self._channels.pricing
        after = line.rollback(channel, body.number, version, self._desk.author)
        return self._noted("channel.price", before, after)

    def cancel(
        self, channel: str, body: PriceNumber, if_match: IfMatch = None
    ) -> ChannelPricingView:
        """Take back a scheduled version that has not begun."""
        version = wanted(if_match)
        before = self._channels.seen(channel, version)
        after = self._channels.pricing.cancel(channel, body.number, version, self._desk.author)
        return self._noted("channel.price", before, after)

    def _noted(
        self, action: str, before: ChannelDefinition, after: ChannelDefinition
    ) -> ChannelPricingView:
        self._desk.trail.note(action, after.id, noted(before), noted(after))
        return pricing_view(after)


# --- what was sent ----------------------------------------------------------------------------


def pricing_of(bodies: list[ChannelRowBody], catalog: CatalogTable) -> Pricing:
    """The rows that bodies describe, in dollars.

    Raises:
        ValidationFailed: naming the row and the field.
    """
    typed = [sent_row(body, f"pricing[{row}]") for row, body in enumerate(bodies, start=1)]
    check_rows(typed)
    usual = fx_now(catalog) if any(body.currency == "CNY" for body in bodies) else ""
    rates = (
        exchange_rate(body.currency, body.fx or "", usual, f"pricing[{row}].fx")
        for row, body in enumerate(bodies, start=1)
    )
    return Pricing([in_dollars(row, fx) for row, fx in zip(typed, rates, strict=True)])


def sent_row(body: ChannelRowBody, where: str) -> SentRow:
    """A row in our words."""
    unit = UNITS.get(body.billing_mode, "calls")
    named = {unit: ("per_request_price", body.per_request_price)}
    intervals = enumerate(body.intervals, start=1)
    return SentRow(
        platform=body.platform,
        models=tuple(body.models),
        mode=MODES.get(body.billing_mode),
        prices=priced(
            body.prices,
            named | {"output_image": ("image_output_price", body.image_output_price)},
            where,
        ),
        intervals=tuple(
            sent_interval(each, unit, f"{where}.intervals[{row}]") for row, each in intervals
        ),
        tiers={tier: priced(prices, {}, where) for tier, prices in body.tiers.items()},
    )


def sent_interval(body: ChannelIntervalBody, unit: str, where: str) -> Interval:
    """An interval of a row in our words."""
    named = {unit: ("per_request_price", body.per_request_price)}
    return Interval(
        body.minimum,
        body.maximum,
        priced(body.prices, named, where),
        {tier: priced(prices, {}, where) for tier, prices in body.tiers.items()},
        body.label,
    )


def priced(
    prices: Mapping[str, str | None], named: Mapping[str, tuple[str, str | None]], where: str
) -> dict[str, str]:
    """The prices that were set, those under a name of their own among them.

    Raises:
        ValidationFailed: one of those was set twice.
    """
    found = {name: text for name, text in prices.items() if text is not None}
    for name, (alias, text) in named.items():
        if text is not None:
            check_once(name, found, f"{where}.{alias}")
            found[name] = text
    return found


# --- as people see it -------------------------------------------------------------------------


def row_views(pricing: ChannelPricing) -> list[ChannelRowView]:
    """The rows of a version, as they could have been sent."""
    return [row_view(row) for row in as_sent(pricing.rows)]


def row_view(row: SentRow) -> ChannelRowView:
    facts: dict[str, Any] = asdict(row)
    return ChannelRowView(billing_mode=facts.pop("mode"), **facts)


def version_row(pricing: ChannelPricing) -> ChannelPrices:
    """One version with its rows."""
    return ChannelPrices(
        number=pricing.version,
        effective_from=pricing.effective_from,
        effective_to=pricing.effective_to,
        pricing=row_views(pricing),
    )


def pricing_view(channel: ChannelDefinition) -> ChannelPricingView:
    """A channel's prices, with the channel's own version."""
    live = [version_row(pricing) for pricing in channel.pricing]
    return ChannelPricingView.of(
        channel, channel=channel.id, number=channel.pricing_number, live=live
    )


def version_view(version: ChannelPricingVersion) -> ChannelPricingVersionView:
    return ChannelPricingVersionView.of(version, price=version_row(version.pricing))


def noted(channel: ChannelDefinition) -> ChannelPricingNoted:
    live = [pricing.version for pricing in channel.pricing]
    return ChannelPricingNoted.of(channel, number=channel.pricing_number, live=live)


def rows_now(channel: ChannelDefinition, now_ms: int) -> list[ChannelRowView]:
    """The rows in force at an instant."""
    current = in_force(channel.pricing, now_ms)
    return [] if current is None else row_views(current)
