"""Users' own multipliers over HTTP: replaced whole or refused by row and field, and told of."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.admin_api import AdminApi, Answer, admin_api
from tests.catalog_samples import AUTHOR, USER
from tests.locked_moto import service
from tollgate.domain.catalog import UNLIMITED
from tollgate.store.catalog.access import next_stamp, stamped
from tollgate.store.catalog.items import UserItem

ANN, BOB, GONE = "usr_0000000000000001", "usr_0000000000000002", "usr_0000000000000003"


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        for user in (ANN, BOB, GONE):
            email, name = f"{user[-1]}@example.com", f"User {user[-1]}"
            opened.stores.catalog.users.create(
                replace(USER, id=user, email=email, name=name), AUTHOR
            )
        opened.stores.catalog.users.change(
            GONE, None, lambda user: replace(user, status="deleted"), AUTHOR
        )
        yield opened


@pytest.fixture
def group(api: AdminApi) -> str:
    body = {"name": "main", "platform": "openai", "multiplier": "1.2"}
    made: str = api.created("/groups", body)["id"]
    return made


def rows(**multipliers: str) -> dict[str, Any]:
    """A body: Ann's and Bob's multipliers."""
    users = {"ann": ANN, "bob": BOB, "gone": GONE}
    entries = [{"user_id": users[n], "multiplier": value} for n, value in multipliers.items()]
    return {"entries": entries}


def put(api: AdminApi, group: str, body: Any, version: int = 1) -> Answer:
    """Replace a group's set, a moment later."""
    api.now += 1
    path = f"/groups/{group}/rate-multipliers"
    return api.call("PUT", path, body, headers={"If-Match": f'"{version}"'})


def catalog_items() -> Any:
    return service("dynamodb").scan(TableName="tollgate-catalog")["Items"]


# --- the cases of the first gateway that had this ---------------------------------------------


def test_nobody_is_an_empty_list_and_never_null(api: AdminApi, group: str) -> None:
    answer = api.call("GET", f"/groups/{group}/rate-multipliers")
    assert answer.json == {
        "version": 1,
        "group_multiplier": "1.2",
        "entries": [],
        "next_cursor": None,
    }
    assert answer.etag == '"1"'


def test_two_entries_come_back_in_the_order_of_the_users_with_who_they_are(
    api: AdminApi, group: str
) -> None:
    assert put(api, group, rows(bob="0.8", ann="1.5")).status == 200
    assert api.call("GET", f"/groups/{group}/rate-multipliers").json == {
        "version": 2,
        "group_multiplier": "1.2",
        "entries": [
            {
                "user_id": "usr_0000000000000001",
                "name": "User 1",
                "email": "1@example.com",
                "status": "active",
                "multiplier": "1.5",
            },
            {
                "user_id": "usr_0000000000000002",
                "name": "User 2",
                "email": "2@example.com",
                "status": "active",
                "multiplier": "0.8",
            },
        ],
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("method", "body"),
    [
        pytest.param("PUT", {"entries": []}, id="an empty list clears"),
        pytest.param("DELETE", None, id="deleting removes all"),
    ],
)
def test_all_are_removed(api: AdminApi, group: str, method: str, body: Any) -> None:
    put(api, group, rows(ann="1.5", bob="0.8"))
    path = f"/groups/{group}/rate-multipliers"
    answer = api.call(method, path, body, headers={"If-Match": '"2"'})
    assert (answer.status, answer.json["version"], answer.json["count"]) == (200, 3, 0)
    assert api.call("GET", path).json["entries"] == []


def test_zero_is_free_of_charge_and_kept(api: AdminApi, group: str) -> None:
    put(api, group, rows(ann="0"))
    found = api.call("GET", f"/groups/{group}/rate-multipliers").json["entries"]
    assert [entry["multiplier"] for entry in found] == ["0"]


# --- refusals ---------------------------------------------------------------------------------

