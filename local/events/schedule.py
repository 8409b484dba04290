"""When a schedule is due: EventBridge Scheduler's `rate(…)` and `cron(…)`, in UTC."""

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from local.template.played import NotPlayed

UNITS: Final = {"minute": 60, "hour": 3600, "day": 86400}
MONTHS: Final = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
DAYS: Final = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
HORIZON: Final = timedelta(days=366 * 5)

Due = Callable[[float], float]
"""From a moment to the next one at which the schedule is due, in seconds since 1970."""


class UnknownSchedule(NotPlayed):
    """An expression that is not played on this machine."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments that six fields allow."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    """Of the month; None is `?`."""
    months: frozenset[int]
    weekdays: frozenset[int] | None
    """1 is Sunday; None is `?`."""
    years: frozenset[int]

    def allows_day(self, moment: datetime) -> bool:
        """Whether it is due on that day at all."""
        weekday = moment.isoweekday() % 7 + 1
        return (
            moment.year in self.years
            and moment.month in self.months
            and (self.days is None or moment.day in self.days)
            and (self.weekdays is None or weekday in self.weekdays)
        )


def read(expression: str) -> Due:
    """What the expression says.

    Raises:
        UnknownSchedule: it is neither a rate nor a cron expression that is understood here.
    """
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        period = int(rate[1]) * UNITS[rate[2]]
        return lambda after: after + period
    if cron := re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression):
        fields = _cron(cron.groups())
        return lambda after: _next(fields, after)
    raise UnknownSchedule(f"the local stack does not play the schedule {expression}")


def _cron(texts: tuple[str, ...]) -> Cron:
    minutes, hours, days, months, weekdays, years = texts
    return Cron(
        minutes=_values(minutes, 0, 59),
        hours=_values(hours, 0, 23),
        days=None if days == "?" else _values(days, 1, 31),
        months=_values(months, 1, 12, MONTHS),
        weekdays=None if weekdays == "?" else _values(weekdays, 1, 7, DAYS),
        years=_values(years, 1970, 2199),
    )


def _values(
    text: str, first: int, last: int, names: Mapping[str, int] | None = None
) -> frozenset[int]:
    """The numbers of one field: `*`, `5`, `1-5`, `0/15`, `MON-FRI`, and lists of these."""
    found: set[int] = set()
    for part in text.upper().split(","):
        span, _, step = part.partition("/")
        low, dash, high = span.partition("-")
        try:
            start = first if low == "*" else (names or {}).get(low) or int(low)
            end = (
                ((names or {}).get(high) or int(high))
                if dash
                else last
                if step or low == "*"
                else start
            )
            found.update(range(start, end + 1, int(step or 1)))
        except ValueError:
            raise UnknownSchedule(text) from None
    return frozenset(each for each in found if first <= each <= last)


def _next(cron: Cron, after: float) -> float:
    moment = datetime.fromtimestamp(after, UTC).replace(second=0, microsecond=0)
    moment += timedelta(minutes=1)
    end = moment + HORIZON
    while moment < end:
        if not cron.allows_day(moment):
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif moment.hour not in cron.hours:
            moment = moment.replace(minute=0) + timedelta(hours=1)
        elif moment.minute not in cron.minutes:
            moment += timedelta(minutes=1)
        else:
            return moment.timestamp()
    raise UnknownSchedule("never due")
