"""One's own prices over HTTP: what each model costs through a group, multiplier included."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from tollgate.domain.amounts import in_ratio, shown
from tollgate.domain.catalog import Interval, PriceTexts
from tollgate.domain.definitions import GroupDefinition
from tollgate.domain.errors import NotFound
from tollgate.domain.explanation import Explanation
from tollgate.services.own_keys import may_name
from tollgate.services.own_prices import OwnPrices
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Limit
from tollgate.web.portal.desk import ROOT, Desk

OfGroup = Annotated[
    str | None,
    Query(alias="group", max_length=64, description="The first one open to you, if absent."),
]


PERMITTED: Final = 20
"""The row of the decision table by which a group that is not the default is priced."""


class OwnPrice(BaseModel):
    """What a model costs in a pricing group: USD per million tokens, or per unit.

    `prices` are charged as they stand here: the multiplier is in them, as it is in those of
    `intervals` and `tiers`. A model ending in * stands for all names that begin so.
    """

    model: str
    pricing_group: Annotated[str, Field(description="Empty: the model has none.")]
    is_default: bool
    source: str
    mode: str
    multiplier: str
    prices: dict[str, str]
    intervals: list[dict[str, Any]]
    tiers: dict[str, dict[str, str]]


class OwnPriceList(BaseModel):
    """One page of prices through a group."""

    group: str
    entries: list[OwnPrice]
    next_cursor: str | None = None


class PriceResource:
    """/prices"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._prices = OwnPrices(desk.stores.snapshots, desk.clock)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (Endpoint("GET", f"{ROOT}/prices", "prices.own", self.list),)

    def list(self, group: OfGroup = None, limit: Limit = 50, cursor: After = None) -> OwnPriceList:
        """List what one pays for each model, in every pricing group one may ask for."""
        chosen = self._group(group)
        after = self._desk.position(cursor) or ""
        found, last = self._prices.page(self._desk.user, chosen.id, limit, after)
        return OwnPriceList(
            group=chosen.id,
            entries=[view_of(each) for each in found],
            next_cursor=self._desk.cursor(last or None),
        )

    def _group(self, group: str | None) -> GroupDefinition:
        """The group asked for, or the first that a key of theirs may name.

        Raises:
            NotFound: there is none, or it is not open to them; the two are not told apart.
        """
        catalog = self._desk.stores.catalog
        owner = catalog.users.get(self._desk.user)
        if group is None:
            every = catalog.groups.everything()
        else:
            one = catalog.groups.find(group)
            every = iter(() if one is None else (one,))
        found = next((each for each in every if may_name(owner, each)), None)
        if found is None:
            raise NotFound("there is no group of this id for you", param="group")
        return found


def view_of(found: Explanation) -> OwnPrice:
    """A price as its payer sees it: nothing of channels, accounts or what they cost us (R12)."""
    rule = found.rule
    if rule is None:
        raise AssertionError("only what is priced is listed")
    terms, factor = rule.terms, found.multiplier
    return OwnPrice(
        model=found.model,
        pricing_group=found.code,
        is_default=found.rows[-1] != PERMITTED,
        source=rule.source,
        mode=terms.mode,
        multiplier=factor,
        prices=charged(terms.prices, factor),
        intervals=[interval_of(each, factor) for each in terms.intervals],
        tiers={tier: charged(prices, factor) for tier, prices in terms.tiers.items()},
    )


def charged(prices: PriceTexts, factor: str) -> dict[str, str]:
    """Prices times the multiplier, rounded to 12 places where they have no end."""
    return {name: shown(in_ratio(factor, text, "1")) for name, text in prices.items()}


def interval_of(interval: Interval, factor: str) -> dict[str, Any]:
    """A range or label with its prices."""
    return asdict(interval) | {
        "prices": charged(interval.prices, factor),
        "tiers": {tier: charged(prices, factor) for tier, prices in interval.tiers.items()},
    }
