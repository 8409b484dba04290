"""Channels and their prices over HTTP: versions, what null means, and who of two wins."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import AdminApi, Answer, admin_api
from tests.admin_writes import World, furnish
from tests.locked_moto import service

ROW = {"platform": "openai", "models": ["gpt-x"], "prices": {"input": "2", "output": "8"}}
LABELLED = {
    "minimum": 0,
    "maximum": None,
    "label": "1K",
    "prices": {"images": "0.04"},
    "tiers": {},
}
OTHER = {"platform": "openai", "models": ["gpt-*"], "prices": {"input": "5"}}


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


def put(api: AdminApi, world: World, version: int, *rows: Any, **fields: Any) -> Answer:
    """Replace the channel's rows."""
    body = {"pricing": list(rows), **fields}
    return api.call("PUT", f"/channels/{world.channel}/pricing", body, headers=at(version))


def rows_of(view: Any) -> list[Any]:
    """Models and prices of every row of a version."""
    return [(row["models"], row["prices"]) for row in view["pricing"]]


def live(view: Any) -> list[Any]:
    """Number and first input price of the versions that live."""
    return [
        (each["number"], *(row["prices"].get("input") for row in each["pricing"]))
        for each in view["live"]
    ]


def stored() -> Any:
    """Everything in the catalog."""
    return service("dynamodb").scan(TableName="tollgate-catalog")["Items"]


# --- reading what was written -------------------------------------------------------------------


def test_a_channel_is_created_with_its_prices(api: AdminApi) -> None:
    made = api.created(
        "/channels", {"name": "vip", "pricing": [ROW, OTHER], "restrict_models": True}
    )
    assert rows_of(made) == [
        (["gpt-x"], {"input": "2", "output": "8"}),
        (["gpt-*"], {"input": "5"}),
    ]
    assert (made["pricing_number"], made["restrict_models"], made["version"]) == (1, True, 1)
    prices = api.call("GET", f"/channels/{made['id']}/pricing")
    assert (prices.etag, prices.json["number"], live(prices.json)) == ('"1"', 1, [(1, "2", "5")])
    assert prices.json["live"][0]["effective_from"] == api.now


def test_a_channel_without_prices_has_no_version(api: AdminApi, world: World) -> None:
    view = api.call("GET", f"/channels/{world.channel}/pricing").json
    assert (view["number"], view["live"]) == (0, [])
    assert api.call("GET", f"/channels/{world.channel}/pricing/versions").json["entries"] == []


def test_a_list_tells_the_version_of_the_prices_and_no_rows(api: AdminApi, world: World) -> None:
    assert put(api, world, 1, ROW).status == 200
    (row,) = api.call("GET", "/channels").json["entries"]
    assert row["pricing_number"] == 1
    assert "pricing" not in row


def test_what_is_shown_can_be_sent_again(api: AdminApi, world: World) -> None:
    full = {
        "platform": "gemini",
        "models": ["a", "b*"],
        "billing_mode": "times",
        "prices": {"images": "0.08"},
        "intervals": [LABELLED],
        "tiers": {"flex": {"images": "0.02"}},
    }
    first = put(api, world, 1, full).json["live"][0]["pricing"]
    assert first == [full]
    assert put(api, world, 2, *first).json["live"][0]["pricing"] == [full]


# --- what is kept, cleared and replaced ---------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "rows", "number"),
    [
        pytest.param({}, [(["gpt-x"], {"input": "2", "output": "8"})], 1, id="nothing sent"),
        pytest.param(
            {"description": "x", "status": "disabled", "restrict_models": True, "groups": None},
            [(["gpt-x"], {"input": "2", "output": "8"})],
            1,
            id="other fields",
        ),
        pytest.param({"pricing": None}, [], 2, id="null"),
        pytest.param({"pricing": []}, [], 2, id="empty"),
        pytest.param({"pricing": [OTHER]}, [(["gpt-*"], {"input": "5"})], 2, id="other rows"),
    ],
)
def test_prices_are_kept_cleared_or_replaced(
    api: AdminApi, world: World, body: Any, rows: list[Any], number: int
) -> None:
    assert put(api, world, 1, ROW).status == 200
    changed = api.call("PATCH", f"/channels/{world.channel}", body, headers=at(2))
    assert changed.status == 200, changed.text
    assert (rows_of(changed.json), changed.json["pricing_number"]) == (rows, number)
    assert rows_of(api.call("GET", f"/channels/{world.channel}").json) == rows


