"""Calls of users through accounts' proxies: what works, and what a broken proxy comes to."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faulty_vendor import Line, Voice, faulty_vendor
from tests.gateway import ACCOUNTS, CHAT, GROUP, Gateway
from tests.scripted_proxy import scripted_proxy
from tollgate.domain.catalog import Account
from tollgate.upstream.connections import Connections
from tollgate.upstream.guard import Guard
from tollgate.upstream.transport import Transport

VOICE = Voice("openai_chat", stream=False)
ANSWER = VOICE.whole().encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
PROXIED = HEAD % len(ANSWER) + ANSWER


def account(number: int, base_url: str, proxy: str = "") -> Account:
    return replace(
        ACCOUNTS[0], id=f"acc_{number}", priority=-number, base_url=base_url, proxy=proxy
    )


@pytest.fixture
def transport() -> Iterator[Transport]:
    opened = Transport(Connections(Guard(loopback=True), 8))
    yield opened
    opened.close()


def gateway(transport: Transport, *accounts: Account) -> Gateway:
    return Gateway(transport.handle_request, group=replace(GROUP, accounts=accounts))


def test_a_call_goes_to_the_accounts_proxy_and_nowhere_else(transport: Transport) -> None:
    with scripted_proxy(plain=PROXIED) as proxy:
        relayed = gateway(transport, account(0, "http://127.0.0.1:9", proxy.url))
        seen = relayed.post("/v1/chat/completions", VOICE.question)
        assert (seen.status, seen.body) == (200, ANSWER)
        assert proxy.heads[0].startswith(b"POST http://127.0.0.1:9/chat/completions HTTP/1.1\r\n")
    assert relayed.record().charge == 7_500_000


@pytest.mark.parametrize(
    ("plain", "tried"),
    [
        pytest.param(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", 407, id="does not know us"),
        pytest.param(b"HTTP/1.1 502 Gone\r\nContent-Length: 0\r\n\r\n", 502, id="reaches nobody"),
        pytest.param(b"", 0, id="is not there"),
    ],
)
def test_a_proxy_that_fails_is_this_accounts_own_trouble(
    plain: bytes, tried: int, transport: Transport
) -> None:
    def play(line: Line) -> None:
        line.sized(ANSWER)

    with faulty_vendor(play, VOICE) as vendor, scripted_proxy(plain=plain) as proxy:
        url = proxy.url if plain else f"http://127.0.0.1:{closed_port()}"
        direct = f"http://127.0.0.1:{vendor.port}"
        relayed = gateway(transport, account(0, direct, url), account(1, direct))
        seen = relayed.post("/v1/chat/completions", CHAT)
        assert (seen.status, seen.body) == (200, ANSWER)
    record = relayed.record()
    assert [(each["account"], each["status"]) for each in record.attempts] == [
        ("acc_0", tried),
        ("acc_1", 200),
    ]
    assert len(vendor.requests) == 1


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as once:
        return int(once.getsockname()[1])
