"""What is known of an upstream account besides its definition: what rests, and what it has cost."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from tollgate.domain.account_quota import UNUSED, Spent, is_over, limited, shown
from tollgate.domain.account_search import is_healthy
from tollgate.domain.definitions import AccountDefinition, AccountQuota
from tollgate.domain.errors import StoreUnavailable
from tollgate.domain.health import CAUSE, FOR_EVER, KEY, LEVEL, MODEL, Facts, cause_of
from tollgate.domain.money import usd
from tollgate.services.revival import of_credentials, rewrite
from tollgate.store.account_quotas import Standing
from tollgate.store.dynamodb import StoreError
from tollgate.web.admin.account_views import AccountView
from tollgate.web.admin.desk import Desk

Until = Annotated[
    int | None, Field(description="Epoch milliseconds; null: until it is cleared or probed.")
]
UNCOUNTED: Final = Standing()


class RestView(BaseModel):
    """Something of an account that is not used for now: what, until when, and why."""

    model_config = ConfigDict(frozen=True)

    what: str
    model: Annotated[str | None, Field(description="The model's name upstream, if only it rests.")]
    key: Annotated[int | None, Field(description="Which API key, from 1, if only it rests.")]
    until: Until
    cause: str

    @classmethod
    def of(cls, fact: str, facts: Facts) -> Self:
        """One fact that still holds."""
        what, _, rest = fact.partition(":")
        return cls(
            what=what,
            model=rest if fact.startswith(MODEL) else None,
            key=int(rest) + 1 if fact.startswith(KEY) else None,
            until=until_of(facts[fact]),
            cause=cause_of(facts, fact).name.lower(),
        )


class UsedView(BaseModel):
    """How much of a quota is used in the window that runs."""

    model_config = ConfigDict(frozen=True)

    limit_usd: str
    used_usd: str
    started_at: Annotated[int | None, Field(description="Null: no call has begun it yet.")]
    resets_at: Until

    @classmethod
    def of(cls, quota: AccountQuota, window: str, spent: Spent, now: int) -> Self:
        """A window as it is now; one that is over counts nothing."""
        used = shown(quota, window, spent.get(window, UNUSED), now)
        runs = not is_over(used, now)
        return cls(
            limit_usd=usd(quota.limit),
            used_usd=usd(used.nanos),
            started_at=used.started if runs else None,
            resets_at=until_of(used.resets_at) if runs else None,
        )


class AccountSeen(AccountView):
    """An account, what rests of it, and how much of its quotas is used."""

    healthy: Annotated[bool, Field(description="Nothing keeps the whole account from being used.")]
    health: list[RestView]
    quota_usage: dict[str, UsedView]


class Watch:
    """Reads what is known of accounts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def facts(self) -> Mapping[str, Facts]:
        """What relays know together, by account."""
        return self._desk.stores.snapshots.read_health().accounts

    def seen(self, accounts: Iterable[AccountDefinition]) -> list[AccountSeen]:
        """Accounts with their health and what they have cost, in the order they came."""
        listed = tuple(accounts)
        facts, now = self.facts(), self._desk.clock()
        counted = [account.id for account in listed if limited(account.quotas)]
        spent = self._desk.stores.account_quotas.read_all(counted)
        return [
            seen(account, facts.get(account.id, {}), spent.get(account.id, UNCOUNTED).spent, now)
            for account in listed
        ]

    def one(self, account: str) -> AccountSeen:
        """One account by its id; raises NotFound."""
        return self.seen((self._desk.stores.catalog.accounts.get(account),))[0]

    def renewed(self, account: str) -> None:
        """Forget what was known of credentials that were replaced, if it can be written down."""
        with suppress(StoreError, StoreUnavailable):
            rewrite(self._desk.stores.snapshots, account, of_credentials, self._desk.clock())


def seen(account: AccountDefinition, facts: Facts, spent: Spent, now: int) -> AccountSeen:
    """An account with what is known of it."""
    return AccountSeen.of(
        account,
        healthy=is_healthy(facts, now, account.keys),
        health=[RestView.of(fact, facts) for fact in resting(facts, now)],
        quota_usage={
            window: UsedView.of(quota, window, spent, now)
            for window, quota in limited(account.quotas).items()
        },
    )


def resting(facts: Facts, now: int) -> list[str]:
    """The facts that hold now; a level and a cause are none of their own."""
    return sorted(
        fact
        for fact, until in facts.items()
        if until > now and fact != LEVEL and not fact.startswith(CAUSE)
    )


def until_of(moment: int) -> int | None:
    """When something ends; None where nothing but somebody ends it."""
    return moment if moment < FOR_EVER else None
