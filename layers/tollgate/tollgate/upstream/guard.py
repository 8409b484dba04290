"""Opens connections to upstreams, and only to addresses that Tollgate may reach.

A name is resolved once, every address it gives must be allowed, and the connection goes to one of
those very addresses: there is no second look-up that could answer differently.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from tollgate.domain.egress import reachable

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[str, int, float | None], httpcore.NetworkStream]


class EgressRefused(httpcore.ConnectError):
    """The name leads to an address that is not public."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, as text."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(address: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
    """Connect to one address."""
    return httpcore.SyncBackend().connect_tcp(address, port, timeout)


class GuardedBackend(httpcore.NetworkBackend):
    """The network as upstream calls see it."""

    def __init__(
        self, *, loopback: bool, resolve: Resolve = resolve, connect: Connect = connect
    ) -> None:
        self._loopback = loopback
        self._resolve = resolve
        self._connect = connect

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check every address, connect to the first that answers."""
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} does not resolve") from error
        for address in addresses:
            if not reachable(ipaddress.ip_address(address), loopback=self._loopback):
                raise EgressRefused(f"{host} leads to an address that is not public")
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return self._connect(address, port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure
