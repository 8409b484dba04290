"""What can be asked of statistics, of whom and of when; the rest is refused."""

import pytest

from tests.statistics_books import DAY, HOUR, MIDNIGHT, USER, Books, record
from tollgate.domain.errors import InvalidRequest


@pytest.mark.parametrize(
    ("source", "facts", "expected"),
    [
        pytest.param("", {"upstream_model": "wire"}, ["m"], id="empty: what was requested"),
        pytest.param("requested", {"upstream_model": "wire"}, ["m"], id="requested"),
        pytest.param("requested", {"model": " m "}, ["m"], id="requested, trimmed"),
        pytest.param("requested", {"billing_model": "b"}, ["m"], id="not what it was billed as"),
        pytest.param("upstream", {"upstream_model": "wire"}, ["wire"], id="upstream"),
        pytest.param("upstream", {"upstream_model": " wire "}, ["wire"], id="upstream, trimmed"),
        pytest.param("upstream", {"upstream_model": ""}, ["m"], id="upstream: else the requested"),
        pytest.param("upstream", {"account": ""}, [], id="upstream: nobody answered"),
        pytest.param("mapping", {"upstream_model": "wire"}, ["m→wire"], id="mapping"),
        pytest.param("mapping", {"upstream_model": ""}, ["m→m"], id="mapping to itself"),
        pytest.param("mapping", {"upstream_model": "é"}, ["m→é"], id="mapping to no ASCII"),
        pytest.param("requested", {"model": "豆包"}, ["豆包"], id="requested, no ASCII"),
    ],
)
def test_calls_are_grouped_by_a_models_name(
    source: str, facts: dict[str, str], expected: list[str]
) -> None:
    books = Books()
    books.rollups.add([record(**facts)])
    page = books.statistics.models(source, {}, books.period(MIDNIGHT, MIDNIGHT + DAY))
    assert [line.name for line in page.lines] == expected


@pytest.mark.parametrize("source", ["channel", "Requested", "requested ", "*", "upstream,mapping"])
def test_another_source_is_refused_with_the_three_there_are(source: str) -> None:
    books = Books()
    with pytest.raises(InvalidRequest) as refused:
        books.statistics.models(source, {}, books.period(MIDNIGHT, MIDNIGHT))
    assert (refused.value.status, refused.value.param) == (400, "model_source")
    assert "requested, upstream, mapping" in refused.value.message


@pytest.mark.parametrize(
    ("source", "filters", "param"),
    [
        pytest.param("", {"group": "g"}, "group", id="a group"),
        pytest.param("", {"account": "a"}, "account", id="an account"),
        pytest.param("", {"user": "u", "group": "g"}, "group", id="a user in a group"),
        pytest.param("", {"user": "u", "account": "a"}, "account", id="a user at an account"),
        pytest.param("upstream", {"user": "u"}, "model_source", id="a user by upstream model"),
        pytest.param("mapping", {"user": "u"}, "model_source", id="a user by mapping"),
        pytest.param("upstream", {"account": "a"}, "account", id="an account by upstream model"),
    ],
)
def test_sums_by_model_that_nobody_keeps_are_refused(
    source: str, filters: dict[str, str], param: str
) -> None:
    books = Books()
    with pytest.raises(InvalidRequest) as refused:
        books.statistics.models(source, filters, books.period(MIDNIGHT, MIDNIGHT))
    assert (refused.value.status, refused.value.param) == (400, param)
    assert "user may be sent, alone, with model_source=requested" in refused.value.message


@pytest.mark.parametrize(
    ("filters", "calls"),
    [
        pytest.param({}, 3, id="everything"),
        pytest.param({"user": USER}, 3, id="a user"),
        pytest.param({"group": "grp_1"}, 3, id="a group"),
        pytest.param({"account": "acc_1"}, 1, id="an account"),
        pytest.param({"model": "m"}, 1, id="a model"),
        pytest.param({"user": USER, "model": "gpt-4.1"}, 2, id="a user's model"),
        pytest.param({"user": USER, "key": "key_2"}, 1, id="a user's key"),
        pytest.param({"user": USER, "key": "key_3"}, 0, id="a key without calls"),
        pytest.param({"user": "usr_2"}, 0, id="a user without calls"),
    ],
)
def test_a_series_is_of_everything_or_of_what_the_filters_name(
    filters: dict[str, str], calls: int
) -> None:
    books = Books()
    other = {"model": "gpt-4.1", "account": "acc_2"}
    books.rollups.add([record(), record(**other), record(**other, key="key_2")])
    asked = books.period(MIDNIGHT, MIDNIGHT + 14 * HOUR)
    series = books.statistics.series(filters, asked, "hour")
    assert series.total["calls"] == calls
    assert [point.line["calls"] for point in series.points] == [0] * 13 + [calls]


