"""Subscription windows over days of 23 to 25 hours, leap days, anchors and clocks that differ."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest

from tollgate.domain.record import Windows
from tollgate.domain.windows import MONTH, WEEK, SubscriptionTerms, midnight, terms

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: tzinfo = UTC) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


@pytest.mark.parametrize(
    ("zone", "now", "day", "next_day"),
    [
        pytest.param(
            UTC, "2024-02-29T12:00", "2024-02-29T00:00", "2024-03-01T00:00", id="leap day"
        ),
        pytest.param(
            UTC, "2023-12-31T23:59", "2023-12-31T00:00", "2024-01-01T00:00", id="new year's eve"
        ),
        pytest.param(
            BERLIN, "2024-03-31T12:00", "2024-03-31T00:00", "2024-04-01T00:00", id="23 hours"
        ),
        pytest.param(
            BERLIN, "2024-10-27T12:00", "2024-10-27T00:00", "2024-10-28T00:00", id="25 hours"
        ),
        pytest.param(
            ZoneInfo("Asia/Shanghai"),
            "2024-05-01T00:00",
            "2024-05-01T00:00",
            "2024-05-02T00:00",
            id="at midnight itself",
        ),
        pytest.param(
            ZoneInfo("Asia/Kolkata"),
            "2024-05-01T00:30",
            "2024-05-01T00:00",
            "2024-05-02T00:00",
            id="a zone of half hours",
        ),
        pytest.param(
            ZoneInfo("America/Sao_Paulo"),
            "2018-11-04T12:00",
            "2018-11-04T01:00",
            "2018-11-05T00:00",
            id="a day without a midnight begins when it begins",
        ),
    ],
)
def test_a_day_is_a_calendar_day_of_its_zone(
    zone: tzinfo, now: str, day: str, next_day: str
) -> None:
    found = terms("g001", 0, at(now, zone), zone)
    assert (found.day, found.next_day) == (at(day, zone), at(next_day, zone))


@pytest.mark.parametrize(
    ("after", "week", "month"),
    [
        pytest.param(0, 0, 0, id="at the start"),
        pytest.param(WEEK - 1, 0, 0, id="last second of the first week"),
        pytest.param(WEEK, WEEK, 0, id="second week"),
        pytest.param(MONTH - 1, 4 * WEEK, 0, id="last second of the first month"),
        pytest.param(MONTH, 4 * WEEK, MONTH, id="second month, in the fifth week"),
        pytest.param(12 * MONTH + 5, 51 * WEEK, 12 * MONTH, id="a year on"),
    ],
)
def test_weeks_and_months_are_counted_from_the_start(after: int, week: int, month: int) -> None:
    start = at("2024-01-31T17:23")
    found = terms("g001", start, start + after, UTC)
    assert (found.week, found.month) == (start + week, start + month)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York"])
def test_every_hour_of_a_year_lies_in_its_windows(zone: str) -> None:
    place, start = ZoneInfo(zone), at("2024-01-10T05:00")
    for now in range(start, start + 366 * 86_400, 86_399 // 3):
        found = terms("g001", start, now, place)
        assert found.day <= now < found.next_day <= found.day + 25 * 3_600
        assert found.week <= now < found.week + WEEK
        assert found.month <= now < found.month + MONTH
        assert midnight(now, place) == found.day


def test_a_running_call_finds_the_next_windows_by_itself() -> None:
    found = SubscriptionTerms("g001", 1_000, 2_000, 1_000, 1_000)
    assert found.windows(1_999) == Windows(1_000, 1_000, 1_000)
    assert found.windows(2_000) == Windows(2_000, 1_000, 1_000)
    assert found.windows(1_000 + WEEK).week == 1_000 + WEEK
    assert found.windows(1_000 + MONTH).month == 1_000 + MONTH
