"""Changing many upstream accounts at once over HTTP: each by itself, and each told of."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from tollgate.domain.definition_rules import require
from tollgate.domain.errors import TollgateError
from tollgate.services.accounts import Accounts, Submitted
from tollgate.store.dynamodb import StoreError
from tollgate.web.admin.account_bodies import MOST_ROWS, AccountChanges, changes_of
from tollgate.web.admin.account_views import AccountView
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import Body, Id, Once, distinct
from tollgate.web.management.problems import translate

Rows = Annotated[list[Id], Field(min_length=1, max_length=MOST_ROWS), AfterValidator(distinct)]


class AccountBulk(Body):
    """The same changes for many accounts."""

    ids: Rows
    change: AccountChanges


class BulkRow(BaseModel):
    """What became of one account: its new version, or why it stayed as it was."""

    id: str
    ok: bool
    version: int | None = None
    code: str | None = None
    param: str | None = None
    message: str | None = None


class BulkAnswer(BaseModel):
    """One row for each id, in the order they were sent."""

    changed: int
    failed: int
    rows: list[BulkRow]


class AccountBulkResource:
    """/accounts/bulk"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._accounts = Accounts(desk.stores.catalog, desk.stores.secrets, loopback=desk.loopback)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (Endpoint("POST", f"{ROOT}/accounts/bulk", "accounts.write", self.change),)

    def change(self, body: AccountBulk, key: Once = None) -> BulkAnswer:
        """Change up to 100 accounts, whichever version they have; one that fails stops no other."""
        require(bool(body.change.model_fields_set), "change", "name what is to be changed")

        def change(_: str, __: bool) -> BulkAnswer:
            changes, submitted = changes_of(body.change)
            rows = [self._row(account, changes, submitted) for account in body.ids]
            done = sum(row.ok for row in rows)
            return BulkAnswer(changed=done, failed=len(rows) - done, rows=rows)

        return self._desk.creations.once(key, body, Creating("blk", change, BulkAnswer))

    def _row(self, account: str, changes: dict[str, Any], submitted: Submitted) -> BulkRow:
        try:
            changed = self._accounts.change(
                account,
                None,
                lambda before: replace(before, **changes),
                submitted,
                self._desk.author,
            )
        except (TollgateError, StoreError) as error:
            fact = translate(error)
            return BulkRow(
                id=account, ok=False, code=fact.code, param=fact.param, message=fact.message
            )
        self._desk.note_change("account.change", account, changed, AccountView.of)
        return BulkRow(id=account, ok=True, version=changed.after.stamp.version)
