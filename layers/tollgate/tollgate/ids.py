"""Identifiers: prefixed, sortable by time of birth, short enough to live inside keys."""

import secrets
import time
from typing import Final

from tollgate.domain.base32 import base32

TIME_DIGITS: Final = 9
"""Milliseconds since 1970 in base 32: good until the year 3084."""

RANDOM_DIGITS: Final = 7


def new_id(prefix: str, now_ms: int, random: int) -> str:
    """A new id such as `usr_01m2ab3cdxk9q2zt`: prefix, 9 digits of time, 7 digits of `random`."""
    return f"{prefix}_{base32(now_ms, TIME_DIGITS)}{base32(random, RANDOM_DIGITS)}"


def now_ms() -> int:
    """The process's clock: epoch milliseconds. Handed to whoever needs to know the time."""
    return time.time_ns() // 1_000_000


def fresh_id(prefix: str) -> str:
    """A new id of this instant."""
    return new_id(prefix, now_ms(), secrets.randbits(5 * RANDOM_DIGITS))
