"""The staff's view of how accounts are doing: what rests, failures of late, places and quotas."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.account_samples import APIKEY
from tests.admin_api import AdminApi, admin_api
from tollgate.domain.catalog import Health
from tollgate.domain.health import FOR_EVER
from tollgate.domain.holds import Birth, hour_of, new_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.services.account_quotas import AccountQuotas
from tollgate.services.health import AccountHealth
from tollgate.store.leases import Lease

QUOTA = {"limit_usd": "0.000002", "reset": "fixed", "hour": 0, "weekday": 1, "zone": "UTC"}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


def health(api: AdminApi, account: str) -> Any:
    return api.call("GET", f"/accounts/{account}/health").json


def resting(api: AdminApi) -> list[str]:
    return [each["id"] for each in api.call("GET", "/accounts/health").json["accounts"]]


def know(api: AdminApi, **accounts: dict[str, int]) -> None:
    assert api.stores.snapshots.write_health(Health(0, accounts))


def called(account: str, at: int, *attempts: tuple[str, int]) -> UsageRecord:
    """A call that one account answered after others had failed."""
    tried: list[dict[str, str | int]] = [
        {"account": name, "status": status, "ms": 1} for name, status in attempts
    ]
    return UsageRecord(
        "usr_0123456789abcdef",
        new_hold_id(Birth(at, at, 0, 0, "k001")),
        held=9,
        charge=5,
        cost=1_000,
        account=account,
        first_byte=1,
        attempts=tuple(tried),
    )


def test_an_account_of_which_nothing_is_known_is_well(api: AdminApi) -> None:
    account = api.created("/accounts", APIKEY)
    assert health(api, account["id"]) == {
        "id": account["id"],
        "name": account["name"],
        "platform": "openai",
        "type": "apikey",
        "status": "active",
        "healthy": True,
        "health": [],
        "quota_usage": {},
        "concurrency": 0,
        "in_use": None,
        "answered": 0,
        "failures": 0,
        "failure_rate": None,
    }
    assert resting(api) == []


def test_what_rests_is_told_with_its_end_and_cause(api: AdminApi) -> None:
    first, second, third = (
        api.created("/accounts", APIKEY | {"name": name})["id"] for name in ("a", "b", "c")
    )
    know(
        api,
        **{
            first: {"faulty": FOR_EVER, "cause:faulty": 5},
            second: {"model:gpt-x": api.now + 9_000, "cause:model:gpt-x": 2, "level": 3},
            third: {"cooling": api.now - 1},
            "acc_gone": {"faulty": FOR_EVER},
        },
    )
    assert sorted(resting(api)) == sorted([first, second])
    assert health(api, first)["health"] == [
        {"what": "faulty", "model": None, "key": None, "until": None, "cause": "pause_rule"}
    ]
    assert (health(api, first)["healthy"], health(api, second)["healthy"]) == (False, True)
    assert health(api, second)["health"] == [
        {
            "what": "model",
            "model": "gpt-x",
            "key": None,
            "until": api.now + 9_000,
            "cause": "rate_limited",
        }
    ]


def test_calls_and_failures_of_this_hour_and_the_last_are_told(api: AdminApi) -> None:
    good, bad = (
        api.created("/accounts", APIKEY | {"name": name})["id"] for name in ("good", "bad")
    )
    now = api.now // 1_000
    api.stores.rollups.add(
        [
            called(good, now - 7_200, (bad, 500)),
            called(good, now - 3_600, (bad, 500), (good, 200)),
            called(good, now, (bad, 429), (good, 200)),
            called(bad, now, (bad, 200)),
        ]
    )
    told = {name: health(api, name) for name in (good, bad)}
    assert [told[good][name] for name in ("answered", "failures", "failure_rate")] == [2, 0, "0.00"]
    assert [told[bad][name] for name in ("answered", "failures", "failure_rate")] == [1, 2, "0.67"]


def test_places_in_use_are_counted_where_they_are_limited(api: AdminApi) -> None:
    account = api.created("/accounts", APIKEY | {"concurrency": 3})["id"]
    for number, until in ((0, api.now), (1, api.now + 1), (2, api.now - 1)):
        assert api.stores.leases.take(Lease(account, number, until, 1), api.now - 10).got
    found = health(api, account)
    assert (found["concurrency"], found["in_use"]) == (3, 2)


def test_quotas_are_told_with_what_is_used_of_them(api: AdminApi) -> None:
    account = api.created("/accounts", APIKEY | {"quotas": {"day": QUOTA}})["id"]
    stores = api.stores
    counting = AccountQuotas(
        stores.account_quotas,
        lambda name: stores.catalog.accounts.get(name).quotas,
        AccountHealth(stores.snapshots, lambda: api.now),
        lambda: api.now,
    )
    calls = [called(account, api.now // 1_000 + second) for second in range(2)]
    counting.add(calls)
    found = health(api, account)
    midnight = (api.now // 86_400_000 + 1) * 86_400_000
    assert found["quota_usage"]["day"] == {
        "limit_usd": "0.000002",
        "used_usd": "0.000002",
        "started_at": midnight - 86_400_000,
        "resets_at": midnight,
    }
    assert [rest["cause"] for rest in found["health"]] == ["quota_used"]
    assert resting(api) == [account]
    assert hour_of(api.now // 1_000) in stores.account_quotas.read(account).live


def test_an_account_that_is_not_there(api: AdminApi) -> None:
    assert api.call("GET", "/accounts/acc_0000000000000000/health").status == 404
