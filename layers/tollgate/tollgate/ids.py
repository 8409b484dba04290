"""Identifiers: prefixed, sortable by time of birth, short enough to live inside keys."""

from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: sorts as the numbers do, and has no letters that look alike."""

TIME_DIGITS: Final = 9
"""Milliseconds since 1970 in base 32: good until the year 3084."""

RANDOM_DIGITS: Final = 7


def base32(number: int, digits: int) -> str:
    """Write a non-negative number with exactly that many digits; higher digits are dropped."""
    return "".join(ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(digits)))


def number(text: str) -> int:
    """Read what `base32` wrote.

    Raises:
        ValueError: a character outside the alphabet.
    """
    value = 0
    for character in text:
        value = value << 5 | ALPHABET.index(character)
    return value


def new_id(prefix: str, now_ms: int, random: int) -> str:
    """A new id such as `usr_01m2ab3cdxk9q2zt`: prefix, 9 digits of time, 7 digits of `random`."""
    return f"{prefix}_{base32(now_ms, TIME_DIGITS)}{base32(random, RANDOM_DIGITS)}"
