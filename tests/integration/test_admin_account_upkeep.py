"""What staff see of an account's state, and how they revive it, its keys and its quotas."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.account_samples import APIKEY, FULL
from tests.admin_api import NOW, AdminApi, admin_api
from tollgate.domain.account_quota import Used
from tollgate.domain.catalog import Health
from tollgate.domain.health import Cause
from tollgate.store.account_quotas import Addition, Standing

HOUR = 3_600_000
FACTS = {
    "cooling": NOW + HOUR,
    "cause:cooling": int(Cause.RATE_LIMITED),
    "level": 3,
    "faulty": 2**53 - 1,
    "cause:faulty": int(Cause.UNAUTHORIZED),
    "quota": NOW + 5 * HOUR,
    "cause:quota": int(Cause.QUOTA_USED),
    "model:gpt-4o": NOW + 1,
    "key:1": NOW + 2,
    "cause:key:1": int(Cause.PAUSE_RULE),
    "overloaded": NOW,
}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def account(api: AdminApi) -> str:
    """An account with two keys and quotas, of which much rests."""
    body = FULL | {"quotas": {"total": {"limit_usd": "10"}, "day": {"limit_usd": "2"}}}
    made: str = api.created("/accounts", body)["id"]
    assert api.stores.snapshots.write_health(Health(0, {made: FACTS, "acc_other": {"faulty": 9}}))
    return made


def known(api: AdminApi, account: str) -> dict[str, int]:
    return dict(api.stores.snapshots.read_health().accounts.get(account, {}))


def spend(api: AdminApi, account: str, **nanos: int) -> None:
    """Let the account have cost so much in its windows."""
    spent = {window: Used(used, NOW - HOUR, NOW + HOUR) for window, used in nanos.items()}
    hour = "2026112213"
    api.stores.account_quotas.add(Addition(account, Standing(), spent, 1, hour, NOW))


def actions(api: AdminApi) -> list[str]:
    entries = api.call("GET", "/audit", query={"limit": 100}).json["entries"]
    return [each["action"] for each in entries]


def rest(what: str, until: int | None, cause: str, **more: Any) -> dict[str, Any]:
    return {"what": what, "model": None, "key": None, "until": until, "cause": cause, **more}


def test_staff_see_what_rests_until_when_and_why(api: AdminApi, account: str) -> None:
    shown = api.call("GET", f"/accounts/{account}").json
    assert shown["healthy"] is False
    assert shown["health"] == [
        rest("cooling", NOW + HOUR, "rate_limited"),
        rest("faulty", None, "unauthorized"),
        rest("key", NOW + 2, "pause_rule", key=2),
        rest("model", NOW + 1, "unknown", model="gpt-4o"),
        rest("quota", NOW + 5 * HOUR, "quota_used"),
    ]


def test_staff_see_what_of_a_quota_is_used(api: AdminApi, account: str) -> None:
    spend(api, account, total=7_500_000_000, day=1)
    assert api.call("GET", f"/accounts/{account}").json["quota_usage"] == {
        "total": {
            "limit_usd": "10",
            "used_usd": "7.5",
            "started_at": NOW - HOUR,
            "resets_at": NOW + HOUR,
        },
        "day": {
            "limit_usd": "2",
            "used_usd": "0.000000001",
            "started_at": NOW - HOUR,
            "resets_at": NOW + HOUR,
        },
    }


def test_a_window_that_is_over_counts_nothing(api: AdminApi, account: str) -> None:
    spend(api, account, day=1)
    api.now += HOUR
    assert api.call("GET", "/accounts").json["entries"][0]["quota_usage"]["day"] == {
        "limit_usd": "2",
        "used_usd": "0",
        "started_at": None,
        "resets_at": None,
    }


def test_clearing_ends_all_that_rests_but_a_used_quota(api: AdminApi, account: str) -> None:
    answer = api.call("POST", f"/accounts/{account}/clear-health")
    assert answer.json["health"] == [rest("quota", NOW + 5 * HOUR, "quota_used")]
    assert known(api, account) == {"quota": NOW + 5 * HOUR, "cause:quota": 10}
    assert "account.health_clear" in actions(api)


def test_clearing_what_nothing_is_known_of_writes_nothing(api: AdminApi) -> None:
    account = api.created("/accounts", APIKEY)["id"]
    assert api.call("POST", f"/accounts/{account}/clear-health").json["healthy"] is True
    assert api.stores.snapshots.read_health().version == 0


def test_new_credentials_end_what_was_known_of_the_old_ones(api: AdminApi, account: str) -> None:
    headers = {"If-Match": "1"}
    api.call("PATCH", f"/accounts/{account}", {"priority": 1}, headers=headers)
    assert "faulty" in known(api, account)
    headers = {"If-Match": "2"}
    api.call("PATCH", f"/accounts/{account}", {"credentials": "sk-1\nsk-2"}, headers=headers)
    assert sorted(
        each["what"] for each in api.call("GET", f"/accounts/{account}").json["health"]
    ) == [
        "cooling",
        "model",
        "quota",
    ]


def test_keys_are_told_by_number_and_enabled_one_by_one(api: AdminApi, account: str) -> None:
    path = f"/accounts/{account}/keys"
    first = {"number": 1, "usable": True, "until": None, "cause": None}
    second = {"number": 2, "usable": False, "until": NOW + 2, "cause": "pause_rule"}
    assert api.call("GET", path).json == {"keys": [first, second]}
    after = api.call("POST", f"{path}/2/enable").json
    assert after == {"keys": [first, first | {"number": 2}]}
    assert "key:1" not in known(api, account)
    assert "account.key_enable" in actions(api)


@pytest.mark.parametrize(("number", "status"), [("3", 404), ("0", 422), ("x", 422), ("99999", 422)])
def test_a_key_that_is_not_there_is_not_found(
    api: AdminApi, account: str, number: str, status: int
) -> None:
    assert api.call("POST", f"/accounts/{account}/keys/{number}/enable").status == status


def test_all_quotas_begin_anew(api: AdminApi, account: str) -> None:
    spend(api, account, total=11_000_000_000, day=3_000_000_000)
    answer = api.call("POST", f"/accounts/{account}/reset-quota").json
    assert [answer["quota_usage"][window]["used_usd"] for window in ("total", "day")] == ["0", "0"]
    assert "quota" not in known(api, account)
    assert "account.quota_reset" in actions(api)


def test_one_window_begins_anew_and_the_other_still_keeps_it_back(
    api: AdminApi, account: str
) -> None:
    spend(api, account, total=11_000_000_000, day=3_000_000_000)
    path = f"/accounts/{account}/reset-quota"
    answer = api.call("POST", path, query={"window": "day"}).json
    assert [answer["quota_usage"][window]["used_usd"] for window in ("total", "day")] == ["11", "0"]
    assert known(api, account)["quota"] == NOW + HOUR
    assert api.call("POST", path, query={"window": "month"}).status == 422


def test_other_accounts_stay_as_they_are(api: AdminApi, account: str) -> None:
    api.now = 5
    api.call("POST", f"/accounts/{account}/clear-health")
    assert known(api, "acc_other") == {"faulty": 9}


def test_an_account_that_is_not_there_is_not_touched(api: AdminApi) -> None:
    for path in ("clear-health", "reset-quota", "keys/1/enable", "test"):
        body = "{}" if path == "test" else None
        assert api.call("POST", f"/accounts/acc_x/{path}", body).status == 404
