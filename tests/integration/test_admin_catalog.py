"""The catalog through the admin API: what is sent is stored, what is secret never comes back."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.admin_api import AdminApi, admin_api, create_pepper
from tests.admin_writes import World, furnish
from tests.locked_moto import service
from tollgate.domain.catalog import Account
from tollgate.settings import Settings
from tollgate.store.credentials import opener

FRESH = {"If-Match": '"1"'}
CANARY = "canary-7f3a-do-not-show"
TABLES = ("catalog", "wallets", "state", "usage", "rollups")


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnish(api)


def stored() -> str:
    """Everything in every table, as text."""
    scans = [service("dynamodb").scan(TableName=f"tollgate-{name}")["Items"] for name in TABLES]
    return repr(scans)


# --- secrets ----------------------------------------------------------------------------------


def test_credentials_go_in_and_never_come_out(api: AdminApi, world: World) -> None:
    shown: list[str] = []
    body = {
        "name": "secretive",
        "platform": "openai",
        "type": "apikey",
        "base_url": "https://api.example.com",
        "credentials": CANARY,
    }
    headers = {"Idempotency-Key": "one"}
    made = api.call("POST", "/accounts", body, headers=headers)
    path = f"/accounts/{made.json['id']}"
    shown += [made.text, api.call("POST", "/accounts", body, headers=headers).text]
    again = api.call("PATCH", path, {"credentials": CANARY + "2"}, headers=FRESH)
    assert again.json["credentials_version"] == 2
    shown += [again.text, api.call("GET", path).text, api.call("GET", "/accounts").text]
    refused = {"credentials": [CANARY], "base_url": 5}
    shown.append(api.call("PATCH", path, refused, headers={"If-Match": '"2"'}).text)
    shown.append(api.call("GET", "/audit", query={"limit": 100}).text)
    assert not any(CANARY in text for text in [*shown, stored(), repr(api.logged)])


def test_what_was_sealed_opens_for_the_relay(api: AdminApi, world: World) -> None:
    api.call("PATCH", f"/accounts/{world.account}", {"credentials": CANARY}, headers=FRESH)
    found = api.stores.catalog.accounts.get(world.account)
    account = Account(
        found.id, found.name, found.platform, found.type, found.base_url, found.secret
    )
    assert opener(api.stores.secrets)(account) == CANARY


def test_a_changed_account_keeps_its_credentials(api: AdminApi, world: World) -> None:
    before = api.stores.catalog.accounts.get(world.account).secret
    api.call("PATCH", f"/accounts/{world.account}", {"priority": 5}, headers=FRESH)
    assert api.stores.catalog.accounts.get(world.account).secret == before


def test_secrets_of_keys_and_tokens_are_stored_nowhere(api: AdminApi, world: World) -> None:
    headers = {"Idempotency-Key": "one"}
    path = f"/users/{world.user}/keys"
    key = api.call("POST", path, {"group": world.group}, headers=headers).json["secret"]
    body = {"name": "n", "role": "auditor"}
    token = api.call("POST", "/admin_tokens", body, headers=headers).json["secret"]
    for text in (stored(), repr(api.logged), api.call("GET", "/audit").text):
        assert key not in text
        assert token not in text
        assert api.owner not in text


@pytest.mark.parametrize("field", ["secret_hash", "pepper_generation", "ciphertext", "wrapped"])
def test_no_list_shows_how_secrets_are_kept(api: AdminApi, world: World, field: str) -> None:
    paths = ("/users", f"/users/{world.user}/keys", "/accounts", "/admin_tokens", "/audit")
    assert not any(field in api.call("GET", path).text for path in paths)


# --- management tokens ------------------------------------------------------------------------


def test_a_revoked_token_enters_no_more(api: AdminApi, world: World) -> None:
    token = api.token("operator")
    identity = api.call("GET", "/me", token=token).json["id"]
    assert api.call("DELETE", f"/admin_tokens/{identity}", headers=FRESH).status == 200
    assert api.call("GET", "/me", token=token).status == 401


def test_a_token_is_no_other_by_one_digit(api: AdminApi) -> None:
    last = "1" if api.owner[-1] == "0" else "0"
    assert api.call("GET", "/me", token=api.owner[:-1] + last).status == 401


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"status": "disabled"}, id="disabled"),
        pytest.param({"role": "auditor"}, id="made an auditor"),
        pytest.param(None, id="revoked"),
    ],
)
def test_the_last_owner_stays(api: AdminApi, body: object) -> None:
    me = api.call("GET", "/me").json["id"]
    method = "DELETE" if body is None else "PATCH"
    refused = api.call(method, f"/admin_tokens/{me}", body, headers=FRESH)
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    api.token("owner")
    assert api.call(method, f"/admin_tokens/{me}", body, headers=FRESH).status == 200


def test_a_token_is_hashed_again_under_a_newer_pepper(api: AdminApi) -> None:
    create_pepper(Settings(), 2, "another pepper, also long enough to be one")
    api.stores.peppers._read_at = None
    assert api.call("GET", "/me").status == 200
    identity = api.call("GET", "/me").json["id"]
    assert api.stores.catalog.admin_tokens.get(identity).pepper_generation == 2
    assert api.call("GET", "/me").status == 200


# --- base URLs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "https://127.0.0.1",
        "https://localhost",
        "https://169.254.169.254/latest",
        "https://[::1]",
        "https://10.0.0.1",
        "https://0x7f000001",
        "https://2130706433",
        "https://user:pass@example.com",
        "https://example.com?x=1",
        "https://example.internal",
        "https://127.0.0.1:9001",
        "ftp://example.com",
        "//example.com",
        "https://exa mple.com",
    ],
)
def test_an_account_lives_at_a_public_address(api: AdminApi, world: World, url: str) -> None:
    refused = api.call("PATCH", f"/accounts/{world.account}", {"base_url": url}, headers=FRESH)
    assert (refused.status, refused.json["param"]) == (422, "base_url")


def test_loopback_is_for_ones_own_machine(aws_environment: None) -> None:
    with admin_api(local="1") as api:
        there = furnish(api)
        body = {"base_url": "http://127.0.0.1:9999/v1", "credentials": "sk-local"}
        assert api.call("PATCH", f"/accounts/{there.account}", body, headers=FRESH).status == 200


# --- what null and {} mean --------------------------------------------------------------------

MAPPING = {"openai": {"fast": "gpt-4o-mini"}}


@pytest.mark.parametrize(
    ("body", "groups", "mapping", "description"),
    [
        pytest.param({}, 1, MAPPING, "old", id="nothing sent"),
        pytest.param({"groups": None}, 0, MAPPING, "old", id="groups null"),
        pytest.param({"groups": []}, 0, MAPPING, "old", id="groups empty"),
        pytest.param({"model_mapping": None}, 1, {}, "old", id="mapping null"),
        pytest.param({"model_mapping": {}}, 1, {}, "old", id="mapping empty"),
        pytest.param({"description": None}, 1, MAPPING, "", id="description null"),
    ],
)
def test_a_channels_fields_are_kept_or_cleared(
    api: AdminApi,
    world: World,
    body: dict[str, Any],
    groups: int,
    mapping: Mapping[str, Any],
    description: str,
) -> None:
    path = f"/channels/{world.channel}"
    full = {"groups": [world.group], "model_mapping": MAPPING, "description": "old"}
    assert api.call("PATCH", path, full, headers=FRESH).status == 200
    answer = api.call("PATCH", path, body, headers={"If-Match": '"2"'}).json
    assert len(answer["groups"]) == groups
    assert (answer["model_mapping"], answer["description"]) == (mapping, description)


@pytest.mark.parametrize("name", ["name", "status", "billing_model_source"])
def test_what_cannot_be_empty_is_not_cleared(api: AdminApi, world: World, name: str) -> None:
    refused = api.call("PATCH", f"/channels/{world.channel}", {name: None}, headers=FRESH)
    assert (refused.status, refused.json["param"]) == (422, name)


# --- prices -----------------------------------------------------------------------------------


def test_a_price_is_changed_by_versions_and_withdrawn(api: AdminApi, world: World) -> None:
    query = {"model": "GPT-X "}
    dearer = {"prices": {"input": "3", "output": "4"}, "effective_from": api.now + 60_000}
    put = api.call("PUT", "/price", dearer, headers=FRESH, query=query)
    assert put.status == 200, put.text
    assert [(row["number"], row["prices"]["input"]) for row in put.json["live"]] == [
        (1, "1"),
        (2, "3"),
    ]
    assert api.call("PUT", "/price", dearer, headers=FRESH, query=query).status == 412
    versions = api.call("GET", "/price/versions", query=query).json["entries"]
    assert [row["price"]["number"] for row in versions] == [1, 2]
    gone = api.call("DELETE", "/price", headers={"If-Match": '"2"'}, query=query)
    assert (gone.json["status"], gone.json["live"]) == ("withdrawn", [])
    assert api.call("GET", "/price", query=query).status == 404


def test_official_prices_are_loaded_by_name(api: AdminApi, world: World) -> None:
    loaded = api.call("POST", "/prices/official", {"models": ["gpt-4o", "gpt-4o-mini"]})
    assert loaded.json == {"priced": ["gpt-4o", "gpt-4o-mini"]}
    price = api.call("GET", "/price", query={"model": "gpt-4o"}).json["live"][0]["prices"]
    assert (price["input"], price["output"]) == ("2.5", "10")
    again = api.call("POST", "/prices/official", {"models": ["gpt-4o"]})
    assert again.json == {"priced": []}
    missing = api.call("POST", "/prices/official", {"models": ["no-such-model"]})
    assert (missing.status, missing.json["code"]) == (404, "not_found")


def test_a_priced_model_has_a_default_group_that_stays(api: AdminApi, world: World) -> None:
    query = {"model": "gpt-x", "code": "default"}
    off = {**query, "enabled": False}
    assert api.call("POST", "/model_group", off, headers=FRESH).status == 409
    assert api.call("DELETE", "/model_group", headers=FRESH, query=query).status == 409
    assert api.call("POST", "/model_group", {"model": "gpt-x", "code": "vip"}).status == 200
    body, model = {"code": "vip"}, {"model": "gpt-x"}
    assert api.call("PUT", "/default_group", body, headers=FRESH, query=model).status == 200
    assert api.call("DELETE", "/model_group", headers=FRESH, query=query).status == 204


# --- removing ---------------------------------------------------------------------------------


def test_a_group_in_use_is_not_removed(api: AdminApi, world: World) -> None:
    refused = api.call("DELETE", f"/groups/{world.group}", headers=FRESH)
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    spare = api.created("/groups", {"name": "spare", "platform": "openai"})["id"]
    gone = api.call("DELETE", f"/groups/{spare}", headers=FRESH)
    assert (gone.status, gone.text) == (204, "")
    assert api.call("GET", f"/groups/{spare}").status == 404


@pytest.mark.parametrize("path", ["/accounts/{account}", "/channels/{channel}"])
def test_what_serves_no_group_is_removed(api: AdminApi, world: World, path: str) -> None:
    full = path.format(account=world.account, channel=world.channel)
    assert api.call("DELETE", full, headers=FRESH).status == 204
    assert api.call("GET", full).status == 404


def test_settings_are_made_changed_and_removed(api: AdminApi, world: World) -> None:
    assert api.created("/settings", {"name": "maintenance", "value": False})["value"] is False
    assert api.call("POST", "/settings", {"name": "maintenance", "value": 1}).status == 409
    path = "/settings/maintenance"
    assert api.call("PUT", path, {"value": True}, headers=FRESH).json["value"] is True
    assert api.call("DELETE", path, headers={"If-Match": '"2"'}).status == 204
    assert api.call("PUT", path, {"value": True}, headers=FRESH).status == 404


# --- the audit log ----------------------------------------------------------------------------


def test_every_change_is_in_the_audit_log_with_before_and_after(
    api: AdminApi, world: World
) -> None:
    api.now += 1
    api.call("PATCH", f"/groups/{world.group}", {"name": "renamed"}, headers=FRESH)
    entry = api.call("GET", "/audit", query={"limit": 1}).json["entries"][0]
    me = api.call("GET", "/me").json["id"]
    assert (entry["actor"], entry["action"], entry["object"]) == (me, "group.change", world.group)
    assert (entry["before"]["name"], entry["after"]["name"]) == ("main", "renamed")
    assert (entry["ip"], entry["at"]) == ("203.0.113.7", api.now)
    assert entry["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


def test_the_audit_log_is_read_by_month_and_page(api: AdminApi, world: World) -> None:
    seen, cursor = [], None
    for _ in range(20):
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = api.call("GET", "/audit", query=query).json
        seen += [(entry["action"], entry["object"]) for entry in page["entries"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 8
    assert api.call("GET", "/audit", query={"month": "202001"}).json["entries"] == []
    assert api.call("GET", "/audit", query={"month": "202013"}).status == 422
