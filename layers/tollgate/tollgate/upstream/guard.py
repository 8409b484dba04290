"""Opens connections to upstreams, and only to addresses that Tollgate may reach.

A name is resolved once, every address it gives must be allowed, and the connection goes to one of
those very addresses: there is no second look-up that could answer differently.
"""

import ipaddress
import socket
from collections.abc import Callable

import httpx

from tollgate.domain.egress import reachable

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[str, int, float], socket.socket]


class EgressRefused(httpx.ConnectError):
    """The name leads to an address that is not public."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, as text."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """Connect to one address.

    Raises:
        ConnectError, ConnectTimeout: it does not answer.
    """
    try:
        opened = socket.create_connection((address, port), seconds)
    except TimeoutError as error:
        raise httpx.ConnectTimeout(f"{address} did not answer") from error
    except OSError as error:
        raise httpx.ConnectError(f"{address}: {error}") from error
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


class Guard:
    """The network as upstream calls see it."""

    def __init__(
        self, *, loopback: bool, resolve: Resolve = resolve, connect: Connect = connect
    ) -> None:
        self.loopback = loopback
        self._resolve = resolve
        self._connect = connect

    def addresses(self, host: str, port: int) -> list[str]:
        """Every address of a host, in the order to try them.

        Raises:
            EgressRefused: one of them is inside; ConnectError: there is none.
        """
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{host} does not resolve") from error
        if not found:
            raise httpx.ConnectError(f"{host} has no address")
        for address in found:
            if not reachable(ipaddress.ip_address(address), loopback=self.loopback):
                raise EgressRefused(f"{host} leads to an address that is not public")
        return found

    def open(self, host: str, port: int, seconds: float) -> socket.socket:
        """Resolve, check every address, connect to the first that answers, each within `seconds`.

        Raises:
            EgressRefused: the name leads inside; ConnectError, ConnectTimeout: nobody answers.
        """
        failures: list[httpx.TransportError] = []
        for address in self.addresses(host, port):
            try:
                return self._connect(address, port, seconds)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failures.append(error)
        raise failures[-1]
