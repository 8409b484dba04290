"""What tests say to the stand-in beside calling it: scripts, gates, and what it has received."""

import asyncio
import json
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl

from local.replay.knobs import UnknownKnob, split
from local.replay.routes import TOKEN
from local.replay.tokens import rotating
from local.replay.wire import Request, json_answer

PREFIX = "/_replay/"
REMEMBERED_CALLS = 2000
REMEMBERED_BYTES = 64 * 2**20
SERIES_BYTES = 6  # 12 letters; with 10 of the number, the length every prepared id has
ANYBODY = "*"


@dataclass(slots=True)
class Gate:
    """Where a call under `block` or `step` waits; every release lets it pass once."""

    credits: int = 0
    open: bool = False
    waiting: bool = False
    _changed: asyncio.Future[None] | None = None

    def release(self, count: int) -> None:
        """Let it pass `count` times, now or later."""
        self.credits += count
        self._notify()

    def open_wide(self) -> None:
        """Let it pass always."""
        self.open = True
        self._notify()

    async def wait(self) -> None:
        """Pass, as soon as a release allows it."""
        self.waiting = True
        while not (self.open or self.credits):
            self._changed = asyncio.get_running_loop().create_future()
            await self._changed
        self.waiting = False
        self.credits -= 0 if self.open else 1

    def _notify(self) -> None:
        if self._changed and not self._changed.done():
            self._changed.set_result(None)


@dataclass(slots=True)
class Call:
    """One received request and how far its answer got: open, done, or gone (hung up).

    `at` is when it was received, in epoch ms.
    """

    number: int
    request: Request
    ident: bytes
    gate: Gate
    at: int
    sent: int = 0
    state: str = "open"

    def describe(self) -> dict[str, Any]:
        """The call as JSON."""
        request = self.request
        try:
            body = {"body": request.body.decode()}
        except UnicodeDecodeError:
            body = {"body_base64": b64encode(request.body).decode()}
        return {
            "number": self.number,
            "at": self.at,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": request.headers,
            "key": request.key,
            **body,
            "id": self.ident.decode(),
            "sent": self.sent,
            "state": self.state,
            "waiting": self.gate.waiting,
        }


class Control:
    """The memory of one stand-in. `seed` makes the ids of its answers its own."""

    def __init__(self, seed: int) -> None:
        self._series = blake2b(b"%d" % seed, digest_size=SERIES_BYTES).hexdigest().encode()
        self._calls: deque[Call] = deque()
        self._scripts: dict[str, deque[str]] = {}
        self._used: set[str] = set()
        self._requests = self._bytes_in = 0
        self._remembered = 0
        self._open = False
        self._routes: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "calls"): self._list,
            ("GET", "stats"): self._count,
            ("POST", "script"): self._script,
            ("POST", "release"): self._release,
            ("POST", "reset"): self._reset,
        }

    def receive(self, request: Request) -> Call:
        """Remember a request and give it its number and id."""
        self._requests = number = self._requests + 1
        self._bytes_in += len(request.body)
        ident, at = b"%s%010x" % (self._series, number), time.time_ns() // 1_000_000
        call = Call(number, request, ident, Gate(open=self._open), at)
        self._calls.append(call)
        self._remembered += len(request.body)
        while len(self._calls) > REMEMBERED_CALLS or self._remembered > REMEMBERED_BYTES:
            self._remembered -= len(self._calls.popleft().request.body)
        return call

    def scripted(self, request: Request) -> str:
        """The behaviour a script holds for this caller's next call; "" when there is none."""
        return "+".join(filter(None, (self._behaviour(request), self._spent(request))))

    def _spent(self, request: Request) -> str:
        """A refresh token that is good for once is refused the second time."""
        if not request.path.endswith(TOKEN):
            return ""
        refresh = dict(parse_qsl(request.body.decode(errors="replace"))).get("refresh_token", "")
        if not rotating(refresh):
            return ""
        again = refresh in self._used
        self._used.add(refresh)
        return "invalid_grant" if again else ""

    def _behaviour(self, request: Request) -> str:
        if not self._scripts:
            return ""
        name = request.key if request.key in self._scripts else ANYBODY
        script = self._scripts.get(name)
        if not script:
            return ""
        behaviour = script.popleft()
        if not script:
            del self._scripts[name]
        return behaviour

    def answer(self, request: Request) -> bytes:
        """Carry out a request to the control endpoints."""
        name = request.path.removeprefix(PREFIX)
        act = self._routes.get((request.method, name))
        if act is None:
            return json_answer(404, {"error": f"No control {request.method} {name}."})
        try:
            return json_answer(200, act(request))
        except (ValueError, TypeError, KeyError, UnknownKnob) as error:
            return json_answer(400, {"error": str(error)})

    def _list(self, request: Request) -> dict[str, Any]:
        return {"calls": [call.describe() for call in self._chosen(request.query)]}

    def _chosen(self, asked: dict[str, str]) -> Iterator[Call]:
        after, key = int(asked.get("after", 0)), asked.get("key")
        for call in self._calls:
            if call.number > after and (key is None or call.request.key == key):
                yield call

    def _count(self, request: Request) -> dict[str, int]:
        live = [call for call in self._calls if call.state == "open"]
        waiting = sum(call.gate.waiting for call in live)
        return {
            "requests": self._requests,
            "in_bytes": self._bytes_in,
            "open": len(live),
            "waiting": waiting,
        }

    def _script(self, request: Request) -> dict[str, int]:
        asked = json.loads(request.body)
        behaviours = [str(each) for each in asked["behaviours"]]
        for each in behaviours:
            split("", each)
        script = self._scripts.setdefault(asked.get("key", ANYBODY), deque())
        script.extend(behaviours)
        return {"waiting": len(script)}

    def _release(self, request: Request) -> dict[str, int]:
        asked = json.loads(request.body or b"{}")
        chosen = [call for call in self._chosen(_texts(asked)) if call.state == "open"]
        self._open = self._open or bool(asked.get("open"))
        for call in chosen:
            if asked.get("open"):
                call.gate.open_wide()
            else:
                call.gate.release(int(asked.get("count", 1)))
        return {"released": len(chosen)}

    def _reset(self, request: Request) -> dict[str, int]:
        for call in self._calls:
            call.gate.open_wide()
        self._calls.clear()
        self._scripts.clear()
        self._used.clear()
        self._remembered, self._open = 0, False
        return {}


def _texts(asked: dict[str, Any]) -> dict[str, str]:
    return {name: str(asked[name]) for name in ("key", "after") if name in asked}
