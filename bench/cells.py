"""What is measured, and how much of it the project allows itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OTHER_EVENTS: Final = 4
"""Events of a stream that carry no text: the role, the finish, the usage, the end."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of load: so many callers at once, each asking again as soon as it is answered.

    `delay` and `gap` are the upstream's milliseconds before the first and between later events;
    `chunks` is 0 for an answer in one piece. `quick` cells are enough for a look.
    """

    name: str
    callers: int
    chunks: int = 0
    delay: int = 0
    gap: int = 0
    quick: bool = False

    @property
    def model(self) -> str:
        """The model's name with the knobs that make the upstream behave so."""
        knobs = {"chunks": self.chunks or 1, "delay": self.delay, "gap": self.gap}
        written = "".join(f"+{name}={value}" for name, value in knobs.items() if value)
        return f"gpt-4o-mini{written}"

    @property
    def events(self) -> int:
        """Events a whole stream has; 0 for an answer in one piece."""
        return self.chunks + OTHER_EVENTS if self.chunks else 0


CELLS: Final = (
    Cell("json-c1", 1, quick=True),
    Cell("json-c16", 16, quick=True),
    Cell("json-c64", 64),
    Cell("json-d20-c1", 1, delay=20),
    Cell("json-d20-c16", 16, delay=20),
    Cell("sse1-c1", 1, chunks=1, quick=True),
    Cell("sse200-c1", 1, chunks=200, quick=True),
    Cell("sse200-c16", 16, chunks=200),
    Cell("sse200-paced5ms-c16", 16, chunks=200, gap=5, quick=True),
)


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on one figure of our relay: `figure` in `cell`, at most `limit`."""

    title: str
    cell: str
    figure: str
    limit: float
    unit: str


BUDGETS: Final = (
    Budget("CPU of a JSON call, 16 callers", "json-c16", "cpu_ms", 2.0, "ms"),
    Budget("CPU of a 200-chunk stream, back to back", "sse200-c1", "cpu_ms", 4.0, "ms"),
    Budget(
        "CPU of a 200-chunk stream, 5 ms apart, 16 callers",
        "sse200-paced5ms-c16",
        "cpu_ms",
        20.0,
        "ms",
    ),
    Budget("First event later than direct, p50, 1 caller", "sse1-c1", "first_added_ms", 3.0, "ms"),
    Budget("Import with bytecode", "start", "import_ms", 300.0, "ms"),
    Budget("Memory of one worker after the load", "end", "rss_mb", 80.0, "MB"),
)

TITLES: Final[Mapping[str, str]] = {cell.name: cell.model for cell in CELLS}


def chosen(names: str) -> tuple[Cell, ...]:
    """The cells of a comma-separated list; `quick` and `all` are short for several.

    Raises:
        KeyError: a cell that does not exist.
    """
    if names == "all":
        return CELLS
    if names == "quick":
        return tuple(cell for cell in CELLS if cell.quick)
    by_name = {cell.name: cell for cell in CELLS}
    return tuple(by_name[name] for name in names.split(","))
