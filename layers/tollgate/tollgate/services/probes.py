"""Revives accounts that work again: one small call to each that rests without a near end.

Probes are bounded, one at a time for an account, charged to nobody and in no statistics. What
goes wrong on our side, such as credentials that cannot be opened, says nothing of the account.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tollgate.domain.catalog import Account
from tollgate.domain.compilation import compile_account
from tollgate.domain.definitions import AccountDefinition
from tollgate.domain.errors import TollgateError
from tollgate.domain.probing import EVERY_MS, SWITCH, Probe, due, in_turn, model_for
from tollgate.services.account_checks import Trial
from tollgate.services.health import AccountHealth
from tollgate.store.dynamodb import StoreError
from tollgate.store.leases import MARKS, Lease, Leases

MOST: Final = 20
"""Probes in one run."""

BUDGET_MS: Final = 240_000
"""After so long a run begins no further probe: the next one comes soon."""

LEASE_MS: Final = 60_000
"""Longer than any probe takes."""

Settings = Mapping[str, object]
Ask = Callable[[Account, int, str], Trial]
"""Makes one small call with an account's key (from 0 on) for a model, or "" for its first.

Raises:
    TollgateError: it could not even be made.
"""


@dataclass(frozen=True, slots=True)
class Probes:
    """Probes accounts.

    Args:
        find: an account as the catalog has it now, if it is there.
        settings: the catalog's.
        clock: epoch ms.
        random: a number below the one given.
        tell: hears of each account that works again.
    """

    find: Callable[[str], AccountDefinition | None]
    settings: Callable[[], Settings]
    health: AccountHealth
    leases: Leases
    ask: Ask
    clock: Callable[[], int]
    random: Callable[[int], int]
    tell: Callable[[str], None]

    def run(self) -> int:
        """Probe what is due; gives how many accounts and keys may be used again.

        Raises:
            StoreError: nothing is known of settings or health; the next run tries again.
        """
        settings = self.settings()
        if settings.get(SWITCH) is False:
            return 0
        self.health.look()
        began, revived = self.clock(), 0
        turn = began // EVERY_MS
        for probe in in_turn(due(self.health.accounts(), began), turn, MOST):
            if self.clock() >= began + BUDGET_MS:
                break
            revived += self._probe(probe, turn, settings)
        return revived

    def _probe(self, probe: Probe, turn: int, settings: Settings) -> bool:
        account = self.find(probe.account)
        if account is None:
            self.health.clear(probe.account, *self.health.facts(probe.account))
            return False
        key = turn % account.keys if probe.key is None else probe.key
        if account.status != "active" or key >= account.keys:
            return False
        if not self._works(account, key, model_for(account, settings)):
            return False
        self.health.clear(account.id, *probe.ends)
        self.tell(account.id)
        return True

    def _works(self, account: AccountDefinition, key: int, model: str) -> bool:
        """Whether an account answers; not if somebody else is asking it just now."""
        now = self.clock()
        lease = Lease(f"probe#{account.id}", 0, now + LEASE_MS, self.random(MARKS))
        try:
            if not self.leases.take(lease, now).got:
                return False
            trial = self.ask(compile_account(account), key, model)
        except (TollgateError, StoreError):
            return False
        with suppress(StoreError):
            self.leases.give_back(lease)
        return 200 <= trial.status < 300 and not trial.error
