"""Wherever somebody may name a host: none of the hostile forms, and no name that leads inside.

A new way in joins by one line of `TYPED` (where an address is typed) or `ASKED` (where one is
connected to). What sockets connect to and which names are resolved is watched below everything.
"""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.account_samples import ANTIGRAVITY, APIKEY, BEDROCK, VERTEX
from tests.admin_api import AdminApi, Answer, admin_api
from tests.gateway import CHAT, STREAM, Gateway
from tests.hostile_urls import ADDRESSES, HOSTILE, PROXIES_MAY
from tests.scripted_endpoint import answer, scripted_endpoint
from tollgate.upstream.connections import Connections
from tollgate.upstream.guard import Guard
from tollgate.upstream.transport import Transport

PUBLIC: Final = "93.184.216.34"
FINE: Final = "fine.example.com"
"""A name that leads outside whatever the others do."""

EMPTY: Final = frozenset({""})
"""What leaves an address to its type's own."""

MODEL: Final = {"model": "gpt-4o"}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def local_api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api("tests") as opened:
        yield opened


def made(api: AdminApi, body: dict[str, Any]) -> str:
    """An account that is there, named by its address."""
    return str(api.created("/accounts", body | {"name": body.get("base_url", "own")})["id"])


@cache
def signing() -> str:
    """A private key that can sign."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - signs nothing real
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def service_account(**more: str) -> dict[str, Any]:
    return VERTEX | {"credentials": VERTEX["credentials"] | {"private_key": signing(), **more}}


# --- where an address is typed ------------------------------------------------------------------

Prepare = Callable[[AdminApi], str]
Send = Callable[[AdminApi, str, str], Answer]


@dataclass(frozen=True)
class Typed:
    """A way in: how an address is sent there, by which name it is refused, what is no fault.

    `account` is what must be there before; its id is given to `send`.
    """

    send: Send
    param: str
    account: dict[str, Any] | None = None
    fine: frozenset[str] = field(default_factory=frozenset)


def creating(body: dict[str, Any], name: str) -> Send:
    return lambda api, _, url: api.call("POST", "/accounts", body | {name: url})


def trying(body: dict[str, Any], name: str) -> Send:
    return lambda api, _, url: api.call("POST", "/accounts/test", body | MODEL | {name: url})


def patching(name: str) -> Send:
    return lambda api, account, url: api.call(
        "PATCH", f"/accounts/{account}", {name: url}, headers={"If-Match": "1"}
    )


def bulk(name: str) -> Send:
    return lambda api, account, url: api.call(
        "POST", "/accounts/bulk", {"ids": [account], "change": {name: url}}
    )


def with_token_uri(url: str) -> dict[str, Any]:
    return {"credentials": VERTEX["credentials"] | {"token_uri": url}}


TYPED: Final = {
    "base URL, created": Typed(creating(APIKEY, "base_url"), "base_url"),
    "base URL, created for Bedrock": Typed(creating(BEDROCK, "base_url"), "base_url", fine=EMPTY),
    "base URL, created for Vertex": Typed(creating(VERTEX, "base_url"), "base_url", fine=EMPTY),
    "base URL, created for antigravity": Typed(
        creating(ANTIGRAVITY, "base_url"), "base_url", fine=EMPTY
    ),
    "base URL, changed": Typed(patching("base_url"), "base_url", APIKEY),
    "base URL, changed in bulk": Typed(bulk("base_url"), "base_url", APIKEY),
    "base URL, only tried": Typed(trying(APIKEY, "base_url"), "base_url"),
    "proxy, created": Typed(creating(APIKEY, "proxy"), "proxy", fine=PROXIES_MAY | EMPTY),
    "proxy, changed": Typed(patching("proxy"), "proxy", APIKEY, PROXIES_MAY | EMPTY),
    "proxy, changed in bulk": Typed(bulk("proxy"), "proxy", APIKEY, PROXIES_MAY | EMPTY),
    "proxy, only tried": Typed(trying(APIKEY, "proxy"), "proxy", fine=PROXIES_MAY | EMPTY),
    "token URI, created": Typed(
        lambda api, _, url: api.call("POST", "/accounts", VERTEX | with_token_uri(url)),
        "credentials.token_uri",
        fine=EMPTY,
    ),
    "token URI, changed": Typed(
        lambda api, account, url: api.call(
            "PATCH", f"/accounts/{account}", with_token_uri(url), headers={"If-Match": "1"}
        ),
        "credentials.token_uri",
        VERTEX,
        EMPTY,
    ),
    "token URI, only tried": Typed(
        lambda api, _, url: api.call("POST", "/accounts/test", VERTEX | with_token_uri(url)),
        "credentials.token_uri",
        fine=EMPTY,
    ),
    "price list": Typed(
        lambda api, _, url: api.call("POST", "/prices/imports", {"source": "url", "url": url}),
        "url",
    ),
}


def complaint(told: Answer) -> tuple[bool, str]:
    """Whether an address was refused, and by which name."""
    if told.status == 200 and "rows" in told.json:
        (row,) = told.json["rows"]
        return not row["ok"], row["param"] or ""
    return told.status in {400, 422}, told.json.get("param") or ""


@pytest.mark.parametrize("way", TYPED.values(), ids=TYPED)
def test_no_hostile_address_gets_in(way: Typed, api: AdminApi, network: "Network") -> None:
    account = "" if way.account is None else made(api, way.account)
    before = api.call("GET", "/accounts").text
    wrong = []
    for url in HOSTILE:
        if url in way.fine:
            continue
        refused, param = complaint(way.send(api, account, url))
        if not refused or not (param == way.param or param.endswith(f".{way.param}")):
            wrong.append((url, refused, param))
    assert wrong == []
    assert api.call("GET", "/accounts").text == before
    assert (network.connected, network.resolved) == ([], Counter())


# --- where one is connected to ------------------------------------------------------------------


class Network:
    """Every name that is resolved, and every address that a socket connects to.

    Names lead to `answers`, one list after the other, the last one for ever. Nobody answers at any
    address but `open`.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[list[str]] = [[PUBLIC]]
        self.open: tuple[str, int] = ("", 0)
        self.resolved: Counter[str] = Counter()
        self.connected: list[str] = []
        self._look_up = socket.getaddrinfo
        self._connect = socket.socket.connect
        network = self

        def connect(self: socket.socket, address: Any) -> None:
            network.connected.append(str(address[0]))
            if tuple(address[:2]) != network.open:
                raise ConnectionRefusedError(111, "nobody is there")
            network._connect(self, address)

        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)
        monkeypatch.setattr(socket.socket, "connect", connect)

    def look_up(self, host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        """Addresses are their own names; only names are counted."""
        if ":" in host or host[-1:].isdigit():
            return self._look_up(host, port, *rest, **more)
        self.resolved[host] += 1
        found = [PUBLIC]
        if host != FINE:
            found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


Ask = Callable[[AdminApi, str], object]
"""Does what makes a connection to that base URL; what it answers does not matter."""


def saved(body: dict[str, Any], path: str, method: str = "POST") -> Ask:
    """An account that was saved, and a call below it."""

    def ask(api: AdminApi, base: str) -> object:
        account = made(api, body | {"base_url": base})
        sent = {"model": "gpt-4o"} if method == "POST" else None
        return api.call(method, f"/accounts/{account}/{path}", sent)

    return ask


def tried(body: dict[str, Any], model: str = "gpt-4o", **more: Any) -> Ask:
    """An account that is only tried."""

    def ask(api: AdminApi, base: str) -> object:
        sent = body | {"base_url": base, "model": model, **more}
        return api.call("POST", "/accounts/test", sent)

    return ask


def tried_signing(api: AdminApi, base: str) -> object:
    """A service account that can sign, and gets its tokens at that address if it may."""
    body = service_account(token_uri=f"{base}/token") if "127.0.0.1" in base else service_account()
    return tried(body, "gemini-2.5-flash")(api, base)


def relayed(body: dict[str, Any]) -> Ask:
    """A caller's own call, through a relay that is not on one's own machine."""

    def ask(api: AdminApi, base: str) -> object:
        transport = Transport(Connections(Guard(loopback=False), 8))
        seen = Gateway(transport.handle_request).post("/v1/chat/completions", body)
        assert seen.status == 502
        return seen

    return ask


ASKED: Final[dict[str, Ask]] = {
    "an account that is tried": tried(APIKEY),
    "an account that was saved": saved(APIKEY, "test"),
    "the models of an account": saved(APIKEY, "models", "GET"),
    "a Bedrock account": tried(BEDROCK, "claude-haiku-4-5"),
    "a Vertex account, whose token comes first": tried_signing,
    "an antigravity account, whose token comes first": tried(ANTIGRAVITY, "gemini-2.5-flash"),
    "the credits of an antigravity account": saved(ANTIGRAVITY, "credits", "GET"),
    "a price list": lambda api, base: api.call(
        "POST", "/prices/imports", {"source": "url", "url": base}
    ),
    "a call": relayed(CHAT),
    "a streamed call": relayed(STREAM),
}
BESIDE: Final[dict[str, Ask]] = {
    "a proxy": lambda api, base: tried(APIKEY, proxy=base)(api, f"https://{FINE}"),
    "an upstream behind a proxy": tried(APIKEY, proxy=f"http://{FINE}:3128"),
}
"""Where only one of two names leads inside."""


@pytest.mark.parametrize("ask", [*ASKED.values(), *BESIDE.values()], ids=[*ASKED, *BESIDE])
def test_no_name_leads_inside(ask: Ask, api: AdminApi, network: Network) -> None:
    for number, address in enumerate(ADDRESSES):
        network.answers = [[address], [PUBLIC]] if number % 2 else [[PUBLIC, address]]
        ask(api, f"https://vendor-{number}.example.com")
        assert network.connected == [], address
        assert network.resolved
        network.resolved.clear()


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_name_is_resolved_once_and_its_answer_connected_to(
    ask: Ask, api: AdminApi, network: Network
) -> None:
    network.answers = [[PUBLIC], ["127.0.0.1"]]
    ask(api, "https://rebinding.example.com")
    assert network.connected == [PUBLIC]
    assert list(network.resolved.values())[:1] == [1]


@pytest.mark.parametrize("ask", BESIDE.values(), ids=BESIDE)
def test_a_proxys_name_and_the_upstreams_are_resolved_once_each(
    ask: Ask, api: AdminApi, network: Network
) -> None:
    ask(api, "https://vendor.example.com")
    assert network.connected == [PUBLIC]
    assert network.resolved == {FINE: 1, "vendor.example.com": 1}


INSIDE: Final = (
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "https://vendor.example.com/elsewhere",
    "//10.0.0.1/",
    "file:///etc/passwd",
)
REDIRECTED: Final[dict[str, Ask]] = {
    "an account that is tried": tried(APIKEY),
    "an account that was saved": saved(APIKEY, "test"),
    "the models of an account": saved(APIKEY, "models", "GET"),
    "a Bedrock account": tried(BEDROCK, "claude-haiku-4-5"),
    "the token of a Vertex account": tried_signing,
    "the token of an antigravity account": tried(ANTIGRAVITY, "gemini-2.5-flash"),
    "a price list": lambda api, base: api.call(
        "POST", "/prices/imports", {"source": "url", "url": base}
    ),
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", REDIRECTED.values(), ids=REDIRECTED)
def test_a_redirect_is_not_followed(
    ask: Ask, status: int, local_api: AdminApi, network: Network
) -> None:
    for place in INSIDE:
        with scripted_endpoint(answer(status, {}, f"Location: {place}")) as vendor:
            network.open = ("127.0.0.1", int(vendor.url.rpartition(":")[2]))
            ask(local_api, vendor.url)
            assert len(vendor.heads) == 1
    assert network.connected == ["127.0.0.1"] * len(INSIDE)
    assert network.resolved == Counter()
