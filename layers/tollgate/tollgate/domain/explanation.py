"""Why a call would cost what it costs: the rows of the decision table, and whose each price is.

The rule itself is domain/resolution.py's; here its outcome is retold (onehub.md §11.4). Nothing
here knows of accounts: what an explanation says, users may see of themselves. Where a channel
bills what the account sends upstream, the name the channel maps to stands for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tollgate.domain.catalog import PriceTexts
from tollgate.domain.effective_group import permit
from tollgate.domain.errors import MissingParameter, ModelPriceNotConfigured, TollgateError
from tollgate.domain.model_groups import (
    DEFAULT_CODE,
    Asking,
    Chosen,
    at,
    choose,
    has_groups,
    named,
    own_price,
    permitted,
)
from tollgate.domain.patterns import find, matching, normal
from tollgate.domain.question import Question
from tollgate.domain.rating import (
    Rule,
    billing_model,
    channel_row,
    multiplier_of,
    restricted,
    rule_of,
)
from tollgate.domain.resolution import admit, mapped_name

Codes = Mapping[str, frozenset[str]]
"""Model group codes by normal model pattern."""


@dataclass(frozen=True, slots=True)
class Records:
    """For which model groups a user has a price or a permission at all, in force or not."""

    prices: Codes = field(default_factory=dict)
    permissions: Codes = field(default_factory=dict)


NONE = Records()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a call of a model would be charged by, or why it would be refused.

    `rows` are the rows of the decision table that were met, the deciding one last; none where the
    key or its group is refused before. `sources` says of each class in the rule's prices whose
    figure it is: `customer`, `channel`, `official`, or `inherited`: the official price in the
    ratio of the customer's own.
    """

    model: str
    code: str
    rows: tuple[int, ...] = ()
    refusal: TollgateError | None = None
    rule: Rule | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    multiplier: str = "1"
    multiplier_source: str = "none"
    flags: tuple[str, ...] = ()


def explain(question: Question, records: Records = NONE) -> Explanation:
    """The outcome of the rule for a question, without looking at accounts."""
    model, asked = question.call.model, question.caller.key.pricing_group
    if not normal(model):
        missing = MissingParameter("name the model", param="model")
        return Explanation(model, asked, (0,), missing)
    try:
        admit(question.caller, model, question.now_ms)
        permit(question.caller, question.group)
    except TollgateError as refusal:
        return Explanation(model, asked, (), refusal)
    mapped = mapped_name(question)
    asking = asking_of(question, mapped)
    try:
        chosen = choose(asking)
    except TollgateError as refusal:
        return Explanation(model, asked, rows_met(asking, records, priced=True), refusal)
    return told(question, asking, chosen, records)


def asking_of(question: Question, mapped: str) -> Asking:
    """The question of the decision table within a question."""
    caller = question.caller
    name = named(question.everywhere, question.call.model, mapped)
    return Asking(
        question.everywhere, caller.profile, caller.key, name, question.now_ms, question.call.model
    )


def told(question: Question, asking: Asking, chosen: Chosen, records: Records) -> Explanation:
    """What a chosen model group leads to."""
    model, mapped = question.call.model, mapped_name(question)
    name = billing_model(question.group, model, mapped, mapped)
    rule = None if restricted(question, chosen, name) else rule_of(question, chosen, name)
    rows = rows_met(asking, records, priced=rule is not None)
    if rule is None:
        refusal = ModelPriceNotConfigured(f"model {model!r} has no price yet", param="model")
        return Explanation(model, chosen.code, rows, refusal, flags=chosen.flags)
    multiplier, source = multiplier_of(question, rule)
    return Explanation(
        model,
        chosen.code,
        rows,
        rule=rule,
        sources=sources_of(question, chosen, name, rule),
        multiplier=multiplier,
        multiplier_source=source,
        flags=chosen.flags,
    )


def sources_of(question: Question, chosen: Chosen, name: str, rule: Rule) -> dict[str, str]:
    """Whose figure each price of a rule is."""
    if rule.source == "official":
        return dict.fromkeys(rule.terms.prices, "official")
    if chosen.price is not None:
        own, beside = chosen.price.prices, question.official(question.call.model)
    else:
        found, beside = channel_row(question, name), None
        own = found[1].prices if found else {}
    official = beside or question.official(name)
    return whose(rule, own, official.prices if official else {})


def whose(rule: Rule, own: PriceTexts, base: PriceTexts) -> dict[str, str]:
    """Own classes, those that are the official price's, and those that are neither."""
    owner = rule.source
    return {
        name: owner if name in own else "inherited" if base.get(name, text) != text else "official"
        for name, text in rule.terms.prices.items()
    }


# --- the rows of the table ------------------------------------------------------------------------


def rows_met(asking: Asking, records: Records, *, priced: bool) -> tuple[int, ...]:
    """The rows that were met on the way, the deciding one last.

    `priced` says whether anything prices the call, which counts where no group refuses it.
    """
    asked, everywhere = asking.key.pricing_group, asking.everywhere
    found = find(everywhere.default_groups, asking.name)
    default = found[1] if found else ""
    if not asked:
        return of_default(asking, default, records, priced=priced)
    if asked == DEFAULT_CODE and not has_groups(everywhere, asking.name):
        return (4, *of_default(asking, default, records, priced=priced))
    if asked == default:
        rows = of_default(asking, default, records, priced=priced)
        return (12,) if rows == (5,) else (13, *rows)
    group = at(everywhere.model_groups, asking.name, asked)
    if group is not None:
        return (of_other(asking, asked, records, enabled=group.enabled),)
    if asking.key.pricing_group_fallback == "refuse":
        return (10,)
    return (11, *of_default(asking, default, records, priced=priced))


def of_default(asking: Asking, code: str, records: Records, *, priced: bool) -> tuple[int, ...]:
    """Rows 2, 3 and 5 to 9."""
    if not code:
        return (2,) if priced else (3,)
    group = at(asking.everywhere.model_groups, asking.name, code)
    if group is not None and not group.enabled:
        return (5,)
    if own_price(asking, code) is not None:
        return (6,)
    if not priced:
        return (9,)
    return (8,) if there(records.prices, asking.name, code) else (7,)


def of_other(asking: Asking, code: str, records: Records, *, enabled: bool) -> int:
    """Rows 12 and 14 to 20."""
    if not enabled:
        return 12
    on = own_price(asking, code) is not None
    off = there(records.prices, asking.name, code)
    if permitted(asking.profile, asking.name, code):
        return 20 if on else 19 if off else 18
    if there(records.permissions, asking.name, code):
        return 17
    return 15 if on else 16 if off else 14


def there(codes: Codes, name: str, code: str) -> bool:
    """Whether a record for the model group exists."""
    return any(code in codes[pattern] for pattern in matching(codes, name))
