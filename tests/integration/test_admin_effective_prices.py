"""What staff are told that a user's call would cost, and why; at two addresses alike."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import AdminApi
from tests.admin_writes import World
from tests.customer_pricing import (
    FIGURES,
    FRESH,
    MODEL,
    VIP,
    agree,
    furnished,
    opened,
    pricing,
    summary,
)


@pytest.fixture
def api() -> Iterator[AdminApi]:
    with opened() as found:
        yield found


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnished(api)


# --- what comes of it -------------------------------------------------------------------------


def effective(api: AdminApi, world: World, **query: str) -> Any:
    answer = api.call("GET", f"/users/{world.user}/effective_price", query={**MODEL, **query})
    assert answer.status == 200, answer.text
    return answer.json


def test_an_effective_price_names_the_row_and_where_each_figure_came_from(
    api: AdminApi, world: World
) -> None:
    found = effective(api, world)
    assert (found["rows"], found["price_source"], found["group_code"]) == (
        [7],
        "official",
        "default",
    )
    assert found["prices"]["input"] == {"price": "1", "source": "official"}
    agree(
        api,
        world,
        {"group_code": "default", "price": {"prices": {"input": "0.5"}}},
        {"group_code": "vip", "price": FIGURES, "permitted": True},
    )
    found = effective(api, world)
    assert (found["rows"], found["price_source"], found["price_version"]) == ([6], "customer", 1)
    assert found["prices"] == {
        "input": {"price": "0.5", "source": "customer"},
        "output": {"price": "2", "source": "official"},
    }
    found = effective(api, world, group="vip", key=world.key)
    assert (found["rows"], found["row"], found["outcome"]) == ([20], 20, "priced")
    assert (found["multiplier"], found["multiplier_source"]) == ("1", "group")


@pytest.mark.parametrize(
    ("operations", "group", "row", "status", "code"),
    [
        pytest.param([], "gone", 10, 404, "model_group_not_found", id="no such group"),
        pytest.param([], "vip", 14, 403, "model_group_not_permitted", id="nothing agreed"),
        pytest.param(
            [{"price": FIGURES}], "vip", 15, 403, "model_group_not_permitted", id="a price only"
        ),
        pytest.param(
            [{"price": FIGURES}, {"price": None}],
            "vip",
            16,
            403,
            "model_group_not_permitted",
            id="a withdrawn price only",
        ),
        pytest.param(
            [{"permitted": True}, {"permitted": False}],
            "vip",
            17,
            403,
            "model_group_not_permitted",
            id="a permission taken back",
        ),
        pytest.param(
            [{"permitted": True}],
            "vip",
            18,
            403,
            "model_group_price_not_configured",
            id="a permission only",
        ),
        pytest.param(
            [{"permitted": True, "price": FIGURES}, {"price": {**FIGURES, "enabled": False}}],
            "vip",
            19,
            403,
            "model_group_price_not_configured",
            id="a price switched off",
        ),
    ],
)
def test_a_refusal_names_the_row_too(
    api: AdminApi,
    world: World,
    operations: list[Any],
    group: str,
    row: int,
    status: int,
    code: str,
) -> None:
    version = None
    for operation in operations:
        api.now += 1
        version = agree(api, world, {"group_code": group, **operation}, version=version).json[
            "version"
        ]
    found = effective(api, world, group=group)
    assert (found["outcome"], found["row"]) == ("refused", row)
    assert (found["status"], found["code"]) == (status, code)


def test_a_key_whose_group_is_gone_explains_nothing(api: AdminApi, world: World) -> None:
    spare = api.created("/groups", {"name": "spare", "platform": "openai"})["id"]
    key = api.created(f"/users/{world.user}/keys", {"group": spare})["id"]
    path = f"/users/{world.user}/effective_price"
    assert api.call("DELETE", f"/users/{world.user}/keys/{key}", headers=FRESH).status == 200
    refused = api.call("GET", path, query={**MODEL, "key": key}).json
    assert (refused["outcome"], refused["code"], refused["rows"]) == (
        "refused",
        "api_key_revoked",
        [],
    )
    assert api.call("DELETE", f"/groups/{spare}", headers=FRESH).status == 204
    assert api.call("GET", path, query={**MODEL, "key": key}).status == 404
    assert api.call("GET", path, query={**MODEL, "key": "key_missing"}).status == 404


def test_a_model_nobody_priced_is_told_so(api: AdminApi, world: World) -> None:
    answer = api.call(
        "GET", f"/users/{world.user}/effective_price", query={"model": "gpt-unheard-of"}
    ).json
    assert (answer["rows"], answer["code"]) == ([3], "model_price_not_configured")
    blank = api.call("GET", f"/users/{world.user}/effective_price", query={"model": " "}).json
    assert (blank["rows"], blank["code"]) == ([0], "missing_required_parameter")


# --- two addresses ----------------------------------------------------------------------------


def test_both_addresses_answer_alike(api: AdminApi, world: World) -> None:
    agree(api, world, {"group_code": "vip", "price": FIGURES, "permitted": True})
    api.call("POST", "/model_group_channels", {**VIP, "channel": world.channel})
    user = f"/users/{world.user}"
    reads: list[tuple[str, dict[str, str]]] = [
        ("/model_groups", {}),
        ("/model_groups", MODEL),
        ("/model_group", VIP),
        ("/model_group/gpt-x/vip", {}),
        ("/default_groups", {}),
        ("/default_group", MODEL),
        ("/model_group_channels", {}),
        (f"{user}/model_pricing", MODEL),
        (f"{user}/customer_prices", {}),
        (f"{user}/customer_price", VIP),
        (f"{user}/customer_price/versions", VIP),
        (f"{user}/effective_price", MODEL),
    ]
    for path, query in reads:
        here = api.call("GET", path, query=query)
        there = api.call("GET", f"/api/customer_pricing{path}", query=query)
        assert here.status == 200, here.text
        assert (here.status, here.json) == (there.status, there.json), path
    body = {"operations": [{"group_code": "vip", "permitted": False}]}
    path = f"/api/customer_pricing{user}/model_pricing"
    version = pricing(api, world)["version"]
    written = api.call("POST", path, body, headers={"If-Match": f'"{version}"'}, query=MODEL)
    assert summary(written.json["after"])[2] == ("vip", False, "0.5", False)
