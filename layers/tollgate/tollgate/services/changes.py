"""One change of a definition together with what was there before, for whoever must tell of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from tollgate.domain.definitions import Author
from tollgate.store.catalog.access import D, Definitions


@dataclass(frozen=True, slots=True)
class Changed(Generic[D]):
    """A definition before and after."""

    before: D
    after: D


def change(
    definitions: Definitions[D],
    name: str,
    version: int | None,
    edit: Callable[[D], D],
    author: Author,
) -> Changed[D]:
    """As `Definitions.change`, which says what is raised."""
    seen: list[D] = []

    def remembering(before: D) -> D:
        seen.append(before)
        return edit(before)

    after = definitions.change(name, version, remembering, author)
    return Changed(seen[-1], after)