ENTRY = '{"user_id": "usr_0000000000000001", "multiplier": %s}'
SECOND = '{"entries": [{"user_id": "usr_0000000000000002", "multiplier": "1"}, ' + ENTRY + "]}"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        pytest.param(SECOND % '"-0.5"', 422, "entries[2].multiplier", id="negative"),
        pytest.param(SECOND % '"-0"', 422, "entries[2].multiplier", id="minus zero"),
        pytest.param(SECOND % '"NaN"', 422, "entries[2].multiplier", id="NaN as text"),
        pytest.param(SECOND % "NaN", 400, None, id="NaN"),
        pytest.param(SECOND % "1e400", 400, None, id="1e400"),
        pytest.param(SECOND % '"1e400"', 422, "entries[2].multiplier", id="1e400 as text"),
        pytest.param(SECOND % "1.5", 422, "entries[2].multiplier", id="a float"),
        pytest.param(SECOND % "true", 422, "entries[2].multiplier", id="a boolean"),
        pytest.param(SECOND % "null", 422, "entries[2].multiplier", id="null"),
        pytest.param(SECOND % "9007199254740993", 422, "entries[2].multiplier", id="2^53+1"),
        pytest.param(SECOND % '"0.1234567"', 422, "entries[2].multiplier", id="seven decimals"),
        pytest.param(SECOND % '"1000.5"', 422, "entries[2].multiplier", id="above the limit"),
        pytest.param(SECOND % '""', 422, "entries[2].multiplier", id="empty"),
        pytest.param(rows(ann="1", bob="1") | {"x": 1}, 422, "x", id="an unknown field"),
        pytest.param({"entries": [{"user_id": ANN}]}, 422, "entries[1].multiplier", id="left out"),
        pytest.param(
            {"entries": [{"user_id": ANN, "rate_multiplier": "1"}]},
            422,
            "entries[1].multiplier",
            id="another word for it",
        ),
        pytest.param({}, 422, "entries", id="no entries"),
        pytest.param({"entries": None}, 422, "entries", id="entries of null"),
        pytest.param(
            {"entries": [*rows(ann="1", bob="1")["entries"], *rows(ann="2")["entries"]]},
            422,
            "entries[3].user_id",
            id="a user twice",
        ),
        pytest.param(
            {"entries": [{"user_id": "usr_missing", "multiplier": "1"}]},
            422,
            "entries[1].user_id",
            id="an unknown user",
        ),
        pytest.param(rows(ann="1", gone="1"), 422, "entries[2].user_id", id="a deleted user"),
    ],
)
def test_a_bad_list_is_refused_by_row_and_field_and_nothing_is_stored(
    api: AdminApi, group: str, body: Any, status: int, param: str | None
) -> None:
    before = catalog_items()
    answer = put(api, group, body)
    assert (answer.status, answer.json["param"]) == (status, param), answer.text
    assert catalog_items() == before
    assert [entry["action"] for entry in audit(api)] == ["group.create"]


@pytest.mark.parametrize(
    ("method", "headers", "status", "code"),
    [
        pytest.param("PUT", {}, 428, "version_required", id="replacing from no version"),
        pytest.param("DELETE", {}, 428, "version_required", id="clearing from no version"),
        pytest.param("PUT", {"If-Match": '"7"'}, 412, "version_mismatch", id="another version"),
        pytest.param("DELETE", {"If-Match": '"7"'}, 412, "version_mismatch", id="clearing it"),
    ],
)
def test_nobody_overwrites_unseen(
    api: AdminApi, group: str, method: str, headers: dict[str, str], status: int, code: str
) -> None:
    put(api, group, rows(ann="1.5"))
    body = rows(bob="2") if method == "PUT" else None
    answer = api.call(method, f"/groups/{group}/rate-multipliers", body, headers=headers)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert api.stores.catalog.own_multipliers(group) == {ANN: "1.5"}


