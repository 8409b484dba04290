"""The connection: requests in, answers out, one after another, at the pace of a plan."""

import asyncio
import socket
import struct
from itertools import chain, cycle
from typing import cast

from local.replay.control import PREFIX, Call, Control
from local.replay.draft import named
from local.replay.plan import Plan, Plans
from local.replay.wire import LAST_CHUNK, chunk, take

LINGER_NONE = struct.pack("ii", 1, 0)
SETTLE = 0.02  # seconds for a peer to read what was sent before a reset would destroy it
SETTLE_TURNS = 250


class Connection(asyncio.Protocol):
    """One connection. Answers are sent in the order of the requests."""

    def __init__(self, control: Control, plans: Plans, live: set["Connection"]) -> None:
        self._control, self._plans, self._live = control, plans, live
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._call: Call | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport of a new connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._live.add(self)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer = self._buffer + data if self._buffer else data
        self._serve()

    def pause_writing(self) -> None:
        """The peer reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer has gone: stop answering it."""
        self._live.discard(self)
        if self._task:
            self._task.cancel()
        if self._call and self._call.state == "open":
            self._call.state = "gone"

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def _serve(self) -> None:
        while self._buffer and self._task is None and not self._transport.is_closing():
            request, self._buffer = take(self._buffer)
            if request is None:
                return
            if request.target.startswith(PREFIX):
                self._transport.write(self._control.answer(request))
                continue
            extra = self._control.scripted(request)
            call = self._call = self._control.receive(request)
            plan = self._plans.find(request, extra)
            if plan.whole is not None:
                self._transport.write(named(plan.whole, call.ident))
                call.sent, call.state = 1, "done"
                self._leave(call)
            else:
                self._task = asyncio.get_running_loop().create_task(self._play(plan, call))

    async def _play(self, plan: Plan, call: Call) -> None:
        knobs = plan.knobs
        if knobs.delay:
            await asyncio.sleep(knobs.delay / 1000)
        if knobs.block:
            await call.gate.wait()
        self._transport.write(named(plan.head, call.ident))
        await self._send(plan, call)
        await self._end(plan)
        call.state, self._task = "done", None
        self._leave(call)
        self._serve()

    def _leave(self, call: Call) -> None:
        if call.request.last:
            self._transport.close()

    async def _send(self, plan: Plan, call: Call) -> None:
        loop, gap = asyncio.get_running_loop(), plan.knobs.gap / 1000
        due = loop.time()
        for number, piece in enumerate(chain(plan.pieces, cycle(plan.repeat))):
            if number and plan.knobs.step:
                await call.gate.wait()
            elif number and gap:
                due += gap
                await asyncio.sleep(max(0.0, due - loop.time()))
            elif number:
                await asyncio.sleep(0)
            if plan.grain:
                await self._sprinkle(plan, named(piece, call.ident))
            else:
                ready = named(piece, call.ident)
                self._transport.write(chunk(ready) if plan.chunked else ready)
            call.sent = number + 1
            if not self._writable.is_set():
                await self._writable.wait()

    async def _sprinkle(self, plan: Plan, content: bytes) -> None:
        for at in range(0, len(content), plan.grain):
            part = content[at : at + plan.grain]
            self._transport.write(chunk(part) if plan.chunked else part)
            await asyncio.sleep(plan.knobs.slow / 1000)

    async def _end(self, plan: Plan) -> None:
        if plan.ending == "hang":
            await asyncio.get_running_loop().create_future()
        if plan.ending == "keep":
            if plan.chunked:
                self._transport.write(LAST_CHUNK)
            return
        if plan.ending == "reset":
            await self._settled()
            peer: socket.socket = self._transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
            self._transport.abort()
        self._transport.close()

    async def _settled(self) -> None:
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(SETTLE)
            if not self._transport.get_write_buffer_size():
                return
