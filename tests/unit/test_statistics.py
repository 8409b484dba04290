"""Which rows make a period, what its sums tell, what cannot be asked: figures typed out."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.holds import Birth, new_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.domain.statistics import Line, Progress, apart, buckets, parts, ranked
from tollgate.services.statistics import Page, Period, Statistics
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.rollups import Rollups

USER = "usr_0123456789abcdef"
MIDNIGHT = 1_795_305_600
"""2026-11-22 00:00:00 UTC, a Sunday."""

HOUR, DAY = 3_600, 86_400
NOW = MIDNIGHT + 14 * HOUR + 40 * 60
"""14:40, when what began before 14:00 can be closed."""


class Books:
    """Rollups in memory, and statistics of them."""

    def __init__(self, now: int = NOW) -> None:
        self.dynamo = InMemoryDynamo(["rollups"])
        self.rollups = Rollups(self.dynamo, "rollups")
        self.now = now
        self.statistics = Statistics(self.rollups, lambda: self.now * 1_000)

    def hour(self, name: str, hour: str, **sums: int) -> None:
        """A closed hour row."""
        self.rollups.put_exact({(name, hour): sums})

    def day(self, name: str, day: str, **sums: int) -> None:
        """A closed day row."""
        self.rollups.put_day(name, day, sums, closed=True)

    def period(self, start: int, end: int) -> Period:
        """From one epoch second to another."""
        return self.statistics.period(start * 1_000, end * 1_000)

    def page(self, start: int, end: int, **filters: str) -> Page:
        """Sums by requested model."""
        return self.statistics.models("", filters, self.period(start, end))


def told(page: Page) -> dict[str, Mapping[str, int]]:
    """Name → sums."""
    return {line.name: dict(line.sums) for line in page.lines}


# --- lines ------------------------------------------------------------------------------------


def test_tokens_are_those_of_every_class() -> None:
    sums = {
        "input": 1,
        "cache_read": 20,
        "cache_write_5m": 300,
        "cache_write_1h": 4_000,
        "input_audio": 50_000,
        "input_image": 600_000,
        "output": 7_000_000,
        "reasoning": 80_000_000,
        "output_audio": 900_000_000,
        "output_image": 1_000_000_000,
        "characters": 7,
        "seconds": 8,
        "calls": 9,
    }
    assert Line("m", sums).tokens == 1_987_654_321


def test_usage_has_every_class_of_tokens_and_of_the_others_what_occurred() -> None:
    sums = {"input": 5, "images": 2, "tool:web_search": 3, "calls": 4, "charge": 9, "answered": 4}
    assert Line("m", sums).usage == {
        "input": 5,
        "cache_read": 0,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "input_audio": 0,
        "input_image": 0,
        "output": 0,
        "reasoning": 0,
        "output_audio": 0,
        "output_image": 0,
        "images": 2,
        "tool:web_search": 3,
    }


@pytest.mark.parametrize(
    ("sums", "latency", "first_byte"),
    [
        pytest.param({}, None, None, id="no calls"),
        pytest.param({"calls": 3, "latency": 100}, 33, None, id="no answers"),
        pytest.param(
            {"calls": 3, "answered": 2, "latency": 1_500, "first_byte": 301}, 500, 150, id="both"
        ),
    ],
)
def test_means(sums: dict[str, int], latency: int | None, first_byte: int | None) -> None:
    line = Line("m", sums)
    assert (line.latency, line.first_byte) == (latency, first_byte)


def test_most_tokens_come_first_then_names_and_nothing_without_calls() -> None:
    lines = [
        Line("b", {"calls": 1, "input": 5}),
        Line("a", {"calls": 9, "output": 5}),
        Line("c", {"calls": 1, "output": 6}),
        Line("d", {}),
    ]
    assert [line.name for line in ranked(lines)] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("gpt-4o.calls", ("gpt-4o", "calls"), id="plain"),
        pytest.param("gpt-4.1.cache_write_5m", ("gpt-4.1", "cache_write_5m"), id="a dot in it"),
        pytest.param("m.tool:web_search", ("m", "tool:web_search"), id="a tool"),
        pytest.param("gpt-4.1.tool:a.b", ("gpt-4.1", "tool:a.b"), id="a tool with a dot"),
        pytest.param("x.tool:y.calls", ("x.tool:y", "calls"), id="a model named like a tool"),
        pytest.param("m.answered", ("m", "answered"), id="a sum that is no class"),
    ],
)
def test_a_part_of_a_users_row_is_taken_apart(text: str, expected: tuple[str, str]) -> None:
    assert apart(text) == expected


def test_parts_are_by_model_or_by_key() -> None:
    sums = {"calls": 3, "model.gpt-4.1.calls": 1, "model.m.calls": 2, "key.key_1.calls": 3}
    assert parts(sums, "model") == {"gpt-4.1": {"calls": 1}, "m": {"calls": 2}}
    assert parts(sums, "key") == {"key_1": {"calls": 3}}


# --- rows of a period -------------------------------------------------------------------------


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


# --- what can be asked ------------------------------------------------------------------------


def record(**facts: Any) -> UsageRecord:
    """A call of 13:00."""
    hold = new_hold_id(Birth(MIDNIGHT + 13 * HOUR, 1, 0, 0, "k001"))
    plain: dict[str, Any] = {
        "group": "grp_1",
        "key": "key_1",
        "account": "acc_1",
        "model": "m",
        "started": 1,
    }
    return UsageRecord(USER, hold, 10, 5, **(plain | facts))


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


# --- when can be asked ------------------------------------------------------------------------


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


# --- names ------------------------------------------------------------------------------------


def test_names_of_several_months_are_listed_once() -> None:
    books = Books()
    for name, hour in (("a", "2026103123"), ("b", "2026103123"), ("b", "2026110100")):
        books.rollups.put_exact({(f"model#{name}", hour): {"calls": 1}})
    books.hour("model#z", "2026093023", calls=1)
    asked = MIDNIGHT - 22 * DAY, MIDNIGHT - 20 * DAY
    books.day("model#a", "20261031", calls=1)
    books.day("model#b", "20261031", calls=1)
    books.day("model#b", "20261101", calls=1)
    assert told(books.page(*asked)) == {"a": {"calls": 1}, "b": {"calls": 2}}


def test_many_names_are_told_page_by_page() -> None:
    books = Books()
    start, end = MIDNIGHT - 366 * DAY, MIDNIGHT  # 20,000 rows a page are 54 names of a year
    for number in range(60):
        books.hour(f"user#u{number:02d}", "2026112105", calls=1)
        books.day(f"user#u{number:02d}", "20261121", calls=1, output=number)
    first = books.statistics.by_name("user", books.period(start, end))
    assert [line.name for line in first.lines] == [f"u{number:02d}" for number in range(53, -1, -1)]
    rest = books.statistics.by_name("user", books.period(start, end), first.after)
    assert [line.name for line in rest.lines] == ["u59", "u58", "u57", "u56", "u55", "u54"]
    assert (first.after, rest.after) == ("u53", None)


def test_a_page_that_is_just_full_ends_the_list() -> None:
    books = Books()
    for number in range(54):
        books.hour(f"user#u{number:02d}", "2026112105", calls=1)
    asked = books.period(MIDNIGHT - 366 * DAY, MIDNIGHT)
    assert books.statistics.by_name("user", asked).after is None


def test_what_a_read_leaves_over_is_read_again() -> None:
    books = Books()
    for number in range(3):
        books.hour(f"model#m{number}", "2026112213", calls=number + 1)

    def half(operation: str, request: Any, answer: Any) -> None:
        if operation == "BatchGetItem" and len(request["RequestItems"]["rollups"]["Keys"]) > 1:
            keys = request["RequestItems"]["rollups"]["Keys"]
            answer["Responses"]["rollups"] = [
                item for item in answer["Responses"]["rollups"] if item["pk"] == keys[0]["pk"]
            ]
            answer["UnprocessedKeys"] = {"rollups": {"Keys": keys[1:]}}

    books.dynamo.after = half
    page = books.page(MIDNIGHT + 13 * HOUR, MIDNIGHT + 14 * HOUR)
    assert told(page) == {"m0": {"calls": 1}, "m1": {"calls": 2}, "m2": {"calls": 3}}


def test_names_are_announced_before_anything_is_added() -> None:
    books = Books()
    books.rollups.add([record(), record(model="other")])
    sent = [
        name
        for name, request in books.dynamo.sent
        if name == "UpdateItem" or "names#" in str(request)
    ]
    assert sent == ["BatchWriteItem", *["UpdateItem"] * 10]


def test_a_name_whose_announcement_fails_has_no_sums_until_its_hour_is_closed() -> None:
    books = Books()

    def broken(operation: str, request: Any) -> None:
        if operation == "BatchWriteItem":
            raise OutcomeUnknown

    books.dynamo.before = broken
    with pytest.raises(OutcomeUnknown):
        books.rollups.add([record()])
    books.dynamo.before = None
    assert books.dynamo.items("rollups") == []
    books.hour("model#m", "2026112213", calls=1)
    assert told(books.page(MIDNIGHT, MIDNIGHT + 14 * HOUR)) == {"m": {"calls": 1}}
