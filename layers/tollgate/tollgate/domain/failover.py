"""Whose turn it is after a failed attempt: the same account's again, the next one's, or nobody's.

The way through the frozen list of one call: at most ten switches, and no account twice but where
a pool, or a vendor who said so, is worth another try.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tollgate.domain.catalog import Account
from tollgate.domain.resolution import Candidate
from tollgate.domain.routing import ANTIGRAVITY

SWITCHES: Final = 10

POOL_STATUSES: Final = frozenset({401, 403, 429})
"""What another key behind the same address may not answer with."""

POOL_RETRIES: Final = 10
"""Most retries an account may ask for."""

POOL_PAUSE_MS: Final = 500
STEP_MS: Final = 1_000
"""Antigravity shares limits between accounts: each further switch waits so much longer."""

SECOND_ROUND_MS: Final = 2_000
"""When everybody was briefly unavailable (503), all are asked once more after so long."""


@dataclass(slots=True)
class Failover:
    """Where one call has been, and where it may still go."""

    candidates: Sequence[Candidate]
    switches: int = 0
    too_long: bool = False
    last_status: int = 0
    second_round: bool = False
    failed: set[str] = field(default_factory=set)
    retries: dict[str, int] = field(default_factory=dict)

    def left(self) -> list[Candidate]:
        """Who may still be tried, best first."""
        if self.switches > SWITCHES:
            return []
        return [
            each
            for each in self.candidates
            if each.only_after_too_long is self.too_long and each.account.id not in self.failed
        ]

    def again(self, account: Account, status: int) -> bool:
        """Whether a pool is asked again; counts it."""
        if account.pool_retries is None or status not in POOL_STATUSES:
            return False
        tried = self.retries.get(account.id, 0)
        if tried >= min(account.pool_retries, POOL_RETRIES):
            return False
        self.retries[account.id] = tried + 1
        return True

    def switch(self, account: Account, status: int) -> int:
        """Leave an account that failed; how long to wait (ms) before the next one."""
        self.failed.add(account.id)
        self.last_status = status
        self.switches += 1
        if account.platform != ANTIGRAVITY:
            return 0
        return (self.switches - 1) * STEP_MS

    def after_too_long(self) -> bool:
        """Go on with those that are for calls which are too long; whether there are any."""
        if self.too_long:
            return False
        self.too_long = True
        self.failed.clear()
        return bool(self.left())

    def begin_again(self) -> bool:
        """Whether all are asked once more, now that nobody is left; counts it."""
        if self.second_round or self.last_status != 503 or self.switches > SWITCHES:
            return False
        self.second_round = True
        self.failed.clear()
        return True
