"""Upstream accounts through the admin API: every type, every refusal, and never a secret."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.account_samples import (
    ANTIGRAVITY,
    APIKEY,
    BEDROCK,
    CANARY,
    EVERY_TYPE,
    FULL,
    VERTEX,
    hidden,
)
from tests.admin_api import AdminApi, admin_api
from tests.locked_moto import service
from tollgate.domain.compilation import compile_account
from tollgate.domain.credentials import CredentialsUnreadable
from tollgate.domain.definitions import Author
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.store.credentials import PROXY_FIELD, opener, place_of, proxy_opener
from tollgate.store.secrets import DataKey, SecretUnreadable

TABLES = ("catalog", "state")


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


def made(api: AdminApi, body: dict[str, Any]) -> Any:
    return api.created("/accounts", body)


def changed(api: AdminApi, account: str, body: dict[str, Any]) -> Any:
    version = api.call("GET", f"/accounts/{account}").json["version"]
    return api.call("PATCH", f"/accounts/{account}", body, headers={"If-Match": str(version)})


def stored() -> str:
    """Everything in the tables, as text."""
    return repr(
        [service("dynamodb").scan(TableName=f"tollgate-{name}")["Items"] for name in TABLES]
    )


def secret_of(api: AdminApi, account: str) -> str:
    return opener(api.stores.secrets)(compile_account(api.stores.catalog.accounts.get(account)))


def proxy_of(api: AdminApi, account: str) -> str:
    found = compile_account(api.stores.catalog.accounts.get(account))
    return proxy_opener(api.stores.secrets)(found)


@pytest.mark.parametrize(
    ("body", "platform", "base_url", "keys"),
    [
        pytest.param(APIKEY, "openai", "https://api.example.com:443/v1", 1, id="an API key"),
        pytest.param(FULL, "openai", "https://api.example.com:443/v1", 2, id="two API keys"),
        pytest.param(
            BEDROCK,
            "anthropic",
            "https://bedrock-runtime.eu-west-1.amazonaws.com:443",
            1,
            id="Bedrock",
        ),
        pytest.param(
            VERTEX, "gemini", "https://us-central1-aiplatform.googleapis.com:443", 1, id="Vertex"
        ),
        pytest.param(
            ANTIGRAVITY,
            "antigravity",
            "https://cloudcode-pa.googleapis.com:443",
            1,
            id="Antigravity",
        ),
    ],
)
def test_an_account_of_every_type_is_made(
    api: AdminApi, body: dict[str, Any], platform: str, base_url: str, keys: int
) -> None:
    account = made(api, body)
    assert (account["platform"], account["base_url"]) == (platform, base_url)
    assert (account["keys"], account["credentials_version"]) == (keys, 1)


def test_all_that_was_sent_is_shown_but_the_secrets(api: AdminApi) -> None:
    account = made(api, FULL)
    shown = api.call("GET", f"/accounts/{account['id']}").json
    assert {name: shown[name] for name in FULL if name in shown} == {
        "name": "full",
        "platform": "openai",
        "type": "apikey",
        "base_url": "https://api.example.com:443/v1",
        "priority": 7,
        "weight": 3,
        "model_mapping": {"fast": "gpt-4o-mini"},
        "models": ["fast", "gpt-4o"],
        "cost_multiplier": "0.75",
        "proxy": "http://proxy.example.com:3128",
        "pool_retries": 0,
        "error_codes": [400, 529],
        "pauses": [{"status": 429, "minutes": 30, "keywords": ["quota", "limit"]}],
        "concurrency": 8,
        "load_factor": 4,
        "expires_at": 1_795_400_000_000,
        "quotas": {
            "total": quota("100"),
            "day": quota("5.5", "fixed", 9, "Asia/Shanghai"),
            "week": quota("0"),
        },
        "notes": "the team's own",
    }
    assert shown["proxy_credentials_version"] == 1
    assert (shown["healthy"], shown["health"]) == (True, [])
    assert shown["quota_usage"]["total"] == {
        "limit_usd": "100",
        "used_usd": "0",
        "started_at": None,
        "resets_at": None,
    }
    assert sorted(shown["quota_usage"]) == ["day", "total"]


def quota(limit: str, reset: str = "rolling", hour: int = 0, zone: str = "UTC") -> dict[str, Any]:
    return {"limit_usd": limit, "reset": reset, "hour": hour, "weekday": 1, "zone": zone}


@pytest.mark.parametrize("body", EVERY_TYPE, ids=[body["name"] for body in EVERY_TYPE])
def test_what_was_sealed_opens_for_the_relay_only(api: AdminApi, body: dict[str, Any]) -> None:
    account = made(api, body)
    assert CANARY in secret_of(api, account["id"]) or "canary" in secret_of(api, account["id"])
    assert hidden(stored())


def test_several_keys_are_kept_one_on_each_line(api: AdminApi) -> None:
    account = made(api, APIKEY | {"credentials": " sk-1\r\n\r\nsk-2\n"})
    assert secret_of(api, account["id"]) == "sk-1\nsk-2"


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        pytest.param(APIKEY | {"platform": ""}, "platform", "one of", id="nobody's API key"),
        pytest.param(
            APIKEY | {"platform": "antigravity"},
            "platform",
            "an account of type apikey serves anthropic or gemini or openai",
            id="Antigravity with an API key",
        ),
        pytest.param(
            ANTIGRAVITY | {"platform": "gemini"},
            "platform",
            "an account of type oauth serves antigravity",
            id="a refresh token for Gemini",
        ),
        pytest.param(APIKEY | {"type": "cookie"}, "type", "one of", id="a type there is not"),
        pytest.param(APIKEY | {"base_url": ""}, "base_url", "https://", id="no address"),
        pytest.param(
            APIKEY | {"base_url": "https://10.0.0.1/v1"},
            "base_url",
            "not public",
            id="an inner address",
        ),
        pytest.param(BEDROCK | {"auth_mode": ""}, "auth_mode", "needs it", id="no mode"),
        pytest.param(BEDROCK | {"region": ""}, "region", "needs it", id="no region"),
        pytest.param(
            BEDROCK | {"auth_mode": "apikey"},
            "credentials.api_key",
            "it is missing",
            id="a key pair where a key is wanted",
        ),
        pytest.param(
            BEDROCK | {"credentials": CANARY},
            "credentials",
            "they must be a JSON object",
            id="Bedrock with a plain text",
        ),
        pytest.param(
            APIKEY | {"credentials": {"api_key": CANARY}},
            "credentials",
            "API key 1 has characters that no header can hold",
            id="an object where a key is wanted",
        ),
        pytest.param(
            APIKEY | {"credentials": f"{CANARY}\n{CANARY}"},
            "credentials",
            "API key 2 is there twice",
            id="a key twice",
        ),
        pytest.param(APIKEY | {"credentials": ""}, "credentials", "no API key", id="no key"),
        pytest.param(
            VERTEX | {"credentials": VERTEX["credentials"] | {"token_uri": "http://10.0.0.1/"}},
            "credentials.token_uri",
            "must start with https://",
            id="tokens from inside",
        ),
        pytest.param(
            VERTEX | {"credentials": VERTEX["credentials"] | {"private_key": CANARY}},
            "credentials.private_key",
            "a private key in PEM",
            id="no private key",
        ),
        pytest.param(
            APIKEY | {"proxy": f"http://user:{CANARY}@proxy.example.com:1080"},
            "proxy",
            "may not carry a user name or password",
            id="a password in a proxy's address",
        ),
        pytest.param(
            APIKEY | {"proxy": "socks5://proxy.example.com"}, "proxy", "must start with", id="socks"
        ),
        pytest.param(
            APIKEY | {"proxy": "http://127.0.0.1:8080"}, "proxy", "not public", id="an inner proxy"
        ),
        pytest.param(
            APIKEY | {"proxy_credentials": f"user:{CANARY}"},
            "proxy_credentials",
            "name the proxy",
            id="a password for no proxy",
        ),
        pytest.param(
            APIKEY | {"proxy": "http://proxy.example.com", "proxy_credentials": CANARY},
            "proxy_credentials",
            "user:password",
            id="half a password",
        ),
        pytest.param(
            APIKEY | {"pool_retries": 5.0}, "pool_retries", "integer", id="a fraction of retries"
        ),
        pytest.param(
            APIKEY | {"pool_retries": "2"}, "pool_retries", "integer", id="retries as text"
        ),
        pytest.param(APIKEY | {"pool_retries": -1}, "pool_retries", "0", id="minus one retry"),
        pytest.param(APIKEY | {"pool_retries": 99}, "pool_retries", "10", id="99 retries"),
        pytest.param(VERTEX | {"pool_retries": 3}, "pool_retries", "has none", id="no pool"),
        pytest.param(
            APIKEY | {"quotas": {"month": {"limit_usd": "1"}}}, "quotas", "one of", id="a month"
        ),
        pytest.param(
            APIKEY | {"quotas": {"day": {"limit_usd": "1", "zone": "Mars/X"}}},
            "quotas.day.zone",
            "IANA",
            id="a bad zone",
        ),
        pytest.param(
            APIKEY | {"quotas": {"day": {"limit_usd": "1", "reset": "sliding"}}},
            "quotas.day.reset",
            "rolling",
            id="a bad mode",
        ),
        pytest.param(
            APIKEY | {"quotas": {"week": {"limit_usd": "1", "weekday": 7}}},
            "quotas.week.weekday",
            "6",
            id="an eighth day",
        ),
        pytest.param(
            APIKEY | {"quotas": {"day": {"limit_usd": 1}}}, "quotas.day.limit_usd", "", id="a float"
        ),
        pytest.param(APIKEY | {"groups": ["grp_no"]}, "groups", "no group", id="no such group"),
    ],
)
def test_what_is_refused_is_named_and_nothing_is_stored(
    api: AdminApi, body: dict[str, Any], field: str, said: str
) -> None:
    answer = api.call("POST", "/accounts", body)
    assert (answer.status, answer.json["param"]) == (422, field), answer.text
    assert said in answer.json["detail"]
    assert hidden(answer.text)
    assert api.call("GET", "/accounts").json["entries"] == []


def test_blank_and_absent_secrets_keep_those_that_are_there(api: AdminApi) -> None:
    account = made(api, FULL)["id"]
    for body in ({"credentials": ""}, {"proxy_credentials": ""}, {"priority": 1}):
        answer = changed(api, account, body)
        assert answer.status == 200, answer.text
        assert (answer.json["credentials_version"], answer.json["keys"]) == (1, 2)
        assert answer.json["proxy_credentials_version"] == 1
    assert secret_of(api, account) == f"sk-{CANARY}-a\nsk-{CANARY}-b"
    assert proxy_of(api, account) == f"user:{CANARY}"


def test_secrets_are_replaced_each_by_itself(api: AdminApi) -> None:
    account = made(api, FULL)["id"]
    answer = changed(api, account, {"credentials": "sk-new"}).json
    assert (answer["credentials_version"], answer["keys"]) == (2, 1)
    answer = changed(api, account, {"proxy_credentials": "user:new"}).json
    assert (answer["credentials_version"], answer["proxy_credentials_version"]) == (2, 2)
    assert (secret_of(api, account), proxy_of(api, account)) == ("sk-new", "user:new")


@pytest.mark.parametrize("body", [{"proxy": None}, {"proxy": ""}, {"proxy_credentials": None}])
def test_a_proxys_password_goes_with_it_or_alone(api: AdminApi, body: dict[str, Any]) -> None:
    account = made(api, FULL)["id"]
    assert changed(api, account, body).json["proxy_credentials_version"] == 0
    assert proxy_of(api, account) == ""


def test_a_proxys_password_is_no_accounts_secret(api: AdminApi) -> None:
    account = api.stores.catalog.accounts.get(made(api, FULL)["id"])
    swapped = compile_account(replace(account, secret=account.proxy_secret))
    told: list[Exception] = []
    with pytest.raises(UpstreamUnavailable):
        opener(api.stores.secrets, lambda _, error: told.append(error))(swapped)
    assert [type(error) for error in told] == [SecretUnreadable]


@pytest.mark.parametrize("text", ["sk 1", "sk-1\x00", "clé", "", "a\nb\na"])
def test_a_secret_that_no_header_can_hold_reaches_none(api: AdminApi, text: str) -> None:
    account = api.stores.catalog.accounts.get(made(api, APIKEY)["id"])
    wrapped = DataKey(int(account.secret["generation"]), str(account.secret["wrapped"]))
    box = api.stores.secrets.seal(text, place_of(account.id, 1), wrapped)
    told: list[Exception] = []
    with pytest.raises(UpstreamUnavailable):
        opener(api.stores.secrets, lambda _, error: told.append(error))(
            compile_account(replace(account, secret=box))
        )
    assert [type(error) for error in told] == [CredentialsUnreadable]


@pytest.mark.parametrize("text", ["user", "us er:pass", "user:pass\r\nx: y"])
def test_nor_does_a_proxys_password(api: AdminApi, text: str) -> None:
    account = api.stores.catalog.accounts.get(made(api, FULL)["id"])
    wrapped = DataKey(int(account.secret["generation"]), str(account.secret["wrapped"]))
    box = api.stores.secrets.seal(text, place_of(account.id, 1, PROXY_FIELD), wrapped)
    with pytest.raises(UpstreamUnavailable):
        proxy_opener(api.stores.secrets)(compile_account(replace(account, proxy_secret=box)))


def test_what_cannot_be_opened_is_neither_tried_nor_asked(api: AdminApi) -> None:
    account = made(api, APIKEY)["id"]
    before = api.stores.catalog.accounts.get(account)
    other = place_of("acc_other", 1)
    wrapped = DataKey(int(before.secret["generation"]), str(before.secret["wrapped"]))
    box = api.stores.secrets.seal("sk-1", other, wrapped)
    author = Author("a test", 1)
    api.stores.catalog.accounts.change(account, 1, lambda a: replace(a, secret=box), author)
    tried = api.call("POST", f"/accounts/{account}/test", {"model": "gpt-4o"})
    asked = api.call("GET", f"/accounts/{account}/models")
    assert {(each.status, each.json["param"]) for each in (tried, asked)} == {(409, "credentials")}


def test_null_clears_and_an_absent_field_stays(api: AdminApi) -> None:
    account = made(api, FULL)["id"]
    names = ("models", "model_mapping", "pool_retries", "error_codes", "pauses", "expires_at")
    answer = changed(api, account, dict.fromkeys((*names, "quotas", "notes"))).json
    assert {name: answer[name] for name in (*names, "quotas", "notes", "concurrency")} == {
        "models": [],
        "model_mapping": {},
        "pool_retries": None,
        "error_codes": [],
        "pauses": [],
        "expires_at": None,
        "quotas": {},
        "notes": "",
        "concurrency": 8,
    }


def test_a_derived_address_follows_the_region_and_a_typed_one_stays(api: AdminApi) -> None:
    account = made(api, BEDROCK)["id"]
    moved = changed(api, account, {"region": "us-west-2"}).json
    assert moved["base_url"] == "https://bedrock-runtime.us-west-2.amazonaws.com:443"
    there = {"base_url": "https://vpce.example.com", "credentials": BEDROCK["credentials"]}
    typed = changed(api, account, there).json
    assert typed["base_url"] == "https://vpce.example.com:443"
    stays = changed(api, account, {"region": "eu-west-1"}).json
    assert stays["base_url"] == "https://vpce.example.com:443"
    back = changed(api, account, {"base_url": ""}).json
    assert back["base_url"] == "https://bedrock-runtime.eu-west-1.amazonaws.com:443"


def test_another_way_to_sign_in_takes_other_credentials(api: AdminApi) -> None:
    account = made(api, BEDROCK)["id"]
    alone = changed(api, account, {"auth_mode": "apikey"})
    assert (alone.status, alone.json["param"]) == (422, "credentials")
    both = changed(api, account, {"auth_mode": "apikey", "credentials": {"api_key": CANARY}})
    assert (both.status, both.json["auth_mode"]) == (200, "apikey")


@pytest.mark.parametrize("field", ["type", "platform", "keys", "secret", "proxy_secret"])
def test_what_an_account_is_stays(api: AdminApi, field: str) -> None:
    answer = changed(api, made(api, APIKEY)["id"], {field: "x"})
    assert (answer.status, answer.json["param"]) == (422, field)
