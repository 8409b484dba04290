"""Channels and prices that are refused: in which field and row, in which words, nothing stored."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.admin_api import AdminApi, Answer, admin_api
from tests.admin_writes import furnish
from tests.locked_moto import ENVIRONMENT, service

FRESH = {"If-Match": '"1"'}
ROW = {"platform": "openai", "models": ["gpt-x"], "prices": {"input": "2", "output": "8"}}


@dataclass(frozen=True)
class There:
    """An installation with a channel that nothing is ever written to."""

    api: AdminApi
    channel: str


@pytest.fixture(scope="module")
def there() -> Iterator[There]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with admin_api() as api:
            yield There(api, furnish(api).channel)


def put(there: There, *rows: Any) -> Answer:
    """Replace the channel's rows."""
    path = f"/channels/{there.channel}/pricing"
    return there.api.call("PUT", path, {"pricing": list(rows)}, headers=FRESH)


def stored() -> Any:
    """Everything in the catalog."""
    return service("dynamodb").scan(TableName="tollgate-catalog")["Items"]


def with_row(**fields: Any) -> Any:
    return {"platform": "openai", "models": ["m"], **fields}


def ranges(*rows: tuple[int, int | None]) -> Any:
    return with_row(
        intervals=[
            {"minimum": low, "maximum": high, "prices": {"input": "1"}} for low, high in rows
        ]
    )


NUMBER = "is not a price; write a decimal such as 2.50"


