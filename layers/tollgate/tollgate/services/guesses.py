"""How many wrong API keys one address may try: so many a minute, from one environment.

Kept in memory and bounded, so a flood of wrong keys costs no read and no write beyond the first
few. A key that was right here before is let through, whoever else guesses from the same address.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from tollgate.domain.errors import TooManyAttempts
from tollgate.domain.networks import origin

A_MINUTE: Final = 20
"""Wrong keys of one address in one minute, to one environment."""

REMEMBERED: Final = 10_000
MINUTE_MS: Final = 60_000
LONGEST_WAIT: Final = 30


@dataclass(slots=True)
class Guesses:
    """Counts wrong keys; `clock` is in epoch ms."""

    clock: Callable[[], int]
    minute: int = -1
    wrong: Counter[str] = field(default_factory=Counter)
    right: set[int] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    def check(self, address: str, secret: str) -> None:
        """Refuse a key without looking at it, from where too many wrong ones have come.

        Raises:
            TooManyAttempts: for the rest of this minute.
        """
        now = self.clock()
        with self.lock:
            if now // MINUTE_MS != self.minute:
                self.minute = now // MINUTE_MS
                self.wrong.clear()
            tried = self.wrong[origin(address)] if self.wrong else 0
        if tried >= A_MINUTE and hash(secret) not in self.right:
            wait = -(-(MINUTE_MS - now % MINUTE_MS) // 1_000)
            raise TooManyAttempts(
                f"{tried} unknown API keys came from this address in one minute; try again in "
                f"{wait} s with a key that is known",
                retry_after=min(wait, LONGEST_WAIT),
            )

    def count_wrong(self, address: str) -> None:
        """A key from there is known to nobody."""
        with self.lock:
            if len(self.wrong) >= REMEMBERED:
                self.wrong.clear()
            self.wrong[origin(address)] += 1

    def remember(self, secret: str) -> None:
        """A key is right."""
        with self.lock:
            if len(self.right) >= REMEMBERED:
                self.right.clear()
            self.right.add(hash(secret))
