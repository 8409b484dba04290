"""Which stream records the local stack lets through a mapping's filters."""

import json
from typing import Any

import pytest

from local.events import filters

FINAL = {
    "eventName": "INSERT",
    "dynamodb": {"NewImage": {"state": {"S": "final"}, "n": {"N": "5"}}, "SizeBytes": 120},
}


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        pytest.param({"eventName": ["INSERT", "MODIFY"]}, True, id="one of several values"),
        pytest.param({"eventName": ["REMOVE"]}, False, id="none of them"),
        pytest.param(
            {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"state": {"S": ["final"]}}}},
            True,
            id="every field",
        ),
        pytest.param(
            {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"state": {"S": ["draft"]}}}},
            False,
            id="not only one of them",
        ),
        pytest.param({"dynamodb": {"OldImage": {"a": {"S": ["x"]}}}}, False, id="a missing part"),
        pytest.param({"dynamodb": {"OldImage": [{"exists": False}]}}, True, id="must be missing"),
        pytest.param({"dynamodb": {"NewImage": [{"exists": False}]}}, False, id="but is not"),
        pytest.param({"dynamodb": {"SizeBytes": [{"exists": True}]}}, True, id="must be there"),
        pytest.param({"eventName": [{"prefix": "INS"}]}, True, id="prefix"),
        pytest.param({"eventName": [{"suffix": "ERT"}]}, True, id="suffix"),
        pytest.param({"eventName": [{"equals-ignore-case": "insert"}]}, True, id="any case"),
        pytest.param({"eventName": [{"anything-but": ["REMOVE"]}]}, True, id="anything but"),
        pytest.param({"eventName": [{"anything-but": "INSERT"}]}, False, id="but that one"),
        pytest.param({"nobody": [{"anything-but": "x"}]}, False, id="anything is not nothing"),
        pytest.param(
            {"dynamodb": {"SizeBytes": [{"numeric": [">", 100, "<=", 120]}]}}, True, id="range"
        ),
        pytest.param({"dynamodb": {"SizeBytes": [{"numeric": ["<", 100]}]}}, False, id="out of it"),
        pytest.param({"eventName": [{"numeric": ["=", 1]}]}, False, id="a text is no number"),
        pytest.param({"dynamodb": {"SizeBytes": ["120"]}}, False, id="nor a number a text"),
        pytest.param(
            {"$or": [{"eventName": ["REMOVE"]}, {"dynamodb": {"SizeBytes": [120]}}]}, True, id="or"
        ),
    ],
)
def test_a_pattern_fits_or_not(pattern: dict[str, Any], fits: bool) -> None:
    assert filters.passes(FINAL, [pattern]) is fits


def test_one_of_several_patterns_is_enough_and_none_lets_all_pass() -> None:
    nothing: dict[str, Any] = {"eventName": ["REMOVE"]}

    assert filters.passes(FINAL, [nothing, {"eventName": ["INSERT"]}])
    assert not filters.passes(FINAL, [nothing])
    assert filters.passes(FINAL, [])


def test_patterns_are_read_from_the_templates_json() -> None:
    criteria = {"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]}

    assert filters.read(criteria) == ({"eventName": ["INSERT"]},)
    assert filters.read(None) == ()


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param({"eventName": [{"cidr": "10.0.0.0/8"}]}, id="a comparison"),
        pytest.param({"eventName": "INSERT"}, id="a shape"),
        pytest.param({"$or": [{"eventName": [{"cidr": "10.0.0.0/8"}]}]}, id="inside an or"),
        pytest.param({"eventName": [{"prefix": "a", "suffix": "b"}]}, id="two in one"),
    ],
)
def test_a_rule_that_is_not_known_is_refused(pattern: dict[str, Any]) -> None:
    with pytest.raises(filters.UnknownRule):
        filters.read({"Filters": [{"Pattern": json.dumps(pattern)}]})
