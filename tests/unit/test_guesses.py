"""Wrong keys are counted by address and minute, in bounded memory."""

import pytest

from tollgate.domain.errors import TooManyAttempts
from tollgate.services.guesses import A_MINUTE, REMEMBERED, Guesses


class Clock:
    """Time that stands still until a test moves it."""

    now = 1_700_049_645_000

    def __call__(self) -> int:
        return self.now


def guessed(guesses: Guesses, times: int = A_MINUTE, address: str = "192.0.2.1") -> None:
    for _ in range(times):
        guesses.check(address, "wrong")
        guesses.count_wrong(address)


def test_the_twenty_first_wrong_key_of_a_minute_is_not_looked_at() -> None:
    guesses = Guesses(Clock())
    guessed(guesses)
    with pytest.raises(TooManyAttempts, match="20 unknown API keys") as refused:
        guesses.check("192.0.2.1", "wrong")
    assert refused.value.retry_after == 15


def test_no_wait_is_named_that_clients_would_not_wait() -> None:
    clock = Clock()
    clock.now = 1_700_049_600_000
    guesses = Guesses(clock)
    guessed(guesses)
    with pytest.raises(TooManyAttempts) as refused:
        guesses.check("192.0.2.1", "wrong")
    assert refused.value.retry_after == 30


def test_a_new_minute_forgets() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    guessed(guesses)
    clock.now += 15_000
    guesses.check("192.0.2.1", "wrong")


def test_a_key_that_was_right_passes() -> None:
    guesses = Guesses(Clock())
    guesses.remember("right")
    guessed(guesses)
    guesses.check("192.0.2.1", "right")


def test_memory_is_bounded() -> None:
    guesses = Guesses(Clock())
    guesses.check("192.0.2.1", "wrong")
    for number in range(REMEMBERED + 10):
        guesses.count_wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        guesses.remember(f"key {number}")
    assert len(guesses.wrong) <= REMEMBERED
    assert len(guesses.right) <= REMEMBERED
