"""Prices as exact numbers: decimals, quotients, ratios, and how people see them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.amounts import (
    decimal_text,
    fraction,
    in_ratio,
    is_free,
    largest,
    scaled,
    shown,
    text_of,
)
from tollgate.domain.errors import PricingMisconfigured


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2.5", (25_000_000_000, 1), id="a decimal"),
        pytest.param("0", (0, 1), id="free"),
        pytest.param("0.0000000001", (1, 1), id="the smallest price"),
        pytest.param("0.5/7.0", (5_000_000_000, 7), id="half a yuan at seven to the dollar"),
        pytest.param("0.7/7", (1_000_000_000, 1), id="a quotient that is a decimal"),
        pytest.param("1/3", (10_000_000_000, 3), id="a third"),
        pytest.param("0/3", (0, 1), id="nothing of a third"),
    ],
)
def test_fraction(text: str, expected: tuple[int, int]) -> None:
    assert fraction(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "-1", "NaN", "Infinity", "1e3", "1e400", "0.00000000001", "abc", "1/0", "1/", "/2",
        "1/2/3", " 1", "1.", ".5", "٣", "1" * 121,
    ],
)  # fmt: skip
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(PricingMisconfigured):
        fraction(text)


def test_zeros_at_the_end_say_nothing() -> None:
    assert scaled("1.500000000000000", 6) == 1_500_000


@pytest.mark.parametrize(
    ("own", "part", "whole", "expected"),
    [
        pytest.param("2", "0.25", "2.5", "0.2", id="a tenth of the input"),
        pytest.param("3", "1", "7", "3/7", id="not a decimal"),
        pytest.param("0.5/7.0", "1.25", "2.5", "0.25/7", id="of a yuan price"),
        pytest.param("2", "0.25", "0", "0.25", id="the base is free: as it is"),
        pytest.param("0", "0.25", "2.5", "0", id="the own one is free: free"),
    ],
)
def test_in_ratio(own: str, part: str, whole: str, expected: str) -> None:
    assert in_ratio(own, part, whole) == expected


amounts = st.integers(0, 10**16).map(lambda n: text_of(n, 1))
positive = st.integers(1, 10**16).map(lambda n: text_of(n, 1))


@given(amounts, amounts, positive)
def test_a_ratio_loses_nothing(own: str, part: str, whole: str) -> None:
    above, below = fraction(in_ratio(own, part, whole))
    assert Fraction(above, below * 10**10) == Fraction(own) * Fraction(part) / Fraction(whole)


@given(st.integers(0, 10**30), st.integers(1, 10**30))
def test_a_text_is_read_as_it_was_written(above: int, below: int) -> None:
    value = Fraction(above, below)
    text = text_of(value.numerator, value.denominator)
    assert Fraction(*fraction(text)) == value


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("2.50", "2.5"),
        ("0.5/7.0", "0.071428571429"),
        ("2/3", "0.666666666667"),
        ("0", "0"),
        ("100", "100"),
        ("0.0000000001/2", "0.00000000005"),
        ("0.0000000001/300", "0"),
    ],
)
def test_how_people_see_a_price(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_the_largest_of_prices_however_they_are_written() -> None:
    assert largest(["0.07", "0.5/7.0", "0.071"]) == "0.5/7.0"
    assert largest(["1/3", "0.3333333333"]) == "1/3"


def test_free_is_zero_however_it_is_written() -> None:
    assert [is_free(text) for text in ("0", "0.00", "0/7", "0.1")] == [True, True, True, False]


def test_a_whole_number_keeps_its_zeros() -> None:
    assert [decimal_text(1000, 0), decimal_text(1_500, 3), decimal_text(10, 4)] == [
        "1000",
        "1.5",
        "0.001",
    ]
