"""Which groups are refused: by their own fields, or by the groups they lead to."""

from collections.abc import Iterator, Mapping
from typing import Final

from tollgate.domain.catalog import PLATFORMS
from tollgate.domain.definition_rules import (
    ALIAS,
    check_among,
    check_distinct,
    check_limits,
    check_model,
    check_multiplier,
    check_name,
    require,
)
from tollgate.domain.definitions import GroupDefinition
from tollgate.domain.patterns import PRICED_AS

MOST_FALLBACKS: Final = 10
"""Groups in a row that fall back one to the next: each is checked in the write's transaction."""

MOST_PATTERNS: Final = 100
MOST_ROUTED: Final = 40
"""Patterns that a group routes, and accounts each of them may name."""

LONGEST_VALIDITY: Final = 3_660
"""Days of a subscription: ten years."""

Groups = Mapping[str, GroupDefinition]


def check_group(group: GroupDefinition) -> None:
    check_name(group.name)
    require(ALIAS.fullmatch(group.alias) is not None, "alias", "four digits of base 32")
    check_among(group.platform, PLATFORMS, "platform")
    check_multiplier(group.multiplier, "multiplier")
    require(group.sort_order >= 0, "sort_order", "not negative")
    validity = 1 <= group.validity_days <= LONGEST_VALIDITY
    require(validity, "validity_days", f"1 to {LONGEST_VALIDITY}")
    for name in ("day_limit", "week_limit", "month_limit"):
        require(getattr(group, name) >= 0, f"{name}_usd", "not negative")
    check_limits(group.limits, "limits")
    check_routing(group.model_routing)


def check_routing(routing: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse patterns that are none, and lists of accounts that name nobody."""
    require(len(routing) <= MOST_PATTERNS, "model_routing", f"at most {MOST_PATTERNS} patterns")
    check_distinct(routing, "model_routing")
    for pattern, accounts in routing.items():
        where = f"model_routing.{pattern}"
        check_model(pattern, where)
        require(bool(accounts), where, "name at least one account, or leave the pattern out")
        require(len(accounts) <= MOST_ROUTED, where, f"at most {MOST_ROUTED} accounts")
        check_distinct(accounts, where)


def compatible(one: str, other: str) -> bool:
    """Whether callers of one platform's groups can call through the other's."""
    return one == other or one in PRICED_AS.get(other, ()) or other in PRICED_AS.get(one, ())


def check_family(group: GroupDefinition, others: Groups) -> None:
    """Refuse a group by those it leads to, and by those that lead to it; `others` are all others.

    Raises:
        ValidationFailed: naming the field of this group that is wrong.
    """
    for field in ("fallback_group", "invalid_request_group"):
        check_target(group, field, others)
    for _ in chain_of(group, others):
        pass
    check_takes_over(group, others)


def check_target(group: GroupDefinition, field: str, others: Groups) -> None:
    """Refuse a fallback that is not there, is the group itself, or serves other callers."""
    name = getattr(group, field)
    if not name:
        return
    require(name != group.id, field, "a group cannot be its own fallback")
    require(name in others, field, f"there is no group {name!r}")
    fits = compatible(group.platform, others[name].platform)
    speaks = f"group {name} is for {others[name].platform}, this one for {group.platform}"
    require(fits, field, speaks)


def chain_of(group: GroupDefinition, others: Groups) -> Iterator[GroupDefinition]:
    """The groups that a group falls back to, one after the other.

    Raises:
        ValidationFailed: they lead back to it, in a circle of their own, or are too many.
    """
    passed = [group.id]
    known = {**others, group.id: group}
    follower = known.get(group.fallback_group)
    while follower is not None:
        circle = " → ".join([*passed, follower.id])
        require(follower.id not in passed, "fallback_group", f"leads round in a circle: {circle}")
        require(
            len(passed) <= MOST_FALLBACKS, "fallback_group", f"at most {MOST_FALLBACKS} in a row"
        )
        passed.append(follower.id)
        yield follower
        follower = known.get(follower.fallback_group)


def check_takes_over(group: GroupDefinition, others: Groups) -> None:
    """Refuse what would pass on a call that was too long twice, or to a subscription."""
    target = others.get(group.invalid_request_group)
    field = "invalid_request_group"
    if target is not None:
        once = not target.invalid_request_group
        require(once, field, f"group {target.id} has such a fallback of its own")
        standard = target.subscription_type == "standard"
        require(standard, field, f"group {target.id} is for subscriptions")
    for other in others.values():
        if other.invalid_request_group == group.id:
            once = not group.invalid_request_group
            require(once, field, f"group {other.id} names this one as its own such fallback")
            standard = group.subscription_type == "standard"
            named = f"group {other.id} names this one as the fallback for invalid requests"
            require(standard, "subscription_type", named)
