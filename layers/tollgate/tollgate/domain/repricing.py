"""What a past call would cost by drafted prices: its stored usage, by the rules of every call.

A draft speaks of a call where it names its price, its channel, its user's price or its multiplier;
of every other call its own stored rule stands. A call whose record does not tell what is needed
is left out and says why: nothing is guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from tollgate.domain.catalog import BillingMode, ChannelRow, CustomerPrice, Price
from tollgate.domain.charge import MultiplierSource, PriceSnapshot, total
from tollgate.domain.model_groups import DEFAULT_CODE, at
from tollgate.domain.money import CHARGE_LIMIT
from tollgate.domain.patterns import across, find, normal
from tollgate.domain.price_terms import (
    NOTHING,
    Terms,
    channel_terms,
    customer_terms,
    official_terms,
)
from tollgate.domain.rating import Rule, official_rule
from tollgate.domain.receipt import bill, paid
from tollgate.domain.record import UsageRecord
from tollgate.domain.usage import INPUT_CLASSES, OUTPUT_CLASSES, Usage

Reason = Literal["silent", "no_usage", "suspect", "capped", "incomplete"]
"""Why a call keeps what it was charged: the draft does not speak of it; nothing is known to have
been used; its figures cannot be true; it was charged its hold and not by its rule; or the record
does not tell what the drafted price would need."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Prices that are not in force, by normal patterns; every one in version 0.

    `customers` are by user, model and model group. `channels` have all rows of a channel by
    platform; `pools` tells for each group whose calls such a channel prices its id and the group's
    platform. `bases` are official prices that complete those of customers and channels.
    """

    prices: Mapping[str, Price] = field(default_factory=dict)
    customers: Mapping[str, Mapping[str, Mapping[str, CustomerPrice]]] = field(default_factory=dict)
    channels: Mapping[str, Mapping[str, Mapping[str, ChannelRow]]] = field(default_factory=dict)
    pools: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    group_multipliers: Mapping[str, str] = field(default_factory=dict)
    user_multipliers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bases: Mapping[str, Price] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a call has been charged so far, and what it would be, in nanos."""

    old: int
    new: int
    reason: Reason | None = None


class Incomplete(Exception):
    """The record does not tell what the draft leaves open."""


def replay(record: UsageRecord, draft: Draft, given_back: int) -> Replayed:
    """Price a call again; `given_back` is what corrections have given back of its charge so far."""
    old = paid(record) - given_back
    reason = unfit(record)
    if reason is not None:
        return Replayed(old, old, reason)
    stored = PriceSnapshot.from_json(record.price)
    try:
        drawn = redrawn(record, stored, draft)
        if drawn is None:
            return Replayed(old, old, "silent")
        return Replayed(old, recharged(record, stored, drawn))
    except Incomplete:
        return Replayed(old, old, "incomplete")


def unfit(record: UsageRecord) -> Reason | None:
    """Why a call cannot be priced again at all."""
    if record.suspect:
        return "suspect"
    if not record.price or not record.usage:
        return "no_usage"
    return "capped" if bill(record).nanos > paid(record) else None


# --- the rule ---------------------------------------------------------------------------------


def redrawn(record: UsageRecord, stored: PriceSnapshot, draft: Draft) -> PriceSnapshot | None:
    """The rule a call would get; None where the draft does not speak of it.

    Raises:
        Incomplete: the record does not tell it.
    """
    rule = rule_of(record, stored, draft)
    multiplied = stored.multiplier_source != "none" if rule is None else rule.multiplied
    factor = multiplier(record, stored, draft) if multiplied else None
    if rule is None and factor is None:
        return None
    drawn = stored if rule is None else ruled(stored, rule)
    if not multiplied:
        return replace(drawn, multiplier="1", multiplier_source="none")
    if factor is not None:
        return replace(drawn, multiplier=factor[0], multiplier_source=factor[1])
    if stored.multiplier_source == "none":
        raise Incomplete
    return drawn


def ruled(stored: PriceSnapshot, rule: Rule) -> PriceSnapshot:
    """The stored rule with another price."""
    terms = rule.terms
    return replace(
        stored,
        source=rule.source,
        price_id=rule.price_id,
        version=rule.version,
        mode=terms.mode,
        prices=terms.prices,
        intervals=terms.intervals,
        tiers=terms.tiers,
        currency=rule.currency,
        fx=rule.fx,
    )


def multiplier(
    record: UsageRecord, stored: PriceSnapshot, draft: Draft
) -> tuple[str, MultiplierSource] | None:
    """The drafted multiplier of a call: its user's, else, unless they had one, the group's."""
    own = draft.user_multipliers.get(record.group, {}).get(record.user)
    if own is not None:
        return own, "user"
    common = draft.group_multipliers.get(record.group)
    if common is None or stored.multiplier_source == "user":
        return None
    return common, "group"


