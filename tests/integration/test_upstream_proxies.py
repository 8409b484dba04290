"""Calls through an account's proxy, over real sockets: tunnels, secrets, pools, and TLS itself."""

import base64
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.certificates import Certified, certified
from tests.scripted_proxy import AGREED, scripted_proxy
from tests.scripted_vendor import CHUNKS, HELLO, WITHIN, asked, says, vendor, waits
from tollgate.domain.errors import UpstreamFailed, UpstreamUnavailable
from tollgate.upstream.client import Target, Upstream, refusal
from tollgate.upstream.connections import Connections, Origin, trust
from tollgate.upstream.guard import Guard
from tollgate.upstream.proxies import Proxy
from tollgate.upstream.transport import Transport

NAME = "vendor.example.com"
BASIC = b"Proxy-Authorization: Basic " + base64.b64encode(b"ann:s3cret") + b"\r\n"


def resolve(host: str, port: int) -> list[str]:
    return {NAME: ["::1", "127.0.0.1"], "inside.example.com": ["127.0.0.1", "10.0.0.1"]}.get(
        host, [host]
    )


@pytest.fixture
def certificate(tmp_path: Path) -> Certified:
    return certified(tmp_path, NAME, "127.0.0.1")


@pytest.fixture
def upstream(certificate: Certified) -> Iterator[Upstream]:
    opened = Upstream(transport=Transport(connections(certificate)))
    yield opened
    opened.close()


def connections(certificate: Certified) -> Connections:
    guard = Guard(loopback=True, resolve=resolve)
    return Connections(guard, 8, tls=lambda: certificate.client)


@pytest.fixture(params=["http", "https"])
def way(request: pytest.FixtureRequest, certificate: Certified) -> ssl.SSLContext | None:
    """How the proxy itself is spoken to."""
    return certificate.server if request.param == "https" else None


# --- tunnels ------------------------------------------------------------------------------------


def test_a_tunnel_leads_to_the_checked_address_and_hides_what_passes(
    certificate: Certified, upstream: Upstream, way: ssl.SSLContext | None
) -> None:
    with vendor(says(HELLO), tls=certificate.server) as scripted, scripted_proxy(tls=way) as proxy:
        through = Proxy(proxy.url, "ann:s3cret")
        target = scripted.target({"authorization": "Bearer upstream"}, NAME, through)
        assert asked(upstream, target) == b"hello"
        to = b"127.0.0.1:%d" % scripted.port
        assert proxy.heads == [
            b"CONNECT " + to + b" HTTP/1.1\r\nHost: " + to + b"\r\n" + BASIC + b"\r\n"
        ]
        assert b"Bearer upstream" not in proxy.carried
        head = scripted.requests[0]
        assert head.startswith(b"POST /v1/chat HTTP/1.1\r\n")
        assert b"vendor.example.com:%d" % scripted.port in head
        assert b"proxy-authorization" not in head.lower()


def test_large_texts_pass_both_tunnels_whole(
    certificate: Certified, upstream: Upstream, way: ssl.SSLContext | None
) -> None:
    size = 700_000
    large = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    with vendor(says(large), tls=certificate.server) as scripted, scripted_proxy(tls=way) as proxy:
        target = scripted.target({"x-long": "y" * 90_000}, NAME, Proxy(proxy.url))
        assert asked(upstream, target) == b"x" * size
        assert b"y" * 90_000 in scripted.requests[0]


def test_an_answer_may_end_with_a_connection_in_a_tunnel(
    certificate: Certified, upstream: Upstream, way: ssl.SSLContext | None
) -> None:
    def farewell(connected: socket.socket) -> None:
        connected.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
        assert isinstance(connected, ssl.SSLSocket)
        connected.unwrap()

    with vendor(farewell, tls=certificate.server) as scripted, scripted_proxy(tls=way) as proxy:
        assert asked(upstream, scripted.target(None, NAME, Proxy(proxy.url))) == b"hello"


