"""The workers of one function: how many, who gets the next call, and what happens when one ends."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from local.functions.invocation import Invocation, InvocationFailed
from local.functions.worker import Launch, Worker

FIRST_PAUSE: Final = 0.2
PATIENCE: Final = 0.1
"""Seconds a call waits before another worker is started for it."""
LONGEST_PAUSE: Final = 5.0
"""Seconds between two starts of a worker that keeps failing."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a function runs at the same time."""

    fewest: int = 1
    most: int = 1
    """Workers: another one starts when all are busy, up to this many."""


class Pool:
    """Takes calls for one function and gives them to its workers."""

    def __init__(
        self, launch: Launch, size: Size, say: Callable[[str], None], new_id: Callable[[], str]
    ) -> None:
        self._launch = launch
        self._size = size
        self._say = say
        self._new_id = new_id
        self._queue: deque[Invocation] = deque()
        self._workers: list[Worker] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._pause = 0.0
        self._running = False
        self._complaint = ""

    async def start(self) -> None:
        """Start the first workers; returns before they are ready."""
        self._running = True
        for _ in range(self._size.fewest):
            await self._add()

    async def stop(self, seconds: float) -> None:
        """Refuse what waits, and end every worker within that many seconds."""
        self._running = False
        for task in self._starting:
            task.cancel()
        self._refuse_queue(InvocationFailed("Runtime.Shutdown", "the stack is stopping"))
        await asyncio.gather(*(worker.stop(seconds) for worker in list(self._workers)))

    @property
    def busy(self) -> int:
        """Calls that wait or are in a worker's hands."""
        return len(self._queue) + sum(worker.busy for worker in self._workers)

    def submit(self, event: bytes) -> Invocation:
        """A new call: it waits for a worker, and its time runs from when it has one."""
        invocation = Invocation(self._new_id(), event, self._launch.timeout)
        if not self._running:
            invocation.fail(InvocationFailed("Runtime.Shutdown", "the stack is stopping"))
            return invocation
        self._queue.append(invocation)
        self.available()
        if self._queue:
            asyncio.get_running_loop().call_later(PATIENCE, self._grow)
        return invocation

    # --- what its workers report (see `worker.Owner`) -----------------------------------------

    def available(self) -> None:
        """Give waiting calls to free workers, the least busy first."""
        while self._queue and (free := [each for each in self._workers if each.free]):
            invocation = self._queue.popleft()
            if not invocation.gone:
                min(free, key=lambda worker: worker.busy).take(invocation)

    def failed_to_start(self, worker: Worker, message: str) -> None:
        """What waits would wait for the same failure again."""
        if message != self._complaint:
            self._complaint = message  # it comes again with every attempt
            self._say(f"{self._launch.name} cannot start: {message}")
        self._refuse_queue(InvocationFailed("Runtime.InitError", message))

    def retired(self, worker: Worker) -> None:
        """It takes no more calls; the next one need not wait for its end."""
        self._replace()

    def ended(self, worker: Worker, code: int) -> None:
        """Another one takes its place: at once after a good life, ever later after bad starts."""
        self._workers.remove(worker)
        if self._running and not worker.retiring:
            self._say(f"{self._launch.name} stopped with code {code}; see {self._launch.log}")
        if worker.was_ready:
            self._pause = 0.0
        else:
            self._refuse_queue(InvocationFailed("Runtime.ExitError", f"exit status: {code}"))
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        self._replace()

    # --- inside -------------------------------------------------------------------------------

    def _replace(self) -> None:
        alive = sum(not worker.retiring for worker in self._workers) + len(self._starting)
        if self._running and (alive < self._size.fewest or (self._queue and not alive)):
            self._begin(self._add(self._pause))

    def _grow(self) -> None:
        warming = self._starting or not all(worker.was_ready for worker in self._workers)
        if self._running and self._queue and not warming and len(self._workers) < self._size.most:
            self._begin(self._add())

    def _begin(self, start: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(start)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _add(self, pause: float = 0.0) -> None:
        await asyncio.sleep(pause)
        worker = Worker(self._launch, self)
        await worker.start()
        self._workers.append(worker)

    def _refuse_queue(self, error: InvocationFailed) -> None:
        while self._queue:
            self._queue.popleft().fail(error)
