"""An official price before it has a version: what one may say, and what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tollgate.domain.catalog import BillingMode, Currency, Interval, Price
from tollgate.domain.definition_rules import check_model, require
from tollgate.domain.patterns import normal
from tollgate.domain.price_rules import check_confirmed, check_terms
from tollgate.domain.usage import CLASS_LIMIT

VIRTUAL_TOKENS: Final = 1_000
Prices = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PriceDraft:
    """What somebody wants a model to cost, in the units of domain/catalog.py `Price`.

    `effective_from` is epoch milliseconds, None is now. `source` says where the figures are from.
    `free` confirms a price that is zero throughout.
    """

    model: str
    mode: BillingMode = "tokens"
    prices: Prices = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    tiers: Mapping[str, Prices] = field(default_factory=dict)
    max_output: int | None = None
    reasoning: bool = False
    effective_from: int | None = None
    source: str = ""
    free: bool = False
    effective_to: int | None = None
    currency: Currency = "USD"
    fx: str = ""
    virtual_tokens: int = VIRTUAL_TOKENS


def price_of(draft: PriceDraft, number: int, now_ms: int) -> Price:
    """The draft as version `number`, in force from its start or from now."""
    start = now_ms if draft.effective_from is None else draft.effective_from
    return Price(
        model=normal(draft.model),
        version=number,
        mode=draft.mode,
        prices=dict(draft.prices),
        intervals=draft.intervals,
        tiers=dict(draft.tiers),
        max_output=draft.max_output,
        reasoning=draft.reasoning,
        effective_from=start,
        effective_to=draft.effective_to,
        currency=draft.currency,
        fx=draft.fx,
        virtual_tokens=draft.virtual_tokens,
    )


def check_price(draft: PriceDraft) -> None:
    """Refuse a draft that could not be charged by, or that is free without saying so.

    Raises:
        ValidationFailed: naming the field.
    """
    check_model(draft.model)
    check_terms(draft)
    check_confirmed(draft, free=draft.free)
    limit = draft.max_output is None or 0 < draft.max_output <= CLASS_LIMIT
    require(limit, "max_output", f"from 1 to {CLASS_LIMIT}", f"应为 1 到 {CLASS_LIMIT}")