def test_clearing_what_was_never_priced_makes_no_version(api: AdminApi, world: World) -> None:
    changed = api.call("PATCH", f"/channels/{world.channel}", {"pricing": []}, headers=at(1))
    assert (changed.json["pricing_number"], changed.json["pricing"]) == (0, [])


# --- versions -----------------------------------------------------------------------------------


def test_prices_are_scheduled_and_come_into_force_by_themselves(
    api: AdminApi, world: World
) -> None:
    assert put(api, world, 1, ROW).status == 200
    later = put(api, world, 2, OTHER, effective_from=api.now + 60_000, source="contract 7")
    assert live(later.json) == [(1, "2"), (2, "5")]
    assert rows_of(api.call("GET", f"/channels/{world.channel}").json)[0][0] == ["gpt-x"]
    api.now += 60_000
    assert rows_of(api.call("GET", f"/channels/{world.channel}").json)[0][0] == ["gpt-*"]
    versions = api.call("GET", f"/channels/{world.channel}/pricing/versions").json["entries"]
    assert [(each["price"]["number"], each["source"]) for each in versions] == [
        (1, ""),
        (2, "contract 7"),
    ]


def test_prices_may_end(api: AdminApi, world: World) -> None:
    assert put(api, world, 1, ROW, effective_to=api.now + 10).status == 200
    api.now += 10
    assert api.call("GET", f"/channels/{world.channel}").json["pricing"] == []


def test_an_old_version_is_brought_back_as_a_new_one(api: AdminApi, world: World) -> None:
    path = f"/channels/{world.channel}/pricing"
    put(api, world, 1, ROW)
    api.now += 1
    put(api, world, 2, OTHER)
    api.now += 1
    back = api.call("POST", f"{path}/rollback", {"number": 1}, headers=at(3))
    assert back.status == 200, back.text
    assert live(back.json) == [(3, "2")]
    versions = api.call("GET", f"{path}/versions").json["entries"]
    assert [(each["price"]["number"], each["source"]) for each in versions] == [
        (1, ""),
        (2, ""),
        (3, "version 1"),
    ]
    assert api.call("POST", f"{path}/rollback", {"number": 9}, headers=at(4)).status == 404


def test_a_scheduled_version_is_cancelled_and_one_that_began_is_not(
    api: AdminApi, world: World
) -> None:
    path = f"/channels/{world.channel}/pricing"
    put(api, world, 1, ROW)
    put(api, world, 2, OTHER, effective_from=api.now + 60_000)
    begun = api.call("POST", f"{path}/cancel", {"number": 1}, headers=at(3))
    assert (begun.status, begun.json["code"]) == (409, "conflict")
    gone = api.call("POST", f"{path}/cancel", {"number": 2}, headers=at(3))
    assert (gone.status, live(gone.json)) == (200, [(1, "2")])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"effective_from": 5_000, "effective_to": 5_000}, "effective_to", id="empty"),
        pytest.param({"effective_from": 1, "effective_to": 2}, "effective_to", id="over already"),
        pytest.param({"effective_from": 1}, "effective_from", id="behind the one in force"),
    ],
)
def test_a_version_that_would_never_count_is_refused(
    api: AdminApi, world: World, fields: Any, field: str
) -> None:
    put(api, world, 1, ROW)
    before = stored()
    refused = put(api, world, 2, OTHER, **fields)
    assert (refused.status, refused.json["param"]) == (422, field)
    assert stored() == before


# --- who wins -----------------------------------------------------------------------------------


