"""Limits of the one key, its user and its group, for tests of wallets."""

from typing import Any, Final

from tests.simulation.bank import KEY, Bank
from tollgate.domain.catalog import Limits
from tollgate.domain.limits import Hold
from tollgate.domain.scopes import Kind, Scope
from tollgate.domain.wallet import Outcome
from tollgate.services.settlement import outcome

ALIASES: Final[dict[Kind, str]] = {"user": "", "key": KEY, "group": "g001"}


def scope(kind: Kind, **limits: int) -> tuple[Scope, ...]:
    """The limits of one scope."""
    return (Scope(kind, Limits(**limits), ALIASES[kind]),)


def every(**limits: int) -> tuple[Scope, ...]:
    """The same limits for user, key and group."""
    return tuple(Scope(kind, Limits(**limits), alias) for kind, alias in ALIASES.items())


def ended(bank: Bank, hold: Hold, charge: int, **facts: Any) -> Outcome:
    """How the call of a hold ends now."""
    return outcome(bank.fact(hold, charge, ended=bank.now, **facts))
