"""What users may do with API keys of their own: which groups they may name, and how many keys."""

from dataclasses import dataclass
from typing import Final

from tollgate.domain.definitions import (
    Author,
    CustomerPriceDefinition,
    GroupDefinition,
    KeyDefinition,
    UserDefinition,
)
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.model_groups import DEFAULT_CODE
from tollgate.domain.patterns import find
from tollgate.domain.versions import in_force
from tollgate.services.keys import KeyCreated, Keys
from tollgate.store.catalog.groups import listed_at
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.sign_in_attempts import Attempts

MOST_KEYS: Final = 100
"""Keys a user may have that are not revoked: every relay keeps all of them in memory."""

CREATION_LIMIT: Final = 60
"""Keys made per quarter of an hour: revoked ones stay for ever."""


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Creates keys for their owner."""

    catalog: CatalogTable
    keys: Keys
    attempts: Attempts

    def groups(self, user: str) -> list[GroupDefinition]:
        """The groups that a key of theirs may name, in the order of lists."""
        owner = self.catalog.users.get(user)
        found = (group for group in self.catalog.groups.everything() if may_name(owner, group))
        return sorted(found, key=listed_at)

    def create(self, draft: KeyDefinition, author: Author, *, resumed: bool = False) -> KeyCreated:
        """Create a key from a draft without alias and secret.

        Raises:
            ValidationFailed: a group there is not, or not for them; the two are not told apart.
            Conflict: they have as many keys as anybody may.
            TooManyAttempts: they have just made very many.
        """
        owner = self.catalog.users.get(draft.user)
        group = self.catalog.groups.find(draft.group)
        if group is None or not may_name(owner, group):
            raise ValidationFailed(
                "group: there is none of this id for you",
                param="group",
                translations={"zh": "group：没有您可用的这个分组"},
            )
        self.check_pricing_group(draft.user, draft.pricing_group, author.at)
        self.attempts.take(f"keys#{draft.user}", CREATION_LIMIT)
        others = self.catalog.keys(draft.user).everything()
        if sum(key.status != "revoked" and key.id != draft.id for key in others) >= MOST_KEYS:
            raise Conflict(f"you have {MOST_KEYS} keys, the most there may be; revoke one first")
        return self.keys.create(draft, author, resumed=resumed)

    def check_pricing_group(self, user: str, code: str, now_ms: int) -> None:
        """Refuse a pricing group that is of no use to them (onehub.md §11.6).

        A default is of use to everybody. Losing price or permission later leaves the key as it
        is: calls are then refused.

        Raises:
            ValidationFailed: no model has both a price in force and a permission in it.
        """
        if code in {"", DEFAULT_CODE}:
            return
        customer = self.catalog.customer(user)
        prices = [head.model for head in customer.heads.everything() if in_use(head, code, now_ms)]
        granted = [
            permission.model
            for permission in customer.permissions.everything()
            if permission.code == code and permission.enabled
        ]
        if not any(meet(one, other) for one in prices for other in granted):
            raise ValidationFailed(
                f"pricing_group: {code!r} is no group that you have a price and a permission for",
                param="pricing_group",
                translations={"zh": "pricing_group：您在该分组中没有价格和权限"},
            )


def in_use(head: CustomerPriceDefinition, code: str, now_ms: int) -> bool:
    """Whether a price is in force in a model group."""
    price = in_force(head.live, now_ms) if head.code == code else None
    return price is not None and price.enabled


def meet(one: str, other: str) -> bool:
    """Whether two patterns of model names have a name in common."""
    rows = ({one: True}, other), ({other: True}, one)
    return any(find(row, name.removesuffix("*")) is not None for row, name in rows)


def may_name(user: UserDefinition, group: GroupDefinition) -> bool:
    """Whether a key of the user may call through the group."""
    return group.status == "active" and (not group.exclusive or group.id in user.groups)
