"""How amounts are written and read."""

import pytest

from tollgate.domain.errors import ValidationFailed
from tollgate.domain.money import parse_usd, quota, usd


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (75, "0.000000075"),
        (1_500_000_000, "1.5"),
        (-20_000_000, "-0.02"),
        (9_000_000_000_000_000, "9000000"),
    ],
)
def test_amounts_are_written_exactly(nanos: int, text: str) -> None:
    assert usd(nanos) == text
    assert parse_usd(text, "amount") == nanos


@pytest.mark.parametrize(
    "text", ["", "x", "NaN", "1e400", "0.0000000001", "9000000.000000001", "Infinity"]
)
def test_amounts_that_are_none_are_refused_with_the_field(text: str) -> None:
    with pytest.raises(ValidationFailed, match="amount"):
        parse_usd(text, "amount")


@pytest.mark.parametrize(
    ("nanos", "points"),
    [(0, 0), (1, 1), (2_000, 1), (2_001, 2), (1_000_000_000, 500_000), (571_428_572, 285_715)],
)
def test_quota_is_a_view_rounded_up(nanos: int, points: int) -> None:
    assert quota(nanos) == points
