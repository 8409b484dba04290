"""How an answer travels through one call of the local stack, byte by byte."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from local.functions.invocation import HIGH_WATER, Invocation, InvocationFailed, TimedOut

PRELUDE = b'{"statusCode":200}' + bytes(8)


class FakeSource:
    """A worker's connection that notes what is asked of it."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def pause_reading(self) -> None:
        self.notes.append("pause")

    def resume_reading(self) -> None:
        self.notes.append("resume")

    def abort(self) -> None:
        self.notes.append("abort")


def within_a_loop(scenario: Callable[[Invocation, FakeSource], Awaitable[None]]) -> None:
    async def run() -> None:
        await asyncio.wait_for(scenario(Invocation("i-1", b"{}", 5.0), FakeSource()), 5)

    asyncio.run(run())


async def body_of(invocation: Invocation) -> bytes:
    return b"".join([piece async for piece in invocation.body()])


def test_a_buffered_answer_is_its_bytes() -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=False)
        invocation.feed(b'{"a":')
        invocation.feed(b"1}")
        invocation.complete({})

        answer = await invocation.answer()

        assert (answer.payload, answer.metadata) == (b'{"a":1}', None)

    within_a_loop(scenario)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_metadata_is_found_however_the_bytes_are_cut(size: int) -> None:
    whole = PRELUDE + b"body\x00\x00\x00\x00\x00\x00\x00\x00more"

    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=True)
        for start in range(0, len(whole), size):
            invocation.feed(whole[start : start + size])
        invocation.complete({})

        assert (await invocation.answer()).metadata == {"statusCode": 200}
        assert await body_of(invocation) == b"body" + bytes(8) + b"more"

    within_a_loop(scenario)


def test_each_piece_can_be_read_before_the_next_is_there() -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=True)
        invocation.feed(PRELUDE)
        pieces = invocation.body()
        for number in range(3):
            invocation.feed(b"%d" % number)
            assert await anext(pieces) == b"%d" % number
        invocation.complete({})
        assert [piece async for piece in pieces] == []

    within_a_loop(scenario)


def test_error_trailers_break_the_answer_off() -> None:
    trailers = {
        "lambda-runtime-function-error-type": "Function.Boom",
        "lambda-runtime-function-error-body": base64.b64encode(b'{"why":"x"}').decode(),
    }

    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=True)
        invocation.feed(PRELUDE + b"half")
        invocation.complete(trailers)

        pieces = invocation.body()
        assert await anext(pieces) == b"half"
        with pytest.raises(InvocationFailed, match=r'Function\.Boom: {"why":"x"}'):
            await anext(pieces)

    within_a_loop(scenario)


def test_a_failure_before_the_first_byte_is_the_answer() -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.fail(TimedOut(2))
        invocation.fail(InvocationFailed("Runtime.ExitError", "too late to matter"))

        with pytest.raises(TimedOut, match=r"Task timed out after 2\.00 seconds"):
            await invocation.answer()

    within_a_loop(scenario)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"statusCode":200}', id="no end of the metadata"),
        pytest.param(b"not json" + bytes(8), id="metadata that is no JSON"),
        pytest.param(b"x" * 20_000, id="metadata without end"),
    ],
)
def test_a_streamed_answer_without_metadata_is_a_failure(sent: bytes) -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=True)
        invocation.feed(sent)
        invocation.complete({})

        with pytest.raises(InvocationFailed, match=r"Runtime\.InvalidPrelude"):
            await invocation.answer()

    within_a_loop(scenario)


def test_a_worker_that_runs_ahead_is_made_to_wait_until_the_caller_has_read() -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=True)
        invocation.feed(PRELUDE)
        invocation.feed(b"x" * (HIGH_WATER + 1))
        assert source.notes == ["pause"]

        assert len(await anext(invocation.body())) == HIGH_WATER + 1
        assert source.notes == ["pause", "resume"]

    within_a_loop(scenario)


def test_a_buffered_answer_is_never_made_to_wait_for_it_must_arrive_whole() -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=False)
        invocation.feed(b"x" * (HIGH_WATER + 1))
        assert source.notes == []

    within_a_loop(scenario)


def test_hanging_up_cuts_a_streamed_answer() -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=True)
        invocation.feed(PRELUDE)
        invocation.hang_up()

        assert source.notes == ["abort"]
        assert await body_of(invocation) == b""

    within_a_loop(scenario)


def test_hanging_up_early_cuts_the_answer_when_it_starts() -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.hang_up()
        with pytest.raises(InvocationFailed, match="nobody waits"):
            await invocation.answer()

        invocation.begin(source, streamed=True)
        assert source.notes == ["abort"]

    within_a_loop(scenario)


@pytest.mark.parametrize("streamed", [True, False])
def test_after_the_last_byte_hanging_up_changes_nothing(streamed: bool) -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=streamed)
        invocation.feed(PRELUDE + b"all")
        invocation.complete({})
        invocation.hang_up()
        assert source.notes == []

    within_a_loop(scenario)


def test_a_streamed_answer_that_times_out_half_way_is_broken_off() -> None:
    async def scenario(invocation: Invocation, source: FakeSource) -> None:
        invocation.begin(source, streamed=True)
        invocation.feed(PRELUDE)
        waiting: asyncio.Task[Any] = asyncio.ensure_future(body_of(invocation))
        await asyncio.sleep(0)
        invocation.fail(TimedOut(5))
        with pytest.raises(TimedOut):
            await waiting

    within_a_loop(scenario)
