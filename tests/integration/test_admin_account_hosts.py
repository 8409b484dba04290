"""Which changes of an account take its secrets again, and when secrets are too much for a group."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.account_samples import APIKEY, CANARY, FULL
from tests.admin_api import AdminApi, admin_api
from tests.integration.test_admin_accounts import changed, made, secret_of, stored


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.mark.parametrize(
    ("sent", "secret", "param"),
    [
        pytest.param(
            {"base_url": "https://evil.example.net/v1"},
            {"credentials": "sk-other"},
            "credentials",
            id="another host",
        ),
        pytest.param(
            {"base_url": "https://api.example.com:8443/v1"},
            {"credentials": "sk-other"},
            "credentials",
            id="another port",
        ),
        pytest.param(
            {"proxy": "http://evil.example.net:3128"},
            {"proxy_credentials": "user:other"},
            "proxy_credentials",
            id="another proxy",
        ),
    ],
)
def test_no_secret_follows_an_address_to_another_host(
    api: AdminApi, sent: dict[str, Any], secret: dict[str, Any], param: str
) -> None:
    account = made(api, FULL)["id"]
    alone = changed(api, account, sent)
    assert (alone.status, alone.json["param"]) == (422, param)
    blank = changed(api, account, sent | dict.fromkeys(secret, ""))
    assert (blank.status, blank.json["param"]) == (422, param)
    assert changed(api, account, sent | secret).status == 200


def test_nor_does_it_in_bulk(api: AdminApi) -> None:
    with_password, without = made(api, FULL)["id"], made(api, APIKEY)["id"]
    change = {"proxy": "http://other.example.com:3128"}
    told = api.call("POST", "/accounts/bulk", {"ids": [with_password, without], "change": change})
    assert [row["param"] for row in told.json["rows"]] == ["proxy_credentials", None]


def test_another_path_at_the_same_host_keeps_the_secret(api: AdminApi) -> None:
    account = made(api, FULL)["id"]
    assert changed(api, account, {"base_url": "https://API.example.com/v2"}).status == 200
    assert secret_of(api, account) == f"sk-{CANARY}-a\nsk-{CANARY}-b"


def test_credentials_that_no_relay_could_read_with_the_others_are_refused(api: AdminApi) -> None:
    draw = Random(5)

    def keys() -> str:
        return "\n".join(f"sk-{draw.getrandbits(1_800):x}"[:300] for _ in range(50))

    group = api.created("/groups", {"name": "main", "platform": "openai"})["id"]
    body = APIKEY | {"groups": [group]}
    small = made(api, body)["id"]
    for _ in range(23):
        made(api, body | {"credentials": keys()})
    before = stored()
    refused = api.call("POST", "/accounts", body | {"credentials": keys()})
    assert (refused.status, refused.json["param"]) == (422, "credentials")
    assert f"group {group} would take 3" in refused.json["detail"]
    assert changed(api, small, {"credentials": keys()}).status == 422
    assert stored() == before
    assert changed(api, small, {"credentials": "sk-new"}).status == 200
    assert api.call("POST", "/accounts", APIKEY | {"credentials": keys()}).status == 201
