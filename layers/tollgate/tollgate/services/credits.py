"""What antigravity accounts have in credits: looked up once for many calls, and when it counts.

Staff's page of an account reads the same balances. Who cannot be told a balance may try: a call
that was refused in error costs more than one that fails.
"""

from collections.abc import Callable
from threading import Lock
from typing import Final

from tollgate.domain.credits import DEGRADED_WAITS, Balance, affords
from tollgate.domain.errors import TollgateError
from tollgate.services.tokens import Name, Owner

Look = Callable[[Owner], Balance]
"""Asks for a balance; raises TollgateError where it cannot even be asked for."""

SECOND_MS: Final = 1_000


class Credits:
    """The balances this environment knows.

    Args:
        look: None where balances cannot be looked up: every account may try then.
        clock: epoch ms.
        sleep: seconds.
    """

    def __init__(
        self, look: Look | None, clock: Callable[[], int], sleep: Callable[[float], None]
    ) -> None:
        self._look = look
        self._clock = clock
        self._sleep = sleep
        self._known: dict[Name, Balance] = {}
        self._locks: dict[Name, Lock] = {}

    def balance(self, owner: Owner) -> Balance:
        """An account's balance: three minutes old at most, one minute where there was trouble.

        Raises:
            TollgateError: it cannot be asked for.
        """
        if self._look is None:
            return Balance(read_at=self._clock())
        with self._locks.setdefault(owner.name, Lock()):
            known = self._known.get(owner.name)
            if known is None or known.good_until <= self._clock():
                known = self._known[owner.name] = self._look(owner)
        return known

    def forget(self, owner: Owner) -> None:
        """Ask anew next time."""
        self._known.pop(owner.name, None)

    def affords(self, owner: Owner, until: int) -> bool:
        """Whether an account has credits for a call that is waited for until then (epoch ms).

        A balance that could not be told is asked for again after 0.5, 1 and 2 seconds.
        """
        if not owner.account.id:
            return False
        if self._look is None:
            return True
        for seconds in (0.0, *DEGRADED_WAITS):
            if seconds and not self._waited(owner, seconds, until):
                return True
            try:
                balance = self.balance(owner)
            except TollgateError:
                if not seconds:
                    return True
                continue
            if not balance.degraded:
                return affords(balance.credits)
        return True

    def _waited(self, owner: Owner, seconds: float, until: int) -> bool:
        """Wait, and have the balance asked for anew; False where the call has no time for it."""
        if self._clock() + int(seconds * SECOND_MS) >= until:
            return False
        self._sleep(seconds)
        self.forget(owner)
        return True
