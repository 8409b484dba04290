"""What people send of an upstream account, and how it becomes the fields of a definition."""

import json
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from tollgate.domain.account_rules import ACCOUNT_TYPES
from tollgate.domain.catalog import PauseRule
from tollgate.domain.definitions import AccountDefinition, AccountQuota
from tollgate.domain.money import parse_usd
from tollgate.services.accounts import Submitted
from tollgate.web.management.fields import (
    Body,
    Budget,
    Count,
    Epoch,
    Id,
    Ids,
    Mapped,
    Multiplier,
    Name,
    Names,
    Text,
    absent,
    empty,
)

MOST_ROWS: Final = 100


def as_text(value: Any) -> Any:
    """A JSON object as the text that is sealed."""
    return json.dumps(value) if isinstance(value, dict) else value


Credentials = Annotated[
    str,
    BeforeValidator(as_text),
    StringConstraints(max_length=16_384, pattern=r"^[\x20-\x7e\r\n\t]*$"),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 16_384}, {"type": "object"}]}),
    Field(
        description="Write-only: no answer ever has them. One API key on each line, or the JSON "
        "object that the type takes; see accounts.md.",
    ),
]
ProxyCredentials = Annotated[
    str,
    StringConstraints(max_length=1_000, pattern=r"^[\x20-\x7e\r\n\t]*$"),
    Field(description="Write-only: user:password of the proxy."),
]
Status = Literal["active", "disabled"]
FailedStatus = Annotated[int, Field(ge=400, le=599)]
Statuses = Annotated[list[FailedStatus], Field(max_length=200)]
Retries = Annotated[
    int | None, Field(ge=0, le=10, description="Null: the account is no pool of keys.")
]


class PauseBody(Body):
    """An answer after which the account rests: its status, and words of which its text has one."""

    status: FailedStatus
    minutes: Annotated[int, Field(ge=1, le=10_080)]
    keywords: Names = empty(list)


class QuotaBody(Body):
    """How much the account may cost us in a window; a limit of 0 is none."""

    limit_usd: Budget
    reset: Literal["rolling", "fixed"] = "rolling"
    hour: Annotated[int, Field(ge=0, le=23)] = 0
    weekday: Annotated[int, Field(ge=0, le=6, description="0 is Sunday.")] = 1
    zone: Name = "UTC"


Pauses = Annotated[list[PauseBody], Field(max_length=MOST_ROWS)]
Quotas = Annotated[
    dict[Name, QuotaBody], Field(max_length=10, description="By window: total, day, week.")
]


class AccountCreate(Body):
    """A new account. `type` says how to speak to it, `platform` whom it may serve.

    Types other than apikey have a platform and a base URL of their own when they are left empty.
    """

    name: Name
    platform: Annotated[str, StringConstraints(max_length=64, pattern="^[a-z0-9_]*$")] = ""
    type: Id
    base_url: Text = ""
    credentials: Credentials
    groups: Ids = empty(list)
    priority: Count = 0
    weight: Count = 1
    model_mapping: Mapped = empty(dict)
    models: Names = empty(list)
    cost_multiplier: Multiplier = "1"
    proxy: Text = ""
    proxy_credentials: ProxyCredentials = ""
    auth_mode: Text = ""
    region: Text = ""
    project: Text = ""
    force_global: bool = False
    mixed: bool = False
    overages: bool = False
    pool_retries: Retries = None
    error_codes: Statuses = empty(list)
    pauses: Pauses = empty(list)
    concurrency: Count = 0
    load_factor: Count = 0
    expires_at: Epoch | None = None
    quotas: Quotas = empty(dict)
    notes: Text = ""
    status: Status = "active"


class AccountChanges(Body):
    """What may be changed of many accounts at once; what is sent is changed, null clears."""

    groups: Ids | None = absent()
    priority: Count = absent()
    weight: Count = absent()
    model_mapping: Mapped | None = absent()
    models: Names | None = absent()
    cost_multiplier: Multiplier = absent()
    proxy: Text | None = absent()
    proxy_credentials: ProxyCredentials | None = absent()
    region: Text | None = absent()
    project: Text | None = absent()
    force_global: bool = absent()
    mixed: bool = absent()
    overages: bool = absent()
    pool_retries: Retries = absent()
    error_codes: Statuses | None = absent()
    pauses: Pauses | None = absent()
    concurrency: Count = absent()
    load_factor: Count = absent()
    expires_at: Epoch | None = absent()
    quotas: Quotas | None = absent()
    notes: Text | None = absent()
    status: Status = absent()


class AccountPatch(AccountChanges):
    """What is sent is changed, and null clears; blank credentials keep those that are there."""

    name: Name = absent()
    base_url: Text = absent()
    credentials: Credentials = absent()
    auth_mode: Text = absent()


CLEARED: Final[dict[str, Any]] = {
    **dict.fromkeys(("groups", "models", "error_codes", "pauses"), ()),
    "model_mapping": {},
    "quotas": {},
    **dict.fromkeys(("proxy", "region", "project", "notes"), ""),
}
"""What null makes of a field; of those that are not here, null itself."""

FORM: Final = frozenset(AccountCreate.model_fields) - {"credentials", "proxy_credentials"}
"""The fields of a new account that are no secrets."""


def drafted(identity: str, body: AccountCreate) -> tuple[AccountDefinition, Submitted]:
    """The account that a body describes, and its secrets."""
    sent = exact(body.model_dump(include=set(FORM)), body.pauses, body.quotas)
    kind = ACCOUNT_TYPES.get(body.type)
    sent["platform"] = body.platform or (kind.platform if kind else "")
    submitted = Submitted(body.credentials, body.proxy_credentials or None)
    return AccountDefinition(id=identity, secret={}, **sent), submitted


def changes_of(body: AccountChanges) -> tuple[dict[str, Any], Submitted]:
    """The fields of a definition that a body changes, and the secrets it brings."""
    changes = body.changes(CLEARED)
    credentials = changes.pop("credentials", None) or None
    submitted = Submitted(credentials, proxy_of(body, changes))
    return exact(changes, body.pauses, body.quotas), submitted


def proxy_of(body: AccountChanges, changes: dict[str, Any]) -> str | None:
    """The proxy's credentials as the service takes them: null clears, blank and absent keep."""
    sent = changes.pop("proxy_credentials", None)
    if sent is None and "proxy_credentials" in body.model_fields_set:
        return ""
    return sent or None


def exact(
    sent: dict[str, Any], pauses: list[PauseBody] | None, quotas: dict[str, QuotaBody] | None
) -> dict[str, Any]:
    """Fields as the definition has them: tuples, decimals, and values of their own."""
    listed = ("groups", "models", "error_codes")
    typed: dict[str, Any] = {name: tuple(sent[name]) for name in listed if name in sent}
    if "cost_multiplier" in sent:
        typed["cost_multiplier"] = Decimal(sent["cost_multiplier"])
    if "pauses" in sent:
        typed["pauses"] = tuple(pause_of(rule) for rule in pauses or ())
    if "quotas" in sent:
        typed["quotas"] = {name: quota_of(name, quota) for name, quota in (quotas or {}).items()}
    return sent | typed


def pause_of(rule: PauseBody) -> PauseRule:
    return PauseRule(rule.status, rule.minutes, tuple(rule.keywords))


def quota_of(window: str, quota: QuotaBody) -> AccountQuota:
    limit = parse_usd(quota.limit_usd, f"quotas.{window}.limit_usd")
    return AccountQuota(limit, quota.reset, quota.hour, quota.weekday, quota.zone)
