"""How a child process is started, watched and stopped."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEASH: Final = str(Path(__file__).with_name("leash.py"))


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and where its output goes."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path


class Child:
    """One child process, in a session of its own so that a Ctrl-C reaches only us.

    Start it from the thread of a running event loop that lives as long as the child is to live:
    the kernel ties the child to the thread.
    """

    def __init__(self, program: Program) -> None:
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-S", LEASH, str(os.getpid()), *program.command],
                env=dict(program.environment),
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.log = program.log
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Its exit code, negative for a signal, once it has ended."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        code = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop may be gone first
            self.over.get_loop().call_soon_threadsafe(self._tell, code)

    def _tell(self, code: int) -> None:
        if not self.over.done():
            self.over.set_result(code)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it, and whatever it started, now."""
        if not self.over.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self, seconds: float) -> int:
        """Ask it to stop, make it after that many seconds, and say its exit code."""
        if not self.over.done():
            self._process.terminate()
        try:
            return await asyncio.wait_for(asyncio.shield(self.over), seconds)
        except TimeoutError:
            self.kill()
            return await self.over
