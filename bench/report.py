"""How the figures are told: medians over the rounds, beside the budgets and the raw loop."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bench.cells import BUDGETS, CELLS, Budget
from bench.rounds import DIRECT, Sample

Medians = Mapping[tuple[str, str], Mapping[str, float]]

OURS: Final = "tollgate"
FLOOR: Final = "raw loop"
COLUMNS: Final = (
    ("cpu_ms", "CPU ms", 3),
    ("rps", "calls/s", 0),
    ("p50_ms", "p50 ms", 2),
    ("p95_ms", "p95 ms", 2),
    ("p99_ms", "p99 ms", 2),
    ("first_p50_ms", "first event ms", 2),
    ("first_added_ms", "later than direct ms", 2),
    ("aws_calls", "AWS calls", 2),
    ("others", "other cores", 2),
)


def medians(samples: Iterable[Sample]) -> Medians:
    """Each figure's median over the rounds, by target and cell."""
    seen: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        for name, value in sample.figures.items():
            seen[sample.target, sample.cell][name].append(value)
    return {
        place: {name: statistics.median(values) for name, values in figures.items()}
        for place, figures in seen.items()
    }


def report(known: Medians, targets: Sequence[str]) -> str:
    """Both tables as Markdown."""
    return "\n\n".join((budget_table(known, targets), cell_table(known, targets)))


def over(known: Medians) -> list[Budget]:
    """The budgets our relay does not keep; what was not measured is not over."""
    return [b for b in BUDGETS if (value := _figure(known, OURS, b)) and value > b.limit]


def budget_table(known: Medians, targets: Sequence[str]) -> str:
    """The project's own limits beside what was measured."""
    shown = [name for name in targets if name != DIRECT]
    head = ["figure", "budget", "", *shown, f"{OURS} ÷ {FLOOR}"]
    return _table(head, [_budget_row(known, shown, budget) for budget in BUDGETS])


def cell_table(known: Medians, targets: Sequence[str]) -> str:
    """Every cell of every target."""
    head = ["cell", "target", *(title for _, title, _ in COLUMNS)]
    rows = [
        [cell.name, target, *_cells(known[target, cell.name])]
        for cell in CELLS
        for target in targets
        if (target, cell.name) in known
    ]
    return _table(head, rows)


def _budget_row(known: Medians, shown: Sequence[str], budget: Budget) -> list[str]:
    ours, floor = _figure(known, OURS, budget), _figure(known, FLOOR, budget)
    mark = "not measured" if ours is None else "pass" if ours <= budget.limit else "**over**"
    values = [_number(_figure(known, name, budget), 2) for name in shown]
    ratio = f"× {ours / floor:.1f}" if ours and floor else ""
    return [budget.title, f"≤ {budget.limit:g} {budget.unit}", mark, *values, ratio]


def _figure(known: Medians, target: str, budget: Budget) -> float | None:
    return known.get((target, budget.cell), {}).get(budget.figure)


def _cells(figures: Mapping[str, float]) -> list[str]:
    return [_number(figures.get(name), digits) for name, _, digits in COLUMNS]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