def rule_of(record: UsageRecord, stored: PriceSnapshot, draft: Draft) -> Rule | None:
    """The drafted price of a call, customer before channel before official, as calls are priced.

    A call that its user's own price was for keeps it unless the draft has another one of that
    user; one that a channel priced keeps that unless the draft has that channel.

    Raises:
        Incomplete: what completes the drafted price is not known.
    """
    own = own_price(record, stored, draft)
    if own is not None:
        return own_rule(record, stored, draft, own)
    if stored.source == "customer":
        return None
    if record.group in draft.pools:
        return pool_rule(record, stored, draft)
    return None if stored.source == "channel" else official_rule(official(stored, draft))


def official(stored: PriceSnapshot, draft: Draft) -> Price | None:
    """The drafted official price of a call, unless the price it had names its model better."""
    known = {stored.price_id: None, **draft.prices} if stored.source == "official" else draft.prices
    found = find(known, stored.billing_model)
    return None if found is None else found[1]


def own_price(record: UsageRecord, stored: PriceSnapshot, draft: Draft) -> CustomerPrice | None:
    """The drafted price of the user for the model and model group of a call."""
    rows = draft.customers.get(record.user, {})
    code = stored.model_group or DEFAULT_CODE
    return at(rows, record.model, code) or at(rows, stored.billing_model, code)


def own_rule(
    record: UsageRecord, stored: PriceSnapshot, draft: Draft, price: CustomerPrice
) -> Rule:
    """The rule of a customer's drafted price."""
    under = base(record, stored, draft) if price.inherits else NOTHING
    return Rule(
        source="customer",
        price_id=f"{price.model}#{price.code}",
        version=0,
        terms=customer_terms(price, under),
        currency=price.currency,
        fx=price.fx,
        multiplied=price.apply_group_multiplier,
    )


def pool_rule(record: UsageRecord, stored: PriceSnapshot, draft: Draft) -> Rule | None:
    """The rule of a drafted channel's row; without one that prices anything the official price."""
    channel, platform = draft.pools[record.group]
    found = across(draft.channels[channel], platform, stored.billing_model)
    if found is not None and (found[1].prices or found[1].intervals or found[1].tiers):
        row = found[1]
        terms = channel_terms(row, base(record, stored, draft))
        return Rule("channel", f"{channel}#{row.platform}#{row.pattern}", 0, terms)
    rule = official_rule(official(stored, draft))
    if rule is None and stored.source == "channel":
        raise Incomplete
    return rule


def base(record: UsageRecord, stored: PriceSnapshot, draft: Draft) -> Terms:
    """The official price that completes another one: drafted, else the stored one, else today's.

    Raises:
        Incomplete: none of these is there.
    """
    drafted = named(draft.prices, record, stored)
    if drafted is None and stored.source == "official":
        return Terms(stored.mode, stored.prices, stored.intervals, stored.tiers)
    price = drafted or named(draft.bases, record, stored)
    if price is None:
        raise Incomplete
    return official_terms(price)


def named(prices: Mapping[str, Price], record: UsageRecord, stored: PriceSnapshot) -> Price | None:
    """The price of the requested name, else of the one that was billed."""
    found = find(prices, record.model) or find(prices, stored.billing_model)
    return found[1] if found else None


# --- the charge -------------------------------------------------------------------------------

COUNTED_IN: Final[Mapping[BillingMode, tuple[str, ...]]] = {
    "tokens": (*INPUT_CLASSES, *OUTPUT_CLASSES),
    "seconds": ("seconds",),
    "times": (),
}
"""What a record tells where the price counts in such units."""


def recharged(record: UsageRecord, stored: PriceSnapshot, drawn: PriceSnapshot) -> int:
    """The charge by another rule; what was estimated costs at most what was held, as it did.

    Raises:
        Incomplete: the rule counts what the record does not tell.
    """
    full = total(used(record, stored, drawn), drawn)
    doubtful = record.usage_source == "estimated" or full > CHARGE_LIMIT
    return record.held if doubtful and full > record.held else full


def used(record: UsageRecord, stored: PriceSnapshot, drawn: PriceSnapshot) -> Usage:
    """The stored usage in the units of a rule: a call that was answered is one call.

    Raises:
        Incomplete: it was counted in other units.
    """
    if not labels_known(record, stored, drawn):
        raise Incomplete
    labels = (record.label,) if record.label else ()
    usage = Usage(record.usage, tier=record.tier, labels=labels)
    if drawn.mode == "times":
        by_picture = "images" in drawn.prices and "calls" not in drawn.prices
        least = "images" if by_picture else "calls"
        one = {} if usage[least] else {least: 1}
        return replace(usage, quantities={**record.usage, **one})
    if drawn.mode == stored.mode or any(usage[name] for name in COUNTED_IN[drawn.mode]):
        return usage
    raise Incomplete


def labels_known(record: UsageRecord, stored: PriceSnapshot, drawn: PriceSnapshot) -> bool:
    """Whether a record tells which labelled price of a rule applies.

    It keeps the one label that had a price then: labels without one then may have been the call's.
    """
    then, now = (
        {normal(each.label) for each in snapshot.intervals if each.label}
        for snapshot in (stored, drawn)
    )
    return not now or (now <= then and (not record.label or normal(record.label) in now))
