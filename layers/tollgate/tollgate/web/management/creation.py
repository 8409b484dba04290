"""How something is created once: an Idempotency-Key brings the same answer for the same request."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from tollgate.domain.errors import TollgateError
from tollgate.ids import RANDOM_DIGITS, new_id
from tollgate.store.idempotency import Idempotency, Scope
from tollgate.web.management.calls import current
from tollgate.web.management.fields import Body

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Creating(Generic[M]):
    """What is to be created: ids begin with `prefix`; `create(id, resumed)` gives the answer.

    `resumed` says that an earlier try may have got as far as creating it. `secrets` are fields
    that are answered once and never kept.
    """

    prefix: str
    create: Callable[[str, bool], M]
    answer: type[M]
    secrets: frozenset[str] = frozenset()


class Creations:
    """Creates with or without a key of the caller's; `random(n)` is below n."""

    def __init__(
        self, idempotency: Idempotency, clock: Callable[[], int], random: Callable[[int], int]
    ) -> None:
        self._idempotency = idempotency
        self._clock = clock
        self._random = random

    def once(self, key: str | None, body: Body, creating: Creating[M]) -> M:
        """Create, or answer what the same request was answered before.

        Raises:
            Conflict: the key belongs to another request, or that one is under way.
        """
        birth = new_id(creating.prefix, self._clock(), self._random(32**RANDOM_DIGITS))
        if key is None:
            return creating.create(birth, False)
        scope = scope_of(key, body)
        begun = self._idempotency.begin(scope, birth)
        if begun.answer is not None:
            return creating.answer.model_validate(begun.answer)
        try:
            answer = creating.create(begun.birth, begun.resumed)
        except TollgateError:
            self._idempotency.release(scope)
            raise
        self._idempotency.finish(scope, begun.birth, kept(answer, creating.secrets))
        return answer


def scope_of(key: str, body: Body) -> Scope:
    """The request as its sender knows it."""
    call = current()
    text = body.model_dump_json(exclude_unset=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Scope(call.caller.actor, f"{call.method} {call.path}", key, digest)


def kept(answer: BaseModel, secrets: frozenset[str]) -> dict[str, Any]:
    """What may be answered again: everything but the secrets."""
    return answer.model_dump(mode="json") | dict.fromkeys(secrets)
