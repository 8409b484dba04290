"""Numbers as text of fixed width that sorts as they do: Crockford's base 32, in lower case."""

from collections import defaultdict
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's digits: they sort as the numbers do, and none looks like another."""

_PLAIN: Final = defaultdict(
    lambda: ord("!"), str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
)
"""To the digits `int` reads; whatever is none becomes what `int` refuses."""


def base32(number: int, digits: int) -> str:
    """Write a non-negative number with exactly that many digits; higher digits are dropped."""
    return "".join(ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(digits)))


def number(text: str) -> int:
    """Read what `base32` wrote.

    Raises:
        ValueError: a character outside the alphabet.
    """
    return int(text.translate(_PLAIN), 32)
