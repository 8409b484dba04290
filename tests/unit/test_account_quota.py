"""What counts in the windows of an account's quota, and when one of them is exceeded."""

from datetime import UTC, datetime

import pytest

from tollgate.domain.account_quota import (
    UNUSED,
    Used,
    added,
    added_everywhere,
    begun,
    costs,
    exceeded_until,
    is_exceeded,
    is_over,
    limited,
    retimed,
    shown,
)
from tollgate.domain.definitions import AccountQuota
from tollgate.domain.health import FOR_EVER
from tollgate.domain.record import UsageRecord

MINUTE, HOUR, DAY, WEEK = 60_000, 3_600_000, 86_400_000, 604_800_000


def ms(text: str) -> int:
    """Epoch ms of `2026-11-22 09:00`, which is UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000


def daily(hour: int, zone: str = "UTC") -> AccountQuota:
    return AccountQuota(100, "fixed", hour, zone=zone)


def weekly(weekday: int, hour: int, zone: str = "UTC") -> AccountQuota:
    return AccountQuota(100, "fixed", hour, weekday, zone)


NOW = ms("2026-11-22 12:00")


@pytest.mark.parametrize(
    ("started", "over"),
    [
        pytest.param(0, True, id="never begun"),
        pytest.param(NOW - MINUTE, False, id="a minute ago"),
        pytest.param(NOW - 72 * HOUR, True, id="three days ago"),
        pytest.param(NOW - DAY + 1, False, id="its last millisecond"),
        pytest.param(NOW - DAY, True, id="a day ago to the millisecond"),
    ],
)
def test_a_rolling_day_is_over_after_24_hours(started: int, over: bool) -> None:
    used = Used(5, started, started + DAY) if started else UNUSED
    assert is_over(used, NOW) is over


@pytest.mark.parametrize(
    ("window", "quota", "expected"),
    [
        pytest.param("total", AccountQuota(9), Used(0, NOW, FOR_EVER), id="total never ends"),
        pytest.param("day", AccountQuota(9), Used(0, NOW, NOW + DAY), id="rolling day"),
        pytest.param("week", AccountQuota(9), Used(0, NOW, NOW + WEEK), id="rolling week"),
        pytest.param(
            "day",
            daily(9),
            Used(0, ms("2026-11-22 09:00"), ms("2026-11-23 09:00")),
            id="fixed day",
        ),
        pytest.param(
            "week",
            weekly(0, 0),
            Used(0, ms("2026-11-22 00:00"), ms("2026-11-29 00:00")),
            id="fixed week",
        ),
        pytest.param(
            "total", daily(9), Used(0, NOW, FOR_EVER), id="total has no hour whatever its rule"
        ),
    ],
)
def test_the_first_call_begins_a_window(window: str, quota: AccountQuota, expected: Used) -> None:
    assert begun(quota, window, NOW) == expected


ROLLING = AccountQuota(100)
RUNNING = Used(40, NOW - HOUR, NOW + HOUR)


@pytest.mark.parametrize(
    ("quota", "window", "used", "at", "expected"),
    [
        pytest.param(ROLLING, "day", UNUSED, NOW, Used(7, NOW, NOW + DAY), id="first use"),
        pytest.param(
            ROLLING, "day", RUNNING, NOW, Used(47, NOW - HOUR, NOW + HOUR), id="in the window"
        ),
        pytest.param(
            ROLLING,
            "day",
            RUNNING,
            NOW - 2 * HOUR,
            Used(47, NOW - HOUR, NOW + HOUR),
            id="settled late, rolling",
        ),
        pytest.param(
            daily(11),
            "day",
            RUNNING,
            NOW - 2 * HOUR,
            Used(40, NOW - HOUR, NOW + HOUR),
            id="settled late, fixed: it belongs to the window before",
        ),
        pytest.param(
            daily(11),
            "day",
            RUNNING,
            NOW - HOUR,
            Used(47, NOW - HOUR, NOW + HOUR),
            id="began with the fixed window",
        ),
        pytest.param(
            ROLLING,
            "day",
            RUNNING,
            NOW + HOUR,
            Used(7, NOW + HOUR, NOW + HOUR + DAY),
            id="the next window",
        ),
        pytest.param(
            daily(13),
            "day",
            RUNNING,
            ms("2026-11-22 13:00"),
            Used(7, ms("2026-11-22 13:00"), ms("2026-11-23 13:00")),
            id="the next fixed window",
        ),
        pytest.param(
            daily(9),
            "total",
            Used(40, NOW, FOR_EVER),
            NOW - HOUR,
            Used(47, NOW, FOR_EVER),
            id="all calls count in the total",
        ),
    ],
)
def test_a_call_adds_to_its_window(
    quota: AccountQuota, window: str, used: Used, at: int, expected: Used
) -> None:
    assert added(quota, window, used, 7, at) == expected


def test_a_call_adds_to_every_limited_window_and_to_no_other() -> None:
    quotas = {"total": AccountQuota(1_000), "day": ROLLING, "week": AccountQuota(0)}
    spent = {"total": Used(1, NOW - DAY, FOR_EVER), "week": Used(1, NOW, NOW + WEEK)}

    assert limited(quotas) == {"total": AccountQuota(1_000), "day": ROLLING}
    assert added_everywhere(quotas, spent, 7, NOW) == {
        "total": Used(8, NOW - DAY, FOR_EVER),
        "day": Used(7, NOW, NOW + DAY),
    }


@pytest.mark.parametrize(
    ("quota", "window", "used", "expected"),
    [
        pytest.param(ROLLING, "day", RUNNING, RUNNING, id="one that counts"),
        pytest.param(ROLLING, "day", Used(9, 1, 2), UNUSED, id="rolling and over"),
        pytest.param(AccountQuota(9), "total", UNUSED, UNUSED, id="total, never used"),
        pytest.param(
            daily(9),
            "day",
            Used(9, 1, 2),
            Used(0, ms("2026-11-22 09:00"), ms("2026-11-23 09:00")),
            id="fixed and over: the next one runs already",
        ),
    ],
)
def test_people_see_what_counts_now(
    quota: AccountQuota, window: str, used: Used, expected: Used
) -> None:
    assert shown(quota, window, used, NOW) == expected


@pytest.mark.parametrize(
    ("quota", "window", "used", "expected"),
    [
        pytest.param(daily(20), "day", Used(9, 1, 2), Used(9, 1, 2), id="over: nothing to move"),
        pytest.param(
            daily(20),
            "total",
            Used(9, 1, FOR_EVER),
            Used(9, 1, FOR_EVER),
            id="total has no end to move",
        ),
        pytest.param(
            daily(20),
            "day",
            RUNNING,
            Used(40, NOW - HOUR, ms("2026-11-22 20:00")),
            id="rolling becomes fixed",
        ),
        pytest.param(
            ROLLING,
            "day",
            RUNNING,
            Used(40, NOW - HOUR, NOW + 23 * HOUR),
            id="fixed becomes rolling",
        ),
        pytest.param(
            weekly(1, 0),
            "week",
            Used(9, ms("2026-11-16 00:00"), ms("2026-11-23 00:00")),
            Used(9, ms("2026-11-16 00:00"), ms("2026-11-23 00:00")),
            id="the same rule changes nothing",
        ),
    ],
)
def test_another_rule_moves_the_end_of_a_window(
    quota: AccountQuota, window: str, used: Used, expected: Used
) -> None:
    assert retimed(quota, window, used, NOW) == expected


@pytest.mark.parametrize(
    ("limit", "used", "exceeded"),
    [
        pytest.param(40, Used(39, NOW, NOW + 1), False, id="below"),
        pytest.param(40, Used(40, NOW, NOW + 1), True, id="reached"),
        pytest.param(40, Used(41, NOW, NOW + 1), True, id="above"),
        pytest.param(0, Used(41, NOW, NOW + 1), False, id="a limit of 0 is none"),
        pytest.param(0, Used(0, NOW, NOW + 1), False, id="no limit and nothing used"),
        pytest.param(40, Used(41, NOW - DAY, NOW), False, id="above, in a window that is over"),
        pytest.param(40, UNUSED, False, id="never used"),
    ],
)
def test_a_quota_is_exceeded_when_its_limit_is_reached(
    limit: int, used: Used, exceeded: bool
) -> None:
    assert is_exceeded(AccountQuota(limit), used, NOW) is exceeded


@pytest.mark.parametrize(
    ("day", "week", "total", "until"),
    [
        pytest.param(99, 99, 99, 0, id="nothing reached"),
        pytest.param(100, 99, 99, NOW + HOUR, id="the day"),
        pytest.param(100, 100, 99, NOW + DAY, id="day and week: the later end"),
        pytest.param(100, 100, 100, FOR_EVER, id="the total never comes back"),
    ],
)
def test_an_account_rests_until_the_last_of_its_exceeded_windows_ends(
    day: int, week: int, total: int, until: int
) -> None:
    spent = {
        "day": Used(day, NOW, NOW + HOUR),
        "week": Used(week, NOW, NOW + DAY),
        "total": Used(total, NOW, FOR_EVER),
    }
    quotas = dict.fromkeys(("total", "day", "week"), AccountQuota(100))
    assert exceeded_until(quotas, spent, NOW) == until
    assert exceeded_until(quotas, {}, NOW) == 0


FAILED = {"account": "acc_1", "status": 200, "ms": 9, "error": "upstream_failed", "cost": 30}
FREE = {"account": "acc_2", "status": 429, "ms": 9, "error": "upstream_limited"}


@pytest.mark.parametrize(
    ("account", "cost", "attempts", "expected"),
    [
        pytest.param("acc_3", 100, (), {"acc_3": 100}, id="one account"),
        pytest.param("acc_3", 100, (FREE,), {"acc_3": 100}, id="a failure that cost nothing"),
        pytest.param("acc_3", 130, (FAILED,), {"acc_1": 30, "acc_3": 100}, id="one that did"),
        pytest.param("acc_1", 130, (FAILED,), {"acc_1": 130}, id="the same account again"),
        pytest.param(
            "acc_3", 160, (FAILED, FAILED), {"acc_1": 60, "acc_3": 100}, id="twice in vain"
        ),
        pytest.param("", 30, (FAILED,), {"acc_1": 30}, id="nobody answered"),
        pytest.param("", 0, (), {}, id="nobody was asked"),
        pytest.param("acc_3", 30, (FAILED,), {"acc_1": 30}, id="who answered took nothing"),
    ],
)
def test_a_call_costs_each_account_what_it_took(
    account: str,
    cost: int,
    attempts: tuple[dict[str, str | int], ...],
    expected: dict[str, int],
) -> None:
    record = UsageRecord("usr_1", "h", 0, 0, account=account, cost=cost, attempts=attempts)
    assert costs(record) == expected
