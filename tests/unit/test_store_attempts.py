"""How long a client waits between tries, and after which failures it tries at all."""

from collections.abc import Callable

import pytest

from tollgate.store.attempts import attempted, backoff
from tollgate.store.dynamodb import ConditionFailed, OutcomeUnknown, StoreError, Throttled


def test_the_pause_doubles_up_to_a_second() -> None:
    slept: list[float] = []
    pause = backoff(slept.append, lambda: 0.5)
    for failed in range(8):
        pause(failed)
    assert slept == [0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


def failing(*errors: StoreError) -> Callable[[], str]:
    """Fails so in turn, then answers."""
    left = list(errors)

    def send() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return send


def test_it_pauses_between_tries_and_not_after_the_last() -> None:
    paused: list[int] = []
    failures = failing(Throttled(), OutcomeUnknown(), Throttled())
    with pytest.raises(Throttled):
        attempted(failures, 3, paused.append)
    assert paused == [0, 1]
    assert attempted(failures, 1, paused.append) == "answer"


def test_what_will_not_pass_is_told_at_once() -> None:
    paused: list[int] = []
    with pytest.raises(ConditionFailed):
        attempted(failing(ConditionFailed()), 3, paused.append)
    assert paused == []
