"""Which base URLs and addresses Tollgate may reach: hostile spellings, one by one."""

import ipaddress
import socket

import httpx
import pytest

from tollgate.domain.egress import reachable, read_origin
from tollgate.domain.errors import ValidationFailed
from tollgate.upstream.guard import EgressRefused, Guard

INNER = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "0x0",
    "00000000",
    "127.0.0.1.",
    "127。0。0。1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "foo.localhost",
    "localhost.localdomain",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.100.1",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::127.0.0.1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd00::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2001:0:1::1]",
    "[2001:db8::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "metadata",
    "metadata.google.internal",
    "instance-data.ec2.internal",
    "printer.local",
    "router.lan",
    "nas.home",
    "1.0.0.127.in-addr.arpa",
    "intranet",
    "kubernetes.default.svc.cluster.local",
    "a.internal",
]

FORMS = [
    "http://api.example.com",
    "ftp://api.example.com",
    "file:///etc/passwd",
    "gopher://api.example.com",
    "HTTP://api.example.com",
    "//api.example.com",
    "api.example.com",
    "",
    " ",
    "https://",
    "https:///v1",
    "https:api.example.com",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:///var/run/docker.sock",
    "https://user@api.example.com",
    "https://user:pass@api.example.com",
    "https://api.example.com@127.0.0.1",
    "https://127.0.0.1@api.example.com",
    "https://@api.example.com",
    "https://api.example.com:80",
    "https://api.example.com:22",
    "https://api.example.com:25",
    "https://api.example.com:99999",
    "https://api.example.com:x",
    "https://api.example.com:-1",
    "https://api.example.com?x=1",
    "https://api.example.com/v1?x",
    "https://api.example.com#f",
    "https://api.example.com/#",
    "https://api.example.com/..",
    "https://api.example.com/v1/../admin",
    "https://api.example.com/%2e%2e/x",
    "https://api.example.com/%0d%0aHost:x",
    "https://api.example.com\\@127.0.0.1",
    "https:\\\\api.example.com",
    "https://api.example.com\r\nHost: x",
    "https://api.example.com\tx",
    "https://api.exa mple.com",
    "https://api.example.com/ v1",
    "https://api.example\x00.com",
    "https://аpi.example.com",
    "https://api.example。com",
    "https://api.example.com/ünï",
    "https://-api.example.com",
    "https://api-.example.com",
    "https://api..example.com",
    "https://.example.com",
    "https://api_x.example.com",
    "https://" + "a" * 64 + ".com",
    "https://" + "a." * 130 + "com",
    "https://1",
    "https://1.2.3",
    "https://1.2.3.4.5",
    "https://256.256.256.256",
    "https://0x1.example.0x1",
    "https://example.123",
    "https://[::1",
    "https://::1]",
    "https://[1.2.3.4]",
    "https://[g::1]",
    "https://[v1.x]",
]

HOSTILE = [f"https://{host}" for host in INNER] + FORMS


def test_there_are_enough_hostile_forms() -> None:
    assert len(HOSTILE) >= 130
    assert len(set(HOSTILE)) == len(HOSTILE)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_base_url_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValidationFailed, match="base_url"):
        read_origin(text)


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