@pytest.mark.parametrize(
    ("row", "field", "english"),
    [
        pytest.param(with_row(prices={"input": "-1"}), "prices.input", "must be >= 0", id="low"),
        pytest.param(
            with_row(prices={"input": "1e400"}), "prices.input", f"'1e400' {NUMBER}", id="1e400"
        ),
        pytest.param(
            with_row(prices={"input": "NaN"}), "prices.input", f"'NaN' {NUMBER}", id="NaN"
        ),
        pytest.param(
            with_row(prices={"input": "9007199254740993"}),
            "prices.input",
            "must be <= 1000000",
            id="2^53 + 1",
        ),
        pytest.param(
            with_row(prices={"input": True}),
            "prices.input",
            "Input should be a valid string",
            id="a boolean",
        ),
        pytest.param(
            with_row(prices={"input": 2**53 + 1}),
            "prices.input",
            "Input should be a valid string",
            id="a number",
        ),
        pytest.param(
            ranges((0, 2**53 + 1)),
            "intervals[1].maximum",
            "Input should be less than or equal to 9007199254740991",
            id="2^53 + 1 tokens",
        ),
        pytest.param(
            ranges((0, True)),
            "intervals[1].maximum",
            "Input should be a valid integer",
            id="a boolean for a bound",
        ),
        pytest.param(
            ranges((-1, 5)), "intervals[1].minimum", "row 1 must begin >= 0", id="below zero"
        ),
        pytest.param(
            ranges((0, 200), (100, 300)),
            "intervals[2].minimum",
            "row 2 overlaps row 1, which ends at 200",
            id="an overlap",
        ),
        pytest.param(
            ranges((0, None), (100, 300)),
            "intervals[1].maximum",
            "row 1 is unbounded, so it must be the last; row 2 follows it",
            id="unbounded, not last",
        ),
        pytest.param(
            with_row(intervals=[{"minimum": 0, "prices": {"input": None}}]),
            "intervals[1].prices",
            "row 1 has no price; set at least one",
            id="an empty interval",
        ),
        pytest.param(
            with_row(models=["m", "gpt-x"]),
            "models[2]",
            "'gpt-x' is in pricing[1].models[1] already",
            id="a name twice",
        ),
        pytest.param(
            with_row(platform="bedrock"),
            "platform",
            "one of anthropic, antigravity, gemini, openai",
            id="an unknown platform",
        ),
        pytest.param(with_row(models=[]), "models", "1 to 100 names", id="no names"),
        pytest.param(
            with_row(billing_mode="per_request"),
            "prices",
            "mode times needs a price or intervals",
            id="per_request, no price",
        ),
        pytest.param(
            with_row(billing_mode="image", per_request_price="-1"),
            "prices.images",
            "must be >= 0",
            id="a negative price of an image",
        ),
        pytest.param(
            with_row(billing_mode="image", per_request_price="1", prices={"images": "2"}),
            "per_request_price",
            "is said in prices.images, too",
            id="a price said twice",
        ),
        pytest.param(
            with_row(billing_mode="weekly"),
            "billing_mode",
            "Input should be 'tokens', 'times', 'seconds', 'token', 'per_request' or 'image'",
            id="an unknown mode",
        ),
        pytest.param(with_row(price="1"), "price", "there is no such field", id="an unknown field"),
        pytest.param(
            with_row(fx="7.0"), "fx", "only figures in CNY have an exchange rate", id="a rate"
        ),
        pytest.param(
            with_row(currency="CNY", fx="0", prices={"input": "1"}),
            "fx",
            'yuan per dollar as text, such as "7.0"',
            id="a rate of zero",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["create", "patch", "put"])
def test_a_row_that_is_refused(there: There, way: str, row: Any, field: str, english: str) -> None:
    before = stored()
    body, path = {"pricing": [ROW, row]}, f"/channels/{there.channel}"
    if way == "create":
        refused = there.api.call("POST", "/channels", {"name": "new", **body})
    elif way == "patch":
        refused = there.api.call("PATCH", path, body, headers=FRESH)
    else:
        refused = there.api.call("PUT", f"{path}/pricing", body, headers=FRESH)
    assert refused.status == 422, refused.text
    assert refused.json["param"] == f"pricing[2].{field}"
    assert refused.json["detail"] == f"pricing[2].{field}: {english}"
    assert refused.json["messages"]["en"] == refused.json["detail"]
    assert stored() == before


def test_a_refusal_speaks_chinese_with_the_same_row(there: There) -> None:
    refused = put(there, ROW, ranges((0, 200), (100, 300)))
    assert refused.json["messages"]["zh"] == (
        "pricing[2].intervals[2].minimum：第 2 行与第 1 行重叠，第 1 行到 200 为止"
    )
    refused = put(there, ROW, with_row(prices={"input": True}))
    assert refused.json["messages"]["zh"] == "pricing[2].prices.input：必须是文本"


@pytest.mark.parametrize("number", ["1e400", "NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_refused(there: There, number: str) -> None:
    before = stored()
    body = json.dumps({"pricing": [with_row(prices={"input": "@here@"})]})
    text = body.replace('"@here@"', number)
    refused = there.api.call("PUT", f"/channels/{there.channel}/pricing", text, headers=FRESH)
    assert refused.status == 400
    assert stored() == before


def test_more_rows_than_an_item_holds_are_refused(there: There) -> None:
    steps = [{"minimum": n, "maximum": n + 1, "prices": {"input": "1.23"}} for n in range(50)]
    rows = [
        {"platform": "openai", "models": [f"m{n}-{k}" for k in range(100)], "intervals": steps}
        for n in range(2)
    ]
    refused = put(there, *rows)
    assert (refused.status, refused.json["param"]) == (422, "pricing")
    assert "90000 is the most" in refused.json["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"accounts": ["acc_none"]}, "accounts", id="an account that is not there"),
        pytest.param({"model_mapping": {"opnai": {"a": "b"}}}, "model_mapping.opnai", id="nobody"),
        pytest.param(
            {"model_mapping": {"openai": {"a": "b", "A ": "c"}}}, "model_mapping.openai", id="twice"
        ),
        pytest.param(
            {"model_mapping": {"openai": {"g*t": "b"}}}, "model_mapping.openai.g*t", id="a star"
        ),
        pytest.param({"billing_model_source": "mapped"}, "billing_model_source", id="no source"),
        pytest.param({"groups": ["grp_none"]}, "groups", id="a group that is not there"),
    ],
)  # fmt: skip
def test_a_channel_that_is_refused(there: There, body: Any, field: str) -> None:
    before = stored()
    refused = there.api.call("PATCH", f"/channels/{there.channel}", body, headers=FRESH)
    assert (refused.status, refused.json["param"]) == (422, field)
    assert stored() == before
