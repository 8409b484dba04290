"""Users' own multipliers in a group: in which part each lies."""

import zlib
from collections.abc import Mapping
from typing import Final

SLICE_USERS: Final = 8_000
"""Users of one published slice, about: a relay reads a whole slice for the first of them."""

Multipliers = Mapping[str, str]
"""User → multiplier, a decimal as text."""


def place(user: str, places: int) -> int:
    """In which of so many parts a user lies: the same for ever."""
    return zlib.crc32(user.encode()) % places


def dealt(multipliers: Multipliers, places: int) -> tuple[dict[str, str], ...]:
    """The multipliers in so many parts, each user in their place."""
    parts: tuple[dict[str, str], ...] = tuple({} for _ in range(places))
    for user, multiplier in multipliers.items():
        parts[place(user, places)][user] = multiplier
    return parts


def sliced(multipliers: Multipliers) -> tuple[dict[str, str], ...]:
    """The slices that are published; none when nobody has a multiplier of their own."""
    return dealt(multipliers, -(-len(multipliers) // SLICE_USERS))
