"""What bodies may say of official and customers' prices, and how either is shown.

Amounts are taken as text and judged by domain/price_entry.py and domain/price_rules.py, whose
refusals name the row from 1 and speak English and Chinese.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, StringConstraints

from tollgate.domain.catalog import (
    BillingMode,
    Currency,
    CustomerPrice,
    Interval,
    Price,
    PriceTexts,
)
from tollgate.domain.definition_rules import require
from tollgate.domain.price_draft import VIRTUAL_TOKENS
from tollgate.domain.price_entry import (
    FX_DEFAULT,
    FX_SETTING,
    Figures,
    PriceEntry,
    Showing,
    figure,
    figures_of,
)
from tollgate.store.catalog.table import CatalogTable
from tollgate.web.management.fields import (
    PRINTABLE,
    Body,
    Count,
    Epoch,
    Name,
    Positive,
    Text,
    empty,
)

MOST_CLASSES: Final = 100
MOST_TIERS: Final = 20
MOST_INTERVALS: Final = 50

AmountText = Annotated[
    str,
    StringConstraints(max_length=40, pattern=PRINTABLE),
    Field(description="Decimal text: per million tokens, or per unit.", examples=["2.50"]),
]
RateText = Annotated[
    str,
    StringConstraints(max_length=40, pattern=PRINTABLE),
    Field(description="Rate(K): 1 is 2 USD per million tokens, 0.002 USD per call or second."),
]
FxText = Annotated[
    str,
    StringConstraints(max_length=40, pattern=PRINTABLE),
    Field(description="Yuan per dollar; the setting fx.cny_per_usd by default."),
]
Label = Annotated[str, StringConstraints(max_length=100, pattern=PRINTABLE)]
Amounts = Annotated[dict[Name, AmountText], Field(max_length=MOST_CLASSES)]
Tiers = Annotated[dict[Name, Amounts], Field(max_length=MOST_TIERS)]


class IntervalBody(Body):
    """Prices for context sizes over `minimum`, up to and including `maximum` (null: any).

    With a `label` they are for what bears that name: a size, a quality, a resolution.
    """

    minimum: Count = 0
    maximum: Positive | None = None
    prices: Amounts = empty(dict)
    tiers: Tiers = empty(dict)
    label: Label = ""


Intervals = Annotated[list[IntervalBody], Field(max_length=MOST_INTERVALS)]


class PriceForm(Body):
    """The forms in which a price may be typed: amounts by class, by name, or as One Hub's rates."""

    mode: BillingMode = "tokens"
    prices: Amounts = empty(dict)
    intervals: Intervals | None = None
    tiers: Tiers | None = None
    currency: Currency = "USD"
    fx: FxText | None = None
    rate_k: RateText | None = None
    rate_k_output: RateText | None = None
    input_rate: Annotated[RateText | None, Field(description="Another name of rate_k.")] = None
    output_rate: Annotated[RateText | None, Field(description="Another name of rate_k_output.")] = (
        None
    )
    extra_ratios: Annotated[
        dict[Name, AmountText] | None,
        Field(max_length=MOST_CLASSES, description="One Hub's; {} inherits no class."),
    ] = None
    price_per_second: AmountText | None = None
    price_per_call: AmountText | None = None
    image_output_price: AmountText | None = None


class VersionForm(PriceForm):
    """A price with the window it is in force in, where it is from, and that it may be zero."""

    effective_from: Annotated[Epoch | None, Field(description="Null is now.")] = None
    effective_to: Annotated[Epoch | None, Field(description="Until before then; null: no end.")] = (
        None
    )
    source: Text = ""
    free: Annotated[bool, Field(description="Confirms a price of zero.")] = False


class PriceNumber(Body):
    """One version of a price."""

    number: Positive


def intervals_of(rows: list[IntervalBody] | None) -> tuple[Interval, ...] | None:
    """Rows as the domain has them; None is not said."""
    if rows is None:
        return None
    return tuple(
        Interval(row.minimum, row.maximum, row.prices, row.tiers, row.label.strip()) for row in rows
    )


