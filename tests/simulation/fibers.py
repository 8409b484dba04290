"""Runs ordinary blocking code step by step, one thread at a time, in an order somebody chooses.

A fiber gives up its turn at `pause` and goes on when it is resumed, so a schedule drawn from a
seed is the same schedule every time. Threads are kept for the next fiber: starting one is slow.
"""

import threading
from collections.abc import Callable
from typing import Final

RUNTIME_LIMIT_MS: Final = 15 * 60 * 1_000
"""Lambda ends every invocation after this long."""


class Crash(BaseException):
    """The environment is gone in mid-step; nothing of it runs any more."""


class _Worker:
    """One thread that runs a job while its turn lasts."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.back = threading.Lock()
        self.turn.acquire()
        self.back.acquire()
        self.job: Callable[[], None] = lambda: None
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            self.turn.acquire()
            self.job()
            self.back.release()


_idle: list[_Worker] = []


class Fiber:
    """One run of a function; `skew` is what its clock is ahead, in ms.

    An exception other than Crash stays in `error`.
    """

    def __init__(self, run: Callable[["Fiber"], None], began: int, skew: int = 0) -> None:
        self.began = began
        self.skew = skew
        self.dead = False
        self.done = False
        self.error: Exception | None = None
        self._run = run
        self._worker = _idle.pop() if _idle else _Worker()
        self._worker.job = self._job

    def resume(self, now: int) -> None:
        """Let it run until it pauses or ends; whoever is over the runtime limit is dead."""
        self.dead = self.dead or now - self.began > RUNTIME_LIMIT_MS
        self._worker.turn.release()
        self._worker.back.acquire()
        if self.done:
            _idle.append(self._worker)

    def pause(self) -> None:
        """Give up the turn (called by the fiber's own code).

        Raises:
            Crash: it was ended meanwhile, or is dead already.
        """
        if not self.dead:
            self._worker.back.release()
            self._worker.turn.acquire()
        if self.dead:
            raise Crash

    def crash(self) -> None:
        """End it here and now (called by the fiber's own code)."""
        self.dead = True
        raise Crash

    def _job(self) -> None:
        try:
            self._run(self)
        except Crash:
            pass
        except Exception as error:  # noqa: BLE001 - handed to the schedule, which fails with it
            self.error = error
        finally:
            self.done = True
