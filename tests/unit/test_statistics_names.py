"""Names are announced before they have sums, and told page by page."""

from typing import Any

import pytest

from tests.statistics_books import DAY, HOUR, MIDNIGHT, Books, record, told
from tollgate.store.dynamodb import OutcomeUnknown


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
