"""How upstream accounts are doing: what rests, how often they failed of late, what is in use."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, Field

from tollgate.domain.definitions import AccountDefinition
from tollgate.domain.holds import hour_of
from tollgate.domain.rollup import Sums
from tollgate.web.admin.account_state import AccountSeen, RestView, UsedView, Watch
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint

HOUR: Final = 3_600
NOTHING: Final[Sums] = {}
OWN: Final = frozenset({"in_use", "answered", "failures", "failure_rate"})
"""What is not known of an account elsewhere."""


class AccountHealthView(BaseModel):
    """How one account is doing now."""

    id: str
    name: str
    platform: str
    type: str
    status: str
    healthy: Annotated[bool, Field(description="Nothing keeps the whole account from being used.")]
    health: Annotated[list[RestView], Field(description="What rests, until when, and why.")]
    quota_usage: dict[str, UsedView]
    concurrency: Annotated[int, Field(description="Calls it takes at once; 0: any number.")]
    in_use: Annotated[
        int | None, Field(description="Calls under way; null where nobody has to count them.")
    ]
    answered: Annotated[int, Field(description="Calls it answered in this hour and the last.")]
    failures: Annotated[
        int, Field(description="Attempts that failed at it meanwhile, whoever answered at last.")
    ]
    failure_rate: Annotated[
        str | None, Field(description="Failures among both, such as 0.25; null without any.")
    ]


class AccountsHealth(BaseModel):
    """The accounts of which something rests."""

    accounts: list[AccountHealthView]


class AccountHealthResource:
    """/accounts/health and /accounts/{id}/health"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stores = desk.stores
        self._watch = Watch(desk)

    def endpoints(self) -> tuple[Endpoint, ...]:
        accounts, read = f"{ROOT}/accounts", "accounts.read"
        return (
            Endpoint("GET", f"{accounts}/health", read, self.resting),
            Endpoint("GET", f"{accounts}/<account>/health", read, self.one),
        )

    def resting(self) -> AccountsHealth:
        """Read how all accounts are doing of which something rests now."""
        known = self._watch.facts()
        there = (each for each in self._stores.catalog.accounts.everything() if each.id in known)
        return AccountsHealth(accounts=[view for view in self._views(there) if view.health])

    def one(self, account: str) -> AccountHealthView:
        """Read how an account is doing."""
        (view,) = self._views((self._stores.catalog.accounts.get(account),))
        return view

    def _views(self, accounts: Iterable[AccountDefinition]) -> Iterator[AccountHealthView]:
        seen = self._watch.seen(accounts)
        sums = self._sums([account.id for account in seen])
        for account in seen:
            yield view_of(account, sums.get(account.id, NOTHING), self._in_use(account))

    def _sums(self, accounts: list[str]) -> dict[str, Sums]:
        """What this hour and the last come to, by account."""
        now = self._desk.clock() // 1_000
        hours = (hour_of(now - HOUR), hour_of(now))
        keys = [(f"account#{account}", f"hour#{hour}") for account in accounts for hour in hours]
        found: dict[str, dict[str, int]] = {}
        for row in self._stores.rollups.at(keys):
            total = found.setdefault(row.name.partition("#")[2], {})
            for name in ("answered", "failures"):
                total[name] = total.get(name, 0) + row.sums.get(name, 0)
        return dict(found)

    def _in_use(self, account: AccountSeen) -> int | None:
        if not account.concurrency:
            return None
        now = self._desk.clock()
        places = self._stores.leases.look(account.id, account.concurrency)
        return sum(until >= now for until in places.values())


def view_of(account: AccountSeen, sums: Sums, in_use: int | None) -> AccountHealthView:
    """An account as this page shows it."""
    answered, failures = sums.get("answered", 0), sums.get("failures", 0)
    return AccountHealthView(
        **{name: getattr(account, name) for name in AccountHealthView.model_fields.keys() - OWN},
        in_use=in_use,
        answered=answered,
        failures=failures,
        failure_rate=rate(failures, answered + failures),
    )


def rate(part: int, whole: int) -> str | None:
    """A part of a whole, in hundredths; None of nothing."""
    return format((Decimal(part) / whole).quantize(Decimal("0.01")), "f") if whole else None
