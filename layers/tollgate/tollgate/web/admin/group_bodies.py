"""How a group looks in requests and answers of the admin API."""

from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import Field

from tollgate.domain.catalog import Status, Strategy
from tollgate.domain.definitions import GroupDefinition, SubscriptionType
from tollgate.domain.group_rules import LONGEST_VALIDITY, MOST_PATTERNS
from tollgate.domain.money import parse_usd, usd
from tollgate.web.management.fields import (
    Body,
    Budget,
    Count,
    Decimals,
    Id,
    Ids,
    Multiplier,
    Name,
    Text,
    View,
    absent,
)
from tollgate.web.management.limits import LimitsBody, LimitsView, limits_of

Validity = Annotated[int, Field(ge=1, le=LONGEST_VALIDITY, description="Days a subscription runs.")]
Order = Annotated[Count, Field(description="The lower comes first in lists.")]
ClaudeCodeOnly = Annotated[bool, Field(description="Others go on to `fallback_group`.")]
Fallback = Annotated[
    Id | None, Field(description="Where other clients than Claude Code go; null: nowhere.")
]
TakesOver = Annotated[
    Id | None, Field(description="Where a call goes that an upstream found too long.")
]
Routing = Annotated[
    dict[Name, Ids],
    Field(
        max_length=MOST_PATTERNS,
        description="Model or prefix* → accounts of the group that come first for it.",
    ),
]
Granted = Annotated[Budget, Field(description="What a subscription grants; 0 is no limit.")]
GRANTS: Final = ("day_limit", "week_limit", "month_limit")
"""Limits of a subscription: nanos inside, `<name>_usd` outside."""


class GroupView(View):
    id: str
    alias: str
    name: str
    platform: str
    multiplier: Decimals
    exclusive: bool
    description: str
    status: str
    sort_order: int
    claude_code_only: bool
    fallback_group: str | None
    invalid_request_group: str | None
    model_routing: dict[str, list[str]]
    strategy: str
    subscription_type: str
    day_limit_usd: str
    week_limit_usd: str
    month_limit_usd: str
    validity_days: int
    limits: Annotated[LimitsView, Field(description="Each user's, within the group.")]

    @classmethod
    def of(cls, definition: Any, **more: Any) -> Self:
        """The view of a group; amounts as dollars."""
        group: GroupDefinition = definition
        return super().of(
            group,
            fallback_group=group.fallback_group or None,
            invalid_request_group=group.invalid_request_group or None,
            model_routing={name: list(named) for name, named in group.model_routing.items()},
            limits=LimitsView.of(group.limits),
            **{f"{name}_usd": usd(getattr(group, name)) for name in GRANTS},
            **more,
        )


class GroupCreate(Body):
    """A new group; its platform stays. Routing comes later, as it names accounts of the group."""

    name: Name
    platform: Id
    multiplier: Multiplier = "1"
    exclusive: bool = False
    description: Text = ""
    status: Status = "active"
    sort_order: Order = 0
    claude_code_only: ClaudeCodeOnly = False
    fallback_group: Fallback = None
    invalid_request_group: TakesOver = None
    strategy: Strategy = "priority"
    subscription_type: SubscriptionType = "standard"
    day_limit_usd: Granted = "0"
    week_limit_usd: Granted = "0"
    month_limit_usd: Granted = "0"
    validity_days: Validity = 30
    limits: LimitsBody | None = None


class GroupPatch(Body):
    """What is sent is changed; null clears. `model_routing` and `limits` are replaced whole."""

    name: Name = absent()
    multiplier: Multiplier = absent()
    exclusive: bool = absent()
    description: Text | None = absent()
    status: Status = absent()
    sort_order: Order = absent()
    claude_code_only: ClaudeCodeOnly = absent()
    fallback_group: Fallback = absent()
    invalid_request_group: TakesOver = absent()
    model_routing: Routing | None = absent()
    strategy: Strategy = absent()
    subscription_type: SubscriptionType = absent()
    day_limit_usd: Granted = absent()
    week_limit_usd: Granted = absent()
    month_limit_usd: Granted = absent()
    validity_days: Validity = absent()
    limits: LimitsBody | None = absent()


def definition_of(body: GroupCreate | GroupPatch) -> dict[str, Any]:
    """The fields of a definition that were sent; null is what stands for nothing there.

    Raises:
        ValidationFailed: an amount is more than a wallet holds.
    """
    found: dict[str, Any] = {}
    for name, value in body.changes().items():
        if name.endswith("_limit_usd"):
            found[name.removesuffix("_usd")] = parse_usd(value, name)
        elif name == "limits":
            found[name] = limits_of(value)
        elif name == "multiplier":
            found[name] = Decimal(value)
        elif name == "model_routing":
            found[name] = {pattern: tuple(named) for pattern, named in (value or {}).items()}
        else:
            found[name] = "" if value is None else value
    return found
