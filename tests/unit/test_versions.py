"""Which version of a price counts at an instant, typed out; those that live decide alike."""

import pytest

from tollgate.domain.catalog import Price
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.price_rules import check_window
from tollgate.domain.versions import in_force, living

OPEN = None
Window = tuple[int, int | None]


def versions(windows: list[Window]) -> tuple[Price, ...]:
    """Versions 1, 2, 3… with these windows."""
    return tuple(
        Price("m", number, effective_from=start, effective_to=end)
        for number, (start, end) in enumerate(windows, start=1)
    )


@pytest.mark.parametrize(
    ("windows", "at", "alive"),
    [
        pytest.param([], {100: None}, [], id="none"),
        pytest.param([(100, OPEN)], {99: None, 100: 1, 101: 1}, [1], id="from its first instant"),
        pytest.param([(0, 101)], {100: 1, 101: None, 102: None}, [1], id="not in its last instant"),
        pytest.param([(0, 100)], {100: None}, [], id="just over"),
        pytest.param([(0, OPEN), (50, OPEN), (100, OPEN)], {100: 3}, [3], id="the latest start"),
        pytest.param(
            [(0, OPEN), (101, OPEN)], {100: 1, 101: 2}, [1, 2], id="a change is scheduled"
        ),
        pytest.param(
            [(0, OPEN), (300, OPEN), (200, OPEN)],
            {100: 1, 199: 1, 200: 3, 299: 3, 300: 2},
            [1, 3, 2],
            id="two changes, the later one written first",
        ),
        pytest.param(
            [(200, OPEN), (150, OPEN)], {100: None, 150: 2, 200: 1}, [2, 1], id="none as yet"
        ),
        pytest.param([(50, OPEN), (50, OPEN)], {100: 2}, [2], id="of one start the newer"),
        pytest.param(
            [(0, OPEN), (200, OPEN), (90, OPEN)],
            {100: 3, 200: 2},
            [3, 2],
            id="a correction before a planned change",
        ),
        pytest.param(
            [(0, OPEN), (90, 200)],
            {100: 2, 199: 2, 200: 1, 300: 1},
            [1, 2],
            id="below a limited version the one before resumes",
        ),
        pytest.param(
            [(0, OPEN), (90, 300), (150, 200)],
            {100: 2, 150: 3, 200: 2, 300: 1},
            [1, 2, 3],
            id="one limited version within another",
        ),
        pytest.param(
            [(0, 150), (50, 300)],
            {100: 2, 150: 2, 300: None},
            [2],
            id="a limited version that ends under another never resumes",
        ),
        pytest.param(
            [(200, 300), (200, 300)], {250: 2, 300: None}, [2], id="replaced before it began"
        ),
        pytest.param(
            [(200, 400), (200, 300)],
            {250: 2, 300: 1, 400: None},
            [1, 2],
            id="covered for the first part of its time",
        ),
    ],
)
def test_what_counts_when_and_what_lives_at_100(
    windows: list[Window], at: dict[int, int | None], alive: list[int]
) -> None:
    known = versions(windows)
    left = living(known, 100)
    assert [price.version for price in left] == alive
    for instant, number in at.items():
        found = in_force(known, instant)
        assert (found and found.version) == number
    for instant, number in at.items():
        if instant >= 100:
            still = in_force(left, instant)
            assert (still and still.version) == number, instant


@pytest.mark.parametrize(
    "window",
    [
        pytest.param((200, 200), id="empty"),
        pytest.param((200, 150), id="backwards"),
        pytest.param((0, 100), id="over"),
    ],
)
def test_a_window_without_a_future_is_refused(window: Window) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_window(versions([window])[0], 100)
    assert refused.value.param == "effective_to"


@pytest.mark.parametrize(
    "window", [pytest.param((0, OPEN), id="open"), pytest.param((0, 101), id="an instant")]
)
def test_a_window_with_a_future(window: Window) -> None:
    check_window(versions([window])[0], 100)
