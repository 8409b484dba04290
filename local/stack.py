"""The local stack as tests use it: a child process with its own state and ports.

with Stack(directory=tmp_path) as stack:
    httpx.get(f"{stack.url}/healthz")
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from local.child import LEASH
from local.options import ROOT

START_WITHIN: Final = 120.0
STOP_WITHIN: Final = 60.0
LOOK_EVERY: Final = 0.05


class StackFailed(Exception):
    """The stack did not start, or did not stop; the message holds what it printed."""


class Stack:
    """One running stack; a context manager that stops it. It ends with the thread that started it.

    Args:
        directory: where it keeps its state.
        port: where it serves; 0 takes any free port.
        template: another template than the repository's.
        emulator: `ministack`, `moto` or a URL.
        arguments: further arguments of `python -m local`.

    Raises:
        StackFailed: it does not get ready.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        template: Path = ROOT / "template.yaml",
        emulator: str = "ministack",
        arguments: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._output = directory / "stack.log"
        command = [sys.executable, "-S", LEASH, str(os.getpid()), sys.executable, "-m", "local"]
        command += [f"--port={port}", f"--directory={directory}"]
        command += [f"--template={template}", f"--emulator={emulator}", *arguments]
        (directory / "stack.json").unlink(missing_ok=True)
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        known = self._known()
        self.url: str = known["url"]
        """Where it serves."""
        self.environment: dict[str, str] = known["environment"]
        """Variables by which tools find its tables and functions, and the demo data."""

    def _known(self) -> dict[str, Any]:
        """What it writes down when it is ready."""
        end = time.monotonic() + START_WITHIN
        path = self.directory / "stack.json"
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                known: dict[str, Any] = json.loads(path.read_text("utf-8"))
                return known
            time.sleep(LOOK_EVERY)
        self._process.kill()
        self._process.wait()
        raise StackFailed(self.printed)

    @property
    def pid(self) -> int:
        """The process id of `python -m local`."""
        return self._process.pid

    @property
    def printed(self) -> str:
        """What it has told its user so far."""
        return self._output.read_text("utf-8", "replace")

    def log(self, name: str) -> str:
        """What a part of it has logged, such as `relay` or `emulator`."""
        return (self.directory / "logs" / f"{name}.log").read_text("utf-8", "replace")

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop it as Ctrl-C would; its exit status.

        Raises:
            StackFailed: it does not stop.
        """
        if self._process.poll() is None:
            os.kill(self.pid, number)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; its exit status.

        Raises:
            StackFailed: it goes on.
        """
        try:
            return self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise StackFailed(self.printed) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
