"""Processes under measurement: how they start and end, and what they have used so far."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

PROCESS_CLOCK: Final = 2  # the kernel's scheduler clock of a whole process, in nanoseconds
STOP_PATIENCE: Final = 8.0
START_PATIENCE: Final = 60.0
MEGABYTE: Final = 2**20


class NotStarted(Exception):
    """A process ended, or did not answer, before it could be measured."""


@dataclass(frozen=True, slots=True)
class Command:
    """How to start a process: words, its whole environment, the folder it runs in."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()


class Running:
    """A started process and its children.

    `children_only` leaves the process itself out of every figure: it only plays the platform.
    """

    def __init__(self, command: Command, log: Path, *, children_only: bool = False) -> None:
        self._children_only = children_only
        with log.open("ab") as written:
            self._process = subprocess.Popen(
                command.words,
                env=dict(command.environment),
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._log = log

    def members(self) -> list[int]:
        """Ids of the processes that count."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._process.pid)
            children = [child.pid for child in root.children(recursive=True)]
            return children if self._children_only else [root.pid, *children]
        return []

    def cpu(self) -> float:
        """Seconds of CPU used so far, user and system."""
        return sum(map(cpu_of, self.members()))

    def platform_cpu(self) -> float:
        """Seconds of CPU used so far by the process that is left out."""
        return cpu_of(self._process.pid) if self._children_only else 0.0

    def rss(self) -> float:
        """Megabytes of the largest process that counts."""
        return max(map(rss_of, self.members()), default=0.0)

    def wait_for(self, port: int) -> None:
        """Return once something listens on the port.

        Raises:
            NotStarted: the process ended, or was too slow.
        """
        deadline = time.monotonic() + START_PATIENCE
        while not listens(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted(self.said())
            time.sleep(0.01)

    def said(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """End the process and everything it started."""
        everybody = [self._process.pid, *self.members()]
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _end(everybody)


def _end(pids: Iterable[int]) -> None:
    """Make sure: what was started here does not outlive the bench."""
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            try:
                process.wait(1)
            except psutil.TimeoutExpired:
                process.kill()


def cpu_of(pid: int) -> float:
    """Seconds of CPU of one process, all its threads included; 0 when it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | PROCESS_CLOCK)
    except OSError:
        return 0.0


def rss_of(pid: int) -> float:
    """Megabytes of memory of one process; 0 when it is gone."""
    try:
        return float(psutil.Process(pid).memory_info().rss) / MEGABYTE
    except psutil.Error:
        return 0.0


def listens(port: int) -> bool:
    """Whether something on loopback takes connections."""
    with socket.socket() as attempt:
        attempt.settimeout(0.2)
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
