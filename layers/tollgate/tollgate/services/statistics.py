"""How sums of a period are put together for people: which rows are read, and what can be asked.

Every figure is a sum of whole rows, or it is refused: nothing is estimated, no filter is ignored.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from tollgate.domain.errors import InvalidRequest
from tollgate.domain.holds import hour_of
from tollgate.domain.rollup import Sums, row_name
from tollgate.domain.statistics import (
    DAY,
    HOUR,
    Bucket,
    Line,
    Progress,
    buckets,
    parts,
    ranked,
)
from tollgate.services.closing import SWEPT_SECONDS
from tollgate.store.rollups import HOUR_LIFE, Rollups

Kind = Literal["model", "upstream", "pair", "model_group", "account", "group", "user"]
Step = Literal["hour", "day"]
Filters = Mapping[str, str]
"""What is asked about, such as {"user": "usr_…"}; only those that were given."""

SOURCES: Final[Mapping[str, Kind]] = {
    "requested": "model",
    "upstream": "upstream",
    "mapping": "pair",
}
"""By which name of a model calls are grouped (`model_source`)."""

MOST_DAYS: Final = 366
MOST_HOURS: Final = 31 * 24
"""Points of a series by the hour."""

MOST_ROWS: Final = 20_000
MOST_NAMES: Final = 1_000
"""What one page reads and tells at most; a cursor leads on."""

END_OF_TIME: Final = "9999999999"

ALONE: Final = ("user", "group", "account", "model")
"""What a series may be about by itself; of a user also one model or key."""


@dataclass(frozen=True, slots=True)
class Period:
    """From one full hour to another, in epoch seconds; `now` is when it was asked for."""

    start: int
    end: int
    now: int


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, most tokens first; `closed` says that they are final, `after` where to go on."""

    lines: tuple[Line, ...]
    closed: bool
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """The sums of one hour or day, which began at an epoch second."""

    start: int
    line: Line
    closed: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The sums of a period, and the points they are made of, oldest first."""

    total: Line
    points: tuple[Point, ...]
    closed: bool


class Statistics:
    """Reads sums. `clock` is in epoch ms."""

    def __init__(self, rollups: Rollups, clock: Callable[[], int]) -> None:
        self._rollups = rollups
        self._clock = clock

    def period(self, since: int | None, until: int | None) -> Period:
        """The period between two times in epoch ms: by default the hour that runs and 23 more.

        Raises:
            InvalidRequest: it begins or ends within an hour, has no end, or is too long.
        """
        now = self._clock() // 1_000
        end = now - now % HOUR + HOUR if until is None else full_hour("to", until)
        start = max(0, end - DAY) if since is None else full_hour("from", since)
        if start > end:
            raise InvalidRequest("from: later than to", param="from")
        if end - start > MOST_DAYS * DAY:
            raise InvalidRequest(f"from: ask for at most {MOST_DAYS} days at once", param="from")
        return Period(start, end, now)

    def models(
        self, model_source: str, filters: Filters, asked: Period, after: str | None = None
    ) -> Page:
        """Sums by model: of everybody, or by the requested model of one user.

        Raises:
            InvalidRequest: there are no such sums; says which there are.
        """
        kind = source_kind(model_source)
        if not filters:
            return self.by_name(kind, asked, after)
        if set(filters) != {"user"} or kind != "model":
            raise InvalidRequest(
                "sums by model are kept of everybody, and by the requested model of each user:"
                " user may be sent, alone, with model_source=requested",
                param=min(filters.keys() - {"user"}, default="model_source"),
            )
        reading = Reading(self._rollups, asked)
        total = added(row for _, _, row in reading.rows([f"user#{filters['user']}"]))
        lines = ranked(Line(name, sums) for name, sums in parts(total, "model").items())
        return Page(tuple(lines), reading.closed())

    def by_name(self, kind: Kind, asked: Period, after: str | None = None) -> Page:
        """Sums by every value of a dimension that has any.

        Where there are more than one page reads, pages go by name, and each is in order by itself.
        """
        reading = Reading(self._rollups, asked)
        most = max(1, min(MOST_NAMES, MOST_ROWS // max(1, len(reading.buckets))))
        listed = self._rollups.names(kind, reading.months(), after or "")
        names = list(islice(listed, most + 1))
        sums: dict[str, Counter[str]] = {}
        for name, _, row in reading.rows([f"{kind}#{name}" for name in names[:most]]):
            sums.setdefault(name.removeprefix(f"{kind}#"), Counter()).update(row)
        lines = ranked(Line(name, total) for name, total in sums.items())
        on = names[most - 1] if len(names) > most else None
        return Page(tuple(lines), reading.closed(), on)

    def series(self, filters: Filters, asked: Period, by: Step) -> Series:
        """Sums of everything, or of what the filters name, by hour or day.

        Raises:
            InvalidRequest: these filters cannot be combined, or there would be too many points.
        """
        row, kind, part = subject(filters)
        if by == "hour" and asked.end - asked.start > MOST_HOURS * HOUR:
            raise InvalidRequest("from: ask for at most 31 days by the hour", param="from")
        reading = Reading(self._rollups, asked, hourly=by == "hour")
        width = HOUR if by == "hour" else DAY
        sums: dict[int, Counter[str]] = {
            bucket.start // width * width: Counter() for bucket in reading.buckets
        }
        for _, bucket, found in reading.rows([row]):
            own = parts(found, kind).get(part, {}) if kind else found
            sums[bucket.start // width * width].update(own)
        running = {bucket.start // width * width for bucket in reading.running()}
        points = tuple(
            Point(start, Line(hour_of(start), total), start not in running)
            for start, total in sums.items()
        )
        return Series(Line(row, added(sums.values())), points, reading.closed())


class Reading:
    """The rows of one period, found once; what waits to be closed is looked at before and after.

    Raises:
        InvalidRequest: it needs hour rows that are not kept any more.
    """

    def __init__(self, rollups: Rollups, asked: Period, *, hourly: bool = False) -> None:
        self._rollups = rollups
        self._asked = asked
        self._before = self._progress()
        until = min(asked.end, asked.now - asked.now % HOUR + HOUR)
        found = buckets(asked.start, until, self._before, hourly=hourly)
        self.buckets = tuple(found)
        for bucket in self.buckets:
            if bucket.hours == 1 and bucket.start < self._before.kept:
                raise InvalidRequest(
                    "sums by the hour are kept for 90 days, before only those of whole days (UTC)",
                    param="from" if bucket.start == asked.start else "to",
                )

    def months(self) -> list[str]:
        """The months it touches, as names are listed by them."""
        return sorted({hour_of(bucket.start)[:6] for bucket in self.buckets})

    def rows(self, names: Sequence[str]) -> Iterator[tuple[str, Bucket, Sums]]:
        """The rows there are of these names."""
        at = {bucket.key.partition("#")[2]: bucket for bucket in self.buckets}
        keys = ((name, bucket.key) for name in names for bucket in self.buckets)
        for row in self._rollups.at(keys):
            yield row.name, at[row.period], row.sums

    def running(self) -> list[Bucket]:
        """The buckets whose sums were not final before reading, or are not now."""
        looks = (self._before, self._progress())
        return [bucket for bucket in self.buckets if not all(look.final(bucket) for look in looks)]

    def closed(self) -> bool:
        """Whether all that was read is final, and nothing of the period is to come."""
        return self._asked.end <= self._before.settled and not self.running()

    def _progress(self) -> Progress:
        now = self._asked.now
        settled = now - SWEPT_SECONDS
        waiting = frozenset(hour for hour, _ in self._rollups.open_hours(END_OF_TIME))
        return Progress(settled - settled % HOUR, now - HOUR_LIFE, waiting)


def full_hour(name: str, time: int) -> int:
    """The epoch second of a time in epoch ms.

    Raises:
        InvalidRequest: it lies within an hour, and there are no sums of parts of hours.
    """
    if time % (HOUR * 1_000):
        raise InvalidRequest(f"{name}: {time} is not the beginning of an hour", param=name)
    return time // 1_000


def source_kind(model_source: str) -> Kind:
    """What `model_source` groups by; the requested model where it is empty.

    Raises:
        InvalidRequest: it is none of the three.
    """
    kind = SOURCES.get(model_source or "requested")
    if kind is None:
        allowed = ", ".join(SOURCES)
        raise InvalidRequest(f"model_source: must be one of {allowed}", param="model_source")
    return kind


def subject(filters: Filters) -> tuple[str, str, str]:
    """The row that filters name, and which part of it: by model or key, and of which one.

    Raises:
        InvalidRequest: no row tells of them all together.
    """
    given = set(filters)
    if not given:
        return "all", "", ""
    if len(given) == 1 and given < set(ALONE):
        ((name, value),) = filters.items()
        return f"{name}#{row_name(value)}", "", ""
    for kind in ("model", "key"):
        if given == {"user", kind}:
            return f"user#{filters['user']}", kind, row_name(filters[kind])
    raise InvalidRequest(
        f"sums are kept by {', '.join(ALONE)}, one of them at a time, and of a user by model or"
        " key; send no more than that",
        param=max(given - {"user"}),
    )


def added(rows: Iterable[Sums]) -> Counter[str]:
    """The sum of sums."""
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row)
    return total
