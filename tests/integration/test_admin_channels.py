"""Channels over HTTP, but for their prices: what null means, and how they are found."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import AdminApi, admin_api
from tests.admin_writes import World, furnish


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnish(api)


def at(version: int) -> dict[str, str]:
    """The header that names the version that was read."""
    return {"If-Match": f'"{version}"'}


@pytest.mark.parametrize(
    ("body", "accounts", "restricted", "mapping"),
    [
        pytest.param({}, 1, True, {"openai": {"a": "b"}}, id="nothing sent"),
        pytest.param({"accounts": None}, 0, True, {"openai": {"a": "b"}}, id="accounts null"),
        pytest.param({"accounts": []}, 0, True, {"openai": {"a": "b"}}, id="accounts empty"),
        pytest.param({"restrict_models": False}, 1, False, {"openai": {"a": "b"}}, id="not bound"),
        pytest.param({"model_mapping": {}}, 1, True, {}, id="mapping empty"),
        pytest.param({"model_mapping": None}, 1, True, {}, id="mapping null"),
        pytest.param({"model_mapping": {"openai": {}}}, 1, True, {}, id="a platform's empty"),
        pytest.param(
            {"model_mapping": {"gemini": {"x": "y"}, "openai": {}}},
            1,
            True,
            {"gemini": {"x": "y"}},
            id="another platform's",
        ),
    ],
)
def test_other_fields_are_kept_or_cleared(
    api: AdminApi,
    world: World,
    body: Any,
    accounts: int,
    restricted: bool,
    mapping: dict[str, Any],
) -> None:
    path = f"/channels/{world.channel}"
    full = {
        "accounts": [world.account],
        "restrict_models": True,
        "model_mapping": {"openai": {"a": "b"}},
    }
    assert api.call("PATCH", path, full, headers=at(1)).status == 200
    after = api.call("PATCH", path, body, headers=at(2)).json
    assert (len(after["accounts"]), after["restrict_models"]) == (accounts, restricted)
    assert after["model_mapping"] == mapping


@pytest.mark.parametrize("name", ["restrict_models", "billing_model_source"])
def test_what_cannot_be_empty_is_not_cleared(api: AdminApi, world: World, name: str) -> None:
    refused = api.call("PATCH", f"/channels/{world.channel}", {name: None}, headers=at(1))
    assert (refused.status, refused.json["param"]) == (422, name)


# --- looking for channels -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param({}, ["retail", "Retail VIP", "partners"], id="all"),
        pytest.param({"name": "RETAIL"}, ["retail", "Retail VIP"], id="by part of the name"),
        pytest.param({"status": "disabled"}, ["partners"], id="by status"),
        pytest.param({"name": "vip", "status": "disabled"}, [], id="by both"),
        pytest.param({"sort": "name"}, ["partners", "retail", "Retail VIP"], id="from A to Z"),
        pytest.param(
            {"sort": "name", "order": "desc"}, ["Retail VIP", "retail", "partners"], id="to A"
        ),
        pytest.param({"order": "desc"}, ["partners", "Retail VIP", "retail"], id="newest first"),
        pytest.param(
            {"sort": "status"}, ["retail", "Retail VIP", "partners"], id="active ones first"
        ),
        pytest.param(
            {"sort": "updated_at", "order": "desc"},
            ["partners", "Retail VIP", "retail"],
            id="changed last first",
        ),
    ],
)
def test_channels_are_found(api: AdminApi, world: World, query: Any, names: list[str]) -> None:
    for name, status in (("Retail VIP", "active"), ("partners", "disabled")):
        api.now += 1
        api.created("/channels", {"name": name, "status": status})
    found = api.call("GET", "/channels", query=query).json["entries"]
    assert [each["name"] for each in found] == names


def test_channels_are_found_by_group_and_page_by_page(api: AdminApi, world: World) -> None:
    for name in ("a", "b", "c"):
        api.now += 1
        api.created("/channels", {"name": name})
    body = {"groups": [world.group]}
    assert api.call("PATCH", f"/channels/{world.channel}", body, headers=at(1)).status == 200
    found = api.call("GET", "/channels", query={"group": world.group}).json["entries"]
    assert [each["name"] for each in found] == ["retail"]
    first = api.call("GET", "/channels", query={"limit": 3}).json
    rest = api.call("GET", "/channels", query={"limit": 3, "cursor": first["next_cursor"]}).json
    assert [each["name"] for each in first["entries"] + rest["entries"]] == [
        "retail",
        "a",
        "b",
        "c",
    ]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("order", "names"),
    [
        pytest.param("asc", ["a", "b", "c", "retail"], id="up"),
        pytest.param("desc", ["retail", "c", "b", "a"], id="down"),
    ],
)
def test_a_sorted_list_goes_on_where_it_stopped(
    api: AdminApi, world: World, order: str, names: list[str]
) -> None:
    for name in ("c", "a", "b"):
        api.created("/channels", {"name": name})
    found: list[str] = []
    cursor = None
    for _ in range(4):
        query = {"sort": "name", "order": order, "limit": 1} | (
            {"cursor": cursor} if cursor else {}
        )
        page = api.call("GET", "/channels", query=query).json
        found += [each["name"] for each in page["entries"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == (names, None)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"sort": "groups"}, id="by a field that is none of these"),
        pytest.param({"order": "up"}, id="in an order that is none"),
    ],
)
def test_lists_are_not_ordered_by_anything_else(
    api: AdminApi, world: World, query: dict[str, str]
) -> None:
    assert api.call("GET", "/channels", query=query).status == 422


# --- what is a channel's once -------------------------------------------------------------------


def test_a_group_is_in_one_channel_and_moves_when_it_was_let_go(
    api: AdminApi, world: World
) -> None:
    first = f"/channels/{world.channel}"
    second = f"/channels/{api.created('/channels', {'name': 'second'})['id']}"
    mine = {"groups": [world.group]}
    assert api.call("PATCH", first, mine, headers=at(1)).status == 200
    for refused in (
        api.call("PATCH", second, mine, headers=at(1)),
        api.call("POST", "/channels", {"name": "third", **mine}),
    ):
        assert (refused.status, refused.json["param"]) == (409, "groups")
        assert f"group {world.group} is in another channel" in refused.json["detail"]
    assert api.call("PATCH", first, {"groups": None}, headers=at(2)).json["groups"] == []
    moved = api.call("PATCH", second, mine, headers=at(1))
    assert (moved.status, moved.json["groups"]) == (200, [world.group])


@pytest.mark.parametrize("name", ["retail", "RETAIL", " Retail "])
def test_a_name_is_a_channels_once_however_it_is_spelt(
    api: AdminApi, world: World, name: str
) -> None:
    refused = api.call("POST", "/channels", {"name": name})
    assert (refused.status, refused.json["param"]) == (409, "name")
    other = f"/channels/{api.created('/channels', {'name': 'other'})['id']}"
    renamed = api.call("PATCH", other, {"name": name}, headers=at(1))
    assert (renamed.status, renamed.json["param"]) == (409, "name")


def test_a_removed_channels_name_is_free_again(api: AdminApi, world: World) -> None:
    assert api.call("DELETE", f"/channels/{world.channel}", headers=at(1)).status == 204
    assert api.call("POST", "/channels", {"name": "retail"}).status == 201


def test_a_status_only_change_keeps_everything_else(api: AdminApi, world: World) -> None:
    path = f"/channels/{world.channel}"
    full = {
        "groups": [world.group],
        "accounts": [world.account],
        "restrict_models": True,
        "billing_model_source": "upstream",
        "model_mapping": {"openai": {"a": "b"}},
        "description": "for all",
        "pricing": [{"platform": "openai", "models": ["a"], "prices": {"input": "1"}}],
    }
    before = api.call("PATCH", path, full, headers=at(1))
    assert before.status == 200, before.text
    after = api.call("PATCH", path, {"status": "disabled"}, headers=at(2)).json
    same = {name: value for name, value in before.json.items() if name not in ("status", "version")}
    assert {name: after[name] for name in same} == same
    assert after["status"] == "disabled"
