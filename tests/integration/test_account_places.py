"""A place on an account is given back however its call ends, and no account takes too many."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.gateway import ACCOUNTS, CHAT, GROUP, STREAM, USAGE, Chunks, Gateway, chat_answer, sse
from tollgate.domain.catalog import Account
from tollgate.store.leases import Lease, Leases

SINGLE = replace(ACCOUNTS[0], concurrency=1)
SPARE = replace(ACCOUNTS[0], id="acc_spare", priority=-1, base_url="https://spare.example.com")
PATH = "/v1/chat/completions"
HEAD = {"choices": [{"index": 0, "delta": {"content": "hello"}}], "id": "c", "model": "gpt-4o"}
END = {"choices": [], "usage": USAGE, "id": "c", "model": "gpt-4o"}


def gateway_of(serve: Callable[[httpx.Request], httpx.Response], *accounts: Account) -> Gateway:
    return Gateway(serve, group=replace(GROUP, accounts=accounts or (SINGLE,)))


def streamed(*chunks: bytes, error: Exception | None = None) -> httpx.Response:
    def produce() -> Iterator[bytes]:
        yield from chunks
        if error is not None:
            raise error

    headers = {"content-type": "text/event-stream"}
    return httpx.Response(200, headers=headers, stream=Chunks(produce()))


def places(gateway: Gateway) -> dict[int, int]:
    return dict(Leases(gateway.dynamo, "state").look(SINGLE.id, 1))


def refused(status: int) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, json={"error": {"message": "no"}})


@pytest.mark.parametrize(
    ("serve", "body"),
    [
        pytest.param(lambda request: chat_answer(USAGE), CHAT, id="a whole answer"),
        pytest.param(
            lambda request: streamed(sse(HEAD, END)), STREAM, id="a stream read to its end"
        ),
        pytest.param(
            lambda request: streamed(sse(HEAD, done=False), error=httpx.ReadError("cut")),
            STREAM,
            id="a stream that breaks off",
        ),
        pytest.param(lambda request: streamed(), STREAM, id="a stream that never begins"),
        pytest.param(refused(400), CHAT, id="a refused call"),
        pytest.param(refused(429), CHAT, id="a rate limit"),
        pytest.param(refused(401), CHAT, id="refused credentials"),
        pytest.param(refused(500), STREAM, id="a failure"),
        pytest.param(lambda request: httpx.Response(200, text="nonsense"), CHAT, id="no JSON"),
    ],
)
def test_a_place_is_given_back(
    serve: Callable[[httpx.Request], httpx.Response], body: dict[str, Any]
) -> None:
    seen: list[dict[int, int]] = []

    def watched(request: httpx.Request) -> httpx.Response:
        seen.append(places(gateway))
        return serve(request)

    gateway = gateway_of(watched)
    gateway.post(PATH, body)
    assert [len(taken) for taken in seen] == [1] * len(seen)
    assert seen
    assert places(gateway) == {}


def test_a_stream_holds_its_place_until_the_caller_has_gone() -> None:
    gateway = gateway_of(lambda request: streamed(sse(HEAD, done=False), sse(END)))
    answer = gateway.send(gateway.event(PATH, STREAM))
    assert next(iter(answer.chunks))
    assert len(places(gateway)) == 1
    answer.chunks.close()
    assert places(gateway) == {}


def test_a_second_stream_goes_to_the_next_account_while_the_first_runs() -> None:
    asked: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return streamed(sse(HEAD, done=False), sse(END))

    gateway = gateway_of(serve, SINGLE, SPARE)
    first = gateway.send(gateway.event(PATH, STREAM))
    gateway.post(PATH, STREAM)
    first.read()
    gateway.post(PATH, STREAM)
    assert asked == ["openai.example.com", "spare.example.com", "openai.example.com"]


def test_a_full_account_is_waited_for_and_then_taken() -> None:
    gateway = gateway_of(lambda request: chat_answer(USAGE))
    other = Leases(gateway.dynamo, "state")
    lease = Lease(SINGLE.id, 0, gateway.now + 900_000, 7)
    assert other.take(lease, gateway.now).got
    began = gateway.now

    def after_a_second(*_: Any) -> None:
        """The call that has the place ends."""
        if gateway.now - began > 1_000:
            gateway.dynamo.before = None
            other.give_back(lease)

    gateway.dynamo.before = after_a_second
    assert gateway.post(PATH, CHAT).status == 200
    assert 1_000 < gateway.now - began < 2_500


def test_a_full_account_is_not_waited_for_longer_than_ten_seconds() -> None:
    gateway = gateway_of(lambda request: pytest.fail("there was no place"))
    lease = Lease(SINGLE.id, 0, gateway.now + 900_000, 7)
    assert Leases(gateway.dynamo, "state").take(lease, gateway.now).got
    began = gateway.now
    answer = gateway.post(PATH, CHAT)
    assert (answer.status, answer.json["error"]["code"]) == (503, "no_available_channel")
    assert int(answer.headers["retry-after"]) > 0
    assert 9_000 <= gateway.now - began <= 10_000
    gateway.settle()
    assert gateway.wallets.read(gateway.profile.user).shards[0].open == {}
