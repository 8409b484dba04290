"""Calls to upstreams over real sockets: how answers arrive, break, end, and share connections."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.scripted_vendor import (
    CHUNKS,
    HELLO,
    WITHIN,
    and_hangs_up,
    asked,
    says,
    vendor,
    waits,
)
from tollgate.domain.errors import UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from tollgate.upstream import client
from tollgate.upstream.client import Answer, Target, Upstream
from tollgate.upstream.connections import Connection, Connections, Origin
from tollgate.upstream.guard import Guard
from tollgate.upstream.transport import Transport


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    opened = Upstream(loopback=True)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(HELLO, id="announced length"),
        pytest.param(CHUNKS + b"5\r\nhello\r\n0\r\n\r\n", id="chunks"),
        pytest.param(CHUNKS + b"5;x=1\r\nhello\r\n0\r\na: b\r\n\r\n", id="chunks with a trailer"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO, id="after an interim answer"),
    ],
)
def test_a_connection_is_used_again_after_a_whole_answer(first: bytes, upstream: Upstream) -> None:
    with vendor(says(first), says(HELLO)) as scripted:
        assert asked(upstream, scripted.target()) == b"hello"
        assert asked(upstream, scripted.target()) == b"hello"
        assert scripted.connections == 1


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(HELLO + b"HTTP/1.1 200 OK\r\n", id="bytes behind the answer"),
        pytest.param(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), id="told so"),
        pytest.param(HELLO.replace(b"1.1", b"1.0"), id="an older server"),
    ],
)
def test_a_connection_is_not_used_again_when_that_is_not_sure_to_be_right(
    first: bytes, upstream: Upstream
) -> None:
    with vendor(says(first), says(HELLO)) as scripted:
        assert asked(upstream, scripted.target()) == b"hello"
        assert asked(upstream, scripted.target()) == b"hello"
        assert scripted.connections == 2


def test_a_connection_whose_answer_was_not_read_to_its_end_is_closed(upstream: Upstream) -> None:
    with vendor(says(CHUNKS + b"5\r\nhello\r\n"), says(HELLO)) as scripted:
        answer = upstream.send(scripted.target(), WITHIN)
        assert next(answer.chunks()) == b"hello"
        answer.close()
        assert asked(upstream, scripted.target()) == b"hello"
        assert scripted.connections == 2


def test_a_connection_that_was_closed_while_unused_is_not_used(upstream: Upstream) -> None:
    with vendor(and_hangs_up(HELLO), says(HELLO)) as scripted:
        assert asked(upstream, scripted.target()) == b"hello"
        time.sleep(0.1)
        assert asked(upstream, scripted.target()) == b"hello"
        assert len(scripted.requests) == 2


def test_a_connection_that_was_unused_for_too_long_is_not_used() -> None:
    now = [0.0]
    with vendor(says(HELLO), says(HELLO), says(HELLO)) as scripted:
        connections = Connections(Guard(loopback=True), 8, lambda: now[0])
        upstream = Upstream(transport=Transport(connections))
        asked(upstream, scripted.target())
        now[0] = 60.0
        asked(upstream, scripted.target())
        assert scripted.connections == 1
        now[0] = 121.0
        asked(upstream, scripted.target())
        assert scripted.connections == 2
        upstream.close()


def test_only_so_many_unused_connections_are_kept() -> None:
    with vendor(says(HELLO)) as scripted:
        connections = Connections(Guard(loopback=True), 1)
        origin = Origin("http", "127.0.0.1", scripted.port)
        first, second = (connections.take(origin, WITHIN) for _ in range(2))
        connections.give(first)
        connections.give(second)
        assert connections.take(origin, WITHIN) is first
        third = connections.take(origin, WITHIN)
        assert third is not second
        third.close()
        connections.give(first)
        connections.close()
        fourth = connections.take(origin, WITHIN)
        assert fourth is not first
        fourth.close()


def test_what_arrives_is_given_on_at_once_and_whole(upstream: Upstream) -> None:
    go = threading.Event()

    def play(connected: socket.socket) -> None:
        connected.sendall(CHUNKS + b"3\r\none\r\n3\r\ntwo\r\n")
        go.wait(WITHIN)
        connected.sendall(b"5\r\nth")

    with vendor(play) as scripted:
        reads = upstream.send(scripted.target(), WITHIN).chunks()
        assert next(reads) == b"onetwo"
        go.set()
        assert next(reads) == b"th"


def test_a_large_answer_comes_in_reads_of_bounded_size(upstream: Upstream) -> None:
    size = 1_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    with vendor(says(head + b"x" * size)) as scripted:
        reads = list(upstream.send(scripted.target(), WITHIN).chunks())
        assert sum(map(len, reads)) == size
        assert max(map(len, reads)) <= 8_192


def test_an_answer_may_end_with_its_connection(upstream: Upstream) -> None:
    with vendor(and_hangs_up(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo")) as scripted:
        assert asked(upstream, scripted.target()) == b"hello"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([CHUNKS + b"5\r\nhel"], id="within a chunk"),
        pytest.param([CHUNKS + b"5\r\nhello\r\n"], id="before the last chunk"),
        pytest.param([CHUNKS + b"5\r\nhello\r\n0\r\n"], id="before the end of the trailer"),
        pytest.param([HELLO[:-1]], id="before the announced length"),
        pytest.param([CHUNKS + b"5\r\nhello\r\nx\r\n"], id="something that is no chunk"),
    ],
)
def test_an_answer_that_breaks_off_is_a_failure(pieces: list[bytes], upstream: Upstream) -> None:
    with vendor(and_hangs_up(*pieces)) as scripted:
        answer = upstream.send(scripted.target(), WITHIN)
        with pytest.raises(UpstreamFailed):
            answer.read()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConte", id="half a head"),
        pytest.param(b"SSH-2.0\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="no length"),
    ],
)
def test_an_upstream_without_an_answer_is_a_failure(text: bytes, upstream: Upstream) -> None:
    with vendor(and_hangs_up(text)) as scripted, pytest.raises(UpstreamFailed):
        upstream.send(scripted.target(), WITHIN)


def test_an_answer_that_came_before_the_request_was_read_counts(upstream: Upstream) -> None:
    too_large = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"

    def refuse(listener: socket.socket) -> None:
        connected, _ = listener.accept()
        connected.recv(16)
        connected.sendall(too_large)
        connected.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
        connected.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=refuse, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        answer = upstream.send(Target(url, {}, b"x" * 64), WITHIN)
        assert answer.status == 413
        answer.close()


def test_silence_ends_in_time(upstream: Upstream) -> None:
    with vendor(waits) as scripted, pytest.raises(UpstreamTimeout):
        upstream.send(scripted.target(), 0.1)


def test_silence_within_an_answer_ends_in_time(upstream: Upstream) -> None:
    def play(connected: socket.socket) -> None:
        connected.sendall(CHUNKS + b"5\r\nhello\r\n")
        waits(connected)

    with vendor(play) as scripted:
        reads = upstream.send(scripted.target(), 0.2).chunks()
        assert next(reads) == b"hello"
        with pytest.raises(UpstreamTimeout):
            next(reads)


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "drop by drop"])
def test_a_text_is_waited_for_no_longer_than_it_is_worth(drips: bool, upstream: Upstream) -> None:
    def play(connected: socket.socket) -> None:
        connected.sendall(b"HTTP/1.1 500 Broken\r\nContent-Length: 9999\r\n\r\n")
        for _ in range(200 * drips):
            connected.sendall(b"x")
            time.sleep(0.01)
        waits(connected)

    with vendor(play) as scripted:
        answer, began = upstream.send(scripted.target(), WITHIN), time.monotonic()
        with pytest.raises(UpstreamTimeout):
            answer.read(64 * 1024, 0.1)
        assert time.monotonic() - began < WITHIN / 2
        answer.close()


def test_nobody_at_the_address_is_an_upstream_that_is_not_there(upstream: Upstream) -> None:
    with vendor() as scripted:
        target = scripted.target()
    with pytest.raises(UpstreamUnavailable):
        upstream.send(target, WITHIN)


def test_an_address_inside_is_not_connected_to() -> None:
    with vendor(says(HELLO)) as scripted:
        with pytest.raises(UpstreamUnavailable):
            Upstream(loopback=False).send(scripted.target(), WITHIN)
        assert scripted.connections == 0


def test_only_http_is_spoken(upstream: Upstream) -> None:
    with pytest.raises(UpstreamFailed):
        upstream.send(Target("ftp://127.0.0.1/x", {}, b""), WITHIN)


def test_tls_is_refused_where_the_certificate_is_nobodys(upstream: Upstream) -> None:
    with vendor(says(HELLO)) as scripted, pytest.raises(UpstreamUnavailable):
        upstream.send(Target(f"https://127.0.0.1:{scripted.port}/", {}, b""), WITHIN)


def interrupted_soon(answer: Answer) -> threading.Thread:
    timer = threading.Timer(0.1, answer.interrupt)
    timer.start()
    return timer


def test_a_read_that_waits_is_ended_from_another_thread(upstream: Upstream) -> None:
    def play(connected: socket.socket) -> None:
        connected.sendall(CHUNKS + b"5\r\nhello\r\n")
        waits(connected)

    with vendor(play) as scripted:
        answer = upstream.send(scripted.target(), WITHIN)
        reads = answer.chunks()
        assert next(reads) == b"hello"
        thread, began = interrupted_soon(answer), time.monotonic()
        with pytest.raises(UpstreamFailed):
            next(reads)
        assert time.monotonic() - began < WITHIN / 2
        assert answer.interrupted
        thread.join()


def test_an_interruption_after_the_end_harms_nobody_who_uses_the_connection_next(
    upstream: Upstream,
) -> None:
    with vendor(says(HELLO), says(HELLO)) as scripted:
        first = upstream.send(scripted.target(), WITHIN)
        assert first.read() == b"hello"
        second = upstream.send(scripted.target(), WITHIN)
        first.interrupt()
        assert second.read() == b"hello"
        assert scripted.connections == 1


def test_a_connection_may_be_interrupted_after_it_was_closed() -> None:
    with vendor() as scripted:
        opened = socket.create_connection(("127.0.0.1", scripted.port))
        connection = Connection(Origin("http", "127.0.0.1", scripted.port), opened)
        connection.close()
        connection.interrupt()


def test_compression_nobody_asked_for_is_undone(upstream: Upstream) -> None:
    packed = gzip.compress(b"hello" * 100)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with vendor(says(head + packed[:20], packed[20:])) as scripted:
        assert asked(upstream, scripted.target()) == b"hello" * 100


def test_the_request_is_written_as_it_was_given(upstream: Upstream) -> None:
    with vendor(says(HELLO)) as scripted:
        asked(upstream, scripted.target({"authorization": "Bearer x"}))
        head, _, body = scripted.requests[0].partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        assert first == b"POST /v1/chat HTTP/1.1"
        assert {line.lower() for line in lines} == {
            b"host: 127.0.0.1:%d" % scripted.port,
            b"accept-encoding: identity",
            b"authorization: bearer x",
            b"content-length: 7",
        }
        assert body == b'{"a":1}'


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
def test_a_header_cannot_smuggle_in_another_one(value: str, upstream: Upstream) -> None:
    with vendor(says(HELLO)) as scripted:
        with pytest.raises(UpstreamFailed):
            upstream.send(scripted.target({"accept": value}), WITHIN)
        assert scripted.connections == 0


def test_several_headers_of_one_name_are_joined() -> None:
    headers = httpx.Headers([("Via", "a"), ("via", "b"), ("X-One", "c")])
    assert client.plain(headers) == {"via": "a, b", "x-one": "c"}


def test_an_upstreams_cookies_are_not_kept(upstream: Upstream) -> None:
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1\r\nContent-Length: 0\r\n\r\n"
    with vendor(says(head), says(HELLO)) as scripted:
        assert asked(upstream, scripted.target()) == b""
        assert asked(upstream, scripted.target()) == b"hello"
        assert b"cookie" not in scripted.requests[1].lower()
