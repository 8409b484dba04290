"""The socket the front listens on, and the HTTP server behind it."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import uvicorn

HOST: Final = "127.0.0.1"
BACKLOG: Final = 2048


class PortTaken(Exception):
    """Somebody already listens there."""


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes any free one.

    Raises:
        PortTaken: the port is in use.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTaken(f"port {port} is already in use; PORT= chooses another one") from None
    return listener


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the stack, which has more to stop than this."""
        yield


class Front:
    """An ASGI app on its socket."""

    def __init__(self, app: Callable[..., Awaitable[None]], listener: socket.socket) -> None:
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # a cut answer is no news
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._listener = listener

    def start(self) -> None:
        """Serve from now on, in the running loop."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))

    async def stop(self) -> None:
        """Take no more requests and cut what is still running after a second."""
        self._server.should_exit = True
        await self._task
