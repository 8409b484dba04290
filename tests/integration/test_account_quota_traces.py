"""Which account gets which call as a quota is used up and begins anew, to the second."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.gateway import ACCOUNTS, CHAT, GROUP, USAGE, Gateway, chat_answer
from tollgate.domain.definitions import AccountQuota
from tollgate.services.account_quotas import AccountQuotas, everywhere
from tollgate.services.health import AccountHealth
from tollgate.services.settlement import Settlement
from tollgate.store.account_quotas import AccountQuotaTable
from tollgate.store.snapshots import Snapshots

COST = 7_500_000
"""Nanos that one of these calls costs us: the first account may take two of them."""

FIRST = replace(ACCOUNTS[0], id="acc_first", base_url="https://first.example.com", priority=1)
SPARE = replace(ACCOUNTS[0], id="acc_spare", base_url="https://spare.example.com")


def ms(text: str) -> int:
    """Epoch ms of `2026-11-22 09:00:00`, which is UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000


def settling(gateway: Gateway, quota: AccountQuota, window: str) -> None:
    """Let the gateway's aggregator count what the first account costs."""
    health = AccountHealth(Snapshots(gateway.dynamo, "state"), gateway.clock)
    table = AccountQuotaTable(gateway.dynamo, "state")
    terms = {"acc_first": {window: quota}}
    quotas = AccountQuotas(table, lambda name: terms.get(name, {}), health, gateway.clock)
    gateway.settlement = Settlement(
        gateway.wallets,
        gateway.rollups.mark_active,
        everywhere(gateway.rollups.add, quotas.add),
        gateway.poisoned.append,
        gateway.count,
    )


def day(hour: int, zone: str) -> AccountQuota:
    return AccountQuota(2 * COST, "fixed", hour, zone=zone)


SPRING = "2026-03-29"
TRACES: list[Any] = [
    pytest.param(
        AccountQuota(2 * COST),
        "day",
        [
            ("2026-11-22 10:30:00", "first"),
            ("2026-11-22 18:00:00", "first"),
            ("2026-11-22 18:00:06", "spare"),
            ("2026-11-23 10:29:59", "spare"),
            ("2026-11-23 10:30:00", "first"),
            ("2026-11-23 23:00:00", "first"),
            ("2026-11-24 10:29:59", "spare"),
            ("2026-11-24 10:30:00", "first"),
        ],
        id="24 hours from the first call on",
    ),
    pytest.param(
        day(9, "Asia/Shanghai"),
        "day",
        [
            ("2026-11-22 00:58:00", "first"),
            ("2026-11-22 00:59:00", "first"),
            ("2026-11-22 00:59:59", "spare"),
            ("2026-11-22 01:00:00", "first"),
            ("2026-11-22 12:00:00", "first"),
            ("2026-11-23 00:59:59", "spare"),
            ("2026-11-23 01:00:00", "first"),
        ],
        id="nine in Shanghai",
    ),
    pytest.param(
        day(2, "Europe/Berlin"),
        "day",
        [
            ("2026-03-28 12:00:00", "first"),
            ("2026-03-28 12:00:06", "first"),
            (f"{SPRING} 00:59:59", "spare"),
            (f"{SPRING} 01:00:00", "first"),
            (f"{SPRING} 01:00:06", "first"),
            (f"{SPRING} 23:59:59", "spare"),
            ("2026-03-30 00:00:00", "first"),
        ],
        id="two in Berlin, in the night without it",
    ),
    pytest.param(
        day(2, "Europe/Berlin"),
        "day",
        [
            ("2026-10-24 23:00:00", "first"),
            ("2026-10-24 23:00:06", "first"),
            ("2026-10-24 23:59:59", "spare"),
            ("2026-10-25 00:00:00", "first"),
            ("2026-10-25 00:00:06", "first"),
            ("2026-10-25 01:00:00", "spare"),
            ("2026-10-26 00:59:59", "spare"),
            ("2026-10-26 01:00:00", "first"),
        ],
        id="two in Berlin, in the night that has it twice",
    ),
    pytest.param(
        day(2, "Australia/Lord_Howe"),
        "day",
        [
            ("2026-10-03 15:00:00", "first"),
            ("2026-10-03 15:00:06", "first"),
            ("2026-10-03 15:29:59", "spare"),
            ("2026-10-03 15:30:00", "first"),
            ("2026-10-03 15:30:06", "first"),
            ("2026-10-04 14:59:59", "spare"),
            ("2026-10-04 15:00:00", "first"),
        ],
        id="two on Lord Howe, when half an hour is missing",
    ),
    pytest.param(
        AccountQuota(2 * COST, "fixed", 0, weekday=1, zone="America/New_York"),
        "week",
        [
            ("2026-10-27 12:00:00", "first"),
            ("2026-10-30 12:00:00", "first"),
            ("2026-11-02 04:59:59", "spare"),
            ("2026-11-02 05:00:00", "first"),
            ("2026-11-02 05:00:06", "first"),
            ("2026-11-09 04:59:59", "spare"),
            ("2026-11-09 05:00:00", "first"),
        ],
        id="Mondays in New York, over the end of summer time",
    ),
    pytest.param(
        AccountQuota(2 * COST),
        "total",
        [
            ("2026-11-22 10:30:00", "first"),
            ("2026-11-22 10:30:06", "first"),
            ("2026-11-22 10:30:12", "spare"),
            ("2027-11-22 10:30:00", "spare"),
        ],
        id="the total for good",
    ),
]


@pytest.mark.parametrize(("quota", "window", "trace"), TRACES)
def test_calls_leave_an_account_at_its_limit_and_return_when_the_window_ends(
    quota: AccountQuota, window: str, trace: list[tuple[str, str]]
) -> None:
    gateway = Gateway(
        lambda request: chat_answer(USAGE),
        group=replace(GROUP, accounts=(FIRST, SPARE)),
        now=ms(trace[0][0]),
    )
    settling(gateway, quota, window)
    for moment, _ in trace:
        gateway.now = ms(moment)
        assert gateway.post("/v1/chat/completions", CHAT).status == 200
        assert gateway.settle() == []
    hosts = [request.url.host.partition(".")[0] for request in gateway.upstream.requests]
    assert list(zip((moment for moment, _ in trace), hosts, strict=True)) == trace
