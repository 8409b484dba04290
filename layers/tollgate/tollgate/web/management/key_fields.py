"""What is asked about API keys in every API: to create one, to change it, and what that means."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from tollgate.domain.definition_rules import MOST_NETWORKS
from tollgate.domain.definitions import KeyDefinition
from tollgate.domain.money import parse_usd
from tollgate.web.management.fields import (
    Body,
    Budget,
    Epoch,
    Id,
    Name,
    Names,
    Text,
    absent,
    distinct,
    empty,
)
from tollgate.web.management.limits import LimitsBody, limits_of

Fallback = Literal["refuse", "default"]
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


class KeyCreate(Body):
    """A new key. `models` and `endpoints` empty allow all; `expires_at` is in epoch ms.

    `pricing_group` is a model group that its user has a price and a permission for, or the default.
    """

    group: Id
    name: Text = ""
    pricing_group: Text = ""
    pricing_group_fallback: Fallback = "refuse"
    quota_usd: Budget | None = None
    expires_at: Epoch | None = None
    models: Names = empty(list)
    endpoints: Names = empty(list)
    allowed_networks: Networks = empty(list)
    denied_networks: Networks = empty(list)
    limits: LimitsBody | None = None
    cost_in_stream: bool = True
    receipt_in_stream: bool = False


class OwnKeyPatch(Body):
    """What one may change of a key of one's own.

    What is sent is changed; null clears `name`, `pricing_group`, lists, limits and expiry.
    """

    name: Name | None = absent()
    pricing_group: Name | None = absent()
    pricing_group_fallback: Fallback = absent()
    expires_at: Epoch | None = absent()
    models: Names | None = absent()
    endpoints: Names | None = absent()
    allowed_networks: Networks | None = absent()
    denied_networks: Networks | None = absent()
    limits: LimitsBody | None = absent()
    cost_in_stream: bool = absent()
    receipt_in_stream: bool = absent()
    status: Literal["active", "disabled"] = absent()


class QuotaSet(Body):
    """What the key may spend from now on; null lifts the limit."""

    quota_usd: Budget | None


def draft_of(user: str, identity: str, body: KeyCreate) -> KeyDefinition:
    """The key a body describes, before it has an alias and a secret."""
    return KeyDefinition(
        id=identity,
        user=user,
        alias="",
        secret_hash="",
        pepper_generation=0,
        last4="",
        group=body.group,
        name=body.name,
        pricing_group=body.pricing_group,
        pricing_group_fallback=body.pricing_group_fallback,
        quota=None if body.quota_usd is None else parse_usd(body.quota_usd, "quota_usd"),
        expires_at=body.expires_at,
        models=tuple(body.models),
        endpoints=tuple(body.endpoints),
        allowed_networks=tuple(body.allowed_networks),
        denied_networks=tuple(body.denied_networks),
        limits=limits_of(body.limits),
        cost_in_stream=body.cost_in_stream,
        receipt_in_stream=body.receipt_in_stream,
    )


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
