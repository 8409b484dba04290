"""A streaming function with a deadline of one second."""

import os
import time
from collections.abc import Iterator
from typing import Any


def pieces() -> Iterator[bytes]:
    """Eight pieces in 0.8 seconds."""
    for _ in range(8):
        time.sleep(0.1)
        yield b"x"


def handler(event: dict[str, Any], context: object) -> object:
    """Do what the path says."""
    if event["path"] == "/quick/hang":
        time.sleep(60)
    body = pieces() if event["path"] == "/quick/pieces" else iter([b"%d" % os.getpid()])
    return {"status": 200, "headers": {}, "body": body}