def test_a_group_with_users_of_its_own_rates_is_cleared_before_it_goes(
    api: AdminApi, group: str
) -> None:
    put(api, group, rows(ann="1.5"))
    refused = api.call("DELETE", f"/groups/{group}", headers={"If-Match": '"2"'})
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    api.call("DELETE", f"/groups/{group}/rate-multipliers", headers={"If-Match": '"2"'})
    assert api.call("DELETE", f"/groups/{group}", headers={"If-Match": '"3"'}).status == 204


# --- size, pages, audit -----------------------------------------------------------------------


def crowd(count: int) -> list[str]:
    """So many users, written past the API."""
    stamp = stamped(next_stamp(None, AUTHOR))
    names = [f"usr_{number:016x}" for number in range(16, 16 + count)]
    with UserItem.batch_write() as batch:
        for name in names:
            fields: dict[str, Any] = {"id": name, "email": f"{name}@example.com", "name": ""}
            fields |= {"shards": 1, "groups": (), "status": "active"}
            fields |= {"limits": UNLIMITED, "group_limits": {}}
            batch.save(UserItem("users", name, **fields, **stamp))
    return names


def test_ten_thousand_users_are_replaced_in_one_call(api: AdminApi, group: str) -> None:
    names = crowd(10_000)
    entries = [{"user_id": name, "multiplier": "0.75"} for name in names]
    assert len(json.dumps({"entries": entries})) > 512 * 1024
    answer = put(api, group, {"entries": entries})
    assert (answer.status, answer.json["count"]) == (200, 10_000), answer.text
    assert api.stores.catalog.own_multipliers(group) == dict.fromkeys(names, "0.75")
    assert len(json.dumps(audit(api)[-1])) < 1_000


def test_other_routes_keep_the_smaller_limit(api: AdminApi, group: str) -> None:
    text = json.dumps({"entries": [], "filler": "x" * 600_000})
    headers = {"If-Match": '"1"'}
    assert put(api, group, text).status == 422
    assert api.call("PUT", f"/users/{ANN}/rate-multipliers", text, headers=headers).status == 413


