"""A streaming function: echoes, steps, breaks, never ends."""

import json
import os
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CONFIRMED: queue.Queue[int] = queue.Queue()
NOTES = Path(__file__).parent


class Endless:
    """A body without end that takes its time to clean up, and notes when it has."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        time.sleep(0.02)
        return b"x" * 100

    def close(self) -> None:
        time.sleep(1)
        (NOTES / "closed").touch()


def steps() -> Iterator[bytes]:
    """Each chunk after the first only when the caller has confirmed the one before."""
    yield b"chunk 0\n"
    for number in range(1, 5):
        CONFIRMED.get(timeout=10)
        yield b"chunk %d\n" % number


def broken() -> Iterator[bytes]:
    """Fails half-way."""
    yield b"half"
    raise RuntimeError("broken on purpose")


def paced() -> Iterator[bytes]:
    """Forty events in two seconds."""
    for _ in range(40):
        time.sleep(0.05)
        yield b"data: x\n\n"


BODIES: dict[str, Callable[[], Iterator[bytes]]] = {
    "/healthz": lambda: iter([b"ok"]),
    "/v1/broken": broken,
    "/v1/endless": Endless,
    "/v1/large": lambda: (bytes([65 + number % 26]) * 65536 for number in range(320)),
    "/v1/many": lambda: (b"data: %064d\n\n" % number for number in range(200)),
    "/v1/paced": paced,
    "/v1/pid": lambda: iter([b"%d" % os.getpid()]),
    "/v1/steps": steps,
}


def handler(event: dict[str, Any], context: Any) -> object:
    """Do what the path says."""
    path = event["path"]
    if path == "/v1/crash":
        os._exit(3)
    if path == "/v1/raise":
        raise ValueError("raised on purpose")
    if path == "/v1/none":
        return None
    if path == "/v1/confirm":
        CONFIRMED.put(1)
        return {"statusCode": 204, "headers": {}, "body": ""}
    if path == "/v1/echo":
        body = iter([json.dumps(event).encode()])
    elif path == "/v1/context":
        left = context.get_remaining_time_in_millis()
        body = iter([f"{context.aws_request_id} {left}".encode()])
    else:
        body = BODIES[path]()
    headers = {"content-type": "text/plain", "x-list": ["a", "b"]}
    return {"status": 200, "headers": headers, "body": body}
