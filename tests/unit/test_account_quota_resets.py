"""When the fixed windows of an account's quota begin and end, in any zone and as clocks change."""

from datetime import UTC, datetime

import pytest

from tollgate.domain.account_quota import next_reset, previous_reset
from tollgate.domain.definitions import AccountQuota

SATURDAY, MONDAY, WEDNESDAY = "2026-11-21", "2026-11-23", "2026-11-25"


def ms(text: str) -> int:
    """Epoch ms of `2026-11-22 09:00`, which is UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000


def daily(hour: int, zone: str = "UTC") -> AccountQuota:
    return AccountQuota(100, "fixed", hour, zone=zone)


def weekly(weekday: int, hour: int, zone: str = "UTC") -> AccountQuota:
    return AccountQuota(100, "fixed", hour, weekday, zone)


@pytest.mark.parametrize(
    ("quota", "now", "previous", "following"),
    [
        pytest.param(
            daily(9),
            "2026-11-22 06:00",
            "2026-11-21 09:00",
            "2026-11-22 09:00",
            id="before the hour",
        ),
        pytest.param(
            daily(9), "2026-11-22 09:00", "2026-11-22 09:00", "2026-11-23 09:00", id="on the hour"
        ),
        pytest.param(
            daily(9),
            "2026-11-22 15:30",
            "2026-11-22 09:00",
            "2026-11-23 09:00",
            id="after the hour",
        ),
        pytest.param(
            daily(9), "2026-11-22 15:00", "2026-11-22 09:00", "2026-11-23 09:00", id="at three"
        ),
        pytest.param(
            daily(0), "2026-11-22 23:59", "2026-11-22 00:00", "2026-11-23 00:00", id="midnight"
        ),
        pytest.param(
            daily(0), "2026-12-31 12:00", "2026-12-31 00:00", "2027-01-01 00:00", id="over the year"
        ),
        pytest.param(
            daily(0), "2028-02-28 12:00", "2028-02-28 00:00", "2028-02-29 00:00", id="leap day"
        ),
        pytest.param(
            daily(23), "2026-11-22 22:59", "2026-11-21 23:00", "2026-11-22 23:00", id="last hour"
        ),
        pytest.param(
            daily(9, "Asia/Shanghai"),
            "2026-11-22 07:00",
            "2026-11-22 01:00",
            "2026-11-23 01:00",
            id="three in Shanghai's afternoon",
        ),
        pytest.param(
            daily(0, "Asia/Shanghai"),
            "2026-11-22 16:00",
            "2026-11-22 16:00",
            "2026-11-23 16:00",
            id="Shanghai's midnight is an afternoon in UTC",
        ),
        pytest.param(
            daily(6, "Asia/Kolkata"),
            "2026-11-22 00:29",
            "2026-11-21 00:30",
            "2026-11-22 00:30",
            id="a zone of half an hour",
        ),
        pytest.param(
            daily(9, "Mars/Olympus"),
            "2026-11-22 06:00",
            "2026-11-21 09:00",
            "2026-11-22 09:00",
            id="no such zone is UTC",
        ),
        pytest.param(
            daily(9, "../../etc/passwd"),
            "2026-11-22 06:00",
            "2026-11-21 09:00",
            "2026-11-22 09:00",
            id="a path is UTC",
        ),
        pytest.param(
            daily(9, "Europe"),
            "2026-11-22 06:00",
            "2026-11-21 09:00",
            "2026-11-22 09:00",
            id="a folder is UTC",
        ),
        pytest.param(
            daily(9, ""),
            "2026-11-22 06:00",
            "2026-11-21 09:00",
            "2026-11-22 09:00",
            id="no zone at all is UTC",
        ),
    ],
)
def test_a_fixed_day(quota: AccountQuota, now: str, previous: str, following: str) -> None:
    assert previous_reset(quota, "day", ms(now)) == ms(previous)
    assert next_reset(quota, "day", ms(now)) == ms(following)


@pytest.mark.parametrize(
    ("quota", "now", "previous", "following"),
    [
        pytest.param(
            weekly(1, 9),
            f"{SATURDAY} 10:00",
            "2026-11-16 09:00",
            "2026-11-23 09:00",
            id="Saturday before Monday",
        ),
        pytest.param(
            weekly(1, 9),
            f"{MONDAY} 06:00",
            "2026-11-16 09:00",
            "2026-11-23 09:00",
            id="Monday, before the hour",
        ),
        pytest.param(
            weekly(1, 9),
            f"{MONDAY} 09:00",
            "2026-11-23 09:00",
            "2026-11-30 09:00",
            id="Monday, on the hour",
        ),
        pytest.param(
            weekly(1, 9),
            f"{WEDNESDAY} 12:00",
            "2026-11-23 09:00",
            "2026-11-30 09:00",
            id="Wednesday",
        ),
        pytest.param(
            weekly(0, 0),
            f"{SATURDAY} 10:00",
            "2026-11-15 00:00",
            "2026-11-22 00:00",
            id="Saturday before Sunday",
        ),
        pytest.param(
            weekly(6, 23),
            "2026-11-22 00:00",
            "2026-11-21 23:00",
            "2026-11-28 23:00",
            id="late on Saturday",
        ),
        pytest.param(
            weekly(1, 0, "Asia/Shanghai"),
            "2026-11-22 15:59",
            "2026-11-15 16:00",
            "2026-11-22 16:00",
            id="Shanghai's Monday begins on a Sunday in UTC",
        ),
    ],
)
def test_a_fixed_week(quota: AccountQuota, now: str, previous: str, following: str) -> None:
    assert previous_reset(quota, "week", ms(now)) == ms(previous)
    assert next_reset(quota, "week", ms(now)) == ms(following)


@pytest.mark.parametrize(
    ("quota", "now", "previous", "following"),
    [
        pytest.param(
            daily(2, "Europe/Berlin"),
            "2026-03-28 23:00",
            "2026-03-28 01:00",
            "2026-03-29 01:00",
            id="Berlin leaps over two o'clock: the leap counts",
        ),
        pytest.param(
            daily(2, "Europe/Berlin"),
            "2026-03-29 01:00",
            "2026-03-29 01:00",
            "2026-03-30 00:00",
            id="the day after the leap is 23 hours long",
        ),
        pytest.param(
            daily(9, "Europe/Berlin"),
            "2026-03-28 12:00",
            "2026-03-28 08:00",
            "2026-03-29 07:00",
            id="nine in Berlin is an hour earlier in summer",
        ),
        pytest.param(
            daily(2, "Europe/Berlin"),
            "2026-10-24 23:59",
            "2026-10-24 00:00",
            "2026-10-25 00:00",
            id="Berlin has two o'clock twice: the first counts",
        ),
        pytest.param(
            daily(2, "Europe/Berlin"),
            "2026-10-25 01:00",
            "2026-10-25 00:00",
            "2026-10-26 01:00",
            id="the second two o'clock resets nothing",
        ),
        pytest.param(
            daily(2, "America/New_York"),
            "2026-03-08 06:59",
            "2026-03-07 07:00",
            "2026-03-08 07:00",
            id="New York leaps over two o'clock",
        ),
        pytest.param(
            daily(1, "America/New_York"),
            "2026-11-01 05:30",
            "2026-11-01 05:00",
            "2026-11-02 06:00",
            id="New York has one o'clock twice, and a day of 25 hours",
        ),
        pytest.param(
            daily(2, "Australia/Lord_Howe"),
            "2026-10-03 15:29",
            "2026-10-02 15:30",
            "2026-10-03 15:30",
            id="Lord Howe leaps half an hour from two o'clock on",
        ),
        pytest.param(
            daily(2, "Australia/Lord_Howe"),
            "2026-10-03 15:30",
            "2026-10-03 15:30",
            "2026-10-04 15:00",
            id="and the next two o'clock comes half an hour earlier",
        ),
        pytest.param(
            daily(2, "Australia/Lord_Howe"),
            "2026-04-04 15:00",
            "2026-04-03 15:00",
            "2026-04-04 15:30",
            id="Lord Howe goes back half an hour just before two o'clock",
        ),
    ],
)
def test_a_fixed_day_when_clocks_change(
    quota: AccountQuota, now: str, previous: str, following: str
) -> None:
    assert previous_reset(quota, "day", ms(now)) == ms(previous)
    assert next_reset(quota, "day", ms(now)) == ms(following)


@pytest.mark.parametrize(
    ("zone", "now", "previous", "following"),
    [
        pytest.param(
            "Europe/Berlin",
            "2026-03-29 12:00",
            "2026-03-22 23:00",
            "2026-03-29 22:00",
            id="a week of 167 hours",
        ),
        pytest.param(
            "America/New_York",
            "2026-11-01 12:00",
            "2026-10-26 04:00",
            "2026-11-02 05:00",
            id="a week of 169 hours",
        ),
    ],
)
def test_a_fixed_week_when_clocks_change(
    zone: str, now: str, previous: str, following: str
) -> None:
    assert previous_reset(weekly(1, 0, zone), "week", ms(now)) == ms(previous)
    assert next_reset(weekly(1, 0, zone), "week", ms(now)) == ms(following)
