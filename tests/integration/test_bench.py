"""The bench itself: everything it measures must start, answer rightly and end. Nothing is timed."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.cells import Cell
from bench.imports import CODE, import_times
from bench.ours import OURS, OURS_BOTO3
from bench.rounds import Bench, Plan
from bench.running import NotStarted
from bench.targets import FLOOR, Target, python

CELLS = (Cell("json-c2", 2), Cell("sse3-c2", 2, chunks=3))


@pytest.mark.parametrize(
    "target",
    [FLOOR, replace(OURS, imported=None), replace(OURS_BOTO3, imported=None)],
    ids=lambda target: target.name,
)
def test_a_target_is_measured_without_a_wrong_answer(target: Target, tmp_path: Path) -> None:
    said: list[str] = []
    plan = Plan((target,), CELLS, rounds=1, seconds=0.3, workers=2, warm=10)
    samples = [*Bench(plan, tmp_path, said.append).samples()]
    assert [(sample.target, sample.cell) for sample in samples] == [
        ("direct", "json-c2"),
        ("direct", "sse3-c2"),
        (target.name, "start"),
        (target.name, "json-c2"),
        (target.name, "sse3-c2"),
        (target.name, "end"),
    ]
    assert [problem for sample in samples for problem in sample.problems] == []
    assert samples[3].figures["cpu_ms"] > 0
    assert samples[5].figures["rss_mb"] > 5
    assert len(said) == 6


def test_an_import_is_measured_in_fresh_processes() -> None:
    shown = import_times(python("-c", CODE, "json"))
    assert min(shown["import_ms"], shown["import_wall_ms"]) > 0


def test_an_import_that_fails_says_why() -> None:
    with pytest.raises(NotStarted, match="No module named 'nowhere'"):
        import_times(python("-c", CODE, "nowhere"))
