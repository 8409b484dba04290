"""The order of a measurement: fresh processes, some calls to warm up, then cell after cell."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import psutil

from bench.cells import Cell
from bench.imports import import_times
from bench.load import Load
from bench.running import NotStarted, Running, free_port
from bench.targets import CHAT, WORKERS, Ground, Target, python

DIRECT: Final = "direct"
WARM_UP: Final = (Cell("warm", 16), Cell("warm", 16, chunks=1))
WARM_UP_SECONDS: Final = 60.0
LOAD_PATIENCE: Final = 180

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one target showed in one cell of one round."""

    round: int
    target: str
    cell: str
    figures: dict[str, float]
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: targets in these cells, so many rounds, so many seconds each.

    `workers` is how many processes a function gets, `warm` how many calls of each kind come first.
    """

    targets: Sequence[Target]
    cells: Sequence[Cell]
    rounds: int
    seconds: float
    workers: int = WORKERS
    warm: int = 400


class Bench:
    """One run over all rounds; `say` gets a line about each step."""

    def __init__(self, plan: Plan, folder: Path, say: Say) -> None:
        self._plan = plan
        self._folder = folder
        self._say = say

    def samples(self) -> Iterator[Sample]:
        """Measure everything, round by round."""
        for number in range(self._plan.rounds):
            with upstream(self._folder) as vendor:
                direct = {}
                for cell in self._plan.cells:
                    shown = vendor.directly(cell, self._plan.seconds)
                    direct[cell.name] = shown.figures
                    yield self._told(number, DIRECT, cell.name, shown)
                for target in self._plan.targets:
                    yield from self._target(number, target, vendor, direct)

    def _target(
        self, number: int, target: Target, vendor: "Vendor", direct: dict[str, dict[str, float]]
    ) -> Iterator[Sample]:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        ground = Ground(free_port(), vendor.port, free_port(), folder, self._plan.workers)
        try:
            with standing(target, ground) as running:
                stand = Stand(target, ground, running, vendor)
                yield self._told(number, target.name, "start", stand.warm_up(self._plan.warm))
                for cell in self._plan.cells:
                    shown = stand.measure(cell, self._plan.seconds)
                    before, after = (
                        figures.get("first_p50_ms")
                        for figures in (direct[cell.name], shown.figures)
                    )
                    if before is not None and after is not None:
                        shown.figures["first_added_ms"] = after - before
                    yield self._told(number, target.name, cell.name, shown)
                yield self._told(number, target.name, "end", Shown({"rss_mb": running.rss()}))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _told(self, number: int, target: str, cell: str, shown: "Shown") -> Sample:
        known = ("rps", "cpu_ms", "p50_ms", "first_added_ms", "import_ms", "rss_mb", "others")
        said = [f"{name} {shown.figures[name]:.2f}" for name in known if name in shown.figures]
        self._say(" ".join((f"round {number + 1}", target, cell, *said, *shown.problems)))
        return Sample(number, target, cell, shown.figures, shown.problems)


@dataclass(frozen=True, slots=True)
class Shown:
    """Figures of one load, and what was wrong with its answers."""

    figures: dict[str, float]
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Vendor:
    """The upstream of all targets."""

    port: int
    running: Running

    def directly(self, cell: Cell, seconds: float) -> Shown:
        """Apply a cell's load without anything between."""
        before = self.running.cpu(), self.requests()
        shown = apply(_load(cell, self.port, (), seconds))
        spent, asked = self.running.cpu() - before[0], self.requests() - before[1]
        return Shown({**shown.figures, "cpu_ms": 1000 * spent / max(asked, 1)}, shown.problems)

    def requests(self) -> int:
        """How many calls it has had so far."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/_replay/stats")
        count: int = json.loads(connection.getresponse().read())["requests"]
        connection.close()
        return count


@dataclass(frozen=True, slots=True)
class Stand:
    """A target in place."""

    target: Target
    ground: Ground
    running: Running
    vendor: Vendor

    def warm_up(self, answers: int) -> Shown:
        """Import times, then so many calls of each kind, so that nothing is done first later.

        Raises:
            NotStarted: an answer was wrong; figures of such a target mean nothing.
        """
        imported = self.target.imported
        figures = import_times(imported(self.ground)) if imported else {}
        loads = [self._load(cell, WARM_UP_SECONDS, answers) for cell in WARM_UP]
        for load in loads:
            if problems := apply(load).problems:
                raise NotStarted(f"{problems[0]}\n{self.running.said()}")
        return Shown(figures)

    def measure(self, cell: Cell, seconds: float) -> Shown:
        """Apply a cell's load; CPU is over the calls the upstream has had meanwhile."""
        aws, requests = self.target.aws_calls(self.ground), self.vendor.requests()
        cpu, began = self.running.cpu(), time.monotonic()
        busy = machine_cpu() - self._known_cpu()
        shown = apply(self._load(cell, seconds))
        busy = machine_cpu() - self._known_cpu() - busy - shown.figures["client_cpu_s"]
        spent, asked = self.running.cpu() - cpu, max(self.vendor.requests() - requests, 1)
        more = {
            "cpu_ms": 1000 * spent / asked,
            "aws_calls": (self.target.aws_calls(self.ground) - aws) / asked,
            "others": max(busy / (time.monotonic() - began), 0.0),
        }
        return Shown({**shown.figures, **more}, shown.problems)

    def _known_cpu(self) -> float:
        """CPU of everything that belongs to this measurement, but for the load."""
        return self.running.cpu() + self.running.platform_cpu() + self.vendor.running.cpu()

    def _load(self, cell: Cell, seconds: float, limit: int = 0) -> Load:
        named = tuple(each.format(upstream=self.ground.upstream) for each in self.target.headers)
        return _load(cell, self.ground.port, named, seconds, limit)


def _load(cell: Cell, port: int, headers: tuple[str, ...], seconds: float, limit: int = 0) -> Load:
    return Load(
        host="127.0.0.1",
        port=port,
        path=CHAT,
        headers=headers,
        model=cell.model,
        callers=cell.callers,
        events=cell.events,
        seconds=seconds,
        limit=limit,
    )


def apply(load: Load) -> Shown:
    """Run a load in a process of its own.

    Raises:
        NotStarted: the load itself failed.
    """
    command = python("-m", "bench.load")
    done = subprocess.run(
        command.words,
        env=dict(command.environment),
        cwd=command.folder,
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        timeout=LOAD_PATIENCE,
        check=False,
    )
    if done.returncode:
        raise NotStarted(done.stderr[-2000:])
    said: dict[str, Any] = json.loads(done.stdout)
    problems = said.pop("problems")
    figures = {name: value for name, value in said.items() if value is not None}
    return Shown(figures, problems)


@contextmanager
def upstream(folder: Path) -> Iterator[Vendor]:
    """A fresh vendor."""
    port = free_port()
    running = Running(python("-m", "local.replay", "--port", str(port)), folder / "upstream.log")
    try:
        running.wait_for(port)
        yield Vendor(port, running)
    finally:
        running.stop()


@contextmanager
def standing(target: Target, ground: Ground) -> Iterator[Running]:
    """A target started afresh, with all it needs, and ended again."""
    with target.support(ground):
        command, log = target.command(ground), ground.folder / "log.txt"
        running = Running(command, log, children_only=target.children_only)
        try:
            running.wait_for(ground.port)
            yield running
        finally:
            running.stop()


def machine_cpu() -> float:
    """Seconds of CPU the whole machine has spent, other people's included."""
    spent = psutil.cpu_times()
    return float(spent.user + spent.nice + spent.system + spent.irq + spent.softirq)
