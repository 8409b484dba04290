"""Official prices that are refused, each by its field and row; and the defaults of a model."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import NOW, AdminApi, Answer, admin_api
from tests.locked_moto import ENVIRONMENT

MODEL = {"model": "gpt-x"}


@pytest.fixture(scope="module")
def standing() -> Iterator[AdminApi]:
    """One installation for everything that is refused."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with admin_api() as opened:
            opened.created("/prices", {"model": "gpt-x", **GOOD})
            yield opened


def put(api: AdminApi, version: int, **body: Any) -> Answer:
    headers = {"If-Match": f'"{version}"'}
    return api.call("PUT", "/price", body, headers=headers, query=MODEL)


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