def one_of(form: PriceForm, name: str, alias: str) -> str | None:
    """A field that has two names."""
    said, also = getattr(form, name), getattr(form, alias)
    require(said is None or also is None, alias, f"is said as {name}, too", f"与 {name} 重复")
    return also if said is None else str(said)


def figures(form: PriceForm, catalog: CatalogTable) -> Figures:
    """What is stored of a form; yuan by the form's own rate or by the setting.

    Raises:
        ValidationFailed: naming the field, and the row.
    """
    entry = PriceEntry(
        form.mode,
        form.prices,
        intervals_of(form.intervals),
        form.tiers,
        currency=form.currency,
        fx=form.fx or "",
        rate_k=one_of(form, "rate_k", "input_rate"),
        rate_k_output=one_of(form, "rate_k_output", "output_rate"),
        extra_ratios=form.extra_ratios,
        price_per_second=form.price_per_second,
        price_per_call=form.price_per_call,
        image_output_price=form.image_output_price,
        virtual_tokens=getattr(form, "virtual_tokens", VIRTUAL_TOKENS),
    )
    return figures_of(entry, fx_now(catalog) if form.currency == "CNY" else FX_DEFAULT)


def fx_now(catalog: CatalogTable) -> str:
    """Yuan per dollar, as the setting has it."""
    setting = catalog.settings.find(FX_SETTING)
    return FX_DEFAULT if setting is None else str(setting.value)


# --- as it is shown ---------------------------------------------------------------------------


class FigureView(BaseModel):
    """One price in every form people know it by, as decimal text."""

    typed: Annotated[str, Field(description="The amount in the currency it was typed in.")]
    usd: Annotated[str, Field(description="Rounded to 12 places where it has no end.")]
    exact: Annotated[str, Field(description="Then the quotient that is charged by.")]
    cny: Annotated[str, Field(description="At the rate of its entry, or today's.")]
    rate_k: Annotated[str, Field(description="One Hub's rate.")]


FigureViews = dict[str, FigureView]


class IntervalRow(BaseModel):
    """Prices for a range of context sizes, or for a label."""

    minimum: int
    maximum: int | None
    label: str
    prices: dict[str, str]
    tiers: dict[str, dict[str, str]]
    figures: FigureViews
    tier_figures: dict[str, FigureViews]


class Priced(BaseModel):
    """What a price says: as it is stored, in dollars, and in every form people know."""

    mode: str
    currency: str
    fx: Annotated[str, Field(description="Yuan per dollar at its entry; empty for dollars.")]
    prices: dict[str, str]
    intervals: list[IntervalRow] | None
    tiers: dict[str, dict[str, str]] | None
    figures: FigureViews
    tier_figures: dict[str, FigureViews]


def views(prices: PriceTexts, showing: Showing) -> FigureViews:
    return {
        name: FigureView(**asdict(figure(name, text, showing))) for name, text in prices.items()
    }


def tier_views(tiers: Mapping[str, PriceTexts] | None, showing: Showing) -> dict[str, FigureViews]:
    return {tier: views(prices, showing) for tier, prices in (tiers or {}).items()}


def interval_row(interval: Interval, showing: Showing) -> IntervalRow:
    return IntervalRow(
        **asdict(interval),
        figures=views(interval.prices, showing),
        tier_figures=tier_views(interval.tiers, showing),
    )


def shown(price: Price | CustomerPrice, fx: str) -> dict[str, Any]:
    """The fields of `Priced` for any price; `fx` is today's yuan per dollar."""
    tokens = getattr(price, "virtual_tokens", VIRTUAL_TOKENS)
    showing = Showing(price.currency, price.fx, tokens, fx)
    rows = price.intervals
    return {
        "mode": price.mode,
        "currency": showing.currency,
        "fx": showing.fx,
        "prices": dict(price.prices),
        "intervals": None if rows is None else [interval_row(row, showing) for row in rows],
        "tiers": None if price.tiers is None else dict(price.tiers),
        "figures": views(price.prices, showing),
        "tier_figures": tier_views(price.tiers, showing),
    }
