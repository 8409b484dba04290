"""How an upstream account looks to staff: what was defined, and never a secret of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from tollgate.domain.catalog import PauseRule
from tollgate.domain.definitions import AccountDefinition, AccountQuota
from tollgate.domain.money import usd
from tollgate.web.management.fields import Decimals, View


class PauseView(BaseModel):
    model_config = ConfigDict(frozen=True)

    status: int
    minutes: int
    keywords: list[str]

    @classmethod
    def of(cls, rule: PauseRule) -> Self:
        return cls(status=rule.status, minutes=rule.minutes, keywords=list(rule.keywords))


class QuotaView(BaseModel):
    model_config = ConfigDict(frozen=True)

    limit_usd: str
    reset: str
    hour: int
    weekday: int
    zone: str

    @classmethod
    def of(cls, quota: AccountQuota) -> Self:
        return cls(
            limit_usd=usd(quota.limit),
            reset=quota.reset,
            hour=quota.hour,
            weekday=quota.weekday,
            zone=quota.zone,
        )


class AccountTerms(BaseModel):
    """What an export tells of an account: the fields that creating one takes, but its secrets."""

    model_config = ConfigDict(frozen=True)

    name: str
    platform: str
    type: str
    base_url: str
    groups: list[str]
    priority: int
    weight: int
    model_mapping: dict[str, str]
    models: list[str]
    cost_multiplier: Decimals
    proxy: str
    auth_mode: str
    region: str
    project: str
    force_global: bool
    mixed: bool
    overages: bool
    pool_retries: int | None
    error_codes: list[int]
    pauses: list[PauseView]
    concurrency: int
    load_factor: int
    expires_at: Annotated[int | None, Field(description="Epoch milliseconds.")]
    quotas: dict[str, QuotaView]
    notes: str
    status: str


class AccountView(View, AccountTerms):
    """An account as it was defined."""

    id: str
    keys: Annotated[int, Field(description="How many API keys the credentials hold.")]
    credentials_version: Annotated[
        int, Field(description="Counts how often the credentials were replaced.")
    ]
    proxy_credentials_version: Annotated[
        int, Field(description="The same of the proxy's credentials; 0 where there are none.")
    ]

    @classmethod
    def of(cls, definition: Any, **more: Any) -> Self:
        """The view of an account, without its secrets."""
        return super().of(definition, **rules_of(definition), **versions_of(definition), **more)


def terms_of(account: AccountDefinition) -> AccountTerms:
    """What an export tells of an account."""
    plain = {
        name: getattr(account, name)
        for name in AccountTerms.model_fields
        if name not in {"pauses", "quotas"}
    }
    return AccountTerms.model_validate(plain | rules_of(account))


def rules_of(account: AccountDefinition) -> dict[str, Any]:
    """The fields of an account that are shown otherwise than they are kept."""
    return {
        "pauses": [PauseView.of(rule) for rule in account.pauses],
        "quotas": {window: QuotaView.of(quota) for window, quota in account.quotas.items()},
    }


def versions_of(account: AccountDefinition) -> Mapping[str, int]:
    """How often each of an account's secrets was replaced."""
    return {
        "credentials_version": int(account.secret.get("version", 0)),
        "proxy_credentials_version": int(account.proxy_secret.get("version", 0)),
    }
