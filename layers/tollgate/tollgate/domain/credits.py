"""Whether an antigravity account can pay a call with AI credits, and when to ask for its balance.

Each model has free capacity of its own; once that is used up, an account whose owner agreed
(`overages`) may go on with credits. Amounts are Google's credits and no money of ours.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from tollgate.domain.catalog import Account
from tollgate.domain.health import CREDITS, MODEL, WHOLE, Facts

GOOGLE_ONE: Final = "GOOGLE_ONE_AI"
"""The only kind of credits that a call can be paid with."""

USUAL_MINIMUM: Final = Decimal(5)
"""What must be left where Google names no minimum."""

EXHAUSTED_MS: Final = 5 * 3_600_000
"""How long credits count as used up."""

LIFE_MS: Final = 180_000
ERROR_LIFE_MS: Final = 60_000

DEGRADED_WAITS: Final = (0.5, 1.0, 2.0)
"""Seconds before each further look at a balance that could not be told."""

Trouble = Literal["", "unauthenticated", "rate_limited", "network_error", "forbidden"]
"""Why there is no balance; "" where there is one."""

DEGRADED: Final = frozenset({"unauthenticated", "rate_limited", "network_error"})
"""What may be over in a second. An account that is forbidden stays so."""

TROUBLES: Final[Mapping[int, Trouble]] = {
    401: "unauthenticated",
    403: "forbidden",
    429: "rate_limited",
}


@dataclass(frozen=True, slots=True)
class Credit:
    """Credits of one kind: how many there are, and how many must be there to use them."""

    kind: str
    amount: Decimal
    minimum: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account was found to have at a time (epoch ms), or why that could not be told."""

    credits: tuple[Credit, ...] = ()
    trouble: Trouble = ""
    read_at: int = 0

    @property
    def degraded(self) -> bool:
        """Whether asking again soon may tell more."""
        return self.trouble in DEGRADED

    @property
    def good_until(self) -> int:
        """When it has to be asked for anew (epoch ms)."""
        return self.read_at + (ERROR_LIFE_MS if self.degraded else LIFE_MS)


def affords(found: Iterable[Credit]) -> bool:
    """Whether there is enough to pay for calls."""
    for credit in found:
        if credit.kind == GOOGLE_ONE:
            least = credit.minimum if credit.minimum > 0 else USUAL_MINIMUM
            return credit.amount >= least
    return False


def trouble_of(status: int) -> Trouble:
    """Why an answer of that status told no balance; "" for one of success."""
    return "" if 200 <= status < 300 else TROUBLES.get(status, "network_error")


def read_credits(body: bytes) -> tuple[Credit, ...] | None:
    """The credits an account's description tells of; None where it is no description."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    tier = told.get("paidTier")
    listed = tier.get("availableCredits") if isinstance(tier, dict) else None
    entries = listed if isinstance(listed, list) else []
    return tuple(read_credit(entry) for entry in entries if isinstance(entry, dict))


def read_credit(entry: dict[str, Any]) -> Credit:
    """One kind of credits; figures come as texts or as numbers."""
    return Credit(
        str(entry.get("creditType", "")),
        amount_of(entry.get("creditAmount")),
        amount_of(entry.get("minimumCreditAmountForUsage")),
    )


def amount_of(told: object) -> Decimal:
    """A figure of Google's; 0 for what is none."""
    try:
        amount = Decimal(str(told))
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() else Decimal(0)


def paid_from(account: Account, facts: Facts, model: str, now: int) -> bool:
    """Whether a call for a model (its name upstream) has to be paid with the account's credits.

    So it is where the model's free capacity rests, nothing else of the account does, and its
    credits are not known to be used up.
    """
    return (
        can_spend(account, facts, now)
        and facts.get(f"{MODEL}{model}", 0) > now
        and all(facts.get(fact, 0) <= now for fact in WHOLE)
    )


def can_spend(account: Account, facts: Facts, now: int) -> bool:
    """Whether an account may spend credits that are not known to be used up."""
    return account.type == "oauth" and account.overages and facts.get(CREDITS, 0) <= now
