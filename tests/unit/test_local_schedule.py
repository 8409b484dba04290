"""When the local stack's schedules are due."""

from datetime import UTC, datetime

import pytest

from local.events import schedule
from local.events.schedule import UnknownSchedule

SUNDAY = "2026-11-22 13:41:30"


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        pytest.param("rate(1 minute)", "2026-11-22 13:42:30", id="a minute"),
        pytest.param("rate(6 hours)", "2026-11-22 19:41:30", id="hours"),
        pytest.param("rate(2 days)", "2026-11-24 13:41:30", id="days"),
        pytest.param("cron(* * * * ? *)", "2026-11-22 13:42:00", id="every minute"),
        pytest.param("cron(10 * * * ? *)", "2026-11-22 14:10:00", id="every hour"),
        pytest.param("cron(41 13 * * ? *)", "2026-11-23 13:41:00", id="not the minute that runs"),
        pytest.param("cron(0/20 * * * ? *)", "2026-11-22 14:00:00", id="every twenty minutes"),
        pytest.param("cron(40 2 * * ? *)", "2026-11-23 02:40:00", id="every night"),
        pytest.param("cron(0 9 ? * MON-FRI *)", "2026-11-23 09:00:00", id="working days"),
        pytest.param("cron(0 9 ? * 1 *)", "2026-11-29 09:00:00", id="1 is Sunday"),
        pytest.param("cron(0 0 1,15 * ? *)", "2026-12-01 00:00:00", id="two days of the month"),
        pytest.param("cron(0 0 29 FEB ? *)", "2028-02-29 00:00:00", id="a leap day"),
        pytest.param("cron(0 0 1 1 ? 2030)", "2030-01-01 00:00:00", id="one year"),
    ],
)
def test_a_schedule_is_next_due(expression: str, due: str) -> None:
    assert schedule.read(expression)(moment(SUNDAY)) == moment(due)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("rate(often)", id="no number"),
        pytest.param("at(2026-11-22T13:00:00)", id="a single time"),
        pytest.param("cron(* * * * *)", id="five fields"),
        pytest.param("cron(x * * * ? *)", id="a word"),
        pytest.param("cron(0 0 L * ? *)", id="the last day"),
    ],
)
def test_other_expressions_are_refused(expression: str) -> None:
    with pytest.raises(UnknownSchedule):
        schedule.read(expression)


def test_a_moment_that_never_comes_is_refused_when_it_is_asked_for() -> None:
    due = schedule.read("cron(0 0 31 2 ? *)")

    with pytest.raises(UnknownSchedule):
        due(moment(SUNDAY))
