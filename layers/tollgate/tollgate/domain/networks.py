"""From which addresses a key may be used: lists of networks, where a denial wins.

An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address it means, in lists
and in calls alike.
"""

from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

MAPPED: Final = IPv6Network("::ffff:0:0/96")
Network = IPv4Network | IPv6Network


@lru_cache(maxsize=4_096)
def network(text: str) -> Network:
    """A network in CIDR notation, or a single address.

    Raises:
        ValueError: it is none; a network's address has no bits beyond its length.
    """
    if "%" in text:
        raise ValueError(f"{text!r} names a zone")
    found = ip_network(text)
    if isinstance(found, IPv6Network) and found.subnet_of(MAPPED):
        return IPv4Network((int(found.network_address) & 0xFFFF_FFFF, found.prefixlen - 96))
    return found


def address(text: str) -> IPv4Address | IPv6Address | None:
    """The address a caller has; None where the text is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def admits(allowed: tuple[str, ...], denied: tuple[str, ...], caller: str) -> bool:
    """Whether a key with these lists may be used from there; an empty list says nothing."""
    if not (allowed or denied):
        return True
    found = address(caller)
    if found is None or any(found in network(text) for text in denied):
        return False
    return not allowed or any(found in network(text) for text in allowed)


def origin(caller: str) -> str:
    """Whom an address counts for: one IPv4 address, or a whole IPv6 subscriber's /64."""
    found = address(caller)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found)
