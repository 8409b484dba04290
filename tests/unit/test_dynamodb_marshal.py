"""Plain values and DynamoDB's JSON, there and back."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.store.marshal import item_of, marshal, unmarshal, values_of

SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
SETS = (
    st.sets(st.text(), min_size=1)
    | st.sets(st.integers(), min_size=1)
    | st.sets(st.binary(), min_size=1)
)
VALUES = st.recursive(
    SCALARS | SETS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        pytest.param("é", {"S": "é"}, id="text"),
        pytest.param(-7, {"N": "-7"}, id="number"),
        pytest.param(True, {"BOOL": True}, id="truth is no number"),
        pytest.param(None, {"NULL": True}, id="none"),
        pytest.param(b"\x00", {"B": b"\x00"}, id="bytes"),
        pytest.param([1, "a"], {"L": [{"N": "1"}, {"S": "a"}]}, id="list"),
        pytest.param({"a": {}}, {"M": {"a": {"M": {}}}}, id="map"),
        pytest.param({10, 9}, {"NS": ["9", "10"]}, id="numbers"),
        pytest.param(frozenset("ba"), {"SS": ["a", "b"]}, id="texts"),
        pytest.param({b"a"}, {"BS": [b"a"]}, id="binaries"),
    ],
)
def test_a_value_has_one_form(value: Any, wire: dict[str, Any]) -> None:
    assert marshal(value) == wire
    assert unmarshal(wire) == value


def test_a_tuple_is_stored_as_a_list() -> None:
    assert marshal((1,)) == {"L": [{"N": "1"}]}


@given(st.dictionaries(st.text(), VALUES))
def test_items_survive_the_way_there_and_back(values: dict[str, Any]) -> None:
    assert values_of(item_of(values)) == values


@pytest.mark.parametrize("value", [1.5, Decimal(1), object(), {"a": 1.0}, [float("nan")]])
def test_a_fraction_or_a_stranger_is_a_mistake(value: Any) -> None:
    with pytest.raises(TypeError):
        marshal(value)


@pytest.mark.parametrize("value", [set(), {1, "a"}, {None}, {True}])
def test_a_set_is_of_one_type_and_not_empty(value: Any) -> None:
    with pytest.raises(ValueError, match="a set"):
        marshal(value)


@pytest.mark.parametrize("wire", [{"N": "1.5"}, {"X": "1"}, {}, {"S": "a", "N": "1"}])
def test_what_is_no_whole_value_is_not_read(wire: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        unmarshal(wire)
