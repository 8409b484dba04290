"""Finding a free port, and waiting until somebody listens on it."""

import asyncio
import secrets
import socket
from pathlib import Path
from typing import Final

from local.child import Child

LOOK_EVERY: Final = 0.05
FIRST_KEPT: Final = 20_000
LAST_KEPT: Final = 32_000
"""Below the ports that systems hand out by themselves."""


class NotReady(Exception):
    """Something that was started does not answer."""


def free_port() -> int:
    """A port on loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def kept_port(path: Path) -> int:
    """A free port that is the same at every start, as long as nobody else takes it.

    The demo accounts keep their base URL, so the upstream has to be found where it was.
    """
    if path.exists() and _is_free(port := int(path.read_text("utf-8"))):
        return port
    port = next(filter(_is_free, range(FIRST_KEPT + secrets.randbelow(5000), LAST_KEPT)))
    path.write_text(str(port), "utf-8")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


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
