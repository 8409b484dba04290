"""What a user's call would cost now, read from the definitions themselves: staff ask, and verify.

Relays follow within seconds; this is what they are about to know.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from tollgate.domain.call import Call
from tollgate.domain.catalog import GroupPart, Key
from tollgate.domain.compilation import (
    Person,
    compile_global,
    compile_group,
    compile_key,
    compile_profile,
)
from tollgate.domain.definitions import CustomerPriceDefinition, Permission
from tollgate.domain.errors import NotFound
from tollgate.domain.explanation import Explanation, Records, explain
from tollgate.domain.patterns import normal
from tollgate.domain.question import Caller, Question
from tollgate.store.catalog.table import CatalogTable

NO_GROUP: Final = GroupPart("", 0, "", "", "openai", "active", Decimal(1))
"""What stands for the group where nobody says which key would call."""

NO_KEY: Final = Key("", "", "", 0, "")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which model, in which pricing group ("": the key's, else the default), by which key."""

    model: str
    pricing_group: str = ""
    key: str = ""


class EffectivePrices:
    """Explains what users would pay; `clock` is in epoch ms."""

    def __init__(self, catalog: CatalogTable, clock: Callable[[], int]) -> None:
        self._catalog = catalog
        self._clock = clock

    def explain(self, user: str, wish: Wish) -> Explanation:
        """What a call would be charged by, or why it would be refused.

        Raises:
            NotFound: there is no such user, or no such key of theirs.
        """
        person = self._catalog.person(user)
        if person is None:
            raise NotFound(f"there is no user {user!r}")
        key = self._key(user, wish)
        group = self._group(key.group) if key.group else NO_GROUP
        own = self._catalog.own_multipliers(group.id).get(user) if group.id else None
        question = Question(
            Caller(compile_profile(person), key),
            Call("generate", wish.model, b""),
            (),
            compile_global(0, self._catalog.everywhere()),
            group,
            self._clock(),
            own,
        )
        return explain(question, records_of(person))

    def _key(self, user: str, wish: Wish) -> Key:
        if not wish.key:
            return replace(NO_KEY, pricing_group=wish.pricing_group)
        key = compile_key(self._catalog.keys(user).get(wish.key))
        return replace(key, pricing_group=wish.pricing_group or key.pricing_group)

    def _group(self, group: str) -> GroupPart:
        pools = self._catalog.pools()
        definition = pools.groups.get(group)
        if definition is None:
            raise NotFound(f"there is no group {group!r}")
        return compile_group(0, definition, pools)


def records_of(person: Person) -> Records:
    """For what a user has records, whatever state they are in."""
    return Records(codes_of(person.prices), codes_of(person.permissions))


def codes_of(
    records: Iterable[CustomerPriceDefinition | Permission],
) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for record in records:
        model = normal(record.model)
        found[model] = found.get(model, frozenset()) | {record.code}
    return found
