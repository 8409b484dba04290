"""What is measured: how each thing is started, and what must stand beside it."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.running import Command

ROOT: Final = Path(__file__).resolve().parent.parent
CHAT: Final = "/v1/chat/completions"
WORKERS: Final = 16
"""Workers of a function: as many as callers of the widest cell that has a budget."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a target stands: its port, the upstream's, the fake cloud's, and its own folder.

    `workers` is how many processes a function gets.
    """

    port: int
    upstream: int
    cloud: int
    folder: Path
    workers: int = WORKERS


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to measure.

    `children_only` leaves the first process out: it only plays the platform. `support` is what
    must stand beside it. `imported` is how a fresh process of it imports its code, `aws_calls`
    how often it has called AWS so far.
    """

    name: str
    command: Callable[[Ground], Command]
    headers: tuple[str, ...] = ()
    children_only: bool = False
    support: Callable[[Ground], AbstractContextManager[None]] = lambda _: nullcontext()
    imported: Callable[[Ground], Command] | None = None
    aws_calls: Callable[[Ground], int] = lambda _: 0


def python(*words: str, more: Mapping[str, str] | None = None) -> Command:
    """The running interpreter on the project's own modules, in an environment of its own."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **(more or {})}
    return Command((sys.executable, *words), environment, ROOT)


def function(ground: Ground, words: tuple[str, ...], more: Mapping[str, str]) -> Command:
    """A Lambda function behind the lean front."""
    front = (
        "-m",
        "bench.front",
        "--port",
        str(ground.port),
        "--workers",
        str(ground.workers),
        "--",
    )
    return python(*front, *words, more=more)


def _floor(ground: Ground) -> Command:
    told = {"FLOOR_UPSTREAM": f"127.0.0.1:{ground.upstream}"}
    return function(ground, (sys.executable, "-m", "bench.floor"), told)


FLOOR: Final = Target("raw loop", _floor, children_only=True)
