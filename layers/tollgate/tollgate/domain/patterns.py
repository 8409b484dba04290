"""How a model name finds its row: exact first, then the longest `prefix*`, then `*`."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeVar

Row = TypeVar("Row")


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    """One spelling for validation, cache keys and lookup: trimmed, case folded."""
    return name.strip().casefold()


def patterns_of(name: str) -> Iterator[str]:
    """Every normal pattern that `name` fits, the best one first."""
    wanted = normal(name)
    yield wanted
    yield from wildcards(wanted)


def matching(rows: Mapping[str, Row], name: str) -> Iterator[str]:
    """The patterns that `name` fits among rows keyed by normal patterns, the best one first."""
    wanted = normal(name)
    if wanted in rows:
        yield wanted
    if rows:
        yield from (pattern for pattern in wildcards(wanted) if pattern in rows)


@lru_cache(maxsize=1024)
def wildcards(wanted: str) -> tuple[str, ...]:
    """Every `prefix*` that a normal name fits, the longest one first."""
    return tuple([wanted[:length] + "*" for length in range(len(wanted), -1, -1)])


def find(rows: Mapping[str, Row], name: str) -> tuple[str, Row] | None:
    """The pattern and row that `name` finds among rows keyed by normal patterns."""
    if not rows:
        return None
    wanted = normal(name)
    if wanted in rows:
        return wanted, rows[wanted]
    pattern = next(filter(rows.__contains__, wildcards(wanted)), None)
    return None if pattern is None else (pattern, rows[pattern])


PRICED_AS: Final[Mapping[str, tuple[str, ...]]] = {
    "antigravity": ("antigravity", "anthropic", "gemini"),
}
"""Whose rows a platform looks at, in this order; a platform that is not here at its own only."""


def across(
    rows: Mapping[str, Mapping[str, Row]], platform: str, name: str
) -> tuple[str, Row] | None:
    """The pattern and row of a name among rows by platform and normal pattern (ruling R8).

    Exact in each of the platforms in order; then, platform by platform, its longest prefix.
    """
    if platform not in PRICED_AS:
        return find(rows.get(platform, {}), name)
    found = [rows[each] for each in PRICED_AS[platform] if each in rows]
    wanted = normal(name)
    for exact in found:
        if wanted in exact:
            return wanted, exact[wanted]
    wild = (find(each, wanted) for each in found)
    return next((each for each in wild if each is not None), None)


def normal_keys(rows: Mapping[str, Row]) -> dict[str, Row]:
    """Rows by their normal patterns."""
    return {normal(pattern): row for pattern, row in rows.items()}


def allows(patterns: tuple[str, ...], name: str) -> bool:
    """Whether an allow-list names `name`; an empty one allows everything."""
    return not patterns or find(listed(patterns), name) is not None


@lru_cache(maxsize=1024)
def listed(patterns: tuple[str, ...]) -> Mapping[str, bool]:
    return dict.fromkeys(map(normal, patterns), True)


def translate(mapping: Mapping[str, str], name: str) -> str:
    """The name that a mapping by normal patterns gives to `name`, or `name` itself."""
    found = find(mapping, name)
    return name if found is None else target_of(*found, name)


def target_of(pattern: str, target: str, name: str) -> str:
    """A mapping's target; one ending in `*` keeps what the pattern's `*` matched.

    `gpt-*` → `openai/gpt-*` makes `openai/gpt-4o` of `gpt-4o`.
    """
    if pattern.endswith("*") and target.endswith("*"):
        return target[:-1] + name.strip()[len(pattern) - 1 :]
    return target
