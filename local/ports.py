"""Finding a free port, and waiting until somebody listens on it."""

import asyncio
import socket
from typing import Final

from local.child import Child

LOOK_EVERY: Final = 0.05


class NotReady(Exception):
    """Something that was started does not answer."""


def free_port() -> int:
    """A port on loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def wait_for(port: int, child: Child, seconds: float = 30) -> None:
    """Return when a child process takes connections on its port.

    Raises:
        NotReady: it ended, or took too long; the message holds the end of its log.
    """
    for _ in range(int(seconds / LOOK_EVERY)):
        if child.over.done():
            break
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(LOOK_EVERY)
        else:
            writer.close()
            return
    tail = child.log.read_text("utf-8", "replace")[-2000:]
    raise NotReady(f"{child.log.stem} did not start:\n{tail}")
