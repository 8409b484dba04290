"""The replay upstream on the wire: pace, gates, scripts, faults and many streams at once."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from local.replay.listener import running

CHAT = "/v1/chat/completions"
END = b"data: [DONE]\n\n"
PATIENCE = 5.0


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with running() as url:
        parts = urlsplit(url)
        yield parts.hostname or "", parts.port or 0


class Wire:
    """One connection whose bytes are looked at as they come."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.seen = b""

    def ask(self, model: str, *, key: str = "sk-a", stream: bool = True) -> "Wire":
        body = json.dumps({"model": model, "stream": stream, "messages": []}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nx-api-key: {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        return self

    def until(self, mark: bytes) -> bytes:
        while mark not in self.seen:
            if not (more := self.socket.recv(65536)):
                raise EOFError(self.seen)
            self.seen += more
        return self.seen

    def rest(self) -> bytes:
        while more := self.socket.recv(65536):
            self.seen += more
        return self.seen

    def is_silent(self, seconds: float = 0.1) -> bool:
        self.socket.settimeout(seconds)
        try:
            more = self.socket.recv(65536)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        self.seen += more
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def tell(address: tuple[str, int], method: str, path: str, body: Any = None) -> Any:
    sent = json.dumps(body) if body is not None else None
    with closing(HTTPConnection(*address, timeout=PATIENCE)) as connection:
        connection.request(method, f"/_replay/{path}", sent)
        return json.loads(connection.getresponse().read())


def ask(address: tuple[str, int], model: str, key: str = "sk-a") -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection(*address, timeout=PATIENCE)) as connection:
        connection.request("POST", CHAT, json.dumps({"model": model}), {"x-api-key": key})
        answer = connection.getresponse()
        return answer, answer.read()


def soon(truth: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_one_connection_serves_call_after_call(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.ask("m", stream=False).until(b'"total_tokens":11')
        wire.ask("m").until(b"0\r\n\r\n")
        wire.ask("m+status=500", stream=False).until(b'"server_error"')


def test_requests_sent_together_are_answered_in_order(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.ask("first+delay=50", stream=False).ask("second", stream=False)
        seen = wire.until(b'"model":"second"')
    assert seen.index(b'"model":"first"') < seen.index(b'"model":"second"')


def test_a_caller_who_says_so_gets_the_connection_closed(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.socket.sendall(b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert wire.rest().endswith(b"}")


def test_a_delay_comes_before_the_first_byte_and_a_gap_between_pieces(
    address: tuple[str, int],
) -> None:
    with Wire(address) as wire:
        start = time.monotonic()
        wire.ask("m+chunks=3+delay=100+gap=20").until(b"data: ")
        first = time.monotonic() - start
        wire.until(END)
        whole = time.monotonic() - start
    assert first >= 0.1
    assert whole >= 0.1 + 5 * 0.02  # six pieces: role, three words, finish, [DONE]


def test_a_step_stream_sends_one_more_piece_for_each_release(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.ask("m+step+chunks=2")
        for pieces in range(1, 5):
            wire.until(b"data: ")
            soon(lambda: tell(address, "GET", "stats")["waiting"] == 1)
            assert wire.is_silent(0.03)
            assert wire.seen.count(b"data: ") == pieces
            assert tell(address, "POST", "release", {"count": 1}) == {"released": 1}
            soon(lambda n=pieces + 1: not wire.is_silent(0.01) or wire.seen.count(b"data:") >= n)
        assert wire.until(END).count(b"data: ") == 5


def test_a_release_before_the_wait_is_not_lost(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.ask("m+block+delay=100")
        soon(lambda: tell(address, "GET", "stats")["open"] == 1)
        tell(address, "POST", "release")
        wire.until(END)


def test_blocked_calls_wait_until_the_gates_open_for_good(address: tuple[str, int]) -> None:
    wires = [Wire(address).ask("m+block", key=f"sk-{n % 2}") for n in range(6)]
    soon(lambda: tell(address, "GET", "stats")["waiting"] == 6)
    assert tell(address, "POST", "release", {"key": "sk-0"}) == {"released": 3}
    for wire in wires[::2]:
        wire.until(END)
    assert all(wire.is_silent(0.02) for wire in wires[1::2])
    tell(address, "POST", "release", {"open": True})
    for wire in (*wires, Wire(address).ask("m+block+step")):
        wire.until(END)
        wire.socket.close()


def test_a_script_decides_the_next_calls_of_its_key_alone(address: tuple[str, int]) -> None:
    script = {"key": "sk-a", "behaviours": ["status=429+retry_after=1", "", "status=500"]}
    assert tell(address, "POST", "script", script) == {"waiting": 3}
    assert ask(address, "m", key="sk-b")[0].status == 200
    answers = [ask(address, "m")[0] for _ in range(4)]
    assert [answer.status for answer in answers] == [429, 200, 500, 200]
    assert answers[0].headers["retry-after"] == "1"


def test_a_script_for_any_key_waits_behind_a_keys_own(address: tuple[str, int]) -> None:
    tell(address, "POST", "script", {"behaviours": ["status=503"]})
    tell(address, "POST", "script", {"key": "sk-a", "behaviours": ["status=429"]})
    assert [ask(address, "m")[0].status for _ in range(3)] == [429, 503, 200]


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        pytest.param("script", {"behaviours": ["stat=1"]}, "There is no knob", id="bad knob"),
        pytest.param("script", {}, "behaviours", id="nothing to do"),
        pytest.param("rewind", {}, "No control POST rewind", id="unknown control"),
    ],
)
def test_a_wrong_control_is_refused_in_words(
    address: tuple[str, int], path: str, body: Any, reason: str
) -> None:
    assert reason in tell(address, "POST", path, body)["error"]


def test_what_arrived_can_be_read_back(address: tuple[str, int]) -> None:
    ask(address, "m", key="sk-b")
    answer, body = ask(address, "m", key="sk-a")
    (call,) = tell(address, "GET", "calls?key=sk-a")["calls"]
    assert (call["number"], call["method"], call["path"]) == (2, "POST", CHAT)
    assert (call["key"], call["body"]) == ("sk-a", '{"model": "m"}')
    assert (call["state"], call["sent"]) == ("done", 1)
    assert call["id"] in json.loads(body)["id"]
    assert answer.headers["x-request-id"] == f"req_{call['id']}"
    assert [c["number"] for c in tell(address, "GET", "calls?after=1")["calls"]] == [2]


def test_a_reset_forgets_calls_and_frees_who_waits(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.ask("m+block")
        soon(lambda: tell(address, "GET", "stats")["waiting"] == 1)
        tell(address, "POST", "script", {"behaviours": ["status=503"]})
        tell(address, "POST", "reset")
        wire.until(END)
    assert tell(address, "GET", "calls") == {"calls": []}
    assert ask(address, "m")[0].status == 200


def test_a_caller_who_hangs_up_is_noticed(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.ask("m+step").until(b"data: ")
    soon(lambda: tell(address, "GET", "calls")["calls"][0]["state"] == "gone")
    assert tell(address, "GET", "calls")["calls"][0]["sent"] == 1


@pytest.mark.parametrize(
    ("model", "pieces"),
    [
        pytest.param("m+cut=3", 3, id="in the middle"),
        pytest.param("m+cut=0", 0, id="after the head"),
    ],
)
def test_a_cut_stream_is_reset_after_its_pieces(
    address: tuple[str, int], model: str, pieces: int
) -> None:
    with Wire(address) as wire, pytest.raises(ConnectionResetError):
        wire.ask(model).rest()
    assert wire.seen.startswith(b"HTTP/1.1 200 OK\r\n")
    assert wire.seen.count(b"data: ") == pieces


def test_a_dropped_call_gets_a_reset_and_nothing_else(address: tuple[str, int]) -> None:
    with Wire(address) as wire, pytest.raises(ConnectionResetError):
        wire.ask("m+drop").rest()
    assert wire.seen == b""


def test_a_stream_can_close_without_its_end(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        seen = wire.ask("m+cut=3+how=close").rest()
    assert seen.count(b"data: ") == 3
    assert not seen.endswith(b"0\r\n\r\n")


def test_a_stream_can_end_well_without_its_terminal_event(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        seen = wire.ask("m+cut=3+how=end").until(b"\r\n0\r\n\r\n")
        assert END not in seen
        wire.ask("m").until(END)


@pytest.mark.parametrize(
    ("model", "start"),
    [
        pytest.param("m+hang=accept", b"", id="after accepting"),
        pytest.param("m+hang=head", b"HTTP/1.1 200 OK\r\n", id="in the head"),
        pytest.param("m+hang=0", b"HTTP/1.1 200 OK\r\n", id="after the head"),
        pytest.param("m+hang=2", b"HTTP/1.1 200 OK\r\n", id="after two pieces"),
    ],
)
def test_a_hanging_answer_stays_silent_and_open(
    address: tuple[str, int], model: str, start: bytes
) -> None:
    with Wire(address) as wire:
        wire.ask(model)
        soon(lambda: wire.is_silent(0.1))
        assert wire.seen.startswith(start)
        assert tell(address, "GET", "stats")["open"] == 1


def test_a_short_answer_is_missed_by_a_reader_who_counts(address: tuple[str, int]) -> None:
    with pytest.raises(IncompleteRead):
        ask(address, "m+odd=short")


def test_a_slow_answer_comes_byte_by_byte(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.ask("m+slow=1+chunks=1").until(b"1\r\nd\r\n1\r\na\r\n1\r\nt\r\n")


def test_a_split_stream_cuts_letters_and_still_reads_the_same(address: tuple[str, int]) -> None:
    def said(model: str) -> bytes:
        with closing(HTTPConnection(*address, timeout=PATIENCE)) as connection:
            connection.request("POST", CHAT, json.dumps({"model": model, "stream": True}))
            return connection.getresponse().read()

    assert "世界".encode() in said("m+sse=split+chunks=13")
    assert said("m+sse=split").count(b"data: ") == said("m").count(b"data: ")


def test_an_endless_stream_waits_for_a_reader_who_does_not_read(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.ask("m+sse=endless+size=10000").until(b"data: ")
        counts = [-1]

        def is_stuck() -> bool:
            time.sleep(0.05)
            counts.append(tell(address, "GET", "calls")["calls"][0]["sent"])
            return counts[-1] == counts[-2]

        soon(is_stuck)
        assert counts[-1] < 5000


def test_300_streams_run_side_by_side(address: tuple[str, int]) -> None:
    body = b'{"model": "m+chunks=20+gap=20", "stream": true}'
    request = b"POST %s HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(body)) + body

    async def one() -> int:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        seen = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), PATIENCE * 4)
        writer.close()
        await writer.wait_closed()
        return seen.count(b"data: ")

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(one() for _ in range(300)))

    assert asyncio.run(all_of_them()) == [23] * 300
