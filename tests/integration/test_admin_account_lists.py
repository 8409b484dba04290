"""Finding accounts, exporting them and changing many at once, and no secret in any of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.account_samples import CANARY, EVERY_TYPE, FULL, hidden
from tests.admin_api import AdminApi, admin_api
from tollgate.domain.catalog import Health

SECRETS = ("credentials", "proxy_credentials")


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def ids(api: AdminApi) -> list[str]:
    """An account of every type, and one with everything: vendor, aws, vertex, antigravity, full."""
    made = []
    for body in (*EVERY_TYPE, FULL):
        api.now += 1_000
        made.append(api.created("/accounts", body)["id"])
    return made


def names(api: AdminApi, **query: Any) -> list[str]:
    answer = api.call("GET", "/accounts", query=query)
    assert answer.status == 200, answer.text
    return [entry["name"] for entry in answer.json["entries"]]


# --- lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param({}, ["vendor", "aws", "vertex", "antigravity", "full"], id="all of them"),
        pytest.param({"search": "VER"}, ["vertex"], id="part of a name"),
        pytest.param({"search": "amazonaws"}, ["aws"], id="part of an address"),
        pytest.param({"platform": "openai"}, ["vendor", "full"], id="a platform"),
        pytest.param({"type": "service_account"}, ["vertex"], id="a type"),
        pytest.param({"status": "disabled"}, [], id="none is switched off"),
        pytest.param({"group": "grp_x"}, [], id="a group without accounts"),
        pytest.param({"healthy": "false"}, ["aws", "full"], id="what rests"),
        pytest.param({"healthy": "true"}, ["vendor", "vertex", "antigravity"], id="what does not"),
        pytest.param(
            {"order": "name"}, ["antigravity", "aws", "full", "vendor", "vertex"], id="by name"
        ),
        pytest.param(
            {"order": "priority", "platform": "openai"}, ["full", "vendor"], id="by priority"
        ),
    ],
)
def test_a_list_shows_what_is_looked_for(
    api: AdminApi, ids: list[str], query: dict[str, Any], found: list[str]
) -> None:
    resting = {ids[1]: {"faulty": 2**53 - 1}, ids[4]: {"cooling": api.now + 1}}
    assert api.stores.snapshots.write_health(Health(0, resting))
    assert names(api, **query) == found


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param({"healthy": "maybe"}, 422, id="no answer to whether"),
        pytest.param({"order": "weight"}, 422, id="no such order"),
        pytest.param({"healthly": "true"}, 400, id="a mistyped filter"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(
    api: AdminApi, query: dict[str, Any], status: int
) -> None:
    assert api.call("GET", "/accounts", query=query).status == status


@pytest.mark.parametrize("query", [{}, {"order": "name"}, {"platform": "openai"}])
def test_pages_show_everything_once(api: AdminApi, ids: list[str], query: dict[str, Any]) -> None:
    whole = names(api, **query)
    found: list[str] = []
    cursor: dict[str, Any] = {}
    for _ in range(len(whole)):
        page = api.call("GET", "/accounts", query={**query, **cursor, "limit": 1}).json
        found += [entry["name"] for entry in page["entries"]]
        cursor = {"cursor": page["next_cursor"]}
    assert (found, cursor["cursor"]) == (whole, None)


def test_a_cursor_of_another_order_is_refused(api: AdminApi, ids: list[str]) -> None:
    page = api.call("GET", "/accounts", query={"order": "name", "limit": 1}).json
    answer = api.call("GET", "/accounts", query={"cursor": page["next_cursor"]})
    assert (answer.status, answer.json["param"]) == (400, "cursor")


# --- exports ----------------------------------------------------------------------------------


def test_what_was_exported_can_be_created_again(api: AdminApi, ids: list[str]) -> None:
    answer = api.call("GET", "/accounts/export")
    assert hidden(answer.text)
    rows = answer.json["entries"]
    assert [row["name"] for row in rows] == ["vendor", "aws", "vertex", "antigravity", "full"]
    for row, body in zip(rows, (*EVERY_TYPE, FULL), strict=True):
        secrets = {name: body[name] for name in SECRETS if name in body}
        again = api.created("/accounts", row | secrets)
        assert {name: again[name] for name in row} == row


def test_an_export_comes_in_pages(api: AdminApi, ids: list[str]) -> None:
    first = api.call("GET", "/accounts/export", query={"limit": 3}).json
    query = {"limit": 3, "cursor": first["next_cursor"]}
    second = api.call("GET", "/accounts/export", query=query).json
    assert [row["name"] for row in second["entries"]] == ["antigravity", "full"]
    assert second["next_cursor"] is None


# --- many at once -----------------------------------------------------------------------------


def test_many_are_changed_and_each_tells_what_became_of_it(api: AdminApi, ids: list[str]) -> None:
    body = {"ids": [ids[0], "acc_missing", ids[2], ids[4]], "change": {"pool_retries": 2}}
    answer = api.call("POST", "/accounts/bulk", body)
    assert answer.status == 200, answer.text
    refused = "pool_retries: an account of type service_account has none"
    assert answer.json == {
        "changed": 2,
        "failed": 2,
        "rows": [
            row(ids[0], version=2),
            row("acc_missing", code="not_found", message="there is no account 'acc_missing'"),
            row(ids[2], code="validation_failed", param="pool_retries", message=refused),
            row(ids[4], version=2),
        ],
    }
    assert [api.call("GET", f"/accounts/{ids[n]}").json["pool_retries"] for n in (0, 2, 4)] == [
        2,
        None,
        2,
    ]


def row(
    identity: str,
    version: int | None = None,
    code: str | None = None,
    param: str | None = None,
    message: str | None = None,
) -> dict[str, Any]:
    told = {"version": version, "code": code, "param": param, "message": message}
    return {"id": identity, "ok": version is not None, **told}


def test_every_changed_account_is_in_the_audit_log(api: AdminApi, ids: list[str]) -> None:
    body = {"ids": ids, "change": {"priority": 9, "notes": None}}
    assert api.call("POST", "/accounts/bulk", body).json["changed"] == 5
    entries = api.call("GET", "/audit", query={"limit": 100}).json["entries"]
    changes = [each for each in entries if each["action"] == "account.change"]
    assert sorted(each["object"] for each in changes) == sorted(ids)
    assert {(each["before"]["priority"], each["after"]["priority"]) for each in changes} == {
        (0, 9),
        (7, 9),
    }


def test_the_same_request_is_answered_as_before(api: AdminApi, ids: list[str]) -> None:
    body = {"ids": [ids[0]], "change": {"priority": 9}}
    headers = {"Idempotency-Key": "one"}
    first = api.call("POST", "/accounts/bulk", body, headers=headers)
    again = api.call("POST", "/accounts/bulk", body, headers=headers)
    assert (first.json, first.json["rows"][0]["version"]) == (again.json, 2)
    assert api.call("GET", f"/accounts/{ids[0]}").json["version"] == 2
    other = api.call("POST", "/accounts/bulk", body | {"ids": [ids[1]]}, headers=headers)
    assert other.status == 409


def test_one_proxy_is_given_to_many(api: AdminApi, ids: list[str]) -> None:
    change = {"proxy": "http://proxy.example.com:8080", "proxy_credentials": f"u:{CANARY}"}
    answer = api.call("POST", "/accounts/bulk", {"ids": ids[:2], "change": change})
    assert answer.json["changed"] == 2
    assert hidden(answer.text)
    shown = [api.call("GET", f"/accounts/{each}").json for each in ids[:2]]
    assert [each["proxy_credentials_version"] for each in shown] == [1, 1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"ids": [], "change": {"priority": 1}}, "ids", id="nobody"),
        pytest.param({"ids": ["acc_1"] * 2, "change": {"priority": 1}}, "ids", id="one twice"),
        pytest.param(
            {"ids": [f"acc_{n}" for n in range(101)], "change": {"priority": 1}}, "ids", id="101"
        ),
        pytest.param({"ids": ["acc_1"], "change": {}}, "change", id="nothing"),
        pytest.param({"ids": ["acc_1"]}, "change", id="no change"),
        pytest.param(
            {"ids": ["acc_1"], "change": {"credentials": CANARY}},
            "change.credentials",
            id="the same key for all",
        ),
        pytest.param({"ids": ["acc_1"], "change": {"name": "n"}}, "change.name", id="one name"),
        pytest.param(
            {"ids": ["acc_1"], "change": {"quotas": {"day": {"limit_usd": "x"}}}},
            "change.quotas.day.limit_usd",
            id="a quota that is no amount",
        ),
    ],
)
def test_what_cannot_be_done_to_any_is_refused(
    api: AdminApi, body: dict[str, Any], field: str
) -> None:
    answer = api.call("POST", "/accounts/bulk", body)
    assert (answer.status, answer.json["param"]) == (422, field), answer.text
    assert hidden(answer.text)
