"""Which rows make a period, and when its sums are final: figures typed out."""

from typing import Any

import pytest

from tests.statistics_books import DAY, HOUR, MIDNIGHT, NOW, Books, told
from tollgate.domain.statistics import Progress, buckets


def hours(day: str, first: int, last: int) -> list[str]:
    """Keys of hour rows."""
    return [f"hour#{day}{hour:02d}" for hour in range(first, last + 1)]


@pytest.mark.parametrize(
    ("start", "end", "waiting", "expected"),
    [
        pytest.param(MIDNIGHT, MIDNIGHT, (), [], id="nothing"),
        pytest.param(
            MIDNIGHT - 2 * DAY, MIDNIGHT, (), ["day#20261120", "day#20261121"], id="closed days"
        ),
        pytest.param(
            MIDNIGHT - DAY - HOUR,
            MIDNIGHT + 2 * HOUR,
            (),
            ["hour#2026112023", "day#20261121", "hour#2026112200", "hour#2026112201"],
            id="parts of days before and after",
        ),
        pytest.param(
            MIDNIGHT - 2 * DAY,
            MIDNIGHT,
            ("2026112105",),
            ["day#20261120", *hours("20261121", 0, 23)],
            id="a day of which an hour waits to be closed",
        ),
        pytest.param(
            MIDNIGHT, MIDNIGHT + DAY, (), hours("20261122", 0, 23), id="a day that is not over"
        ),
        pytest.param(
            MIDNIGHT - 91 * DAY,
            MIDNIGHT - 90 * DAY,
            ("2026082305",),
            ["day#20260823"],
            id="a day whose hours are not kept, however it is",
        ),
    ],
)
def test_the_rows_of_a_period(
    start: int, end: int, waiting: tuple[str, ...], expected: list[str]
) -> None:
    progress = Progress(MIDNIGHT + 14 * HOUR, NOW - 90 * DAY, waiting)
    assert [b.key for b in buckets(start, end, progress, hourly=False)] == expected


def test_by_the_hour_no_day_is_read() -> None:
    progress = Progress(MIDNIGHT + 14 * HOUR, NOW - 90 * DAY, ())
    found = buckets(MIDNIGHT - DAY, MIDNIGHT, progress, hourly=True)
    assert [bucket.key for bucket in found] == hours("20261121", 0, 23)


def test_a_period_over_days_and_hours_counts_each_call_once() -> None:
    books = Books()
    books.hour("model#m", "2026112005", calls=900)  # told by its day already
    books.day("model#m", "20261120", calls=1)
    books.day("model#m", "20261121", calls=900)  # of a day that is not exact yet
    books.hour("model#m", "2026112105", calls=20)
    books.hour("model#m", "2026112123", calls=300)
    books.hour("model#m", "2026112213", calls=4_000)
    books.hour("model#m", "2026112215", calls=900)  # after the end
    books.day("model#m", "20261122", calls=900)  # of a day that has just begun
    books.rollups.reopen("2026112105")
    page = books.page(MIDNIGHT - 2 * DAY, MIDNIGHT + 15 * HOUR)
    assert (told(page), page.closed) == ({"m": {"calls": 4_321}}, False)


@pytest.mark.parametrize(
    ("end", "waiting", "closed"),
    [
        pytest.param(14 * HOUR, "", True, id="all hours can be closed and none waits"),
        pytest.param(15 * HOUR, "", False, id="in the last hour calls may still end"),
        pytest.param(14 * HOUR, "2026112213", False, id="an hour waits to be closed"),
        pytest.param(14 * HOUR, "2026112120", True, id="one before does"),
        pytest.param(14 * HOUR, "2026112214", True, id="one after does"),
        pytest.param(48 * HOUR, "", False, id="in days to come"),
    ],
)
def test_sums_are_closed_when_nothing_more_comes(end: int, waiting: str, closed: bool) -> None:
    books = Books()
    books.hour("model#m", "2026112213", calls=1)
    if waiting:
        books.rollups.reopen(waiting)
    page = books.page(MIDNIGHT, MIDNIGHT + end)
    assert (told(page), page.closed) == ({"m": {"calls": 1}}, closed)


@pytest.mark.parametrize(
    ("minutes", "closed"),
    [
        pytest.param(29, False, id="a hold of the hour may be open"),
        pytest.param(30, True, id="every hold has been swept"),
    ],
)
def test_sums_are_not_closed_before_their_hour_can_be(minutes: int, closed: bool) -> None:
    books = Books(MIDNIGHT + 14 * HOUR + minutes * 60)
    assert books.page(MIDNIGHT, MIDNIGHT + 14 * HOUR).closed is closed


def test_days_to_come_are_neither_read_nor_closed() -> None:
    books = Books()
    asked = books.period(MIDNIGHT, MIDNIGHT + 3 * DAY)
    assert len(books.statistics.series({}, asked, "hour").points) == 15
    asked = books.period(MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY)
    series = books.statistics.series({}, asked, "hour")
    assert (series.points, series.closed) == ((), False)


def test_an_hour_that_is_closed_while_it_is_read_is_told_as_it_was_found() -> None:
    books = Books()
    books.rollups.reopen("2026112213")
    books.hour("model#m", "2026112213", calls=1)

    def meanwhile(operation: str, request: Any) -> None:
        if operation == "BatchGetItem":
            books.dynamo.before = None
            books.hour("model#m", "2026112213", calls=2)
            books.rollups.done("2026112213", 1)

    books.dynamo.before = meanwhile
    page = books.page(MIDNIGHT, MIDNIGHT + 14 * HOUR)
    assert (told(page), page.closed) == ({"m": {"calls": 2}}, False)
    assert books.page(MIDNIGHT, MIDNIGHT + 14 * HOUR).closed


def test_an_hour_that_is_opened_again_while_it_is_read_is_not_told_as_final() -> None:
    books = Books()
    books.day("model#m", "20261121", calls=1)
    books.hour("model#m", "2026112110", calls=1)

    def meanwhile(operation: str, request: Any) -> None:
        if operation == "BatchGetItem":
            books.dynamo.before = None
            books.rollups.reopen("2026112110")

    books.dynamo.before = meanwhile
    page = books.page(MIDNIGHT - DAY, MIDNIGHT)
    assert (told(page), page.closed) == ({"m": {"calls": 1}}, False)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(MIDNIGHT, MIDNIGHT, id="no time at all"),
        pytest.param(MIDNIGHT - 50 * DAY, MIDNIGHT - 40 * DAY, id="when nobody called"),
        pytest.param(MIDNIGHT + 40 * DAY, MIDNIGHT + 50 * DAY, id="to come"),
    ],
)
def test_a_period_without_calls_is_empty(start: int, end: int) -> None:
    books = Books()
    books.hour("model#m", "2026112213", calls=1)
    assert books.page(start, end).lines == ()
    series = books.statistics.series({}, books.period(start, end), "day")
    assert series.total.sums == {}
    assert all(not point.line.sums for point in series.points)
