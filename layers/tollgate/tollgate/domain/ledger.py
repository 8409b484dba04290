"""What a ledger line is: one permanent movement of a user's money other than a settled call."""

from dataclasses import dataclass
from typing import Final, Literal

LedgerKind = Literal["topup", "adjustment", "redeem", "bonus", "refund", "dispute", "late"]

OVERDRAWING: Final = frozenset({"dispute"})
"""Kinds that take money whether it is there or not: the bank has already taken it from us."""


@dataclass(frozen=True, slots=True)
class Credit:
    """A movement to be made. `amount` is in nanos; negative takes money away.

    `source` and `reference` identify it for ever: the same pair never moves money twice. `by` is
    who did it: a staff token, a payment provider, a job.
    """

    user: str
    amount: int
    kind: LedgerKind
    source: str
    reference: str
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A movement that was made; `at` is in epoch ms."""

    user: str
    amount: int
    kind: LedgerKind
    source: str
    reference: str
    by: str
    note: str
    at: int


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Lines, newest first; `cursor` asks for the next older ones, None at the end."""

    lines: tuple[LedgerLine, ...]
    cursor: str | None
