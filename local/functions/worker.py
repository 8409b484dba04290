"""One worker process of a function: its Runtime API, the calls in its hands, its end."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from local.child import Child, Program
from local.functions.invocation import Invocation, InvocationFailed, TimedOut
from local.functions.runtime_api import Connection

INIT_LIMIT: Final = 30.0
"""Seconds a worker may take until it asks for its first call."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a worker of one function."""

    name: str
    """What people call the function."""
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    timeout: float
    """Seconds a call may take."""
    arn: str
    threads: int = 1
    """Calls that one worker serves at a time; Lambda has one."""


class Owner(Protocol):
    """The pool a worker belongs to."""

    def available(self) -> None:
        """The worker can take a call."""

    def failed_to_start(self, worker: "Worker", message: str) -> None:
        """The worker's code could not be loaded; it is about to end."""

    def retired(self, worker: "Worker") -> None:
        """The worker takes no more calls and ends when those in its hands are over."""

    def ended(self, worker: "Worker", code: int) -> None:
        """The worker's process is over."""


class Worker:
    """One process; plays the Runtime API's host for it."""

    def __init__(self, launch: Launch, owner: Owner) -> None:
        self._launch = launch
        self._owner = owner
        self._idle: deque[Connection] = deque()
        self._calls: dict[str, Invocation] = {}
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self._stuck = 0
        self.was_ready = False
        self.retiring = False

    async def start(self) -> None:
        """Open its Runtime API and start its process."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        environment = {**self._launch.environment, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"}
        launch = self._launch
        self._child = Child(Program(launch.command, environment, launch.folder, launch.log))
        self._init_timer = loop.call_later(INIT_LIMIT, self._too_slow)
        self._child.over.add_done_callback(lambda over: self._ended(over.result()))

    @property
    def busy(self) -> int:
        """Loops that do not wait for a call; one may be cleaning up after its caller has gone."""
        return self._launch.threads - len(self._idle) if self.was_ready else 0

    @property
    def free(self) -> bool:
        """Whether it waits for a call and may be given one."""
        return bool(self._idle) and not self.retiring

    def take(self, invocation: Invocation) -> None:
        """Hand a call to the loop that has waited longest; the deadline runs from now."""
        self._calls[invocation.id] = invocation
        self._deadlines[invocation.id] = asyncio.get_running_loop().call_later(
            invocation.timeout, self._expire, invocation
        )
        deadline_ms = int((time.time() + invocation.timeout) * 1000)
        self._idle.popleft().hand_over(invocation, deadline_ms, self._launch.arn)

    async def stop(self, seconds: float) -> None:
        """End the process within that many seconds."""
        self.retiring = True
        await self._child.end(seconds)

    # --- what the Runtime API reports (see `runtime_api.Host`) --------------------------------

    def ready(self, connection: Connection) -> None:
        self.was_ready = True
        self._init_timer.cancel()
        self._idle.append(connection)
        if self.retiring:
            self._end_unless_busy()
        else:
            self._owner.available()

    def left(self, connection: Connection) -> None:
        self._idle.remove(connection)

    def find(self, identity: str) -> Invocation | None:
        return self._calls.get(identity)

    def done(self, invocation: Invocation) -> None:
        self._calls.pop(invocation.id, None)
        if timer := self._deadlines.pop(invocation.id, None):
            timer.cancel()

    def init_failed(self, message: str) -> None:
        self.retiring = True
        self._owner.failed_to_start(self, message)

    # --- its end --------------------------------------------------------------------------------

    def _expire(self, invocation: Invocation) -> None:
        """Lambda kills the environment; here the calls beside this one are let finish first."""
        self.retiring = True
        self._stuck += 1
        invocation.fail(TimedOut(invocation.timeout))
        self.done(invocation)
        self._owner.retired(self)
        self._end_unless_busy()

    def _end_unless_busy(self) -> None:
        if self.busy <= self._stuck:
            self._child.kill()

    def _too_slow(self) -> None:
        self.init_failed(f"not ready after {INIT_LIMIT:.0f} seconds")
        self._child.kill()

    def _ended(self, code: int) -> None:
        self._init_timer.cancel()
        self._server.close()
        for invocation in list(self._calls.values()):
            invocation.fail(InvocationFailed("Runtime.ExitError", f"exit status: {code}"))
            self.done(invocation)
        self._owner.ended(self, code)
