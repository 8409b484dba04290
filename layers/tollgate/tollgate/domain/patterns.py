"""How a model name finds its row: exact first, then the longest `prefix*`, then `*`."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeVar

Row = TypeVar("Row")


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    """One spelling for validation, cache keys and lookup: trimmed, case folded."""
    return name.strip().casefold()


def matching(rows: Mapping[str, Row], name: str) -> Iterator[str]:
    """The patterns that `name` fits among rows keyed by normal patterns, the best one first."""
    wanted = normal(name)
    if wanted in rows:
        yield wanted
    for length in range(len(wanted), -1, -1):
        pattern = wanted[:length] + "*"
        if pattern in rows:
            yield pattern


def find(rows: Mapping[str, Row], name: str) -> tuple[str, Row] | None:
    """The pattern and row that `name` finds among rows keyed by normal patterns."""
    wanted = normal(name)
    if wanted in rows:
        return wanted, rows[wanted]
    pattern = next(matching(rows, wanted), None)
    return None if pattern is None else (pattern, rows[pattern])


PRICED_AS: Final[Mapping[str, tuple[str, ...]]] = {
    "antigravity": ("antigravity", "anthropic", "gemini"),
}
"""Whose rows a platform looks at, in this order; a platform that is not here at its own only."""


def across(rows: Mapping[str, Mapping[str, Row]], platform: str, name: str) -> Row | None:
    """The row of a name among rows by platform and normal pattern (ruling R8).

    Exact in each of the platforms in order; then, platform by platform, its longest prefix.
    """
    named = PRICED_AS.get(platform, (platform,))
    wanted = normal(name)
    found = [rows[each] for each in named if each in rows]
    for exact in found:
        if wanted in exact:
            return exact[wanted]
    for wild in found:
        pattern = next(matching(wild, wanted), None)
        if pattern is not None:
            return wild[pattern]
    return None


def allows(patterns: Iterable[str], name: str) -> bool:
    """Whether a non-empty allow-list names `name`; an empty list allows everything."""
    rows = {normal(pattern): True for pattern in patterns}
    return not rows or find(rows, name) is not None


def translate(mapping: Mapping[str, str], name: str) -> str:
    """The name that `mapping` gives to `name`, or `name` itself."""
    found = find({normal(pattern): target for pattern, target in mapping.items()}, name)
    return name if found is None else target_of(*found, name)


def target_of(pattern: str, target: str, name: str) -> str:
    """A mapping's target; one ending in `*` keeps what the pattern's `*` matched.

    `gpt-*` → `openai/gpt-*` makes `openai/gpt-4o` of `gpt-4o`.
    """
    if pattern.endswith("*") and target.endswith("*"):
        return target[:-1] + name.strip()[len(pattern) - 1 :]
    return target
