"""What a ledger line is: one permanent movement of a user's money other than a settled call."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from tollgate.domain.holds import parse_hold_id, rid_of
from tollgate.domain.record import Funding, UsageRecord

LedgerKind = Literal[
    "topup", "adjustment", "redeem", "bonus", "refund", "dispute", "late", "rerate"
]

RERATE: Final = "rerate"
"""Source of the lines that correct what calls were charged."""

OVERDRAWING: Final = frozenset({"dispute"})
"""Kinds that take money whether it is there or not: the bank has already taken it from us."""


@dataclass(frozen=True, slots=True)
class Credit:
    """A movement to be made. `amount` is in nanos; negative takes money away.

    `source` and `reference` identify it for ever: the same pair never moves money twice. `by` is
    who did it: a staff token, a payment provider, a job. Funded by a subscription, it moves no
    balance: it corrects a call that the subscription paid.
    """

    user: str
    amount: int
    kind: LedgerKind
    source: str
    reference: str
    by: str
    note: str = ""
    funding: Funding = "wallet"


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
    funding: Funding = "wallet"

    @property
    def credited(self) -> int:
        """What it adds to a wallet's credits: late debits and subscriptions' lines add nothing."""
        return self.amount if self.kind != "late" and self.funding == "wallet" else 0


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Lines, newest first; `cursor` asks for the next older ones, None at the end."""

    lines: tuple[LedgerLine, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Correction:
    """What a re-rating books for one call: `amount` in nanos, negative takes money.

    A call's corrections are numbered from 0 on, so of two jobs only one can book the next one.
    """

    record: UsageRecord
    amount: int
    number: int
    job: str
    reason: str

    @property
    def credit(self) -> Credit:
        """The movement it is."""
        return Credit(
            user=self.record.user,
            amount=self.amount,
            kind="rerate",
            source=RERATE,
            reference=correction_reference(rid_of(self.record.hold), self.number),
            by=self.job,
            note=self.reason,
            funding=parse_hold_id(self.record.hold).funding,
        )


def correction_reference(rid: str, number: int) -> str:
    """What names a call's correction; those of a call sort by their number."""
    return f"{rid}.{number:03d}"


def corrected(lines: Iterable[LedgerLine]) -> int:
    """What corrections have given back of a call's charge, in nanos; negative where they took."""
    return sum(line.amount for line in lines)
