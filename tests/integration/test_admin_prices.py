"""Official prices through the admin API: every form of entry, versions by time, and refusals."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import NOW, AdminApi, Answer, admin_api
from tests.locked_moto import ENVIRONMENT
from tollgate.domain.charge import PriceSnapshot, charge
from tollgate.domain.usage import Usage

HOUR = 3_600_000
MODEL = {"model": "gpt-x"}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture(scope="module")
def standing() -> Iterator[AdminApi]:
    """One installation for everything that is refused."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with admin_api() as opened:
            create(opened, prices={"input": "1", "output": "2"})
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


# --- refusals ---------------------------------------------------------------------------------


def interval(low: Any, high: Any, text: Any = "1", **more: Any) -> dict[str, Any]:
    return {"minimum": low, "maximum": high, "prices": {"input": text}, **more}


def label(name: str, text: Any = "1") -> dict[str, Any]:
    return {"label": name, "prices": {"images": text}}


GOOD = {"prices": {"input": "1", "output": "2"}}
PICTURES = {"mode": "times", "prices": {"images": "1"}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"prices": {"input": "-1"}}, "prices.input", id="negative"),
        pytest.param({"prices": {"input": "NaN"}}, "prices.input", id="NaN as text"),
        pytest.param({"prices": {"input": "1e400"}}, "prices.input", id="an exponent"),
        pytest.param({"prices": {"input": True}}, "prices.input", id="a boolean"),
        pytest.param({"prices": {"input": 1}}, "prices.input", id="a number"),
        pytest.param({"prices": {"input": 2**53 + 1}}, "prices.input", id="2^53+1"),
        pytest.param({"prices": {"input": None}}, "prices.input", id="null"),
        pytest.param({"prices": {"input": "1/0"}}, "prices.input", id="a quotient"),
        pytest.param({"prices": {"input": "1000001"}}, "prices.input", id="beyond all prices"),
        pytest.param({"prices": {"input": "0"}}, "free", id="free by accident"),
        pytest.param({"prices": {"inptu": "1"}}, "prices.inptu", id="no such class"),
        pytest.param({"mode": "seconds", **GOOD}, "prices", id="nothing for its mode"),
        pytest.param({"mode": "months"}, "mode", id="no such mode"),
        pytest.param(
            {**GOOD, "intervals": [interval(0, 9), interval(5, None)]},
            "intervals[2].minimum",
            id="an overlap",
        ),
        pytest.param(
            {**GOOD, "intervals": [interval(0, None), interval(9, 10)]},
            "intervals[1].maximum",
            id="unbounded and not the last",
        ),
        pytest.param(
            {**GOOD, "intervals": [{"minimum": 0, "maximum": 9, "prices": {}}]},
            "intervals[1].prices",
            id="an empty interval",
        ),
        pytest.param(
            {**GOOD, "intervals": [interval(0, 9), interval(9, None, "-0.01")]},
            "intervals[2].prices.input",
            id="a negative price in the second row",
        ),
        pytest.param(
            {**GOOD, "intervals": [interval(0, 9), interval(9, None, 0.5)]},
            "intervals[2].prices.input",
            id="a number in the second row",
        ),
        pytest.param(
            {**GOOD, "intervals": [interval(0, 9), interval(True, None)]},
            "intervals[2].minimum",
            id="a boolean for a bound",
        ),
        pytest.param(
            {**GOOD, "intervals": [interval(2**53 + 1, None)]},
            "intervals[1].minimum",
            id="a bound of 2^53+1",
        ),
        pytest.param(
            {**GOOD, "intervals": [interval(-1, 100)]}, "intervals[1].minimum", id="below zero"
        ),
        pytest.param(
            {**GOOD, "intervals": [interval(100, 50)]}, "intervals[1].maximum", id="backwards"
        ),
        pytest.param(
            {**PICTURES, "intervals": [label("1K"), label("1k ")]},
            "intervals[2].label",
            id="a label twice",
        ),
        pytest.param(
            {**GOOD, "tiers": {"flex": {"input": "x"}}}, "tiers.flex.input", id="a word in a tier"
        ),
        pytest.param({**GOOD, "currency": "EUR"}, "currency", id="another currency"),
        pytest.param({**GOOD, "fx": "7.0"}, "fx", id="dollars with an exchange rate"),
        pytest.param({**GOOD, "currency": "CNY", "fx": "0"}, "fx", id="an exchange rate of zero"),
        pytest.param(
            {"mode": "seconds", "input_rate": "1", "output_rate": "2"},
            "rate_k_output",
            id="two rates of seconds",
        ),
        pytest.param({"rate_k": "1", "input_rate": "1"}, "input_rate", id="a rate by two names"),
        pytest.param(
            {**GOOD, "extra_ratios": {"cache": "1"}}, "extra_ratios.cache", id="an unknown ratio"
        ),
        pytest.param({**GOOD, "virtual_tokens": 0}, "virtual_tokens", id="no virtual tokens"),
        pytest.param({**GOOD, "effective_to": NOW}, "effective_to", id="over already"),
        pytest.param(
            {**GOOD, "effective_from": NOW + 2, "effective_to": NOW + 2},
            "effective_to",
            id="a window of nothing",
        ),
        pytest.param({**GOOD, "effective_from": NOW - 1}, "effective_from", id="never in force"),
        pytest.param({**GOOD, "max_output": 0}, "max_output", id="no output"),
        pytest.param({"prices": {"input": "10.1"}}, "prices.input", id="over ten times dearer"),
        pytest.param({"prices": {"input": "0.09"}}, "prices.input", id="under a tenth"),
        pytest.param(
            {"prices": {"input": "1", "output": "0"}}, "prices.output", id="nothing from something"
        ),
        pytest.param(
            {**GOOD, "intervals": [interval(0, 9), interval(9, None, "11")]},
            "intervals[2].prices.input",
            id="over ten times in the second row",
        ),
    ],
)
def test_a_bad_price_names_its_field_and_is_not_stored(
    standing: AdminApi, body: dict[str, Any], field: str
) -> None:
    before = standing.call("GET", "/price/versions", query=MODEL).json
    refused = put(standing, 1, **body)
    assert refused.status == 422, refused.text
    assert refused.json["param"] == field
    assert standing.call("GET", "/price/versions", query=MODEL).json == before


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400", "9" * 5_000])
def test_a_figure_that_json_does_not_know_is_refused(standing: AdminApi, text: str) -> None:
    body = json.dumps(GOOD | {"max_output": 7}).replace("7", text)
    refused = standing.call("PUT", "/price", body, headers={"If-Match": '"1"'}, query=MODEL)
    assert refused.status == 400


