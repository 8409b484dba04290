"""How much of our money an account has cost in its windows, and when each of them begins anew.

A call counts in the window in which it began. Times are epoch ms, amounts nanos of what the
upstream takes from us.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from tollgate.domain.definitions import AccountQuota
from tollgate.domain.health import FOR_EVER
from tollgate.domain.record import UsageRecord

TOTAL: Final = "total"
LENGTHS: Final[Mapping[str, int]] = {"day": 86_400_000, "week": 7 * 86_400_000}
"""How long a rolling window is (ms)."""

WINDOWS: Final = (TOTAL, *LENGTHS)
NEAR: Final = 8
"""Days before and after today among which the resets next to a moment are, weekly ones too."""


@dataclass(frozen=True, slots=True)
class Used:
    """What an account's calls cost in one window, since when and until when it counts.

    A window that no call has begun yet is over at any time.
    """

    nanos: int = 0
    started: int = 0
    resets_at: int = 0


UNUSED: Final = Used()
Quotas = Mapping[str, AccountQuota]
Spent = Mapping[str, Used]
"""What was used, by window."""


def limited(quotas: Quotas) -> dict[str, AccountQuota]:
    """The quotas that limit anything."""
    return {window: quota for window, quota in quotas.items() if quota.limit > 0}


def previous_reset(quota: AccountQuota, window: str, now: int) -> int:
    """When the fixed window that `now` lies in began."""
    return max(moment for moment in _resets(quota, window, now) if moment <= now)


def next_reset(quota: AccountQuota, window: str, now: int) -> int:
    """When the fixed window that `now` lies in ends."""
    return min(moment for moment in _resets(quota, window, now) if moment > now)


def is_over(used: Used, now: int) -> bool:
    """Whether what was used counts no more."""
    return now >= used.resets_at


def begun(quota: AccountQuota, window: str, at: int) -> Used:
    """The window that a call at that time begins, or lies in where its bounds are fixed."""
    if window == TOTAL:
        return Used(0, at, FOR_EVER)
    if quota.reset == "rolling":
        return Used(0, at, at + LENGTHS[window])
    return Used(0, previous_reset(quota, window, at), next_reset(quota, window, at))


def added(quota: AccountQuota, window: str, used: Used, cost: int, at: int) -> Used:
    """What was used, with a call that began at that time.

    A call from before a fixed window counts no more. One from before a rolling window does:
    calls are not settled in the order they began in, and whichever is first begins the window.
    """
    if is_over(used, at):
        return replace(begun(quota, window, at), nanos=cost)
    if at < used.started and window != TOTAL and quota.reset == "fixed":
        return used
    return replace(used, nanos=used.nanos + cost)


def added_everywhere(quotas: Quotas, spent: Spent, cost: int, at: int) -> dict[str, Used]:
    """What was used in each limited window, with a call that began at that time."""
    return {
        window: added(quota, window, spent.get(window, UNUSED), cost, at)
        for window, quota in limited(quotas).items()
    }


def shown(quota: AccountQuota, window: str, used: Used, now: int) -> Used:
    """What people see of a window: of one that is over, the one that follows it, if any has."""
    if not is_over(used, now):
        return used
    return begun(quota, window, now) if window != TOTAL and quota.reset == "fixed" else UNUSED


def retimed(quota: AccountQuota, window: str, used: Used, now: int) -> Used:
    """A window that still counts, as a rule ends it that may be another than it began under.

    What was used in it stays used.
    """
    if is_over(used, now) or window == TOTAL:
        return used
    if quota.reset == "rolling":
        return replace(used, resets_at=used.started + LENGTHS[window])
    return replace(used, resets_at=next_reset(quota, window, now))


def is_exceeded(quota: AccountQuota, used: Used, now: int) -> bool:
    """Whether a limit is reached in a window that still counts."""
    return 0 < quota.limit <= used.nanos and not is_over(used, now)


def exceeded_until(quotas: Quotas, spent: Spent, now: int) -> int:
    """When the last of the windows ends whose limit is reached; 0 where none is."""
    ends = (
        spent[window].resets_at
        for window, quota in quotas.items()
        if window in spent and is_exceeded(quota, spent[window], now)
    )
    return max(ends, default=0)


def costs(record: UsageRecord) -> Counter[str]:
    """What a call cost each account that was asked: the one that answered, and what others took."""
    found = Counter({record.account: record.cost})
    for attempt in record.attempts:
        wasted = int(attempt.get("cost", 0))
        found[record.account] -= wasted
        found[str(attempt["account"])] += wasted
    del found[""]
    return +found


def zone_of(name: str) -> tzinfo:
    """An IANA zone; UTC where no such zone is known."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return UTC


def _resets(quota: AccountQuota, window: str, now: int) -> list[int]:
    zone = zone_of(quota.zone)
    today = datetime.fromtimestamp(now // 1_000, zone).date()
    near = (today + timedelta(days=distance) for distance in range(-NEAR, NEAR + 1))
    return [
        _moment(day, quota.hour, zone)
        for day in near
        if window == "day" or day.isoweekday() % 7 == quota.weekday
    ]


def _moment(day: date, hour: int, zone: tzinfo) -> int:
    """The first time of a day that its clocks show that hour; where they leap over it, the leap."""
    return int(datetime.combine(day, time(hour), zone).timestamp()) * 1_000
