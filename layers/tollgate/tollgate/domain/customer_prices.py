"""Which customers' prices are refused, and what changes about a user in a model group."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tollgate.domain.catalog import BillingMode, CustomerPrice
from tollgate.domain.definition_rules import check_model
from tollgate.domain.definitions import (
    CustomerPriceDefinition,
    CustomerPriceVersion,
    Permission,
)
from tollgate.domain.errors import NotFound, ValidationFailed
from tollgate.domain.price_rules import check_terms


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
        place = f"{where}.{refusal.param}" if refusal.param else where
        named = bool(refusal.param) and refusal.message.startswith(f"{refusal.param}:")
        raise kind(
            f"{where}.{refusal.message}" if named else f"{place}: {refusal.message}",
            param=place,
            translations={tag: f"{where}.{text}" for tag, text in refusal.translations.items()},
        ) from refusal


def check_customer_price(price: CustomerPrice) -> None:
    """Refuse a price that could not be charged by.

    Raises:
        ValidationFailed: naming the field.
    """
    check_model(price.model)
    check_terms(price)