def test_a_read_that_waits_in_a_tunnel_is_ended_from_another_thread(
    certificate: Certified, upstream: Upstream, way: ssl.SSLContext | None
) -> None:
    def play(connected: socket.socket) -> None:
        connected.sendall(CHUNKS + b"5\r\nhello\r\n")
        waits(connected)

    with vendor(play, tls=certificate.server) as scripted, scripted_proxy(tls=way) as proxy:
        answer = upstream.send(scripted.target(None, NAME, Proxy(proxy.url)), WITHIN)
        reads = answer.chunks()
        assert next(reads) == b"hello"
        timer, began = threading.Timer(0.1, answer.interrupt), time.monotonic()
        timer.start()
        with pytest.raises(UpstreamFailed):
            next(reads)
        assert time.monotonic() - began < WITHIN / 2
        timer.join()
        answer.close()


def test_a_proxy_is_never_told_of_an_address_inside(certificate: Certified) -> None:
    with vendor(tls=certificate.server) as scripted, scripted_proxy() as proxy:
        through = Upstream(transport=Transport(connections(certificate)))
        target = scripted.target(None, "inside.example.com", Proxy(proxy.url))
        with pytest.raises(UpstreamUnavailable):
            through.send(target, WITHIN)
        assert (proxy.connections, scripted.connections) == (0, 0)


def test_a_proxy_inside_is_not_connected_to(certificate: Certified) -> None:
    guard = Guard(loopback=False, resolve=lambda host, port: resolve(host, port)[1:] or [host])
    strict = Connections(guard, 8, tls=lambda: certificate.client)
    with vendor(tls=certificate.server) as scripted, scripted_proxy() as proxy:
        target = scripted.target(None, "1.1.1.1", Proxy(proxy.url))
        with pytest.raises(UpstreamUnavailable):
            Upstream(transport=Transport(strict)).send(target, WITHIN)
        assert proxy.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", id="who are you"),
        pytest.param(b"HTTP/1.1 403 Forbidden\r\n\r\n", id="not there"),
        pytest.param(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", id="nobody there"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n", id="elsewhere"),
        pytest.param(AGREED + b"HTTP/1.1 200 OK\r\n\r\n", id="bytes before TLS"),
        pytest.param(b"SSH-2.0\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, id="a head without end"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_proxy_that_gives_no_tunnel_is_an_upstream_that_is_not_there(
    answer: bytes, certificate: Certified, upstream: Upstream
) -> None:
    with (
        vendor(says(HELLO), tls=certificate.server) as scripted,
        scripted_proxy(answer) as proxy,
        pytest.raises(UpstreamUnavailable),
    ):
        upstream.send(scripted.target(None, NAME, Proxy(proxy.url)), WITHIN)
    assert scripted.connections == 0


def test_a_proxy_that_does_not_answer_is_given_up(certificate: Certified) -> None:
    with vendor(waits) as silent, vendor(tls=certificate.server) as scripted:
        proxy = Proxy(f"http://127.0.0.1:{silent.port}")
        with pytest.raises(httpx.ConnectTimeout):
            connections(certificate).take(Origin("https", NAME, scripted.port, proxy), 0.1)


def test_an_upstream_behind_a_proxy_must_show_its_own_certificate(
    tmp_path: Path, upstream: Upstream
) -> None:
    stranger = certified(tmp_path, NAME)
    with (
        vendor(says(HELLO), tls=stranger.server) as scripted,
        scripted_proxy() as proxy,
        pytest.raises(UpstreamUnavailable),
    ):
        upstream.send(scripted.target(None, NAME, Proxy(proxy.url)), WITHIN)
    assert scripted.requests == []


# --- without a tunnel: local mode only ----------------------------------------------------------


def test_a_plain_request_names_the_address_and_is_answered_by_the_proxy(
    certificate: Certified, upstream: Upstream, way: ssl.SSLContext | None
) -> None:
    with scripted_proxy(plain=HELLO, tls=way) as proxy:
        through = Proxy(proxy.url, "ann:s3cret")
        url = f"http://{NAME}:9999/v1/chat"
        target = Target(url, {"x-own": "1"}, b'{"a":1}', proxy=through)
        assert asked(upstream, target) == b"hello"
        assert asked(upstream, target) == b"hello"
        assert proxy.connections == 1
        first, *lines = proxy.heads[1].split(b"\r\n")
        assert first == b"POST http://127.0.0.1:9999/v1/chat HTTP/1.1"
        assert BASIC.strip() in lines
        assert b"x-own: 1" in lines
        assert b"host: vendor.example.com:9999" in [line.lower() for line in lines]