def test_a_long_list_comes_in_pages(api: AdminApi, group: str) -> None:
    names = crowd(120)
    put(api, group, {"entries": [{"user_id": name, "multiplier": "2"} for name in names]})
    path, found, cursor = f"/groups/{group}/rate-multipliers", [], None
    for expected in (50, 50, 20):
        query = {"limit": 50} | ({"cursor": cursor} if cursor else {})
        page = api.call("GET", path, query=query).json
        assert len(page["entries"]) == expected
        found += [entry["user_id"] for entry in page["entries"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == (names, None)


def audit(api: AdminApi) -> list[dict[str, Any]]:
    """What the log holds, oldest first, without who and when."""
    found = api.call("GET", "/audit").json["entries"]
    kept = ("action", "object", "before", "after")
    return [{name: entry[name] for name in kept} for entry in reversed(found)]


def test_the_log_keeps_counts_and_a_digest(api: AdminApi, group: str) -> None:
    put(api, group, rows(ann="1.5", bob="0.8"))
    api.now += 1
    api.call("DELETE", f"/groups/{group}/rate-multipliers", headers={"If-Match": '"2"'})
    nobody = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    both = "22850e77bbfb6609d85817f15d0f6e607c5a285fba20f4cb81dea803064af13d"
    assert audit(api)[1:] == [
        {
            "action": "multipliers.replace",
            "object": group,
            "before": {"version": 1, "count": 0, "digest": nobody},
            "after": {"version": 2, "count": 2, "digest": both},
        },
        {
            "action": "multipliers.clear",
            "object": group,
            "before": {"version": 2, "count": 2, "digest": both},
            "after": {"version": 3, "count": 0, "digest": nobody},
        },
    ]


# --- from the user's side ---------------------------------------------------------------------


def test_a_users_multipliers_are_the_same_rows(api: AdminApi, group: str) -> None:
    put(api, group, rows(ann="1.5", bob="0.8"))
    spare = api.created("/groups", {"name": "spare", "platform": "anthropic"})["id"]
    path = f"/users/{ANN}/rate-multipliers"
    seen = api.call("GET", path)
    assert seen.json["entries"] == [
        {"group_id": group, "name": "main", "group_multiplier": "1.2", "multiplier": "1.5"}
    ]
    body = {
        "entries": [
            {"group_id": group, "multiplier": "0"},
            {"group_id": spare, "multiplier": "2.25"},
        ]
    }
    api.now += 2
    changed = api.call("PUT", path, body, headers={"If-Match": seen.etag})
    assert changed.status == 200, changed.text
    assert api.call("GET", path).json == changed.json
    assert {e["group_id"]: e["multiplier"] for e in changed.json["entries"]} == {
        group: "0",
        spare: "2.25",
    }
    assert api.stores.catalog.own_multipliers(group) == {ANN: "0", BOB: "0.8"}
    assert api.stores.catalog.own_multipliers(spare) == {ANN: "2.25"}
    noted = audit(api)[-1]
    assert (noted["action"], noted["object"]) == ("multipliers.user", ANN)
    assert noted["before"] == seen.json
    assert noted["after"] == changed.json


def test_a_change_from_the_groups_side_is_one_the_user_side_has_not_seen(
    api: AdminApi, group: str
) -> None:
    path = f"/users/{ANN}/rate-multipliers"
    etag = api.call("GET", path).etag
    put(api, group, rows(ann="1.5"))
    body = {"entries": [{"group_id": group, "multiplier": "3"}]}
    assert api.call("PUT", path, body, headers={"If-Match": etag}).status == 412
    assert api.call("PUT", path, body).status == 428
    assert api.stores.catalog.own_multipliers(group) == {ANN: "1.5"}


def test_somebody_elses_multipliers_are_no_reason_to_refuse(api: AdminApi, group: str) -> None:
    path = f"/users/{ANN}/rate-multipliers"
    etag = api.call("GET", path).etag
    put(api, group, rows(bob="0.8"))
    body = {"entries": [{"group_id": group, "multiplier": "3"}]}
    assert api.call("PUT", path, body, headers={"If-Match": etag}).status == 200
    assert api.stores.catalog.own_multipliers(group) == {ANN: "3", BOB: "0.8"}


@pytest.mark.parametrize(
    ("user", "entries", "status", "param"),
    [
        pytest.param(
            ANN, [{"group_id": "grp_x", "multiplier": "1"}], 422, "entries[1].group_id",
            id="an unknown group",
        ),
        pytest.param(
            ANN, [{"group_id": "<group>", "multiplier": "1"}] * 2, 422, "entries[2].group_id",
            id="a group twice",
        ),
        pytest.param(
            ANN, [{"group_id": "<group>", "multiplier": "-1"}], 422, "entries[1].multiplier",
            id="negative",
        ),
        pytest.param(
            ANN, [{"group_id": "<group>", "multiplier": "1001"}], 422, "entries[1].multiplier",
            id="above the limit",
        ),
        pytest.param(
            GONE, [{"group_id": "<group>", "multiplier": "1"}], 422, "user", id="a deleted user"
        ),
        pytest.param(
            "usr_missing", [{"group_id": "<group>", "multiplier": "1"}], 404, None,
            id="an unknown user",
        ),
    ],
)  # fmt: skip
def test_a_bad_list_of_a_user_is_refused_and_nothing_is_stored(
    api: AdminApi, group: str, user: str, entries: list[Any], status: int, param: str | None
) -> None:
    etag = api.call("GET", f"/users/{ANN}/rate-multipliers").etag
    before = catalog_items()
    text = json.dumps({"entries": entries}).replace("<group>", group)
    answer = api.call("PUT", f"/users/{user}/rate-multipliers", text, headers={"If-Match": etag})
    assert (answer.status, answer.json["param"]) == (status, param), answer.text
    assert catalog_items() == before
