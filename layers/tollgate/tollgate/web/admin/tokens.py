"""Management tokens over HTTP: only owners make them, the secret is shown once."""

from dataclasses import replace
from typing import Any, Literal

from tollgate.domain.definitions import Role
from tollgate.domain.permissions import PERMISSIONS
from tollgate.services.admin_tokens import AdminTokens
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.calls import current
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Entries,
    IfMatch,
    Limit,
    Name,
    Once,
    View,
    absent,
)
from tollgate.web.management.versions import wanted

SHOWN_ONCE = "The secret is shown once, when the token is created."


class TokenView(View):
    id: str
    name: str
    role: Role
    last4: str
    status: str


class TokenCreated(TokenView):
    secret: str | None = None
    note: str = SHOWN_ONCE


class MeView(TokenView):
    permissions: list[str]


class TokenCreate(Body):
    """A new token for one person or one program."""

    name: Name
    role: Role


class TokenPatch(Body):
    """What is sent is changed."""

    name: Name = absent()
    role: Role = absent()
    status: Literal["active", "disabled"] = absent()


class TokenResource:
    """/admin_tokens and /me"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stored = desk.stores.catalog.admin_tokens
        self._tokens = AdminTokens(desk.stores.catalog, desk.stores.peppers, desk.random)

    def endpoints(self) -> tuple[Endpoint, ...]:
        tokens, token = f"{ROOT}/admin_tokens", f"{ROOT}/admin_tokens/<token>"
        return (
            Endpoint("GET", ROOT, "me.read", self.me),
            Endpoint("GET", f"{ROOT}/me", "me.read", self.me),
            Endpoint("GET", tokens, "tokens.read", self.list),
            Endpoint("POST", tokens, "tokens.write", self.create, 201),
            Endpoint("GET", token, "tokens.read", self.get),
            Endpoint("PATCH", token, "tokens.write", self.patch),
            Endpoint("DELETE", token, "tokens.write", self.revoke),
        )

    def me(self) -> MeView:
        """Read who one is and what one may do."""
        token = self._stored.get(current().caller.actor)
        return MeView.of(token, permissions=sorted(PERMISSIONS[token.role]))

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[TokenView]:
        """List management tokens."""
        return self._desk.listed(self._stored, limit, cursor, TokenView.of)

    def create(self, body: TokenCreate, key: Once = None) -> TokenCreated:
        """Create a management token; its secret is in this answer and nowhere else."""

        def create(identity: str, resumed: bool) -> TokenCreated:
            draft = (identity, body.name, body.role)
            token, secret = self._tokens.create(draft, self._desk.author, resumed=resumed)
            view = TokenCreated.of(token, secret=secret)
            self._desk.trail.note("admin_token.create", identity, None, view)
            return view

        creating = Creating("adm", create, TokenCreated, frozenset({"secret"}))
        return self._desk.creations.once(key, body, creating)

    def get(self, token: str) -> TokenView:
        """Read a management token."""
        return TokenView.of(self._stored.get(token))

    def patch(self, token: str, body: TokenPatch, if_match: IfMatch = None) -> TokenView:
        """Change a management token; the last active owner stays one."""
        return self._change("admin_token.change", token, if_match, body.changes())

    def revoke(self, token: str, if_match: IfMatch = None) -> TokenView:
        """Revoke a management token for good."""
        return self._change("admin_token.revoke", token, if_match, {"status": "revoked"})

    def _change(
        self, action: str, token: str, if_match: str | None, changes: dict[str, Any]
    ) -> TokenView:
        changed = self._tokens.change(
            token,
            wanted(if_match),
            lambda before: replace(before, **changes),
            self._desk.author,
        )
        self._desk.note_change(action, token, changed, TokenView.of)
        return TokenView.of(changed.after)