def test_a_proxy_that_does_not_know_us_is_an_account_that_cannot_be_used() -> None:
    assert isinstance(refusal(407, None), UpstreamUnavailable)


def test_outside_local_mode_nothing_goes_out_in_clear() -> None:
    reached: list[str] = []

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        reached.append(address)
        raise AssertionError

    guard = Guard(loopback=False, resolve=lambda host, port: ["1.1.1.1"], connect=connect)
    with pytest.raises(UpstreamUnavailable):
        Upstream(transport=Transport(Connections(guard, 1))).send(
            Target(f"http://{NAME}/", {}, b""), WITHIN
        )
    assert reached == []


# --- pools --------------------------------------------------------------------------------------


def test_connections_are_shared_by_who_has_the_same_proxy_and_credentials(
    certificate: Certified, upstream: Upstream
) -> None:
    plays = [says(HELLO)] * 8
    with (
        vendor(*plays, tls=certificate.server) as scripted,
        scripted_proxy() as one,
        scripted_proxy() as other,
    ):
        ways = [
            None,
            Proxy(one.url),
            Proxy(one.url, "ann:s3cret"),
            Proxy(other.url),
        ]
        for way in [*ways, *ways]:
            assert asked(upstream, scripted.target(None, NAME, way)) == b"hello"
        assert scripted.connections == 4
        assert (one.connections, other.connections) == (2, 1)


def test_credentials_of_a_proxy_are_in_no_text_of_it() -> None:
    assert "s3cret" not in repr(Proxy("http://proxy.example.com:8080", "ann:s3cret"))


# --- TLS ----------------------------------------------------------------------------------------


def test_the_name_of_the_certificate_is_the_one_that_was_asked_for(
    tmp_path: Path, upstream: Upstream
) -> None:
    other = certified(tmp_path, "other.example.com")
    trusting = Connections(Guard(loopback=True, resolve=resolve), 1, tls=lambda: other.client)
    with vendor(says(HELLO), tls=other.server) as scripted:
        with pytest.raises(UpstreamUnavailable):
            Upstream(transport=Transport(trusting)).send(scripted.target(None, NAME), WITHIN)
        assert scripted.requests == []


@pytest.mark.parametrize(
    ("days", "newest"),
    [
        pytest.param(-1, ssl.TLSVersion.TLSv1_3, id="a certificate that has ended"),
        pytest.param(1, ssl.TLSVersion.TLSv1_1, id="TLS 1.1"),
    ],
)
def test_old_certificates_and_old_tls_are_refused(
    days: int, newest: ssl.TLSVersion, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python itself warns of TLS 1.1
        old = certified(tmp_path, NAME, days=days, newest=newest)
    trusting = Connections(Guard(loopback=True, resolve=resolve), 1, tls=lambda: old.client)
    with vendor(says(HELLO), tls=old.server) as scripted, pytest.raises(UpstreamUnavailable):
        Upstream(transport=Transport(trusting)).send(scripted.target(None, NAME), WITHIN)


def test_a_certificate_signed_by_itself_is_refused(certificate: Certified) -> None:
    own = Connections(Guard(loopback=True, resolve=resolve), 1)
    with vendor(says(HELLO), tls=certificate.server) as scripted:
        with pytest.raises(UpstreamUnavailable):
            Upstream(transport=Transport(own)).send(scripted.target(None, NAME), WITHIN)
        assert scripted.requests == []


def test_what_tls_is_trusted_is_decided_by_us() -> None:
    assert trust().minimum_version is ssl.TLSVersion.TLSv1_2
    assert trust().verify_mode is ssl.CERT_REQUIRED
    assert trust().check_hostname
