"""Calls functions when their schedules are due."""

import contextlib
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from local.events import schedule
from local.events.invoke import Invoke
from local.events.mapping import Schedule
from local.functions.invocation import InvocationFailed

LONGEST_NAP: Final = 5.0
"""Seconds between two looks at the clock, which may jump when a laptop wakes up."""


class Scheduler(threading.Thread):
    """A thread that keeps one schedule.

    Args:
        plan: the schedule.
        invoke: calls its function.
        clock: seconds since 1970.
        nap: longest wait between two looks at the clock.
    """

    def __init__(
        self, plan: Schedule, invoke: Invoke, clock: Callable[[], float], nap: float = LONGEST_NAP
    ) -> None:
        super().__init__(name=plan.id, daemon=True)
        self._plan = plan
        self._invoke = invoke
        self._clock = clock
        self._nap = nap
        self._next = schedule.read(plan.expression)
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Keep it no longer; a call under way is not waited for."""
        self._stopped.set()

    def run(self) -> None:
        """Keep the schedule."""
        due = self._next(self._clock())
        while not self._stopped.wait(max(0.0, min(due - self._clock(), self._nap))):
            if self._clock() >= due:
                self._call(due)
                due = self._next(self._clock())  # what was missed in a sleep is not made up for

    def _call(self, due: float) -> None:
        with contextlib.suppress(InvocationFailed):  # the next time is the retry
            self._invoke(_event(self._plan, due))


def _event(plan: Schedule, due: float) -> Any:
    moment = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if plan.input is None:
        return {"version": "0", "id": plan.id, "source": "aws.scheduler", "time": moment}
    text = plan.input.replace("<aws.scheduler.scheduled-time>", moment)
    return json.loads(text)
