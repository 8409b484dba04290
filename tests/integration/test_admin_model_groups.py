"""Model groups and the channels they are bound to, over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import AdminApi
from tests.admin_writes import World
from tests.customer_pricing import (
    FRESH,
    MODEL,
    VIP,
    furnished,
    opened,
    stored,
)


@pytest.fixture
def api() -> Iterator[AdminApi]:
    with opened() as found:
        yield found


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnished(api)


# --- model groups and their channels ----------------------------------------------------------


def test_a_model_group_is_made_and_changed_by_the_same_call(api: AdminApi, world: World) -> None:
    body = {**MODEL, "code": "fast", "display_name": "Fast"}
    made = api.call("POST", "/model_group", body).json
    assert (made["billing_type"], made["is_default"], len(made["warnings"])) == ("tokens", False, 1)
    assert api.call("POST", "/model_group", body).status == 428
    off = api.call("POST", "/model_group", {**body, "enabled": False}, headers=FRESH)
    assert (off.json["enabled"], off.json["display_name"], off.json["version"]) == (
        False,
        "Fast",
        2,
    )
    assert api.call("POST", "/model_group", body, headers=FRESH).status == 412
    assert api.call("DELETE", "/model_group/gpt-x/fast", headers={"If-Match": '"2"'}).status == 204
    assert api.call("GET", "/model_group/gpt-x/fast").status == 404
    assert api.call("POST", "/model_group", body, headers={"If-Match": '"2"'}).status == 412


@pytest.mark.parametrize(
    "code",
    ["-x", "_x", "x y", "ü", "x" * 33, "a#b", "a/b", ""],
)
def test_a_code_is_short_and_plain(api: AdminApi, world: World, code: str) -> None:
    refused = api.call("POST", "/model_group", {**MODEL, "code": code})
    assert (refused.status, refused.json["code"]) == (422, "validation_failed")


def test_the_overview_has_every_model_with_its_groups(api: AdminApi, world: World) -> None:
    api.created("/prices", {"model": "a/b*", "mode": "times", "prices": {"calls": "0.1"}})
    api.call("POST", "/model_group", {"model": "unsold", "code": "vip"})
    rows = api.call("GET", "/model_groups").json["entries"]
    assert [(r["model"], r["default"], r["billing_type"]) for r in rows] == [
        ("a/b*", "default", "times"),
        ("gpt-x", "default", "tokens"),
        ("unsold", None, None),
    ]
    assert [(g["code"], g["billing_type"], g["is_default"]) for g in rows[1]["groups"]] == [
        ("default", "tokens", True),
        ("video", "seconds", False),
        ("vip", "tokens", False),
    ]
    assert len(rows[2]["groups"][0]["warnings"]) == 2
    first = api.call("GET", "/model_groups", query={"limit": 2}).json
    rest = api.call("GET", "/model_groups", query={"cursor": first["next_cursor"]}).json
    assert [row["model"] for row in first["entries"] + rest["entries"]] == [
        "a/b*",
        "gpt-x",
        "unsold",
    ]
    one = api.call("GET", "/model_groups", query={"model": "GPT-X"}).json["entries"]
    assert one == [rows[1]]


def test_a_group_is_bound_to_channels_and_let_go(api: AdminApi, world: World) -> None:
    body = {**VIP, "channel": world.channel, "priority": 3}
    made = api.call("POST", "/model_group_channels", body)
    assert (made.status, made.json["weight"], made.json["enabled"]) == (200, 1, True)
    drained = api.call("POST", "/model_group_channels", {**body, "weight": 0}, headers=FRESH)
    assert (drained.json["weight"], drained.json["priority"]) == (0, 3)
    refused = api.call("DELETE", "/model_group", headers=FRESH, query=VIP)
    assert (refused.status, refused.json["facts"]) == (
        409,
        {"references": f"channel {world.channel}", "count": 1},
    )
    for query in ({}, MODEL, VIP):
        listed = api.call("GET", "/model_group_channels", query=query).json["entries"]
        assert [row["channel"] for row in listed] == [world.channel]
    bound = api.call("DELETE", f"/channels/{world.channel}", headers=FRESH)
    assert (bound.status, bound.json["code"]) == (409, "conflict")
    place = {**VIP, "channel": world.channel}
    assert api.call("DELETE", "/model_group_channels", headers=FRESH, query=place).status == 412
    again = {"If-Match": '"2"'}
    assert api.call("DELETE", "/model_group_channels", headers=again, query=place).status == 204
    assert api.call("POST", "/model_group_channels", body, headers=again).status == 412
    assert api.call("DELETE", f"/channels/{world.channel}", headers=FRESH).status == 204


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        pytest.param({"channel": "chn_missing"}, 422, "channel", id="no such channel"),
        pytest.param({"code": "gone"}, 404, "group_code", id="no such group"),
        pytest.param({"weight": -1}, 422, "weight", id="a negative weight"),
        pytest.param({"weight": True}, 422, "weight", id="a boolean"),
        pytest.param({"priority": 2**53 + 1}, 422, "priority", id="beyond exact numbers"),
    ],
)
def test_a_binding_that_cannot_be_is_refused(
    api: AdminApi, world: World, change: Any, status: int, param: str
) -> None:
    before = stored()
    body = {**VIP, "channel": world.channel, **change}
    refused = api.call("POST", "/model_group_channels", body)
    assert (refused.status, refused.json["param"]) == (status, param)
    assert stored() == before
