"""What bodies about API keys have in common: lists of networks, and what a change means."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from tollgate.domain.definition_rules import MOST_NETWORKS
from tollgate.web.management.fields import Body, Name, distinct
from tollgate.web.management.limits import limits_of

Networks = Annotated[
    list[Name],
    Field(
        max_length=MOST_NETWORKS,
        description="Networks (CIDR) or addresses, IPv4 or IPv6.",
        examples=[["192.0.2.0/24", "2001:db8::/32"]],
    ),
    AfterValidator(distinct),
]

LISTS: Final = ("models", "endpoints", "allowed_networks", "denied_networks")


def key_changes(body: Body) -> dict[str, Any]:
    """What a body changes of a key's definition; null clears.

    Raises:
        ValidationFailed: an amount is too large.
    """
    lists: dict[str, Any] = dict.fromkeys(LISTS, ())
    changes = body.changes({"name": "", "pricing_group": ""} | lists)
    changes |= {name: tuple(changes[name]) for name in LISTS if name in changes}
    if "limits" in changes:
        changes["limits"] = limits_of(changes["limits"])
    return changes
