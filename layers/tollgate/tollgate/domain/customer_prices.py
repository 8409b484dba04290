"""Which customers' prices are refused, and what changes about a user in a model group."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from tollgate.domain.amounts import is_free
from tollgate.domain.catalog import BillingMode, CustomerPrice, PriceTexts
from tollgate.domain.definition_rules import check_model, require
from tollgate.domain.definitions import (
    CustomerPriceDefinition,
    CustomerPriceVersion,
    Permission,
)
from tollgate.domain.errors import NotFound, ValidationFailed
from tollgate.domain.price_rules import (
    check_charging,
    check_intervals,
    check_prices,
    check_tiers,
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is to be agreed with a user about one model group of a model.

    `price` is another version, `withdrawn` takes the price away; `permitted` None leaves the
    permission as it is.
    """

    model: str
    code: str
    price: CustomerPriceVersion | None = None
    withdrawn: bool = False
    permitted: bool | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands between a user and a model: prices and permissions by model group code."""

    prices: Mapping[str, CustomerPriceDefinition]
    permissions: Mapping[str, Permission]

    @property
    def version(self) -> int:
        """Grows with every write to any of it, as nothing of it is ever removed; 0 is nothing."""
        prices = sum(head.stamp.version for head in self.prices.values())
        return prices + sum(each.stamp.version for each in self.permissions.values())


@dataclass(frozen=True, slots=True)
class Step:
    """How a write changes what of a user's points at a model group: each 1, 0 or -1.

    `mode` is that of a new version, which must be the group's billing type; None without one.
    """

    model: str
    code: str
    prices: int = 0
    permissions: int = 0
    mode: BillingMode | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """What an agreement comes to: the step, and what stands then of what it touches."""

    step: Step
    head: CustomerPriceDefinition | None = None
    permission: Permission | None = None


@contextmanager
def within(where: str) -> Iterator[None]:
    """Let refusals of what lies inside a list name the row of it, such as `operations[2]`.

    Raises:
        ValidationFailed: in place of those, also of what is not there.
    """
    try:
        yield
    except (NotFound, ValidationFailed) as refusal:
        kind = type(refusal) if isinstance(refusal, ValidationFailed) else ValidationFailed
        raise kind(
            f"{where}.{refusal.message}",
            param=f"{where}.{refusal.param}" if refusal.param else where,
            translations={tag: f"{where}.{text}" for tag, text in refusal.translations.items()},
        ) from refusal


def figures(price: CustomerPrice) -> Iterator[PriceTexts]:
    """Every list of figures in a price."""
    yield price.prices
    yield from (price.tiers or {}).values()
    for interval in price.intervals or ():
        yield interval.prices
        yield from interval.tiers.values()


def check_customer_price(price: CustomerPrice) -> None:
    """Refuse a price that could not be charged by.

    Raises:
        ValidationFailed: naming the field.
    """
    check_model(price.model)
    check_terms(price)


def check_terms(price: CustomerPrice) -> None:
    """Refuse figures that could not be charged by, whatever they are for.

    Raises:
        ValidationFailed: naming the field.
    """
    check_prices(price.prices)
    check_tiers(price.tiers or {})
    check_intervals(price.intervals or (), price.mode)
    check_charging(price.mode, price.prices)


def check_confirmed(price: CustomerPrice, *, free: bool) -> None:
    """Refuse a price that is zero throughout, unless that is what is meant (C13).

    Raises:
        ValidationFailed: naming `free`.
    """
    amounts = chain.from_iterable(texts.values() for texts in figures(price))
    zero = all(is_free(amount) for amount in amounts)
    require(free or not zero, "free", "confirm a price of zero", "请确认价格为零")
