"""Exports: every call of the period once, as its form wants it, in memory that is bounded."""

import weakref
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.export_room import ANN, BOB, EVE, FILE, HOUR, LEASE, NOON, Killed, Room, sheet
from tests.object_store import ObjectsInMemory
from tollgate.domain.base32 import base32
from tollgate.domain.definitions import Author
from tollgate.domain.export import HEADINGS, Format
from tollgate.domain.export_order import KIND, Order
from tollgate.domain.jobs import Job, advanced, claimed, new_job
from tollgate.domain.record import UsageRecord
from tollgate.services.exports import Bounds, Exports
from tollgate.services.jobs import Jobs
from tollgate.services.past_calls import CallPage, PastCalls, Period, Position
from tollgate.store.bucket import Bucket

# --- what is in it --------------------------------------------------------------------------


def test_a_csv_holds_every_call_of_the_period_once() -> None:
    room = Room()
    names = room.fill()
    room.order()
    room.run()
    assert room.job.status == "done"
    assert sorted(room.exported()) == sorted(names)
    body = room.objects.objects[f"{FILE}.csv"]
    assert room.job.result == {"key": f"{FILE}.csv", "rows": 12, "bytes": len(body)}
    assert (room.job.done, room.job.total) == (4, 4)
    assert body.startswith(b"\xef\xbb\xbftime,user,key,")


def test_an_xlsx_holds_them_too_texts_as_texts_and_numbers_as_numbers() -> None:
    room = Room()
    room.call(ANN, NOON, model="=1+1", label="https://example.com", usage={"input": 7})
    room.call(BOB, NOON + HOUR, usage={"seconds": 8_040}, status=200)
    room.order("xlsx")
    room.run()
    headings, second, first = sheet(room.objects.objects[f"{FILE}.xlsx"])
    assert [text for _, text in headings] == list(HEADINGS)
    assert 8.04 in [float(text) for kind, text in second if kind == "n"]
    assert ("n", "200") in second
    assert ("inlineStr", "=1+1") in first
    assert ("inlineStr", "https://example.com") in first
    assert ("n", "7") in first
    assert ("inlineStr", "0.000000005") in first
    assert room.job.result["rows"] == 2


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("start", [pytest.param(3, id="no time"), pytest.param(0, id="no calls")])
def test_an_empty_period_is_a_file_with_headings(form: str, start: int) -> None:
    room = Room()
    room.order(form, start)
    room.run()
    assert (room.job.status, room.job.result["rows"]) == ("done", 0)
    body = room.objects.objects[room.job.result["key"]]
    if form == "csv":
        assert body.count(b"\r\n") == 1
    else:
        assert len(sheet(body)) == 1


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        pytest.param({"user": ANN}, ["call-1", "call-2", "call-3"], id="a user"),
        pytest.param({"key": "key_1"}, ["call-1"], id="a key"),
        pytest.param({"user": ANN, "group": "grp_1"}, ["call-2"], id="a user's group"),
        pytest.param({"group": "grp_1"}, ["call-2", "call-4"], id="a group"),
        pytest.param({"model": "other"}, ["call-3"], id="a model"),
        pytest.param({"account": "acc_1"}, ["call-4"], id="an account"),
        pytest.param({"user": EVE}, [], id="somebody without calls"),
    ],
)
def test_filters_choose(only: dict[str, str], expected: list[str]) -> None:
    room = Room()
    room.call(ANN, NOON, key="key_1")
    room.call(ANN, NOON + 1, group="grp_1", requested_group="grp_2")
    room.call(ANN, NOON + 2, model="other")
    room.call(BOB, NOON + 3, group="grp_1", account="acc_1")
    room.order("csv", 0, **only)
    room.run()
    assert sorted(room.exported()) == expected


def test_a_user_without_a_wallet_is_in_it() -> None:
    room = Room()
    name = room.call(EVE, NOON)
    room.order()
    room.run()
    assert room.exported() == [name]


@pytest.mark.parametrize("only", [{}, {"user": ANN}], ids=["everybody", "one user"])
def test_calls_after_the_upper_bound_are_not_in_it(only: dict[str, str]) -> None:
    room = Room()
    inside = room.call(ANN, NOON + 3 * HOUR - 1)
    room.call(ANN, NOON + 3 * HOUR)
    room.order("csv", 0, **only)
    room.call(ANN, NOON + 4 * HOUR)
    room.run()
    assert room.exported() == [inside]


