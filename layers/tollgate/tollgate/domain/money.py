"""What an amount is: an integer number of nano-USD, and how people read and write it."""

from decimal import Decimal, InvalidOperation
from typing import Final, NewType

from tollgate.domain.errors import ValidationFailed

Nanos = NewType("Nanos", int)
"""A billionth of a US dollar. The only unit money has inside Tollgate; never a float."""

NANOS_PER_USD: Final = 1_000_000_000
NANOS_PER_QUOTA: Final = 2_000
"""The seed's integer points: 500,000 quota are one dollar."""

CHARGE_LIMIT: Final = 10**15
WALLET_LIMIT: Final = 9 * 10**15
"""Exact in a JavaScript number; JSON carries strings anyway."""


def usd(nanos: int) -> str:
    """Write an amount as dollars, exactly: 1500000000 → "1.5", 75 → "0.000000075"."""
    sign = "-" if nanos < 0 else ""
    whole, part = divmod(abs(nanos), NANOS_PER_USD)
    return f"{sign}{whole}" + (f".{part:09d}".rstrip("0") if part else "")


def parse_usd(text: str, field: str) -> Nanos:
    """Read dollars typed by a person; refuses anything that is not a whole number of nanos.

    Raises:
        ValidationFailed: not a plain decimal, more than 9 decimals, or beyond a wallet's size.
    """
    try:
        nanos = Decimal(text) * NANOS_PER_USD
    except InvalidOperation as error:
        raise ValidationFailed(
            f"{field}: {text!r} is not an amount of dollars", param=field
        ) from error
    if not nanos.is_finite() or nanos != nanos.to_integral_value() or abs(nanos) > WALLET_LIMIT:
        raise ValidationFailed(
            f"{field}: {text!r} needs at most 9 decimals and at most {usd(WALLET_LIMIT)} dollars",
            param=field,
            translations={"zh": f"{field}：最多 9 位小数，且不超过 {usd(WALLET_LIMIT)} 美元"},
        )
    return Nanos(int(nanos))


def quota(nanos: int) -> int:
    """The seed's integer points for an amount, rounded up."""
    return -(-nanos // NANOS_PER_QUOTA)
