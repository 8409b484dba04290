"""DynamoDB's size rules, with sizes counted by hand."""

from typing import Any

import pytest

from tests.item_size import (
    attribute_size,
    item_size,
    read_half_units,
    value_size,
    write_units,
)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        pytest.param({"S": ""}, 0, id="empty text"),
        pytest.param({"S": "abc"}, 3, id="ascii"),
        pytest.param({"S": "é中"}, 5, id="text counts in UTF-8"),
        pytest.param({"N": "0"}, 1, id="zero has no digits"),
        pytest.param({"N": "7"}, 2, id="one digit"),
        pytest.param({"N": "12"}, 2, id="two digits share a byte"),
        pytest.param({"N": "123"}, 3, id="three digits"),
        pytest.param({"N": "1000000"}, 2, id="trailing zeros are free"),
        pytest.param({"N": "-12"}, 3, id="a minus sign"),
        pytest.param({"N": "999999999999999"}, 9, id="fifteen digits"),
        pytest.param({"B": b"\x00\xff"}, 2, id="bytes"),
        pytest.param({"BOOL": False}, 1, id="truth"),
        pytest.param({"NULL": True}, 1, id="null"),
        pytest.param({"SS": ["ab", "c"]}, 3, id="texts of a set"),
        pytest.param({"NS": ["1", "12"]}, 4, id="numbers of a set"),
        pytest.param({"BS": [b"abc"]}, 3, id="bytes of a set"),
        pytest.param({"M": {}}, 3, id="empty map"),
        pytest.param({"M": {"ab": {"N": "7"}}}, 8, id="a member's name, value and one byte"),
        pytest.param({"L": [{"S": "ab"}, {"L": []}]}, 10, id="nested lists"),
    ],
)
def test_a_value_takes_the_bytes_of_the_developer_guide(value: dict[str, Any], size: int) -> None:
    assert value_size(value) == size


def test_names_count_in_utf8() -> None:
    assert attribute_size("é", {"N": "7"}) == 4
    assert item_size({"pk": {"S": "usr_1"}, "sk": {"S": "wallet"}}) == 15


@pytest.mark.parametrize(
    ("size", "units"),
    [(0, 1), (1, 1), (1_024, 1), (1_025, 2), (10_240, 10)],
)
def test_a_write_unit_covers_a_kibibyte(size: int, units: int) -> None:
    assert write_units(size) == units


@pytest.mark.parametrize(
    ("size", "consistent", "halves"),
    [(0, False, 1), (4_096, False, 1), (4_097, False, 2), (4_096, True, 2), (4_097, True, 4)],
)
def test_a_read_unit_covers_four_kibibytes_and_half_of_it_eventually(
    size: int, consistent: bool, halves: int
) -> None:
    assert read_half_units(size, consistent=consistent) == halves
