"""How the local stack calls functions on schedule."""

import threading
from typing import Any

from local.events.invoke import Event
from local.events.mapping import Schedule
from local.events.scheduler import Scheduler
from local.functions.invocation import InvocationFailed

WITHIN = 10.0


class Clock:
    """Time that jumps ahead with every look."""

    def __init__(self, step: float) -> None:
        self._now = 1_700_000_000.0
        self._step = step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def called(plan: Schedule, times: int, *, failing: bool = False) -> list[Any]:
    """The first events of a schedule whose clock runs fast."""
    events: list[Any] = []
    enough = threading.Event()

    def invoke(event: Event) -> None:
        events.append(event)
        if len(events) == times:
            enough.set()
        if failing:
            raise InvocationFailed("Function.Error", "away")

    scheduler = Scheduler(plan, invoke, Clock(step=31.0), nap=0.001)
    scheduler.start()
    assert enough.wait(WITHIN)
    scheduler.stop()
    scheduler.join(WITHIN)
    assert not scheduler.is_alive()
    return events[:times]


def test_the_function_gets_the_schedules_input_again_and_again() -> None:
    plan = Schedule("J.Sweep", "J", "rate(1 minute)", '{"job":"sweep"}')

    assert called(plan, 3) == [{"job": "sweep"}] * 3


def test_a_failing_call_does_not_end_the_schedule() -> None:
    plan = Schedule("J.Sweep", "J", "rate(1 minute)", "{}")

    assert called(plan, 2, failing=True) == [{}, {}]


def test_the_scheduled_time_can_be_part_of_the_input() -> None:
    plan = Schedule("J.Close", "J", "cron(0 * * * ? *)", '{"at":"<aws.scheduler.scheduled-time>"}')

    assert called(plan, 1) == [{"at": "2023-11-14T23:00:00Z"}]


def test_without_an_input_the_event_says_what_it_is() -> None:
    plan = Schedule("J.Close", "J", "cron(0 * * * ? *)")

    (event,) = called(plan, 1)

    assert (event["source"], event["time"]) == ("aws.scheduler", "2023-11-14T23:00:00Z")


def test_a_stopped_schedule_calls_nobody() -> None:
    events: list[Event] = []
    scheduler = Scheduler(Schedule("J.S", "J", "rate(1 minute)", "{}"), events.append, Clock(1.0))
    scheduler.stop()
    scheduler.start()
    scheduler.join(WITHIN)

    assert events == []
