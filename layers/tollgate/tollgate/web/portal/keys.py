"""One's own API keys over HTTP: the secret is shown once, revoking takes effect at once."""

from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from tollgate.domain.definitions import GroupDefinition, KeyDefinition
from tollgate.domain.money import parse_usd, usd
from tollgate.services.changes import Changed
from tollgate.services.keys import Keys
from tollgate.services.own_keys import OwnKeys
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Decimals,
    Entries,
    IfMatch,
    Limit,
    Once,
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
from tollgate.web.portal.desk import ROOT, Desk

SHOWN_ONCE = "The secret is shown once, now; create another key if it is lost."
PLAIN = (
    "id",
    "name",
    "last4",
    "group",
    "pricing_group",
    "pricing_group_fallback",
    "expires_at",
    "models",
    "endpoints",
    "allowed_networks",
    "denied_networks",
    "cost_in_stream",
    "receipt_in_stream",
    "status",
)


class KeyView(BaseModel):
    """A key, by everything but its secret. Empty `models` and `endpoints` allow all."""

    id: str
    name: str
    last4: str
    group: str
    pricing_group: str
    pricing_group_fallback: str
    quota_usd: Annotated[str | None, Field(description="Null is no limit of its own.")]
    remaining_usd: Annotated[str | None, Field(description="What is left of the quota.")]
    expires_at: int | None
    models: list[str]
    endpoints: list[str]
    allowed_networks: list[str]
    denied_networks: list[str]
    limits: LimitsView
    cost_in_stream: bool
    receipt_in_stream: bool
    status: str
    created_at: int
    version: Annotated[int, Field(description="Goes into If-Match to change what was read.")]

    @classmethod
    def of(cls, key: KeyDefinition, left: dict[str, int] | None = None, **more: Any) -> Self:
        """The view of a key; `left` is what the wallet says is left of quotas, by alias."""
        quota = key.quota
        remaining = None if quota is None else (left or {}).get(key.alias)
        return cls(
            **{name: getattr(key, name) for name in PLAIN},
            limits=LimitsView.of(key.limits),
            quota_usd=None if quota is None else usd(quota),
            remaining_usd=None if remaining is None else usd(remaining),
            created_at=key.stamp.created_at,
            version=key.stamp.version,
            **more,
        )


class KeyCreated(KeyView):
    secret: str | None = None
    note: str = SHOWN_ONCE


class GroupView(BaseModel):
    """A pool that keys call through, and the factor on its prices."""

    id: str
    name: str
    platform: str
    multiplier: Decimals
    description: str
    claude_code_only: Annotated[bool, Field(description="Others go elsewhere, or nowhere.")]

    @classmethod
    def of(cls, group: GroupDefinition) -> Self:
        """The view of a group."""
        return cls(**{name: getattr(group, name) for name in cls.model_fields})


class KeyResource:
    """/keys and /groups"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        stores = desk.stores
        self._keys = Keys(stores.catalog, stores.wallets, stores.peppers, desk.random)
        self._own = OwnKeys(stores.catalog, self._keys, stores.attempts)

    def endpoints(self) -> tuple[Endpoint, ...]:
        keys, key = f"{ROOT}/keys", f"{ROOT}/keys/<key>"
        return (
            Endpoint("GET", f"{ROOT}/groups", "groups.own", self.groups),
            Endpoint("GET", keys, "keys.own", self.list),
            Endpoint("POST", keys, "keys.own", self.create, 201),
            Endpoint("GET", key, "keys.own", self.get),
            Endpoint("PATCH", key, "keys.own", self.patch),
            Endpoint("DELETE", key, "keys.own", self.revoke),
            Endpoint("PUT", f"{key}/quota", "keys.own", self.set_quota),
        )

    def groups(self) -> Entries[GroupView]:
        """List the groups that a key may name."""
        return Entries(entries=[GroupView.of(each) for each in self._own.groups(self._desk.user)])

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[KeyView]:
        """List one's keys."""
        desk = self._desk
        page = desk.stores.catalog.keys(desk.user).page(limit, desk.position(cursor))
        left = self._keys.remaining(desk.user)
        return Entries(
            entries=[KeyView.of(key, left) for key in page.entries],
            next_cursor=desk.cursor(page.after),
        )

    def create(self, body: KeyCreate, key: Once = None) -> KeyCreated:
        """Create a key; its secret is in this answer and nowhere else."""
        user = self._desk.user

        def create(identity: str, resumed: bool) -> KeyCreated:
            draft = draft_of(user, identity, body)
            made = self._own.create(draft, self._desk.author, resumed=resumed)
            view = KeyCreated.of(made.key, self._keys.remaining(user), secret=made.secret)
            self._desk.trail.note("key.create", f"{user}/{identity}", None, view)
            return view

        creating = Creating("key", create, KeyCreated, frozenset({"secret"}))
        return self._desk.creations.once(key, body, creating)

    def get(self, key: str) -> KeyView:
        """Read a key."""
        user = self._desk.user
        found = self._desk.stores.catalog.keys(user).get(key)
        return KeyView.of(found, self._keys.remaining(user))

    def patch(self, key: str, body: OwnKeyPatch, if_match: IfMatch = None) -> KeyView:
        """Change a key; disabling it takes effect on the next call."""
        changes = key_changes(body)
        asked = changes.get("pricing_group", "")
        self._own.check_pricing_group(self._desk.user, asked, self._desk.clock())
        changed = self._keys.change(
            self._desk.user,
            key,
            wanted(if_match),
            lambda before: replace(before, **changes),
            self._desk.author,
        )
        return self._noted("key.change", changed)

    def revoke(self, key: str, if_match: IfMatch = None) -> KeyView:
        """Revoke a key for good; it is refused from this moment on."""
        changed = self._keys.revoke(self._desk.user, key, wanted(if_match), self._desk.author)
        return self._noted("key.revoke", changed)

    def set_quota(self, key: str, body: QuotaSet, if_match: IfMatch = None) -> KeyView:
        """Set what a key may spend from now on."""
        quota = None if body.quota_usd is None else parse_usd(body.quota_usd, "quota_usd")
        changed = self._keys.set_quota(
            self._desk.user, key, wanted(if_match), quota, self._desk.author
        )
        return self._noted("key.quota", changed)

    def _noted(self, action: str, changed: Changed[KeyDefinition]) -> KeyView:
        user = self._desk.user
        self._desk.note_change(action, f"{user}/{changed.after.id}", changed, KeyView.of)
        return KeyView.of(changed.after, self._keys.remaining(user))
