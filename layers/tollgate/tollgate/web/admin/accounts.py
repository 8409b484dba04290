"""Upstream accounts over HTTP: credentials go in and never come out."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints

from tollgate.domain.definitions import AccountDefinition
from tollgate.services.accounts import Accounts
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Count,
    Decimals,
    Entries,
    Id,
    Ids,
    IfMatch,
    Limit,
    Mapped,
    Multiplier,
    Name,
    Names,
    Once,
    Text,
    View,
    absent,
    empty,
)
from tollgate.web.management.versions import wanted

Credentials = Annotated[
    str,
    StringConstraints(min_length=1, max_length=8_192, pattern=r"^[\x20-\x7e\n]+$"),
    Field(description="Write-only: no answer ever has them."),
]
CLEARED: Final[dict[str, Any]] = {"groups": (), "models": (), "model_mapping": {}}


class AccountView(View):
    id: str
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
    status: str
    credentials_version: Annotated[
        int, Field(description="Counts how often the credentials were replaced.")
    ]

    @classmethod
    def of(cls, definition: Any, **more: Any) -> Self:
        """The view of an account, without its credentials."""
        version = int(definition.secret["version"])
        return super().of(definition, credentials_version=version, **more)


class AccountCreate(Body):
    """A new account. `type` says how to speak to it, `platform` whom it may serve."""

    name: Name
    platform: Id
    type: Id
    base_url: Text
    credentials: Credentials
    groups: Ids = empty(list)
    priority: Count = 0
    weight: Count = 1
    model_mapping: Mapped = empty(dict)
    models: Names = empty(list)
    cost_multiplier: Multiplier = "1"
    status: Literal["active", "disabled"] = "active"


class AccountPatch(Body):
    """What is sent is changed; null and {} clear `groups`, `models` and `model_mapping`."""

    name: Name = absent()
    base_url: Text = absent()
    credentials: Credentials = absent()
    groups: Ids | None = absent()
    priority: Count = absent()
    weight: Count = absent()
    model_mapping: Mapped | None = absent()
    models: Names | None = absent()
    cost_multiplier: Multiplier = absent()
    status: Literal["active", "disabled"] = absent()


class AccountResource:
    """/accounts"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalog = desk.stores.catalog
        self._accounts = Accounts(self._catalog, desk.stores.secrets, loopback=desk.loopback)

    def endpoints(self) -> tuple[Endpoint, ...]:
        accounts, account = f"{ROOT}/accounts", f"{ROOT}/accounts/<account>"
        return (
            Endpoint("GET", accounts, "accounts.read", self.list),
            Endpoint("POST", accounts, "accounts.write", self.create, 201),
            Endpoint("GET", account, "accounts.read", self.get),
            Endpoint("PATCH", account, "accounts.write", self.patch),
            Endpoint("DELETE", account, "accounts.write", self.delete, 204),
        )

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[AccountView]:
        """List accounts."""
        return self._desk.listed(self._catalog.accounts, limit, cursor, AccountView.of)

    def create(self, body: AccountCreate, key: Once = None) -> AccountView:
        """Create an account; its base URL must be a public https address."""

        def create(identity: str, resumed: bool) -> AccountView:
            sent = exact(body.model_dump(exclude={"credentials"}))
            draft = AccountDefinition(id=identity, secret={}, **sent)
            made = self._accounts.create(
                draft, body.credentials, self._desk.author, resumed=resumed
            )
            view = AccountView.of(made)
            self._desk.trail.note("account.create", identity, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("acc", create, AccountView))

    def get(self, account: str) -> AccountView:
        """Read an account."""
        return AccountView.of(self._catalog.accounts.get(account))

    def patch(self, account: str, body: AccountPatch, if_match: IfMatch = None) -> AccountView:
        """Change an account; relays follow within seconds."""
        changes = exact(body.changes(CLEARED))
        credentials = changes.pop("credentials", None)
        changed = self._accounts.change(
            account,
            wanted(if_match),
            lambda before: replace(before, **changes),
            credentials,
            self._desk.author,
        )
        self._desk.note_change("account.change", account, changed, AccountView.of)
        return AccountView.of(changed.after)

    def delete(self, account: str, if_match: IfMatch = None) -> None:
        """Remove an account that serves no group any more."""
        before = self._desk.removed(self._catalog.accounts, account, if_match)
        self._desk.trail.note("account.delete", account, AccountView.of(before), None)


def exact(sent: dict[str, Any]) -> dict[str, Any]:
    """Fields as the definition has them: tuples and decimals."""
    typed: dict[str, Any] = {
        name: tuple(sent[name]) for name in ("groups", "models") if name in sent
    }
    if "cost_multiplier" in sent:
        typed["cost_multiplier"] = Decimal(sent["cost_multiplier"])
    return sent | typed
