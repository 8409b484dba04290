"""How a change gets into the audit log: as the API would show it before and after."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from tollgate.domain.definitions import Author
from tollgate.store.audit import AuditLog, Entry
from tollgate.store.dynamodb import StoreError
from tollgate.web.management.calls import current

Lost = Callable[[Mapping[str, Any]], None]
"""Told an entry that could not be stored, after the change was made: the log keeps it instead."""


class Trail:
    """Writes audit entries of the call being answered; `clock` is in epoch milliseconds."""

    def __init__(self, log: AuditLog, clock: Callable[[], int], lost: Lost) -> None:
        self._log = log
        self._clock = clock
        self._lost = lost

    def author(self) -> Author:
        """Who is writing, and when."""
        return Author(current().caller.actor, self._clock())

    def note(
        self,
        action: str,
        name: str,
        before: BaseModel | None = None,
        after: BaseModel | None = None,
        *,
        actor: str = "",
    ) -> None:
        """Keep that the caller did `action` to the object called `name`.

        `actor` is who the call turned out to come from, when nobody knew it at first.
        """
        call = current()
        entry = Entry(
            actor=actor or call.caller.actor,
            action=action,
            object=name,
            at=self._clock(),
            before=shown(before),
            after=shown(after),
            ip=call.ip,
            request_id=call.request_id,
        )
        try:
            self._log.append(entry)
        except StoreError:
            self._lost(asdict(entry))


def shown(view: BaseModel | None) -> dict[str, Any] | None:
    """What the entry keeps of an object; a secret that was just shown is not part of it."""
    if view is None:
        return None
    return view.model_dump(mode="json", exclude={"secret"})
