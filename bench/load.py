"""The load loop: callers who ask again as soon as they have their whole answer, and check it."""

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Final, cast

from local.replay.listener import run

BLANK: Final = b"\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
EVENT: Final = b"data: "
DONE: Final = b"data: [DONE]"
USAGE: Final = b'"usage":{'
PROMPT: Final = "Summarise the following report for a busy reader in three sentences. "
PROMPT_LENGTH: Final = 600
PATIENCE: Final = 60.0
KEPT_PROBLEMS: Final = 3


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked, by how many callers at once, and for how many seconds.

    Answers within the first `warm` seconds are not counted. `limit` ends the load after so many
    answers (0: none). `events` is how many a whole stream has, 0 for an answer in one piece.
    """

    host: str
    port: int
    path: str
    headers: tuple[str, ...]
    model: str
    callers: int
    events: int
    seconds: float
    warm: float = 0.3
    limit: int = 0

    def request(self) -> bytes:
        """The bytes every caller sends."""
        text = (PROMPT * (PROMPT_LENGTH // len(PROMPT) + 1))[:PROMPT_LENGTH]
        asked: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 1000,
        }
        if self.events:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        body = json.dumps(asked).encode()
        lines = (
            f"POST {self.path} HTTP/1.1",
            f"host: {self.host}:{self.port}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *self.headers,
        )
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(slots=True)
class Tally:
    """What all callers have seen: seconds to the first event and to the end, and what was wrong."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    wrong: int = 0
    problems: list[str] = field(default_factory=list)

    def complain(self, problem: str) -> None:
        """Count one answer that was not right."""
        self.wrong += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(problem)


class Caller(asyncio.Protocol):
    """One caller on one kept-alive connection."""

    def __init__(self, load: "Loop") -> None:
        self._load = load
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer = bytearray()
        self._body = self._end = 0
        self._asked = self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Take a piece of the answer, and ask again when it is whole."""
        self._answer += data
        if not self._first and self._has_begun():
            self._first = time.perf_counter()
        if self._is_whole():
            self._load.count(bytes(self._answer), self._asked, self._first)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; before the load's own end that is a fault."""
        if not self._load.over():
            self._load.tally.complain(f"connection lost: {exc}")
        if not self._over.done():
            self._over.set_result(None)

    async def finished(self) -> None:
        """Wait for the connection's end."""
        await self._over

    def _ask(self) -> None:
        if self._load.over():
            self._transport.close()
            return
        self._answer = bytearray()
        self._body = self._end = 0
        self._first = 0.0
        self._asked = time.perf_counter()
        self._transport.write(self._load.request)

    def _has_begun(self) -> bool:
        if not self._body and (blank := self._answer.find(BLANK)) >= 0:
            self._body = blank + len(BLANK)
            sized = LENGTH.search(self._answer, 0, blank + 2)
            self._end = self._body + int(sized[1]) if sized else 0
        if not self._body:
            return False
        return not self._load.events or self._answer.find(EVENT, self._body) >= 0

    def _is_whole(self) -> bool:
        if not self._body:
            return False
        if self._end:
            return len(self._answer) >= self._end
        return self._answer.endswith(LAST_CHUNK)


class Loop:
    """One load under way."""

    def __init__(self, load: Load) -> None:
        self.events = load.events
        self.request = load.request()
        self.tally = Tally()
        self._limit = load.limit
        self._from = time.perf_counter() + load.warm
        self._until = self._from + load.seconds

    def over(self) -> bool:
        """Whether callers stop asking."""
        enough = self._limit and len(self.tally.whole) + self.tally.wrong >= self._limit
        return bool(enough) or time.perf_counter() >= self._until

    def count(self, answer: bytes, asked: float, first: float) -> None:
        """Check one whole answer and note its times."""
        now = time.perf_counter()
        if problem := self._wrong(answer):
            self.tally.complain(problem)
        elif asked >= self._from or self._limit:
            self.tally.first.append(first - asked)
            self.tally.whole.append(now - asked)

    def _wrong(self, answer: bytes) -> str:
        if answer[9:12] != b"200":
            return answer[:400].decode("latin-1")
        if USAGE not in answer:
            return f"no usage: {answer[-200:].decode('latin-1')}"
        if not self.events:
            return ""
        seen = answer.count(EVENT)
        return "" if seen == self.events and DONE in answer else f"{seen} events"


async def carry_out(load: Load) -> dict[str, Any]:
    """Apply the load; the figures as JSON."""
    running = Loop(load)
    loop = asyncio.get_running_loop()
    callers = [
        (await loop.create_connection(lambda: Caller(running), load.host, load.port))[1]
        for _ in range(load.callers)
    ]
    async with asyncio.timeout(load.seconds + PATIENCE):
        await asyncio.gather(*(caller.finished() for caller in callers))
    spent = {"client_cpu_s": time.process_time()}
    return {**figures(running.tally, load.seconds), **spent}


def figures(tally: Tally, seconds: float) -> dict[str, Any]:
    """The tally in milliseconds and answers a second."""
    return {
        "answers": len(tally.whole),
        "wrong": tally.wrong,
        "problems": tally.problems,
        "rps": len(tally.whole) / seconds,
        **{f"p{share}_ms": quantile(tally.whole, share) for share in (50, 95, 99)},
        **{f"first_p{share}_ms": quantile(tally.first, share) for share in (50, 95)},
    }


def quantile(seconds: list[float], share: int) -> float | None:
    """The value below which `share` percent lie, in milliseconds; None of nothing."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) * share // 100, len(ordered) - 1)]


def main() -> None:
    """Read a load as JSON from standard input; write its figures."""
    argparse.ArgumentParser(prog="python -m bench.load", description=__doc__).parse_args()
    asked = json.load(sys.stdin)
    load = Load(**{**asked, "headers": tuple(asked["headers"])})

    async def whole() -> None:
        print(json.dumps(await carry_out(load)))

    run(whole())


if __name__ == "__main__":
    main()