def test_a_refusal_speaks_chinese_too(standing: AdminApi) -> None:
    bad = {**GOOD, "intervals": [interval(0, 9), interval(5, None)]}
    assert put(standing, 1, **bad).json["messages"] == {
        "en": "intervals[2].minimum: row 2 overlaps row 1, which ends at 9",
        "zh": "intervals[2].minimum：第 2 行与第 1 行重叠，第 1 行到 9 为止",
    }


# --- defaults for a channel's form ------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(
            {"model": "GPT-X"},
            {"source": "official", "model": "gpt-x", "input_price": "1", "output_price": "2"},
            id="priced here",
        ),
        pytest.param(
            {"model": "gpt-image-1"},
            {"source": "list", "input_price": "5", "image_output_price": "40"},
            id="in the list, with image output",
        ),
        pytest.param(
            {"model": "veo-3.1-generate-001", "platform": "gemini"},
            {"source": "list", "model": "gemini/veo-3.1-generate-001", "input_price": None},
            id="in the list under the platform's name",
        ),
        pytest.param(
            {"model": "veo-3.1-generate-001", "platform": "antigravity"},
            {"source": "list", "model": "gemini/veo-3.1-generate-001"},
            id="in the list under the last of several names",
        ),
    ],
)
def test_the_defaults_of_a_model(
    standing: AdminApi, query: dict[str, str], expected: dict[str, Any]
) -> None:
    found = standing.call("GET", "/channels/model-pricing", query=query).json
    assert found["found"] is True
    assert {name: found[name] for name in expected} == expected


def test_a_model_without_a_default(standing: AdminApi) -> None:
    found = standing.call("GET", "/channels/model-pricing", query={"model": "nobody"})
    assert (found.status, found.json["found"], found.json["price"]) == (200, False, None)
    nowhere = {"model": "gpt-x", "platform": "moon"}
    refused = standing.call("GET", "/channels/model-pricing", query=nowhere)
    assert (refused.status, refused.json["param"]) == (422, "platform")
    assert standing.call("GET", "/channels/model-pricing").status == 422