@pytest.mark.parametrize(
    ("filters", "param"),
    [
        pytest.param({"key": "k"}, "key", id="a key of nobody"),
        pytest.param({"user": "u", "group": "g"}, "group", id="a user in a group"),
        pytest.param({"user": "u", "account": "a"}, "account", id="a user at an account"),
        pytest.param({"group": "g", "account": "a"}, "group", id="an account of a group"),
        pytest.param({"account": "a", "model": "m"}, "model", id="a model at an account"),
        pytest.param({"user": "u", "model": "m", "key": "k"}, "model", id="a key's model"),
    ],
)
def test_a_series_that_no_row_tells_of_is_refused(filters: dict[str, str], param: str) -> None:
    books = Books()
    with pytest.raises(InvalidRequest) as refused:
        books.statistics.series(filters, books.period(MIDNIGHT, MIDNIGHT), "day")
    assert (refused.value.status, refused.value.param) == (400, param)
    assert "one of them at a time, and of a user by model or key" in refused.value.message


def test_a_series_by_day_has_what_of_each_day_is_in_the_period() -> None:
    books = Books()
    books.hour("all", "2026112022", calls=900)
    books.hour("all", "2026112023", calls=1)
    books.day("all", "20261121", calls=20, charge=7)
    books.hour("all", "2026112213", calls=300)
    books.rollups.reopen("2026112213")
    asked = books.period(MIDNIGHT - DAY - HOUR, MIDNIGHT + 14 * HOUR)
    series = books.statistics.series({}, asked, "day")
    assert [(point.start, point.line["calls"], point.closed) for point in series.points] == [
        (MIDNIGHT - 2 * DAY, 1, True),
        (MIDNIGHT - DAY, 20, True),
        (MIDNIGHT, 300, False),
    ]
    assert (series.total.sums, series.closed) == ({"calls": 321, "charge": 7}, False)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        pytest.param(
            None, None, (MIDNIGHT - 9 * HOUR, MIDNIGHT + 15 * HOUR), id="the last 24 hours"
        ),
        pytest.param(
            MIDNIGHT * 1_000, None, (MIDNIGHT, MIDNIGHT + 15 * HOUR), id="until this hour's end"
        ),
        pytest.param(None, MIDNIGHT * 1_000, (MIDNIGHT - DAY, MIDNIGHT), id="a day to its end"),
        pytest.param(0, 0, (0, 0), id="the beginning of time"),
        pytest.param(None, 3_600_000, (0, 3_600), id="not before the beginning of time"),
    ],
)
def test_a_period_that_was_not_sent(
    since: int | None, until: int | None, expected: tuple[int, int]
) -> None:
    asked = Books().statistics.period(since, until)
    assert (asked.start, asked.end) == expected


@pytest.mark.parametrize(
    ("since", "until", "param", "message"),
    [
        pytest.param(1, None, "from", "1 is not the beginning of an hour", id="within an hour"),
        pytest.param(0, 3_600_001, "to", "3600001 is not the beginning", id="to within an hour"),
        pytest.param(7_200_000, 3_600_000, "from", "later than to", id="ends before it begins"),
        pytest.param(0, 367 * 86_400_000, "from", "at most 366 days", id="more than a year"),
    ],
)
def test_a_period_that_cannot_be_is_refused(
    since: int, until: int | None, param: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Books().statistics.period(since, until)
    assert (refused.value.status, refused.value.param) == (400, param)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("start", "end", "param"),
    [
        pytest.param(-91 * DAY, -80 * DAY, None, id="whole days"),
        pytest.param(-91 * DAY + HOUR, -80 * DAY, "from", id="from within a day"),
        pytest.param(-95 * DAY, -91 * DAY + HOUR, "to", id="to within a day"),
        pytest.param(-89 * DAY + HOUR, -80 * DAY, None, id="within a day whose hours are kept"),
    ],
)
def test_hours_that_are_not_kept_are_refused(start: int, end: int, param: str | None) -> None:
    books = Books()
    if param is None:
        assert books.page(MIDNIGHT + start, MIDNIGHT + end).lines == ()
        return
    with pytest.raises(InvalidRequest, match="kept for 90 days") as refused:
        books.page(MIDNIGHT + start, MIDNIGHT + end)
    assert refused.value.param == param


def test_a_month_of_hours_is_told_and_not_more() -> None:
    books = Books()
    asked = books.period(MIDNIGHT - 31 * DAY, MIDNIGHT)
    assert len(books.statistics.series({}, asked, "hour").points) == 744
    asked = books.period(MIDNIGHT - 31 * DAY - HOUR, MIDNIGHT)
    with pytest.raises(InvalidRequest, match="at most 31 days by the hour"):
        books.statistics.series({}, asked, "hour")
