"""API keys of users over HTTP: the secret is shown once, revoking takes effect at once."""

from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import Field

from tollgate.domain.definitions import KeyDefinition
from tollgate.domain.money import parse_usd, usd
from tollgate.services.changes import Changed
from tollgate.services.keys import Keys
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Dollars,
    Entries,
    Id,
    IfMatch,
    Limit,
    Once,
    View,
    absent,
)
from tollgate.web.management.key_fields import (
    KeyCreate,
    OwnKeyPatch,
    QuotaSet,
    draft_of,
    key_changes,
)
from tollgate.web.management.limits import LimitsView
from tollgate.web.management.versions import wanted

SHOWN_ONCE = "The secret is shown once, when the key is created; create another key if it is lost."


class KeyView(View):
    id: str
    user: str
    name: str
    last4: str
    group: str
    pricing_group: str
    pricing_group_fallback: str
    quota_usd: Annotated[str | None, Field(description="Null is no limit of its own.")]
    expires_at: int | None
    models: list[str]
    endpoints: list[str]
    allowed_networks: list[str]
    denied_networks: list[str]
    limits: LimitsView
    cost_in_stream: bool
    receipt_in_stream: bool
    status: str
    remaining_usd: Annotated[str | None, Field(description="What is left of the quota.")] = None

    @classmethod
    def of(cls, definition: Any, **more: Any) -> Self:
        """The view of a key; amounts as dollars."""
        quota = None if definition.quota is None else usd(definition.quota)
        limits = LimitsView.of(definition.limits)
        return super().of(definition, quota_usd=quota, limits=limits, **more)


class KeyCreated(KeyView):
    secret: str | None = None
    note: str = SHOWN_ONCE


class KeyPatch(OwnKeyPatch):
    """What is sent is changed; null clears `name`, `pricing_group`, lists, limits and expiry."""

    group: Id = absent()


class QuotaAdd(Body):
    """What the key may spend more (or, negative, less)."""

    amount_usd: Dollars


class KeyResource:
    """/users/<user>/keys"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        stores = desk.stores
        self._keys = Keys(stores.catalog, stores.wallets, stores.peppers, desk.random)

    def endpoints(self) -> tuple[Endpoint, ...]:
        keys, key = f"{ROOT}/users/<user>/keys", f"{ROOT}/users/<user>/keys/<key>"
        return (
            Endpoint("GET", keys, "keys.read", self.list),
            Endpoint("POST", keys, "keys.write", self.create, 201),
            Endpoint("GET", key, "keys.read", self.get),
            Endpoint("PATCH", key, "keys.write", self.patch),
            Endpoint("DELETE", key, "keys.write", self.revoke),
            Endpoint("PUT", f"{key}/quota", "keys.write", self.set_quota),
            Endpoint("POST", f"{key}/quota/additions", "keys.write", self.add_quota),
        )

    def list(self, user: str, limit: Limit = 50, cursor: After = None) -> Entries[KeyView]:
        """List a user's keys."""
        catalog = self._desk.stores.catalog
        catalog.users.get(user)
        left = self._keys.remaining(user)
        return self._desk.listed(
            catalog.keys(user), limit, cursor, lambda key: KeyView.of(key, **remaining(key, left))
        )

    def create(self, user: str, body: KeyCreate, key: Once = None) -> KeyCreated:
        """Create a key; its secret is in this answer and nowhere else."""
        self._desk.stores.catalog.users.get(user)

        def create(identity: str, resumed: bool) -> KeyCreated:
            draft = draft_of(user, identity, body)
            made = self._keys.create(draft, self._desk.author, resumed=resumed)
            left = remaining(made.key, self._keys.remaining(user))
            view = KeyCreated.of(made.key, secret=made.secret, **left)
            self._desk.trail.note("key.create", f"{user}/{identity}", None, view)
            return view

        creating = Creating("key", create, KeyCreated, frozenset({"secret"}))
        return self._desk.creations.once(key, body, creating)

    def get(self, user: str, key: str) -> KeyView:
        """Read a key."""
        found = self._desk.stores.catalog.keys(user).get(key)
        return KeyView.of(found, **remaining(found, self._keys.remaining(user)))

    def patch(self, user: str, key: str, body: KeyPatch, if_match: IfMatch = None) -> KeyView:
        """Change a key; disabling it takes effect on the next call."""
        changes = key_changes(body)
        changed = self._keys.change(
            user, key, wanted(if_match), lambda k: replace(k, **changes), self._desk.author
        )
        return self._noted("key.change", user, changed)

    def revoke(self, user: str, key: str, if_match: IfMatch = None) -> KeyView:
        """Revoke a key for good; it is refused from this moment on."""
        changed = self._keys.revoke(user, key, wanted(if_match), self._desk.author)
        return self._noted("key.revoke", user, changed)

    def set_quota(self, user: str, key: str, body: QuotaSet, if_match: IfMatch = None) -> KeyView:
        """Set what a key may spend from now on."""
        quota = None if body.quota_usd is None else parse_usd(body.quota_usd, "quota_usd")
        changed = self._keys.set_quota(user, key, wanted(if_match), quota, self._desk.author)
        return self._noted("key.quota", user, changed)

    def add_quota(self, user: str, key: str, body: QuotaAdd, if_match: IfMatch = None) -> KeyView:
        """Add to what a key may spend."""
        amount = parse_usd(body.amount_usd, "amount_usd")
        changed = self._keys.add_quota(user, key, wanted(if_match), amount, self._desk.author)
        return self._noted("key.quota", user, changed)

    def _noted(self, action: str, user: str, changed: Changed[KeyDefinition]) -> KeyView:
        self._desk.note_change(action, f"{user}/{changed.after.id}", changed, KeyView.of)
        left = self._keys.remaining(user)
        return KeyView.of(changed.after, **remaining(changed.after, left))


def remaining(key: KeyDefinition, left: dict[str, int]) -> dict[str, str | None]:
    """What is left of a key's quota, as a field; null without a quota."""
    amount = None if key.quota is None else left.get(key.alias)
    return {"remaining_usd": None if amount is None else usd(amount)}
