"""The steps of an export: read the calls into parts, join the parts into one file.

Parts and file lie below `exports/<job>/` under names that the cursor decides, so a step done
twice leaves what it left once. Nothing of the export is ever whole in memory.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from tollgate.domain.errors import ValidationFailed
from tollgate.domain.export import Cell, Format, file_name, row
from tollgate.domain.export_csv import heading, lines
from tollgate.domain.export_order import XLSX_ROWS, Order, read_order
from tollgate.domain.jobs import Job, Progress
from tollgate.services.past_calls import PastCalls, Period, hours_read, read_position
from tollgate.store.bucket import PART_BYTES, Bucket
from tollgate.store.workbook import workbook


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one step does at most: it reads `rows` and a page more, or `pages`, whatever is first.

    A workbook is written in one step, so it holds no more than `workbook` rows.
    """

    rows: int = 4_000
    pages: int = 100
    workbook: int = XLSX_ROWS


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far an export has come.

    `at` is the position behind what was read, `parts` and `rows` what came of it. Joining,
    `joined` parts are in the file's pieces, whose `tags` the store gave; `size` is in bytes.
    """

    at: Sequence[str | int | None] | None = None
    is_read: bool = False
    parts: int = 0
    rows: int = 0
    upload: str = ""
    tags: Sequence[str] = ()
    joined: int = 0
    size: int = 0


class Exports:
    """Works on jobs of the kind `export`."""

    def __init__(self, calls: PastCalls, bucket: Bucket, bounds: Bounds = Bounds()) -> None:
        self._calls = calls
        self._bucket = bucket
        self._bounds = bounds

    def step(self, job: Job) -> Progress:
        """One step: read some pages, write one piece of the file, or finish it.

        Raises:
            ValidationFailed: these are more rows than the file can hold.
            StoreError, UnreadableRecord: as the stores do.
        """
        cursor, order = Cursor(**(job.cursor or {})), read_order(job.params)
        period = period_of(order)
        if not cursor.is_read:
            return self._read(job.id, order, cursor)
        if cursor.tags and cursor.joined == cursor.parts:
            return self._finish(job.id, order, cursor)
        upload = cursor.upload or self._bucket.begin(file_key(job.id, order))
        join = {"csv": self._join_csv, "xlsx": self._join_xlsx}[order.form]
        joined = join(job.id, order, replace(cursor, upload=upload))
        return Progress(asdict(joined), period.hours, period.hours + 1)

    # --- reading ----------------------------------------------------------------------------

    def _read(self, job: str, order: Order, cursor: Cursor) -> Progress:
        period, position = period_of(order), read_position(cursor.at)
        bodies, rows = [], 0
        for page in self._calls.pages(period, position):
            position = page.position
            found = [row(record) for record in page.records if order.wants(record)]
            bodies.append(WRITERS[order.form](found))
            rows += len(found)
            if rows >= self._bounds.rows or len(bodies) >= self._bounds.pages:
                break
        after = self._keep(job, order, cursor, (b"".join(bodies), rows))
        at = None if position is None else position.write()
        after = replace(after, at=at, is_read=position is None)
        return Progress(asdict(after), hours_read(period, position), period.hours + 1)

    def _keep(self, job: str, order: Order, cursor: Cursor, part: tuple[bytes, int]) -> Cursor:
        """Write what a step read as the next part, if there was anything."""
        body, rows = part
        most = self._bounds.workbook
        if order.form == "xlsx" and cursor.rows + rows > most:
            raise ValidationFailed(
                f"format: an xlsx file takes {most:,} rows; ask for csv, or for less",
                param="format",
            )
        if not rows:
            return cursor
        self._bucket.put(part_key(job, cursor.parts + 1), body)
        return replace(cursor, parts=cursor.parts + 1, rows=cursor.rows + rows)

    # --- joining ----------------------------------------------------------------------------

    def _join_csv(self, job: str, order: Order, cursor: Cursor) -> Cursor:
        """One more piece of the file."""
        body = bytearray() if cursor.tags else bytearray(heading())
        joined = cursor.joined
        while joined < cursor.parts and len(body) < PART_BYTES:
            joined += 1
            body += self._bucket.get(part_key(job, joined))
        tag = self._piece(job, order, cursor, bytes(body))
        size = cursor.size + len(body)
        return replace(cursor, tags=(*cursor.tags, tag), joined=joined, size=size)

    def _join_xlsx(self, job: str, order: Order, cursor: Cursor) -> Cursor:
        """The whole file, piece by piece: a workbook cannot be gone on with."""
        for body in workbook(self._stored(job, cursor.parts), PART_BYTES):
            tag = self._piece(job, order, cursor, body)
            cursor = replace(cursor, tags=(*cursor.tags, tag), size=cursor.size + len(body))
        return replace(cursor, joined=cursor.parts)

    def _piece(self, job: str, order: Order, cursor: Cursor, body: bytes) -> str:
        number = len(cursor.tags) + 1
        return self._bucket.part(file_key(job, order), cursor.upload, number, body)

    def _stored(self, job: str, parts: int) -> Iterator[list[Cell]]:
        """The rows of all parts, one part at a time."""
        for number in range(1, parts + 1):
            for line in self._bucket.get(part_key(job, number)).splitlines():
                yield json.loads(line)

    def _finish(self, job: str, order: Order, cursor: Cursor) -> Progress:
        key = file_key(job, order)
        self._bucket.finish(key, cursor.upload, cursor.tags)
        hours = period_of(order).hours + 1
        told = {"key": key, "rows": cursor.rows, "bytes": cursor.size}
        return Progress(asdict(cursor), hours, hours, told)


def json_lines(rows: list[list[Cell]]) -> bytes:
    """Rows as a workbook's parts hold them."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


WRITERS: Final[Mapping[Format, Callable[[list[list[Cell]]], bytes]]] = {
    "csv": lines,
    "xlsx": json_lines,
}


def period_of(order: Order) -> Period:
    """The period to read, in seconds."""
    return Period(order.start // 1_000, order.end // 1_000, order.user)


def part_key(job: str, number: int) -> str:
    """Where part `number` (from 1 on) of an export lies."""
    return f"exports/{job}/part-{number:06d}"


def file_key(job: str, order: Order) -> str:
    """Where the finished file lies."""
    return f"exports/{job}/{file_name(order.start, order.end, order.form)}"
