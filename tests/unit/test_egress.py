"""Which base URLs and addresses Tollgate may reach: hostile spellings, one by one."""

import ipaddress
import socket

import httpx
import pytest

from tests.hostile_urls import ADDRESSES, HOSTILE, PROXIES_MAY
from tollgate.domain.egress import reachable, read_origin, read_proxy
from tollgate.domain.errors import ValidationFailed
from tollgate.upstream.guard import EgressRefused, Guard, Resolve


def test_there_are_enough_hostile_forms() -> None:
    assert len(HOSTILE) >= 170
    assert len(set(HOSTILE)) == len(HOSTILE)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_base_url_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValidationFailed, match="base_url"):
        read_origin(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_proxy_is_refused_by_name(text: str) -> None:
    if text in PROXIES_MAY:
        assert read_proxy(text).url.lower() in {f"{text.lower()}:80", text.lower()}
        return
    with pytest.raises(ValidationFailed, match=r"^proxy: ") as refused:
        read_proxy(text)
    assert refused.value.param == "proxy"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        pytest.param("http://proxy.example.com", "http://proxy.example.com:80", id="http"),
        pytest.param("https://proxy.example.com/", "https://proxy.example.com:443", id="https"),
        pytest.param("http://93.184.216.34:3128", "http://93.184.216.34:3128", id="an address"),
        pytest.param("https://[2606:4700::1]:8443", "https://[2606:4700::1]:8443", id="of IPv6"),
    ],
)
def test_a_public_proxy_is_kept_in_one_spelling(text: str, url: str) -> None:
    assert read_proxy(text).url == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("socks5://proxy.example.com:1080", "must start with", id="another protocol"),
        pytest.param("http://proxy.example.com/path", "may not have a path", id="a path"),
        pytest.param("http://proxy.example.com:22", "may only use port 80", id="a port of others"),
        pytest.param("http://u:p@proxy.example.com", "user name or password", id="credentials"),
    ],
)
def test_a_proxy_is_an_origin_and_no_more(text: str, reason: str) -> None:
    with pytest.raises(ValidationFailed, match=reason):
        read_proxy(text)


def test_local_mode_allows_a_proxy_on_loopback_at_any_port() -> None:
    assert read_proxy("http://127.0.0.1:81", loopback=True).url == "http://127.0.0.1:81"


def test_credentials_in_an_address_are_not_repeated() -> None:
    with pytest.raises(ValidationFailed) as refused:
        read_origin("https://ann:s3cret@api.example.com", field="url")
    assert "s3cret" not in refused.value.message
    assert refused.value.message.startswith("url: the address may not carry")


def leading_to(addresses: list[str]) -> Resolve:
    return lambda host, port: addresses


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_inner_address_is_connected_to(address: str) -> None:
    reached: list[str] = []

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        reached.append(address)
        raise httpx.ConnectError("refused")

    for answers in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
        guard = Guard(loopback=False, resolve=leading_to(answers), connect=connect)
        with pytest.raises(EgressRefused):
            guard.open("vendor.example.com", 443, 1.0)
    assert reached == []


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.openai.com", "https://api.openai.com:443"),
        ("https://api.openai.com/v1/", "https://api.openai.com:443/v1"),
        ("https://API.Example.com:8443/x", "https://api.example.com:8443/x"),
        ("https://8.8.8.8", "https://8.8.8.8:443"),
        ("https://[2606:4700::1111]:443", "https://[2606:4700::1111]:443"),
    ],
)
def test_a_public_base_url_is_kept_in_one_spelling(text: str, url: str) -> None:
    assert read_origin(text).url == url


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1:9100/v1", "http://localhost:9100", "http://[::1]:9100"]
)
def test_local_mode_allows_loopback_and_nothing_else_inside(text: str) -> None:
    assert read_origin(text, loopback=True).port == 9100
    with pytest.raises(ValidationFailed):
        read_origin("http://192.168.0.1:9100", loopback=True)


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "10.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["2002:7f00:1::"],
        ["224.0.0.1"],
    ],
    ids=["loopback", "one public, one private", "mapped metadata", "6to4", "multicast"],
)
def test_a_name_that_leads_inside_is_never_connected_to(answers: list[str]) -> None:
    reached: list[str] = []

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        reached.append(address)
        raise httpx.ConnectError("refused")

    guard = Guard(loopback=False, resolve=lambda host, port: answers, connect=connect)
    with pytest.raises(EgressRefused):
        guard.open("rebind.example.com", 443, 1.0)
    assert reached == []


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    reached: list[str] = []
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        reached.append(address)
        raise httpx.ConnectError("refused")

    guard = Guard(loopback=False, resolve=lambda host, port: next(answers), connect=connect)
    with pytest.raises(httpx.ConnectError):
        guard.open("rebind.example.com", 443, 1.0)
    assert reached == ["93.184.216.34"]


def test_loopback_is_reachable_only_where_it_is_allowed() -> None:
    address = ipaddress.ip_address("127.0.0.1")
    assert reachable(address, loopback=True)
    assert not reachable(address, loopback=False)
