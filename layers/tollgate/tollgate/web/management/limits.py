"""How limits look in requests and answers of every API: counts, and amounts as decimal dollars."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from tollgate.domain.catalog import UNLIMITED, Limits
from tollgate.domain.limit_use import LimitUse
from tollgate.domain.money import parse_usd, usd
from tollgate.web.management.fields import Budget, Count

SPENDS: Final = ("spend_5h", "spend_day", "spend_week")
"""Limits that are amounts: nanos inside, `<name>_usd` outside."""


class LimitsBody(BaseModel):
    """All limits at once: what is left out is 0, and 0 is no limit."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    rpm: Annotated[Count, Field(description="Calls in a minute.")] = 0
    tpm: Annotated[Count, Field(description="Tokens in a minute.")] = 0
    concurrency: Annotated[Count, Field(description="Calls open at once.")] = 0
    spend_5h_usd: Budget = "0"
    spend_day_usd: Budget = "0"
    spend_week_usd: Budget = "0"


class LimitsView(BaseModel):
    """Limits as people see them; 0 is no limit."""

    model_config = ConfigDict(frozen=True)

    rpm: int
    tpm: int
    concurrency: int
    spend_5h_usd: str
    spend_day_usd: str
    spend_week_usd: str

    @classmethod
    def of(cls, limits: Limits) -> Self:
        spends = {f"{name}_usd": usd(getattr(limits, name)) for name in SPENDS}
        counts = {"rpm": limits.rpm, "tpm": limits.tpm, "concurrency": limits.concurrency}
        return cls.model_validate(counts | spends)


def limits_of(body: LimitsBody | None, field: str = "limits") -> Limits:
    """The limits that were sent; none of them for null.

    Raises:
        ValidationFailed: an amount is more than a wallet holds, naming it below `field`.
    """
    if body is None:
        return UNLIMITED
    return Limits(
        rpm=body.rpm,
        tpm=body.tpm,
        concurrency=body.concurrency,
        spend_5h=parse_usd(body.spend_5h_usd, f"{field}.spend_5h_usd"),
        spend_day=parse_usd(body.spend_day_usd, f"{field}.spend_day_usd"),
        spend_week=parse_usd(body.spend_week_usd, f"{field}.spend_week_usd"),
    )


class LimitUseView(BaseModel):
    """One limit, and what of it is used now: US dollars where it limits spending, else a count."""

    model_config = ConfigDict(frozen=True)

    scope: Annotated[str, Field(description="user, key or group (the user's calls in it).")]
    id: Annotated[str, Field(description="Of the user, the key or the group.")]
    limit: Annotated[str, Field(description="Its name, as limits are written.")]
    allowed: Annotated[str, Field(description="A whole number, or US dollars as decimal text.")]
    used: str
    resets_at: Annotated[
        int | None, Field(description="Epoch ms; null where nothing runs that would end.")
    ]

    @classmethod
    def of(cls, use: LimitUse) -> Self:
        """The view of a limit's use."""
        spending = use.limit in SPENDS
        told = usd if spending else str
        return cls(
            scope=use.scope,
            id=use.id,
            limit=f"{use.limit}_usd" if spending else use.limit,
            allowed=told(use.allowed),
            used=told(use.used),
            resets_at=None if use.resets_at is None else use.resets_at * 1_000,
        )
