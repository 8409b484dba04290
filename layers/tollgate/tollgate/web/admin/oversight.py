"""What the staff oversees over HTTP: the audit log, and the health of the upstream accounts."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

from tollgate.store.audit import AuditLog, Entry, month_of
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Entries, Limit

Month = Annotated[
    str | None,
    Query(pattern="^[0-9]{4}(0[1-9]|1[0-2])$", description="UTC, yyyymm; this month by default."),
]


class AuditView(BaseModel):
    """One change: who, what, from where, and the object before and after."""

    at: int
    actor: str
    action: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    ip: str
    request_id: str


class AccountHealth(BaseModel):
    """What all relays know together of one account, as whole numbers (times in epoch ms)."""

    account: str
    facts: dict[str, int]


class Health(BaseModel):
    """The accounts that something is known of."""

    snapshot: int
    accounts: list[AccountHealth]


class OversightResource:
    """/audit and /health"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._log = AuditLog(desk.random)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint("GET", f"{ROOT}/audit", "audit.read", self.audit),
            Endpoint("GET", f"{ROOT}/health", "health.read", self.health),
        )

    def audit(
        self, month: Month = None, limit: Limit = 50, cursor: After = None
    ) -> Entries[AuditView]:
        """List the changes of a month, newest first."""
        wanted = month or month_of(self._desk.clock())
        position = self._desk.position(cursor)
        if position is not None:
            wanted, _, position = position.partition(":")
        page = self._log.page(wanted, limit, position)
        return Entries(
            entries=[view_of(entry) for entry in page.entries],
            next_cursor=self._desk.cursor(page.after and f"{wanted}:{page.after}"),
        )

    def health(self) -> Health:
        """Read the snapshot's version and what relays know of the accounts."""
        heads = self._desk.stores.snapshots.heads()
        accounts = [
            AccountHealth(account=account, facts=dict(facts))
            for account, facts in sorted(heads.health.accounts.items())
        ]
        return Health(snapshot=heads.numbers.version, accounts=accounts)


def view_of(entry: Entry) -> AuditView:
    """An audit entry as people see it."""
    return AuditView(**{name: getattr(entry, name) for name in AuditView.model_fields})
