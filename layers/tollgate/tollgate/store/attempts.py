"""Decides how often a request is tried, and how long to wait before the next try."""

from collections.abc import Callable
from typing import Final, TypeVar

from tollgate.store.dynamodb import OutcomeUnknown, Throttled

FIRST_PAUSE: Final = 0.025
LONGEST_PAUSE: Final = 1.0

Answer = TypeVar("Answer")
Pause = Callable[[int], None]
"""Waits after the n-th failed try (from 0)."""


def backoff(sleep: Callable[[float], None], random: Callable[[], float]) -> Pause:
    """Waits of up to 25 ms, 50 ms, 100 ms … at most 1 s, scattered over their whole length.

    Args:
        sleep: waits so many seconds.
        random: a number from 0 to 1.
    """

    def pause(failed: int) -> None:
        sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2**failed) * random())

    return pause


def attempted(send: Callable[[], Answer], attempts: int, pause: Pause) -> Answer:
    """The answer of the first try that gets one.

    Raises:
        Throttled, OutcomeUnknown: the last of the tries failed so.
        StoreError: any other failure, at once.
    """
    for failed in range(attempts - 1):
        try:
            return send()
        except (Throttled, OutcomeUnknown):
            pause(failed)
    return send()
