"""What an imported official price means for its model: new, changed, locked, or nothing at all."""

from dataclasses import dataclass, replace
from typing import Literal

from tollgate.domain.catalog import Price
from tollgate.domain.definitions import PriceDefinition
from tollgate.domain.price_changes import Change, changes_of, guards_of
from tollgate.domain.versions import in_force

Status = Literal["added", "changed", "unchanged", "removed", "locked", "refused"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What an import means for one model.

    `guards` say why it is not made before it is confirmed, `reason` why a row is left out.
    """

    model: str
    status: Status
    changes: tuple[Change, ...] = ()
    guards: tuple[str, ...] = ()
    reason: str = ""


def difference(new: Price, head: PriceDefinition | None, now_ms: int) -> Difference:
    """An imported price beside what the model costs now."""
    old = None if head is None else in_force(head.live, now_ms)
    changes = changes_of(old, new)
    if head is None:
        return Difference(new.model, "added", changes)
    if head.locked:
        return Difference(new.model, "locked" if changes else "unchanged", changes)
    if head.status == "withdrawn":
        return Difference(new.model, "added", changes, ("the price was withdrawn",))
    if not changes:
        return Difference(new.model, "unchanged")
    return Difference(new.model, "changed", changes, tuple(guards_of(old, new)))


def imported(new: Price, head: PriceDefinition | None, now_ms: int) -> Price:
    """The imported price as it is written: from now on, shown in virtual tokens as before."""
    old = None if head is None else in_force(head.live, now_ms)
    tokens = new.virtual_tokens if old is None else old.virtual_tokens
    return replace(new, effective_from=now_ms, effective_to=None, virtual_tokens=tokens)
