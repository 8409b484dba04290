"""Where the stand-in listens, how it starts and how it ends without leaving anything behind."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

from local.replay.control import Control
from local.replay.plan import Plans
from local.replay.server import Connection

BACKLOG = 1024
PATIENCE = 10  # seconds for a loop in a thread to start or to end

try:
    import uvloop

    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
except ImportError:  # only speed depends on it
    new_event_loop = asyncio.new_event_loop


class Listener:
    """One stand-in on one port."""

    def __init__(self, seed: int, clock: Callable[[], int]) -> None:
        self._control, self._plans = Control(seed), Plans(clock)
        self._live: set[Connection] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; the port is given back (0 asks for a free one)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, host, port, backlog=BACKLOG)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        self._server.close()
        while self._live:
            for connection in tuple(self._live):
                connection.abort()
            await asyncio.sleep(0)
        await self._server.wait_closed()

    def _connection(self) -> Connection:
        return Connection(self._control, self._plans, self._live)


async def serve(host: str, port: int, stop: asyncio.Event, ready: Callable[[int], None]) -> None:
    """Listen until `stop` is set; `ready` is told the port."""
    listener = Listener(time.time_ns(), lambda: int(time.time()))
    ready(await listener.start(host, port))
    await stop.wait()
    await listener.stop()


@contextmanager
def running(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """A stand-in in a thread of this process, for tests; gives its URL."""
    started: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def live() -> None:
        stop = asyncio.Event()

        def note(bound: int) -> None:
            started.append((bound, asyncio.get_running_loop(), stop))
            ready.set()

        await serve(host, port, stop, note)

    thread = threading.Thread(target=run, args=(live(),), name="replay", daemon=True)
    thread.start()
    if not ready.wait(PATIENCE):
        raise TimeoutError("The replay upstream did not start.")
    bound, loop, stop = started[0]
    try:
        yield f"http://{host}:{bound}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


def run(work: Coroutine[None, None, None]) -> None:
    """Run to the end on the fastest loop there is."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(work)
