"""What a billing name costs a caller: the user's own price, else the channel's, else the official.

Rulings R3 to R6. What is found is frozen with its multiplier, and settlement looks no further.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final, Generic, NamedTuple, TypeVar

from tollgate.domain.catalog import (
    ChannelPricing,
    ChannelRow,
    Currency,
    CustomerPrice,
    GroupPart,
    Price,
)
from tollgate.domain.charge import MultiplierSource, PriceSnapshot, Source
from tollgate.domain.model_groups import Chosen
from tollgate.domain.patterns import across
from tollgate.domain.price_terms import (
    NOTHING,
    Terms,
    channel_terms,
    customer_terms,
    official_terms,
)
from tollgate.domain.question import Question
from tollgate.domain.versions import in_force

V = TypeVar("V")
REMEMBERED: Final = 4_096
"""Completed prices that are kept; the ones used last."""


def billing_model(group: GroupPart, requested: str, mapped: str, wire: str) -> str:
    """The name that is priced, as the channel's `billing_model_source` says."""
    source = group.channel.billing_model_source if group.channel else "channel_mapped"
    return {"requested": requested, "channel_mapped": mapped, "upstream": wire}[source]


def channel_row(question: Question, name: str) -> tuple[ChannelPricing, ChannelRow] | None:
    """The row of the effective group's own channel for a name, and the version it is from (R3)."""
    group = question.group
    pricing = in_force(group.channel.pricing, question.now_ms) if group.channel else None
    found = None if pricing is None else across(pricing.rows, group.platform, name)
    return None if pricing is None or found is None else (pricing, found[1])


def restricted(question: Question, chosen: Chosen, name: str) -> bool:
    """Whether the channel sells only what it prices, and this name is not among it (R6)."""
    channel = question.group.channel
    if channel is None or not channel.restrict_models or chosen.price is not None:
        return False
    return channel_row(question, name) is None


class Rule(NamedTuple):
    """Where a price is from and what it says, before any multiplier."""

    source: Source
    price_id: str
    version: int
    terms: Terms
    currency: Currency = "USD"
    fx: str = ""
    multiplied: bool = True


class Same(Generic[V]):
    """A value as itself and no equal one, so that what was made of it can be remembered.

    Prices live as long as their part of the catalog, and completing one takes longer than the
    rest of a resolution.
    """

    __slots__ = ("value",)

    def __init__(self, value: V) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=REMEMBERED)
def said(price: Same[Price]) -> Terms:
    """What an official price says."""
    return official_terms(price.value)


@lru_cache(maxsize=REMEMBERED)
def sold(row: Same[ChannelRow], base: Same[Terms]) -> Terms:
    """A channel's row over its base."""
    return channel_terms(row.value, base.value)


@lru_cache(maxsize=REMEMBERED)
def agreed(price: Same[CustomerPrice], base: Same[Terms]) -> Terms:
    """A customer's price beside the official one."""
    return customer_terms(price.value, base.value)


def rule_of(question: Question, chosen: Chosen, name: str) -> Rule | None:
    """What prices a billing name: customer, else channel, else official; None when nothing does."""
    if chosen.price is not None:
        return customer_rule(question, chosen.price, name)
    return channel_rule(question, name) or official_rule(question.official(name))


def official_rule(price: Price | None) -> Rule | None:
    """The rule of an official price."""
    if price is None:
        return None
    terms = said(Same(price))
    return Rule("official", price.model, price.version, terms, price.currency, price.fx)


def channel_rule(question: Question, name: str) -> Rule | None:
    """The rule of the channel's row over the official price, where the row prices anything."""
    found, channel = channel_row(question, name), question.group.channel
    if found is None or channel is None:
        return None
    pricing, row = found
    if row.mode is None and not (row.prices or row.intervals or row.tiers):
        return None
    base = question.official(name)
    terms = sold(Same(row), Same(NOTHING if base is None else said(Same(base))))
    if not (terms.prices or terms.intervals):
        return None
    return Rule("channel", f"{channel.id}#{row.platform}#{row.pattern}", pricing.version, terms)


def customer_rule(question: Question, price: CustomerPrice, name: str) -> Rule:
    """The rule of a user's own price beside the official price of the public name."""
    base = question.official(question.call.model) or question.official(name)
    terms = agreed(Same(price), Same(NOTHING if base is None else said(Same(base))))
    return Rule(
        source="customer",
        price_id=f"{price.model}#{price.code}",
        version=price.version,
        terms=terms,
        currency=price.currency,
        fx=price.fx,
        multiplied=price.apply_group_multiplier,
    )


def multiplier_of(question: Question, rule: Rule) -> tuple[str, MultiplierSource]:
    """The user's own multiplier in the group, else the group's; none on a price net of it."""
    if not rule.multiplied:
        return "1", "none"
    if question.multiplier is not None:
        return question.multiplier, "user"
    return format(question.group.multiplier, "f"), "group"


def freeze(question: Question, chosen: Chosen, name: str, rule: Rule) -> PriceSnapshot:
    """A rule as it stands now, with everything settlement will look at."""
    multiplier, source = multiplier_of(question, rule)
    return PriceSnapshot(
        source=rule.source,
        price_id=rule.price_id,
        version=rule.version,
        billing_model=name,
        mode=rule.terms.mode,
        prices=rule.terms.prices,
        intervals=rule.terms.intervals,
        tiers=rule.terms.tiers,
        multiplier=multiplier,
        multiplier_source=source,
        model_group=chosen.code,
        flags=chosen.flags,
        currency=rule.currency,
        fx=rule.fx,
    )


def cost_of(question: Question, wire: str, snapshot: PriceSnapshot) -> PriceSnapshot:
    """What the upstream takes: the official price of what it is sent.

    Where that has no official price, the one of the billed name stands in, then the call's own.
    """
    rule = official_rule(question.official(wire) or question.official(snapshot.billing_model))
    if rule is None:
        return replace(snapshot, multiplier="1", multiplier_source="none")
    terms = rule.terms
    return PriceSnapshot(
        "official", rule.price_id, rule.version, wire, terms.mode, terms.prices, terms.intervals,
        terms.tiers, "1", "none",
    )  # fmt: skip
