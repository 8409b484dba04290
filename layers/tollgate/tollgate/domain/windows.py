"""Which day, week and month of a subscription a moment belongs to.

A day is a calendar day of the operator's zone; a week is 7 x 24 hours and a month 30 x 24 hours,
counted from the subscription's start. A window is named by the epoch second it begins.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from tollgate.domain.record import Windows

WEEK: Final = 7 * 86_400
MONTH: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class SubscriptionTerms:
    """The subscription a call is to be paid from, and its windows when the call began.

    `next_day` is the epoch second at which the next calendar day begins.
    """

    group_alias: str
    day: int
    next_day: int
    week: int
    month: int

    def windows(self, now: int) -> Windows:
        """The windows of a later second of the same call, which lasts less than a day."""
        return Windows(
            day=self.day if now < self.next_day else self.next_day,
            week=self.week if now < self.week + WEEK else self.week + WEEK,
            month=self.month if now < self.month + MONTH else self.month + MONTH,
        )


def midnight(now: int, zone: tzinfo, days: int = 0) -> int:
    """The epoch second at which the local day of `now`, or one `days` later, begins."""
    day = datetime.fromtimestamp(now, zone).date() + timedelta(days=days)
    return int(datetime.combine(day, time(), zone).timestamp())


def terms(group_alias: str, start: int, now: int, zone: tzinfo) -> SubscriptionTerms:
    """The terms of a subscription that started at `start`, for a call that begins `now`."""
    return SubscriptionTerms(
        group_alias=group_alias,
        day=midnight(now, zone),
        next_day=midnight(now, zone, days=1),
        week=now - (now - start) % WEEK,
        month=now - (now - start) % MONTH,
    )
