"""What a stored price text is worth, and how an exact worth is written as one.

A price is a decimal with at most ten places, or the quotient of two decimals where no such decimal
is exact: half a yuan at 7.0 is "0.5/7.0" dollars. Nothing is rounded here but what only is shown.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tollgate.domain.errors import ValidationFailed

PRICE_TEXT: Final = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?(?:/[0-9]{1,40}(?:\.[0-9]{1,40})?)?")
EXACT_PLACES: Final = 10
"""A decimal with more places than this is written as a quotient, as domain/charge.py reads it."""

SHOWN_PLACES: Final = 12
"""Where a figure that has no end is rounded when people read it."""


def worth(text: str, field: str = "price") -> Fraction:
    """What a price text is worth, exactly.

    Raises:
        ValidationFailed: it is no decimal and no quotient of two, naming the field.
    """
    if PRICE_TEXT.fullmatch(text) is None:
        raise ValidationFailed(f"{field}: {text!r} is not a price", param=field)
    amount, _, divisor = text.partition("/")
    below = Fraction(divisor or "1")
    if not below:
        raise ValidationFailed(f"{field}: {text!r} divides by zero", param=field)
    return Fraction(amount) / below


def written(value: Fraction) -> str:
    """A worth as a price text: a decimal where ten places are enough, else a quotient."""
    scaled = value * 10**EXACT_PLACES
    if scaled.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    return decimal_text(scaled.numerator, EXACT_PLACES)


def shown(value: Fraction, places: int = SHOWN_PLACES) -> str:
    """A worth for people: to so many places, half up; for display only, never to charge by."""
    scaled = value * 10**places
    return decimal_text(
        (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator), places
    )


def divided(amount: str, divisor: str) -> str:
    """The exact quotient of two decimals, with what was typed left readable; nothing is free."""
    return f"{amount}/{divisor}" if Fraction(amount) else "0"


def decimal_text(units: int, places: int) -> str:
    """So many 10^-places as a plain decimal, without zeros at its end."""
    text = format(Decimal(units).scaleb(-places), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
