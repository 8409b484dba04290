"""Upstream accounts over HTTP: credentials go in and never come out."""

from dataclasses import replace
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate.domain.account_search import (
    AccountSearch,
    Found,
    Order,
    page,
    read_place,
    write_place,
)
from tollgate.domain.definitions import AccountDefinition
from tollgate.services.accounts import Accounts
from tollgate.web.admin.account_bodies import AccountCreate, AccountPatch, changes_of, drafted
from tollgate.web.admin.account_state import AccountSeen, Watch
from tollgate.web.admin.account_views import AccountTerms, AccountView, terms_of
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Entries, IfMatch, Limit, Once
from tollgate.web.management.versions import wanted

Sought = Annotated[str, Query(max_length=100)]
Search = Annotated[
    str,
    Query(max_length=100, description="Part of a name, an id, an address or the notes."),
]
Ordered = Annotated[Order, Query(alias="order", description="priority: the highest first.")]
Healthy = Annotated[
    Literal["", "true", "false"], Query(description="Whether it could be used right now.")
]


class AccountResource:
    """/accounts"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalog = desk.stores.catalog
        self._watch = Watch(desk)
        self._accounts = Accounts(self._catalog, desk.stores.secrets, loopback=desk.loopback)

    def endpoints(self) -> tuple[Endpoint, ...]:
        accounts, account = f"{ROOT}/accounts", f"{ROOT}/accounts/<account>"
        return (
            Endpoint("GET", accounts, "accounts.read", self.list),
            Endpoint("POST", accounts, "accounts.write", self.create, 201),
            Endpoint("GET", f"{accounts}/export", "accounts.read", self.export),
            Endpoint("GET", account, "accounts.read", self.get),
            Endpoint("PATCH", account, "accounts.write", self.patch),
            Endpoint("DELETE", account, "accounts.write", self.delete, 204),
        )

    def list(
        self,
        search: Search = "",
        platform: Sought = "",
        type: Sought = "",  # noqa: A002 - what the field is called
        group: Sought = "",
        status: Sought = "",
        healthy: Healthy = "",
        order: Ordered = "created",
        limit: Limit = 50,
        cursor: After = None,
    ) -> Entries[AccountSeen]:
        """List accounts, with their health and how much of their quotas is used."""
        rests = {"": None, "true": True, "false": False}[healthy]
        sought = AccountSearch(search, platform, type, group, status, rests)
        found = self._found(sought, order, limit, self._desk.position(cursor))
        return Entries(
            entries=self._watch.seen(found.entries), next_cursor=self._desk.cursor(found.after)
        )

    def create(self, body: AccountCreate, key: Once = None) -> AccountView:
        """Create an account; its base URL must be a public https address."""

        def create(identity: str, resumed: bool) -> AccountView:
            draft, submitted = drafted(identity, body)
            author = self._desk.author
            view = AccountView.of(self._accounts.create(draft, submitted, author, resumed=resumed))
            self._desk.trail.note("account.create", identity, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("acc", create, AccountView))

    def export(self, limit: Limit = 50, cursor: After = None) -> Entries[AccountTerms]:
        """Export accounts as they are created, but without their secrets."""
        return self._desk.listed(self._catalog.accounts, limit, cursor, terms_of)

    def get(self, account: str) -> AccountSeen:
        """Read an account, its health and how much of its quotas is used."""
        return self._watch.seen((self._catalog.accounts.get(account),))[0]

    def patch(self, account: str, body: AccountPatch, if_match: IfMatch = None) -> AccountView:
        """Change an account; relays follow within seconds."""
        changes, submitted = changes_of(body)
        changed = self._accounts.change(
            account,
            wanted(if_match),
            lambda before: replace(before, **changes),
            submitted,
            self._desk.author,
        )
        self._desk.note_change("account.change", account, changed, AccountView.of)
        if submitted.credentials is not None:
            self._watch.renewed(account)
        return AccountView.of(changed.after)

    def delete(self, account: str, if_match: IfMatch = None) -> None:
        """Remove an account that serves no group any more."""
        before = self._desk.removed(self._catalog.accounts, account, if_match)
        self._desk.trail.note("account.delete", account, AccountView.of(before), None)

    def _found(self, sought: AccountSearch, order: Order, limit: int, after: str | None) -> Found:
        """One page; only a plain list is read page by page."""
        if sought == AccountSearch() and order == "created":
            place = read_place(after, order)
            plain = self._catalog.accounts.page(limit, place[0] if place else None)
            more = plain.after is not None
            return Found(plain.entries, write_place(plain.entries[-1], order) if more else None)
        return page(self._matching(sought), order, limit, after)

    def _matching(self, sought: AccountSearch) -> tuple[AccountDefinition, ...]:
        facts, now = self._watch.facts(), self._desk.clock()
        return tuple(
            account
            for account in self._catalog.accounts.everything()
            if sought.finds(account, facts.get(account.id, {}), now)
        )
