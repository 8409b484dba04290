"""Official prices through the admin API: every form of entry, and versions by time."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import NOW, AdminApi, Answer, admin_api
from tollgate.domain.charge import PriceSnapshot, charge
from tollgate.domain.usage import Usage

HOUR = 3_600_000
MODEL = {"model": "gpt-x"}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


def create(api: AdminApi, model: str = "gpt-x", **body: Any) -> Any:
    return api.created("/prices", {"model": model, **body})


def put(api: AdminApi, version: int, **body: Any) -> Answer:
    headers = {"If-Match": f'"{version}"'}
    return api.call("PUT", "/price", body, headers=headers, query=MODEL)


def act(api: AdminApi, action: str, version: int, number: int) -> Answer:
    headers = {"If-Match": f'"{version}"'}
    return api.call("POST", f"/price/{action}", {"number": number}, headers=headers, query=MODEL)


def read(api: AdminApi) -> Any:
    return api.call("GET", "/price", query=MODEL).json


def flat(api: AdminApi) -> str | None:
    """What a million tokens cost at this moment."""
    price = read(api)
    found = [row for row in price["live"] if row["number"] == price["current"]]
    return found[0]["prices"]["input"] if found else None


# --- forms of entry ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "prices", "figure"),
    [
        pytest.param(
            {"prices": {"input": "2.50", "output": "10"}},
            {"input": "2.50", "output": "10"},
            {
                "input": {
                    "typed": "2.5",
                    "usd": "2.5",
                    "exact": "",
                    "cny": "17.5",
                    "rate_k": "1.25",
                }
            },
            id="dollars",
        ),
        pytest.param(
            {"mode": "seconds", "price_per_second": "0.50", "currency": "CNY"},
            {"seconds": "0.50/7.0"},
            {
                "seconds": {
                    "typed": "0.5",
                    "usd": "0.071428571429",
                    "exact": "0.50/7.0",
                    "cny": "0.5",
                    "rate_k": "35.714285714286",
                }
            },
            id="yuan per second at the default rate",
        ),
        pytest.param(
            {"mode": "seconds", "price_per_second": "0.5", "currency": "CNY", "fx": "7.3"},
            {"seconds": "0.5/7.3"},
            {},
            id="yuan at a rate of one's own",
        ),
        pytest.param(
            {"mode": "seconds", "input_rate": "50", "output_rate": "50", "virtual_tokens": 1000},
            {"seconds": "0.1"},
            {},
            id="the rates of One Hub",
        ),
        pytest.param(
            {"rate_k": "1", "rate_k_output": "4", "extra_ratios": {"cached_tokens": "0.25"}},
            {"input": "2", "output": "8", "cache_read": "0.5"},
            {},
            id="its ratios",
        ),
        pytest.param(
            {"mode": "times", "price_per_call": "0.04"}, {"calls": "0.04"}, {}, id="a call"
        ),
        pytest.param(
            {"prices": {"input": "5"}, "image_output_price": "40"},
            {"input": "5", "output_image": "40"},
            {},
            id="image output by name",
        ),
    ],
)
def test_a_price_may_be_typed_in_many_forms(
    api: AdminApi, body: dict[str, Any], prices: dict[str, str], figure: dict[str, Any]
) -> None:
    row = create(api, **body)["live"][0]
    assert row["prices"] == prices
    for name, view in figure.items():
        assert row["figures"][name] == view


def test_a_yuan_price_keeps_the_rate_of_its_entry(api: AdminApi) -> None:
    api.created("/settings", {"name": "fx.cny_per_usd", "value": "7.0"})
    create(api, mode="seconds", price_per_second="0.50", currency="CNY")
    api.call("PUT", "/settings/fx.cny_per_usd", {"value": "7.3"}, headers={"If-Match": '"1"'})
    create(api, "later", mode="seconds", price_per_second="0.50", currency="CNY")
    kept, later = read(api)["live"][0], api.call("GET", "/price", query={"model": "later"}).json
    assert (kept["prices"], kept["fx"]) == ({"seconds": "0.50/7.0"}, "7.0")
    assert later["live"][0]["prices"] == {"seconds": "0.50/7.3"}
    price = api.stores.catalog.prices.get("gpt-x").live[0]
    snapshot = PriceSnapshot("official", "gpt-x", 1, "gpt-x", price.mode, price.prices)
    assert charge(Usage({"seconds": 8_000}), snapshot).nanos == 571_428_572


@pytest.mark.parametrize("value", ["", "0", "-7", "seven", "NaN", "1e1", True, "7,1"])
def test_no_other_thing_becomes_the_exchange_rate(api: AdminApi, value: Any) -> None:
    refused = api.call("POST", "/settings", {"name": "fx.cny_per_usd", "value": value})
    assert (refused.status, refused.json["param"]) == (422, "value")


def test_intervals_labels_and_tiers_come_back(api: AdminApi) -> None:
    row = create(
        api,
        mode="times",
        prices={"images": "0.04"},
        intervals=[
            {"label": "hd/1024x1024", "prices": {"images": "0.08"}},
            {"label": "4K", "prices": {"images": "0.35"}, "tiers": {"flex": {"images": "0.2"}}},
        ],
        tiers={"flex": {"images": "0.02"}},
        currency="CNY",
    )["live"][0]
    assert [each["label"] for each in row["intervals"]] == ["hd/1024x1024", "4K"]
    assert row["intervals"][1]["prices"] == {"images": "0.35/7.0"}
    assert row["intervals"][1]["tier_figures"]["flex"]["images"]["typed"] == "0.2"
    assert row["tier_figures"]["flex"]["images"]["exact"] == "0.02/7.0"


# --- versions by time -------------------------------------------------------------------------


def test_a_scheduled_change_comes_into_force_by_itself(api: AdminApi) -> None:
    create(api, prices={"input": "1"})
    put(api, 1, prices={"input": "2"}, effective_from=NOW + HOUR)
    assert flat(api) == "1"
    api.now = NOW + HOUR - 1
    assert flat(api) == "1"
    api.now = NOW + HOUR
    assert flat(api) == "2"


def test_below_a_limited_price_the_one_before_resumes(api: AdminApi) -> None:
    create(api, prices={"input": "1"})
    put(api, 1, prices={"input": "2"}, effective_from=NOW + HOUR, effective_to=NOW + 3 * HOUR)
    put(api, 2, prices={"input": "3"}, effective_from=NOW + 2 * HOUR, effective_to=NOW + 4 * HOUR)
    seen = []
    for hour in range(5):
        api.now = NOW + hour * HOUR
        seen.append(flat(api))
    assert seen == ["1", "2", "3", "3", "1"]


def test_a_price_that_only_lasts_a_while_leaves_nothing(api: AdminApi) -> None:
    create(api, prices={"input": "1"}, effective_to=NOW + HOUR)
    api.now = NOW + HOUR
    assert (flat(api), read(api)["current"]) == (None, None)


def test_a_scheduled_price_can_be_taken_back_until_it_begins(api: AdminApi) -> None:
    create(api, prices={"input": "1"})
    put(api, 1, prices={"input": "2"}, effective_from=NOW + HOUR)
    put(api, 2, prices={"input": "3"}, effective_from=NOW + 2 * HOUR)
    assert act(api, "cancel", 2, 2).status == 412
    cancelled = act(api, "cancel", 3, 2)
    assert [row["number"] for row in cancelled.json["live"]] == [1, 3]
    assert act(api, "cancel", 4, 2).status == 404
    api.now = NOW + 2 * HOUR
    assert flat(api) == "3"
    assert (act(api, "cancel", 4, 3).status, flat(api)) == (409, "3")


def test_taking_back_the_only_version_leaves_the_model_unpriced(api: AdminApi) -> None:
    create(api, prices={"input": "1"}, effective_from=NOW + HOUR)
    assert act(api, "cancel", 1, 1).json["status"] == "withdrawn"
    assert api.call("GET", "/price", query=MODEL).status == 404
    assert act(api, "rollback", 2, 1).status == 404
    assert create(api, prices={"input": "2"})["number"] == 2


def test_an_old_version_comes_back_as_a_new_one(api: AdminApi) -> None:
    create(api, prices={"input": "1"}, source="sheet of May", max_output=4096)
    put(api, 1, prices={"input": "2"}, effective_to=NOW + HOUR)
    put(api, 2, prices={"input": "9"}, effective_from=NOW + 2 * HOUR)
    back = act(api, "rollback", 3, 1)
    assert (back.status, back.json["number"], flat(api)) == (200, 4, "1")
    assert [row["number"] for row in back.json["live"]] == [4, 3]
    versions = api.call("GET", "/price/versions", query=MODEL).json["entries"]
    assert [each["price"]["prices"]["input"] for each in versions] == ["1", "2", "9", "1"]
    assert versions[3]["source"] == "version 1"
    assert versions[3]["price"]["max_output"] == 4096
    assert act(api, "rollback", 4, 9).status == 404
    assert act(api, "rollback", 3, 1).status == 412


def test_of_two_changes_made_at_once_one_is_told_to_read_again(api: AdminApi) -> None:
    create(api, prices={"input": "1"})
    assert put(api, 1, prices={"input": "2"}).status == 200
    late = put(api, 1, prices={"input": "3"})
    assert (late.status, late.json["code"], flat(api)) == (412, "version_mismatch", "2")
    assert api.call("PUT", "/price", {"prices": {"input": "3"}}, query=MODEL).status == 428


def test_every_kind_of_change_is_in_the_audit_log(api: AdminApi) -> None:
    create(api, prices={"input": "1"})
    put(api, 1, prices={"input": "2"}, effective_from=NOW + HOUR)
    act(api, "cancel", 2, 2)
    act(api, "rollback", 3, 1)
    headers = {"If-Match": '"4"'}
    api.call("PUT", "/price/lock", {"locked": True}, headers=headers, query=MODEL)
    entries = api.call("GET", "/audit", query={"limit": 100}).json["entries"]
    actions = [each["action"] for each in entries if each["object"] == "gpt-x"]
    assert sorted(actions) == [
        "price.cancel",
        "price.change",
        "price.create",
        "price.lock",
        "price.rollback",
    ]


def test_a_jump_is_made_when_it_is_confirmed(api: AdminApi) -> None:
    create(api, prices={"input": "1", "output": "2"})
    dear = {"prices": {"input": "11", "output": "0"}}
    assert put(api, 1, **dear).status == 422
    assert put(api, 1, **dear, confirm=True).status == 200
    assert flat(api) == "11"


def test_a_price_of_another_mode_bills_the_default_group_likewise(api: AdminApi) -> None:
    create(api, prices={"input": "1"})
    group = {"model": "gpt-x", "code": "default"}
    put(api, 1, mode="times", prices={"calls": "1"}, effective_from=NOW + HOUR)
    assert api.call("GET", "/model_group", query=group).json["billing_type"] == "tokens"
    put(api, 2, mode="times", prices={"calls": "1"})
    assert api.call("GET", "/model_group", query=group).json["billing_type"] == "times"