def test_of_two_who_saw_the_same_channel_one_wins(api: AdminApi, world: World) -> None:
    path = f"/channels/{world.channel}"
    assert put(api, world, 1, ROW).status == 200
    before = stored()
    lost = [
        put(api, world, 1, OTHER),
        api.call("PATCH", path, {"description": "mine"}, headers=at(1)),
        api.call("PATCH", path, {"pricing": []}, headers=at(1)),
        api.call("POST", f"{path}/pricing/rollback", {"number": 1}, headers=at(1)),
        api.call("POST", f"{path}/pricing/cancel", {"number": 1}, headers=at(1)),
    ]
    assert [(each.status, each.json["code"]) for each in lost] == [(412, "version_mismatch")] * 5
    assert stored() == before


def test_who_does_not_say_what_they_saw_changes_nothing(api: AdminApi, world: World) -> None:
    path = f"/channels/{world.channel}"
    before = stored()
    for method, place, body in [
        ("PUT", "/pricing", {"pricing": [ROW]}),
        ("PATCH", "", {"pricing": [ROW]}),
        ("POST", "/pricing/rollback", {"number": 1}),
        ("POST", "/pricing/cancel", {"number": 1}),
    ]:
        assert api.call(method, path + place, body).status == 428
    assert stored() == before


def test_the_audit_log_names_the_versions(api: AdminApi, world: World) -> None:
    api.now += 1
    put(api, world, 1, ROW)
    entry = api.call("GET", "/audit", query={"limit": 1}).json["entries"][0]
    assert (entry["action"], entry["object"]) == ("channel.price", world.channel)
    assert (entry["before"]["number"], entry["after"]["number"]) == (0, 1)
    assert (entry["before"]["live"], entry["after"]["live"]) == ([], [1])


# --- how a row may be typed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "mode", "prices"),
    [
        pytest.param({"prices": {"input": "2", "output": None}}, None, {"input": "2"}, id="null"),
        pytest.param({"billing_mode": "token"}, "tokens", {}, id="token"),
        pytest.param(
            {"billing_mode": "tokens", "image_output_price": "30"},
            "tokens",
            {"output_image": "30"},
            id="image_output_price",
        ),
        pytest.param(
            {"billing_mode": "per_request", "per_request_price": "0.05"},
            "times",
            {"calls": "0.05"},
            id="per_request",
        ),
        pytest.param(
            {"billing_mode": "image", "per_request_price": "0.08"},
            "times",
            {"images": "0.08"},
            id="image",
        ),
        pytest.param(
            {"billing_mode": "seconds", "prices": {"seconds": "0.1"}},
            "seconds",
            {"seconds": "0.1"},
            id="seconds",
        ),
        pytest.param(
            {"prices": {"input": "0.5"}, "currency": "CNY", "fx": "7.25"},
            None,
            {"input": "0.5/7.25"},
            id="yuan at a rate of its own",
        ),
        pytest.param(
            {"prices": {"input": "0.5", "output": "0"}, "currency": "CNY"},
            None,
            {"input": "0.5/7.0", "output": "0"},
            id="yuan at the setting's rate",
        ),
        pytest.param(
            {"prices": {"input": "0.5/7.0"}}, None, {"input": "0.5/7.0"}, id="as it is stored"
        ),
    ],
)
def test_a_row_as_it_is_typed(
    api: AdminApi, world: World, typed: Any, mode: str | None, prices: Any
) -> None:
    answer = put(api, world, 1, {"platform": "openai", "models": ["m"], **typed})
    assert answer.status == 200, answer.text
    (row,) = answer.json["live"][0]["pricing"]
    assert (row["billing_mode"], row["prices"]) == (mode, prices)


def test_intervals_may_say_the_price_of_a_request(api: AdminApi, world: World) -> None:
    row = {
        "platform": "openai",
        "models": ["m"],
        "billing_mode": "image",
        "per_request_price": "0.08",
        "intervals": [
            {"label": "1K", "per_request_price": "0.04"},
            {"label": "4K", "prices": {"images": "0.16"}, "tiers": {"flex": {"images": "0.1"}}},
        ],
    }
    (found,) = put(api, world, 1, row).json["live"][0]["pricing"]
    assert [(each["label"], each["prices"], each["tiers"]) for each in found["intervals"]] == [
        ("1K", {"images": "0.04"}, {}),
        ("4K", {"images": "0.16"}, {"flex": {"images": "0.1"}}),
    ]
