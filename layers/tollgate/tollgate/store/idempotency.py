"""Which creating requests were answered already, so that repeating one creates nothing twice.

A request is known by who sent it, where, and the key they chose. It is entered before it is
carried out, with the id that what it creates will have: whoever takes over after a crash goes on
with that very id.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from tollgate.domain.errors import Conflict
from tollgate.store.catalog.attributes import IntegerAttribute, JsonAttribute
from tollgate.store.catalog.writing import foreign_errors
from tollgate.store.dynamodb import ConditionFailed
from tollgate.store.state import StateItem

LIFE_MS: Final = 86_400_000
LEASE_MS: Final = 60_000
"""How long a request may be under way before somebody else may take it over."""

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """One request as its sender knows it; `body` is a hash of what it asked for."""

    actor: str
    route: str
    key: str
    body: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What to do: answer with `answer`, or carry the request out with the id `birth`.

    `resumed` says that an earlier try may have created it already.
    """

    birth: str
    answer: Answer | None = None
    resumed: bool = False


class IdempotencyItem(StateItem):
    body = UnicodeAttribute()
    birth = UnicodeAttribute()
    answer = JsonAttribute(null=True)
    until = IntegerAttribute()
    expires = IntegerAttribute()


class Idempotency:
    """Enters requests; `clock` is in epoch milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock

    def begin(self, scope: Scope, birth: str) -> Begun:
        """Enter a request, or learn what became of it.

        Raises:
            Conflict: the key was used for another body, or the request is still under way.
            StoreError: as the port says.
        """
        now = self._clock()
        absent = IdempotencyItem.pk.does_not_exist() | (IdempotencyItem.expires < now // 1_000)
        if self._enter(scope, birth, absent):
            return Begun(birth)
        known = self._read(scope)
        if known is None:
            raise Conflict("this request is just being given up; repeat it", retry_after=1)
        if known.body != scope.body:
            raise Conflict(
                "this Idempotency-Key was used for another request; choose a new one",
                param="Idempotency-Key",
            )
        if known.answer is not None:
            return Begun(known.birth, known.answer)
        same = IdempotencyItem.until == known.until
        if known.until > now or not self._enter(scope, known.birth, same):
            raise Conflict("this very request is still under way; repeat it later", retry_after=5)
        return Begun(known.birth, resumed=True)

    def finish(self, scope: Scope, birth: str, answer: Answer) -> None:
        """Keep what the request was answered with; secrets must not be in it."""
        now = self._clock()
        item = self._item(scope, birth, until=now, answer=dict(answer))
        with foreign_errors():
            item.save()

    def release(self, scope: Scope) -> None:
        """Forget a request that was refused: nothing was created, so it may be put right."""
        with foreign_errors():
            IdempotencyItem(*key_of(scope)).delete()

    def _enter(self, scope: Scope, birth: str, condition: Condition) -> bool:
        item = self._item(scope, birth, until=self._clock() + LEASE_MS)
        with suppress(ConditionFailed), foreign_errors():
            item.save(condition)
            return True
        return False

    def _read(self, scope: Scope) -> IdempotencyItem | None:
        with foreign_errors():
            try:
                return IdempotencyItem.get(*key_of(scope), consistent_read=True)
            except DoesNotExist:
                return None

    def _item(self, scope: Scope, birth: str, until: int, answer: Any = None) -> IdempotencyItem:
        expires = (self._clock() + LIFE_MS) // 1_000
        return IdempotencyItem(
            *key_of(scope),
            body=scope.body,
            birth=birth,
            until=until,
            answer=answer,
            expires=expires,
        )


def key_of(scope: Scope) -> tuple[str, str]:
    """Where a request is kept."""
    return f"idempotency#{scope.actor}", f"{scope.route}#{scope.key}"