def test_too_many_rows_for_a_workbook_fail_with_a_text_that_helps() -> None:
    room = Room(bounds=Bounds(workbook=11))
    room.fill()
    room.order("xlsx")
    room.run()
    assert room.job.status == "failed"
    assert room.job.error == "format: an xlsx file takes 11 rows; ask for csv, or for less"


# --- how far it has come --------------------------------------------------------------------


def test_progress_is_told_in_hours_and_rows() -> None:
    room = Room(bounds=Bounds(pages=1))
    room.fill()
    room.order()
    told = []

    def once(job: Job) -> Any:
        progress = room.step(job)
        told.append((progress.done, progress.total, progress.cursor["rows"]))
        return progress

    jobs = Jobs(room.store, {KIND: once}, lambda: room.now)
    jobs.run(room.now + 1)
    assert told == [
        (0, 4, 2), (0, 4, 2), (0, 4, 4), (0, 4, 4), (1, 4, 4),
        (1, 4, 6), (1, 4, 6), (1, 4, 8), (1, 4, 8), (2, 4, 8),
        (2, 4, 10), (2, 4, 10), (2, 4, 12), (2, 4, 12), (3, 4, 12),
        (3, 4, 12), (4, 4, 12),
    ]  # fmt: skip


def test_large_parts_become_one_file_in_pieces_that_the_store_takes() -> None:
    room = Room(size=1_000, bounds=Bounds(pages=1))
    text = "x" * 100_000
    for number in range(200):
        room.call(ANN, NOON + number * 50, error=text)
    room.order()
    pieces = iter(["the first", "the second"])

    def die(operation: str, _: str) -> None:
        if operation == "UploadPart" and next(pieces, "") == "the second":
            raise Killed

    room.objects.after = die
    with pytest.raises(Killed):
        room.run()
    room.now += LEASE
    room.run()
    assert (room.job.status, room.job.result["rows"]) == ("done", 200)
    assert len(room.job.cursor["tags"]) == 2
    assert len({row["request_id"] for row in room.rows()}) == len(room.rows()) == 200


# --- memory ---------------------------------------------------------------------------------


class Page(list[UsageRecord]):
    """Records that can be watched: plain lists cannot."""


class Throng:
    """Very many calls, one in twenty wanted; counts the pages that are alive at once."""

    def __init__(self, pages: int, size: int) -> None:
        self.count, self.size, self.most = pages, size, 0
        self.made: list[weakref.ref[Page]] = []

    def pages(self, period: Period, position: Position | None) -> Iterator[CallPage]:
        """From the page that the position names on."""
        begin = 0 if position is None else int(position.cursor or 0)
        for number in range(begin, self.count):
            after = Position(period.end, ANN, str(number + 1))
            yield CallPage(self._page(number), after if number + 1 < self.count else None)
            self.most = max(self.most, sum(each() is not None for each in self.made))

    def _page(self, number: int) -> Page:
        page = Page(
            UsageRecord(
                user=ANN,
                hold=f"{base32(NOON, 7)}{base32(number * self.size + n, 8)}001sw-k001",
                held=9,
                charge=5,
                model="" if n % 20 else "wanted",
            )
            for n in range(self.size)
        )
        self.made.append(weakref.ref(page))
        return page


@pytest.mark.parametrize(
    ("form", "pages", "rows"),
    [
        pytest.param("csv", 100, 2_500, id="50,000 as csv"),
        pytest.param("xlsx", 20, 500, id="10,000 as xlsx"),
    ],
)
def test_of_very_many_calls_only_a_page_or_two_are_ever_in_memory(
    form: Format, pages: int, rows: int
) -> None:
    throng, objects = Throng(pages, size=500), ObjectsInMemory()
    exports = Exports(cast(PastCalls, throng), Bucket(objects, "bucket"), Bounds(rows=500))
    order = Order(NOON * 1_000, (NOON + HOUR) * 1_000, form, {"model": "wanted"})
    job = new_job("job_1", KIND, order.params(), Author("adm_1", 0))
    while not job.is_over:
        claim = claimed(job, 0)
        job = advanced(claim, exports.step(claim), 0)
    assert (len(throng.made), job.result["rows"]) == (pages, rows)
    assert throng.most <= 2
    parts = [len(body) for key, body in objects.objects.items() if "part-" in key]
    assert len(parts) == pages // 20
    assert max(parts) < 300_000
    assert len(str(job.cursor)) < 500
    assert not objects.uploads
