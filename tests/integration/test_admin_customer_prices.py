"""Customers' prices over HTTP: all or nothing, tried first, and every version readable."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import AdminApi
from tests.admin_writes import World
from tests.customer_pricing import (
    BOTH,
    DEFAULT,
    FIGURES,
    FRESH,
    MODEL,
    NOTHING,
    VIP,
    agree,
    furnished,
    opened,
    pricing,
    stored,
    summary,
)


@pytest.fixture
def api() -> Iterator[AdminApi]:
    with opened() as found:
        yield found


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnished(api)


# --- several groups of a model ----------------------------------------------------------------


def test_prices_and_permissions_are_agreed_in_one_call(api: AdminApi, world: World) -> None:
    answer = agree(
        api,
        world,
        {"group_code": "VIP ", "price": FIGURES, "permitted": True},
        {"group_code": "default", "price": FIGURES},
    )
    assert answer.status == 200, answer.text
    assert summary(answer.json["before"]) == NOTHING
    assert summary(answer.json["after"]) == BOTH
    view = pricing(api, world)
    assert (summary(view["groups"]), view["version"]) == (BOTH, answer.json["version"])
    official = [row["official"]["prices"] for row in view["groups"]]
    assert official == [{"input": "1", "output": "2"}] * 3


def test_what_is_not_named_stays_and_null_withdraws(api: AdminApi, world: World) -> None:
    first = agree(
        api,
        world,
        {"group_code": "vip", "price": FIGURES, "permitted": True},
        {"group_code": "default", "price": FIGURES},
    )
    only = {"group_code": "vip", "permitted": False}
    second = agree(api, world, only, version=first.json["version"])
    assert summary(second.json["after"])[2] == ("vip", False, "0.5", False)
    assert summary(second.json["after"])[0] == ("default", True, "0.5", False)
    none = {"group_code": "vip", "price": None}
    third = agree(api, world, none, version=second.json["version"])
    assert third.status == 200, third.text
    assert summary(third.json["after"])[2] == ("vip", False, None, False)
    assert third.json["after"][2]["price"]["status"] == "withdrawn"


@pytest.mark.parametrize(
    ("bad", "param", "code"),
    [
        pytest.param(
            {"group_code": "gone", "permitted": True},
            "operations[3].group_code",
            "validation_failed",
            id="no such group",
        ),
        pytest.param(
            {"group_code": "video", "price": FIGURES},
            "operations[3].mode",
            "billing_type_mismatch",
            id="another type than the group's",
        ),
        pytest.param(
            {"group_code": "video", "price": {"mode": "seconds", "prices": {"seconds": "-1"}}},
            "operations[3].price.prices.seconds",
            "validation_failed",
            id="a negative price",
        ),
        pytest.param(
            {"group_code": "video", "price": {"mode": "seconds", "prices": {"seconds": "0"}}},
            "operations[3].price.free",
            "validation_failed",
            id="free by mistake",
        ),
        pytest.param(
            {"group_code": "video", "price": {"mode": "seconds", "prices": {"secnds": "1"}}},
            "operations[3].price.prices.secnds",
            "validation_failed",
            id="no such class",
        ),
        pytest.param(
            {"group_code": "video", "price": {"mode": "seconds", "prices": {"seconds": "1e400"}}},
            "operations[3].price.prices.seconds",
            "validation_failed",
            id="no number",
        ),
        pytest.param(
            {
                "group_code": "video",
                "price": {
                    "mode": "seconds",
                    "prices": {"seconds": "1"},
                    "intervals": [
                        {"label": "720p", "prices": {"seconds": "1"}},
                        {"label": "720P", "prices": {"seconds": "2"}},
                    ],
                },
            },
            "operations[3].price.intervals[2].label",
            "validation_failed",
            id="a label twice",
        ),
        pytest.param(
            {"group_code": "vip", "permitted": False},
            "operations[3].group_code",
            "validation_failed",
            id="a group twice",
        ),
        pytest.param(
            {
                "group_code": "video",
                "price": {"mode": "seconds", "price_per_second": "1", "effective_to": 1},
            },
            "operations[3].effective_to",
            "validation_failed",
            id="over before it begins",
        ),
    ],
)
def test_a_third_operation_that_fails_leaves_nothing(
    api: AdminApi, world: World, bad: Any, param: str, code: str
) -> None:
    before = stored()
    good = {"group_code": "default", "price": FIGURES}
    other = {"group_code": "vip", "permitted": True}
    for dry in (True, False):
        refused = agree(api, world, good, other, bad, dry=dry)
        assert (refused.status, refused.json["code"]) == (422, code), refused.text
        assert refused.json["param"] == param
    assert stored() == before


def test_more_than_one_transaction_takes_is_refused_whole(api: AdminApi, world: World) -> None:
    codes = [f"tier{number}" for number in range(17)]
    for code in codes:
        assert api.call("POST", "/model_group", {**MODEL, "code": code}).status == 200
    before = stored()
    every = [{"group_code": code, "price": FIGURES, "permitted": True} for code in codes]
    for dry in (True, False):
        refused = agree(api, world, *every, dry=dry)
        assert (refused.status, refused.json["code"]) == (422, "validation_failed")
        assert "items at once, 100 is the most" in refused.json["detail"]
    assert stored() == before
    assert agree(api, world, *every[:13]).status == 200


def test_a_dry_run_tells_and_writes_nothing(api: AdminApi, world: World) -> None:
    before = stored()
    answer = agree(
        api,
        world,
        {"group_code": "vip", "price": FIGURES, "permitted": True},
        {"group_code": "default", "price": FIGURES},
        dry=True,
    )
    assert (answer.status, answer.json["dry_run"], answer.json["version"]) == (200, True, 0)
    assert summary(answer.json["before"]) == NOTHING
    assert summary(answer.json["after"]) == BOTH
    assert stored() == before


def test_nobody_overwrites_what_they_have_not_seen(api: AdminApi, world: World) -> None:
    operation = {"group_code": "vip", "permitted": True}
    first = agree(api, world, operation)
    assert agree(api, world, operation).status == 428
    assert agree(api, world, operation, version=first.json["version"] + 1).status == 412
    assert agree(api, world, operation, version=first.json["version"]).status == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"operations": []}, id="nothing"),
        pytest.param({"operations": [{}] * 101}, id="too much"),
        pytest.param({"operations": [{"permitted": True}]}, id="for no group"),
        pytest.param({"operations": [{"group_code": "vip", "permitted": 1}]}, id="a number"),
        pytest.param({"operations": [{"group_code": "vip", "price": 2.5}]}, id="a bare figure"),
        pytest.param(
            {"operations": [{"group_code": "vip", "price": {"prices": {"input": 2.5}}}]},
            id="a float",
        ),
        pytest.param(
            {"operations": [{"group_code": "vip", "price": {"prices": {"input": True}}}]},
            id="a boolean",
        ),
        pytest.param({"operations": [{"group_code": "vip"}], "dry_run": "yes"}, id="a word"),
    ],
)
def test_what_has_no_form_is_refused(api: AdminApi, world: World, body: Any) -> None:
    before = stored()
    path = f"/users/{world.user}/model_pricing"
    assert api.call("POST", path, body, query=MODEL).status == 422
    assert stored() == before


@pytest.mark.parametrize("path", ["model_pricing", "customer_prices", "effective_price"])
def test_a_user_who_is_not_there_has_no_prices(api: AdminApi, world: World, path: str) -> None:
    query = {} if path == "customer_prices" else MODEL
    assert api.call("GET", f"/users/usr_missing/{path}", query=query).status == 404
    assert api.call("DELETE", f"/users/{world.user}", headers=FRESH).status == 200
    if path != "effective_price":
        assert api.call("GET", f"/users/{world.user}/{path}", query=query).status == 404


# --- one price --------------------------------------------------------------------------------


def test_one_price_is_scheduled_cancelled_rolled_back_and_withdrawn(
    api: AdminApi, world: World
) -> None:
    path = f"/users/{world.user}/customer_price"
    put = api.call("PUT", path, {**FIGURES, "source": "contract"}, query=VIP)
    assert (put.status, put.json["number"], put.json["current"]) == (200, 1, 1), put.text
    later = {"prices": {"input": "9", "output": "9"}, "effective_from": api.now + 60_000}
    assert api.call("PUT", path, later, query=VIP).status == 428
    assert api.call("PUT", path, later, query=VIP, headers={"If-Match": '"7"'}).status == 412
    scheduled = api.call("PUT", path, later, query=VIP, headers=FRESH).json
    assert [row["number"] for row in scheduled["live"]] == [1, 2]
    cancelled = api.call(
        "POST", f"{path}/cancel", {"number": 2}, query=VIP, headers={"If-Match": '"2"'}
    )
    assert [row["number"] for row in cancelled.json["live"]] == [1]
    dearer = {"prices": {"input": "2", "output": "4"}}
    api.now += 1
    assert (
        api.call("PUT", path, dearer, query=VIP, headers={"If-Match": '"3"'}).json["current"] == 3
    )
    api.now += 1
    back = api.call(
        "POST", f"{path}/rollback", {"number": 1}, query=VIP, headers={"If-Match": '"4"'}
    )
    assert (back.json["current"], back.json["live"][-1]["prices"]["input"]) == (4, "0.5")
    gone = api.call("DELETE", path, query=VIP, headers={"If-Match": '"5"'})
    assert (gone.json["status"], gone.json["live"]) == ("withdrawn", [])
    assert api.call("GET", path, query=VIP).status == 404
    history = api.call("GET", f"{path}/versions", query=VIP).json["entries"]
    assert [(row["price"]["number"], row["source"]) for row in history] == [
        (1, "contract"),
        (2, ""),
        (3, ""),
        (4, "version 1"),
    ]
    listed = api.call("GET", f"/users/{world.user}/customer_prices").json["entries"]
    assert [(row["group_code"], row["status"]) for row in listed] == [("vip", "withdrawn")]
    assert api.call("PUT", path, FIGURES, query=VIP, headers={"If-Match": '"6"'}).status == 412
    assert api.call("PUT", path, FIGURES, query=VIP).json["current"] == 5


def test_yuan_and_rates_are_kept_as_they_were_typed(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}/customer_price"
    query = {**MODEL, "code": "video"}
    typed = {"mode": "seconds", "price_per_second": "0.50", "currency": "CNY", "fx": "7.0"}
    row = api.call("PUT", path, typed, query=query).json["live"][0]
    assert (row["currency"], row["fx"], row["figures"]["seconds"]["typed"]) == ("CNY", "7.0", "0.5")
    rates = {"rate_k": "0.25", "rate_k_output": "0.75", "extra_ratios": {"cached_tokens": "0.1"}}
    row = api.call("PUT", path, rates, query=VIP).json["live"][0]
    assert row["prices"] == {"input": "0.5", "output": "1.5", "cache_read": "0.05"}


def test_every_write_is_in_the_audit_log(api: AdminApi, world: World) -> None:
    api.now += 1
    agree(api, world, {"group_code": "vip", "price": FIGURES, "permitted": True})
    entry = api.call("GET", "/audit", query={"limit": 1}).json["entries"][0]
    assert (entry["action"], entry["object"]) == ("model_pricing.change", f"{world.user}/gpt-x")
    permitted = [entry[when]["groups"][2]["permitted"] for when in ("before", "after")]
    assert permitted == [False, True]
    api.now += 1
    api.call("PUT", f"/users/{world.user}/customer_price", FIGURES, query=DEFAULT)
    entry = api.call("GET", "/audit", query={"limit": 1}).json["entries"][0]
    assert (entry["action"], entry["before"]) == ("customer_price.change", None)
