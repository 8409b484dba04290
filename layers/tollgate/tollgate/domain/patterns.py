"""How a model name finds its row: exact first, then the longest `prefix*`, then `*`."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

Row = TypeVar("Row")


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    """One spelling for validation, cache keys and lookup: trimmed, case folded."""
    return name.strip().casefold()


def find(rows: Mapping[str, Row], name: str) -> tuple[str, Row] | None:
    """The pattern and row that `name` finds among rows keyed by normal patterns."""
    wanted = normal(name)
    if wanted in rows:
        return wanted, rows[wanted]
    for length in range(len(wanted), -1, -1):
        pattern = wanted[:length] + "*"
        if pattern in rows:
            return pattern, rows[pattern]
    return None


def allows(patterns: Iterable[str], name: str) -> bool:
    """Whether a non-empty allow-list names `name`; an empty list allows everything."""
    rows = {normal(pattern): True for pattern in patterns}
    return not rows or find(rows, name) is not None


def translate(mapping: Mapping[str, str], name: str) -> str:
    """The name that `mapping` gives to `name`, or `name` itself.

    A target ending in `*` keeps what the pattern's `*` matched: `gpt-*` → `openai/gpt-*`.
    """
    found = find({normal(pattern): target for pattern, target in mapping.items()}, name)
    if found is None:
        return name
    pattern, target = found
    if pattern.endswith("*") and target.endswith("*"):
        return target[:-1] + name.strip()[len(pattern) - 1 :]
    return target
