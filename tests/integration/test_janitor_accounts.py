"""The janitor's work on accounts, put together as its function is: quotas and probes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.account_samples import APIKEY
from tests.admin_api import AdminApi, admin_api, connected
from tests.locked_moto import service
from tests.scripted_endpoint import ScriptedEndpoint, answer, scripted_endpoint
from tollgate.domain.catalog import Health
from tollgate.domain.health import FOR_EVER
from tollgate.observability import Observer
from tollgate.services.opening import open_housekeeping
from tollgate.settings import Settings

CHAT = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
FAULTY = {"faulty": FOR_EVER, "cause:faulty": 6}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api("tests") as opened:
        yield opened


def work(api: AdminApi) -> Any:
    """One run of the schedule."""
    (key,) = service("kms").list_keys()["Keys"]
    settings = Settings(dynamodb_client="boto3", local="tests", kms_key=key["KeyId"])
    aws = connected(settings)
    due = open_housekeeping(settings, aws, Observer("janitor"), lambda: api.now, lambda below: 7)
    return due.run({"job": "accounts"})


def faulty(api: AdminApi, vendor: ScriptedEndpoint, **more: Any) -> str:
    """An account at that vendor whose credentials were refused."""
    account: str = api.created("/accounts", APIKEY | {"base_url": vendor.url, **more})["id"]
    assert api.stores.snapshots.write_health(Health(0, {account: FAULTY}))
    return account


def test_an_account_whose_vendor_takes_it_again_is_revived(api: AdminApi) -> None:
    with scripted_endpoint(answer(200, CHAT)) as vendor:
        account = faulty(api, vendor, models=["small"])
        assert work(api) == {"job": "accounts", "result": 1}
        assert b'"model":"small"' in vendor.deliveries[-1].replace(b" ", b"")
    assert api.call("GET", f"/accounts/{account}").json["healthy"] is True


def test_an_account_that_is_refused_again_stays_where_it_is(api: AdminApi) -> None:
    with scripted_endpoint(answer(401, {"error": {"message": "no"}})) as vendor:
        account = faulty(api, vendor, models=["small"])
        assert work(api) == {"job": "accounts", "result": 0}
        assert len(vendor.heads) == 1
    assert api.call("GET", f"/accounts/{account}").json["healthy"] is False


def test_a_setting_switches_probes_off(api: AdminApi) -> None:
    refused = api.call("POST", "/settings", {"name": "account_probes", "value": "no"})
    assert (refused.status, refused.json["param"]) == (422, "value")
    api.created("/settings", {"name": "account_probes", "value": False})
    with scripted_endpoint(answer(200, CHAT)) as vendor:
        faulty(api, vendor)
        assert work(api) == {"job": "accounts", "result": 0}
        assert vendor.heads == []


def test_quotas_follow_the_catalog_within_a_run(api: AdminApi) -> None:
    limited = {"quotas": {"day": {"limit_usd": "5"}}}
    account = api.created("/accounts", APIKEY | limited)["id"]
    work(api)
    assert api.stores.account_quotas.read(account).since == api.now
