"""Rollups in memory, filled row by row, and statistics of them; it is a Sunday afternoon."""

from collections.abc import Mapping
from typing import Any

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.holds import Birth, new_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.services.statistics import Page, Period, Statistics
from tollgate.store.rollups import Rollups

USER = "usr_0123456789abcdef"
MIDNIGHT = 1_795_305_600
"""2026-11-22 00:00:00 UTC, a Sunday."""

HOUR, DAY = 3_600, 86_400
NOW = MIDNIGHT + 14 * HOUR + 40 * 60
"""14:40, when what began before 14:00 can be closed."""


class Books:
    """Rollups in memory, and statistics of them."""

    def __init__(self, now: int = NOW) -> None:
        self.dynamo = InMemoryDynamo(["rollups"])
        self.rollups = Rollups(self.dynamo, "rollups")
        self.now = now
        self.statistics = Statistics(self.rollups, lambda: self.now * 1_000)

    def hour(self, name: str, hour: str, **sums: int) -> None:
        """A closed hour row."""
        self.rollups.put_exact({(name, hour): sums})

    def day(self, name: str, day: str, **sums: int) -> None:
        """A closed day row."""
        self.rollups.put_day(name, day, sums, closed=True)

    def period(self, start: int, end: int) -> Period:
        """From one epoch second to another."""
        return self.statistics.period(start * 1_000, end * 1_000)

    def page(self, start: int, end: int, **filters: str) -> Page:
        """Sums by requested model."""
        return self.statistics.models("", filters, self.period(start, end))


def told(page: Page) -> dict[str, Mapping[str, int]]:
    """Name → sums."""
    return {line.name: dict(line.sums) for line in page.lines}


def record(**facts: Any) -> UsageRecord:
    """A call of 13:00."""
    hold = new_hold_id(Birth(MIDNIGHT + 13 * HOUR, 1, 0, 0, "k001"))
    plain: dict[str, Any] = {
        "group": "grp_1",
        "key": "key_1",
        "account": "acc_1",
        "model": "m",
        "started": 1,
    }
    return UsageRecord(USER, hold, 10, 5, **(plain | facts))
