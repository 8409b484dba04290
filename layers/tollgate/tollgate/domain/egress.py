"""Which hosts Tollgate may talk to: public ones over https, chosen by staff, never by a caller."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tollgate.domain.errors import ValidationFailed

HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}\Z"
)
LOOKS_NUMERIC: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
PORTS: Final = {"http": 80, "https": 443}
RESERVED_PORTS: Final = range(1, 1024)
INNER_NAMES: Final = (
    "localhost",
    ".localhost",
    ".localdomain",
    ".internal",
    ".local",
    ".arpa",
    ".home",
    ".lan",
)
WRAPPING: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "fec0::/10")
)
"""IPv6 ranges that carry another address inside (NAT64, 6to4, Teredo, …): never a real vendor."""

RELAYS: Final = tuple(ipaddress.ip_network(text) for text in ("192.88.99.0/24", "168.63.129.16/32"))
"""IPv4 that only looks public: what relays 6to4, and where Azure's machines find their host."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something lives: scheme, host, port, and the path its calls start with."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The address in one spelling."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def reachable(address: Address, *, loopback: bool) -> bool:
    """Whether Tollgate may connect to an address; `loopback` only on one's own machine."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return reachable(address.ipv4_mapped, loopback=loopback)
        if address.scope_id is not None:
            return False
        if any(address in network for network in WRAPPING) and not address.is_loopback:
            return False
    elif any(address in network for network in RELAYS):
        return False
    if address.is_loopback:
        return loopback
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def read_origin(text: str, *, loopback: bool = False, field: str = "base_url") -> Origin:
    """Read an account's base URL, or another address that staff name.

    Args:
        text: such as `https://api.openai.com/v1`.
        loopback: also allow http and loopback hosts; only in local mode.
        field: what the address is called where it was typed.

    Raises:
        ValidationFailed: says which part may not be.
    """
    refuse = Refusal(text, field)
    parts, host, port = taken_apart(text, refuse)
    if parts.scheme not in ({"https", "http"} if loopback else {"https"}):
        raise refuse("must start with https://")
    if port is not None and port in RESERVED_PORTS and port != 443 and not loopback:
        raise refuse("may only use port 443 or one above 1023")
    check_host(host, refuse, brackets="[" in parts.netloc, loopback=loopback)
    return Origin(parts.scheme, host, port or PORTS[parts.scheme], parts.path.rstrip("/"))


def read_proxy(text: str, *, loopback: bool = False) -> Origin:
    """Read the address of a proxy, such as `http://proxy.example.com:8080`: a public host, too.

    Speaking http with it is fine, since what passes through is TLS with the upstream.

    Raises:
        ValidationFailed: says which part may not be.
    """
    refuse = Refusal(text, "proxy")
    parts, host, port = taken_apart(text, refuse)
    if parts.scheme not in PORTS:
        raise refuse("must start with http:// or https://")
    if parts.path not in {"", "/"}:
        raise refuse("may not have a path")
    port = port or PORTS[parts.scheme]
    if port in RESERVED_PORTS and port not in PORTS.values() and not loopback:
        raise refuse("may only use port 80, 443 or one above 1023")
    check_host(host, refuse, brackets="[" in parts.netloc, loopback=loopback)
    return Origin(parts.scheme, host, port, "")


class Refusal:
    """Makes the error that names the field, the address and what is wrong with it."""

    def __init__(self, text: str, field: str) -> None:
        self.field = field
        # Who types credentials into an address need not find them in an error, or in a log of it.
        self.text = repr(text) if "@" not in text else "the address"

    def __call__(self, reason: str) -> ValidationFailed:
        return ValidationFailed(f"{self.field}: {self.text} {reason}", param=self.field)


def taken_apart(text: str, refuse: Refusal) -> tuple[SplitResult, str, int | None]:
    """An address in its parts, its host and its port, if two readers could not disagree on them.

    Raises:
        ValidationFailed: they could, or it has a part that no address here has.
    """
    if re.search(r"[^\x21-\x7e]", text) or "\\" in text:
        raise refuse("has spaces, control or non-ASCII characters, or a backslash")
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError as error:
        raise refuse(str(error)) from error
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise refuse("may not carry a user name or password")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise refuse("may not have a query or a fragment")
    if ".." in parts.path.split("/") or "%" in parts.path:
        raise refuse("may not have '..' or '%' in its path")
    return parts, host, port


def check_host(host: str, refuse: Refusal, *, brackets: bool, loopback: bool) -> None:
    """Refuse a host that can only be an inner one, or an address in disguise."""
    address = literal(host)
    if address is None and brackets:
        raise refuse("has no valid address")
    if address is not None:
        if not reachable(address, loopback=loopback):
            raise refuse("points at an address that is not public")
        return
    if not HOST_NAME.match(host) or LOOKS_NUMERIC.match(host.rpartition(".")[2]):
        raise refuse("has no valid host name")
    inner = host == INNER_NAMES[0] or host.endswith(INNER_NAMES[1:])
    if (inner or "." not in host) and not (loopback and inner):
        raise refuse("names an inner host")


def literal(host: str) -> Address | None:
    """The address a host spells out, in the standard spelling only; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
