"""Prices as exact numbers: what their texts mean, and how one follows another by ratio.

A price is a decimal, or the exact quotient of two ("0.5/7.0"): a yuan amount over the exchange
rate it was typed at, or what followed from another price by ratio. Nothing is rounded here.
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from tollgate.domain.errors import PricingMisconfigured

PRICE_DECIMALS: Final = 10
PRICE_UNIT: Final = 10**PRICE_DECIMALS
MULTIPLIER_DECIMALS: Final = 6
SHOWN_DECIMALS: Final = 12
LONGEST: Final = 120
"""Characters of a price's text: the quotient of any three prices that are allowed fits."""

DECIMAL: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


@lru_cache(maxsize=4096)
def scaled(text: str, decimals: int) -> int:
    """A decimal text as a whole number of 10^-decimals.

    Raises:
        PricingMisconfigured: not a plain, non-negative decimal with so few places.
    """
    if not DECIMAL.fullmatch(text) or len(text) > LONGEST:
        raise PricingMisconfigured(f"{text[:40]!r} is not a price")
    whole, _, places = text.partition(".")
    places = places.rstrip("0")
    if len(places) > decimals:
        raise PricingMisconfigured(f"{text!r} is not a price with at most {decimals} decimals")
    return int(whole + places.ljust(decimals, "0"))


@lru_cache(maxsize=8192)
def fraction(text: str) -> tuple[int, int]:
    """A price in 10^-10 USD as numerator and denominator, in lowest terms.

    Raises:
        PricingMisconfigured: it is no price, or a quotient by zero.
    """
    above, divided, below = text.partition("/")
    if not divided:
        return scaled(above, PRICE_DECIMALS), 1
    part, whole = scaled(above, PRICE_DECIMALS), scaled(below, PRICE_DECIMALS)
    if not whole:
        raise PricingMisconfigured(f"{text!r} divides by zero")
    return lowest(part * PRICE_UNIT, whole)


def lowest(numerator: int, denominator: int) -> tuple[int, int]:
    common = math.gcd(numerator, denominator)
    return numerator // common, denominator // common


def text_of(numerator: int, denominator: int) -> str:
    """The price whose `fraction` this is: a decimal where there is one."""
    amount = decimal_text(numerator, PRICE_DECIMALS)
    return amount if denominator == 1 else f"{amount}/{denominator}"


def decimal_text(number: int, decimals: int) -> str:
    """So many 10^-decimals as a decimal without zeros at its end; exact at any size."""
    whole, places = divmod(number, 10**decimals)
    return f"{whole}.{places:0{decimals}d}".rstrip("0").rstrip(".")


@lru_cache(maxsize=4096)
def in_ratio(own: str, part: str, whole: str) -> str:
    """`own` × `part` ÷ `whole`, exactly; where the whole is free, the part itself (ruling R5)."""
    (a, b), (c, d), (e, f) = fraction(own), fraction(part), fraction(whole)
    if not e:
        return part
    return text_of(*lowest(a * c * f, b * d * e))


def largest(texts: Iterable[str]) -> str:
    """The highest of some prices."""
    found = list(texts)
    common = math.lcm(*(fraction(text)[1] for text in found))
    return max(found, key=lambda text: fraction(text)[0] * (common // fraction(text)[1]))


def is_free(text: str) -> bool:
    """Whether a price is zero."""
    return not fraction(text)[0]


def shown(text: str) -> str:
    """A price as a decimal for people, rounded half up to 12 places where it is not exact."""
    numerator, denominator = fraction(text)
    scale = 10 ** (SHOWN_DECIMALS - PRICE_DECIMALS)
    rounded = (2 * numerator * scale + denominator) // (2 * denominator)
    return decimal_text(rounded, SHOWN_DECIMALS)
