"""Schedules with the whole real relay in them: parse, admit, send, stream, meter, extend, record.

The upstream answers, breaks off, refuses or reports nothing, as the seed has it; callers hang up
and environments die between two chunks as well as at every request to the store.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any, Final

import httpx

from tests.gateway import (
    CHAT,
    PROFILE,
    STREAM,
    USAGE,
    Gateway,
    Plenty,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tests.simulation.actors import Act, enqueue, wallets
from tests.simulation.fibers import Crash, Fiber
from tests.simulation.scenario import Scenario, drawn
from tests.simulation.schedule import played
from tests.simulation.world import Port, World
from tollgate.domain.holds import parse_request_id
from tollgate.services.recording import Recording
from tollgate.services.sweeping import SweepRequests
from tollgate.store.usage import UsageRecords

MILLION: Final = 10**6
CHARGE: Final = 7_500_000
"""1,000 tokens at 2.5 and 500 at 10 dollars a million."""

HANG_UP: Final = 60
"""In a thousand chunks."""


class Relayed(Gateway):
    """The gateway with its relay over one fiber's port."""

    def over(self, world: World, port: Port, lost: list[str]) -> Any:
        """The relay's handler as that fiber runs it."""
        self.clock = port.clock  # type: ignore[method-assign]
        self.sleep = lambda seconds: port.fiber.pause()  # type: ignore[method-assign]
        self.wallets = wallets(world, port, SweepRequests(world.queue.append, port.clock))
        self.records = UsageRecords(port, "Usage")
        self.recording = Recording(
            self.records, lambda message: enqueue(world, message), lost.append
        )
        self._wire_relay()
        return self.api


def violations(seed: int) -> list[str]:
    """Everything that went wrong in the relayed schedule of this seed."""
    world = World(scenario(seed))
    world.now += 1
    profile = replace(PROFILE, shards=world.scenario.shards)
    gateway = Relayed(lambda request: answer(world.rng), profile=profile, funds=0)
    return played(world, [call(gateway) for _ in range(world.rng.choice((1, 2, 3)))])


def scenario(seed: int) -> Scenario:
    """A world in which the gateway's prices matter: a balance for some calls, or for fewer."""
    plain = drawn(seed)
    plain.subscribed = plain.limited = False
    plain.limits, plain.once, plain.operations = {}, {}, 0
    plain.balance = plain.balance * MILLION // 3
    plain.plans = []
    return plain


def answer(rng: Random) -> httpx.Response:
    """What the upstream does with one call."""
    kind = rng.choice(("json", "json", "stream", "stream", "cut", "silent", "refused", "down"))
    if kind == "down":
        raise httpx.ConnectError("refused")
    if kind == "refused":
        return httpx.Response(rng.choice((400, 429, 500)), json={"error": {"message": "no"}})
    if kind == "json":
        return chat_answer(USAGE)
    return streamed(*chunks(rng, kind))


def chunks(rng: Random, kind: str) -> Iterator[bytes]:
    """A stream that ends well, breaks off, or reports no usage."""
    for _ in range(rng.choice((1, 3, 8))):
        yield sse(chat_chunk("word " * rng.choice((1, 200, 900))), done=False)
    if kind == "cut":
        return
    if kind == "stream":
        last = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": []}
        yield sse(chat_chunk("", "stop"), last | {"usage": USAGE})
    else:
        yield sse(chat_chunk("", "stop"))


def call(gateway: Relayed) -> Act:
    """One caller: asks, reads, perhaps hangs up."""

    def act(world: World, fiber: Fiber) -> None:
        lost: list[str] = []
        handler = gateway.over(world, Port(world, fiber), lost)
        body = world.rng.choice((CHAT, STREAM))
        answered = handler(gateway.event("/v1/chat/completions", body), Plenty())
        if answered["status"] == httpx.codes.OK:
            read(world, fiber, answered)
            check(world, answered, lost)

    return act


def read(world: World, fiber: Fiber, answered: dict[str, Any]) -> None:
    """Take the answer chunk by chunk; somebody may go in between."""
    chunks = answered["body"]
    try:
        for _ in chunks:
            fiber.pause()
            if world.chance(HANG_UP):
                getattr(chunks, "close", lambda: None)()
                return
    except Crash:
        # The environment is gone: whatever its code still tries on the way out reaches nobody.
        with suppress(Crash):
            getattr(chunks, "close", lambda: None)()
        raise


def check(world: World, answered: dict[str, Any], lost: list[str]) -> None:
    """A complete answer tells what its usage costs, and that is what must be charged in the end."""
    _, rid = parse_request_id(answered["headers"]["x-request-id"])
    told = answered["headers"].get("x-tollgate-charge")
    if told not in {None, "0.0075"}:
        world.audit.say(f"{rid} was told to cost {told}")
    if told is not None and not lost:
        world.told[rid] = CHARGE
