"""What sums tell people: tokens in all, means, which comes first, and which rows make a period."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tollgate.domain.holds import hour_of
from tollgate.domain.rollup import Sums
from tollgate.domain.usage import INPUT_CLASSES, OUTPUT_CLASSES, TOOL_PREFIX, UNIT_CLASSES

HOUR: Final = 3_600
DAY: Final = 24 * HOUR

TOKEN_CLASSES: Final = (*INPUT_CLASSES, *OUTPUT_CLASSES)
OTHER_CLASSES: Final = tuple(name for name in UNIT_CLASSES if name != "calls")
"""Beside tokens. Calls are counted for every call, whatever it is priced by."""

COUNTERS: Final = frozenset(
    {
        *TOKEN_CLASSES,
        *UNIT_CLASSES,
        *("errors", "answered", "failures"),
        *("charge", "cost", "image_cost", "latency", "first_byte"),
    }
)
"""Every sum there may be, but for those of tools."""


@dataclass(frozen=True, slots=True)
class Line:
    """The sums of one name: a model, a user, an hour."""

    name: str
    sums: Sums

    def __getitem__(self, counter: str) -> int:
        return self.sums.get(counter, 0)

    @property
    def tokens(self) -> int:
        """Tokens of every class together."""
        return sum(self[name] for name in TOKEN_CLASSES)

    @property
    def usage(self) -> Mapping[str, int]:
        """Units by class: every class of tokens, and of the others those that occurred."""
        others = [*OTHER_CLASSES, *sorted(n for n in self.sums if n.startswith(TOOL_PREFIX))]
        return {name: self[name] for name in TOKEN_CLASSES} | {
            name: self[name] for name in others if self[name]
        }

    @property
    def latency(self) -> int | None:
        """How long a call took on average, in whole ms; None without calls."""
        return self._mean("latency", "calls")

    @property
    def first_byte(self) -> int | None:
        """How long an answer took to begin, on average and in whole ms; None without answers."""
        return self._mean("first_byte", "answered")

    def _mean(self, total: str, count: str) -> int | None:
        return self[total] // self[count] if self[count] else None


def ranked(lines: Iterable[Line]) -> list[Line]:
    """Those with calls: most tokens first, then by name."""
    there = (line for line in lines if line["calls"])
    return sorted(there, key=lambda line: (-line.tokens, line.name))


def parts(sums: Sums, kind: str) -> dict[str, dict[str, int]]:
    """What a user's row tells by key or model (`kind`): name → its sums."""
    found: dict[str, dict[str, int]] = {}
    for text, total in sums.items():
        if text.startswith(f"{kind}."):
            name, counter = apart(text.removeprefix(f"{kind}."))
            found.setdefault(name, {})[counter] = total
    return found


def apart(text: str) -> tuple[str, str]:
    """The name and the counter of a part; names of models have dots, and so may those of tools."""
    name, _, counter = text.rpartition(".")
    if counter in COUNTERS:
        return name, counter
    name, _, tool = text.rpartition(f".{TOOL_PREFIX}")
    return name, TOOL_PREFIX + tool


@dataclass(frozen=True, slots=True)
class Bucket:
    """One row to read for each name: a whole day's, or an hour's. Begins at an epoch second."""

    key: str
    start: int
    hours: int

    def hour_names(self) -> list[str]:
        """The hours it has."""
        return [hour_of(self.start + HOUR * number) for number in range(self.hours)]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far sums are final: hours that end by `settled` and do not wait to be closed.

    Hour rows are there for what began at `kept` or later. Both in epoch seconds.
    """

    settled: int
    kept: int
    waiting: Collection[str]

    def final(self, bucket: Bucket) -> bool:
        """Whether nothing more comes to it, unless a record is very late."""
        over = bucket.start + HOUR * bucket.hours <= self.settled
        return over and not any(hour in self.waiting for hour in bucket.hour_names())


def buckets(start: int, end: int, progress: Progress, *, hourly: bool) -> Iterator[Bucket]:
    """The rows that make a period, oldest first: days where these are exact, else hours.

    `start` and `end` are full hours. A day whose hour rows are gone is taken as it is, unless all
    is wanted `hourly`.
    """
    while start < end:
        day = Bucket(f"day#{hour_of(start)[:8]}", start, 24)
        whole = not hourly and start % DAY == 0 and start + DAY <= end
        if whole and (progress.final(day) or start < progress.kept):
            yield day
            start += DAY
        else:
            yield Bucket(f"hour#{hour_of(start)}", start, 1)
            start += HOUR
