"""What the runtime does for a streamed answer whose handler waits: keep-alives and the deadline."""

import threading
from collections.abc import Iterator

import pytest

from tests.running_runtime import GET, PATIENCE, looping
from tests.scripted_runtime_api import ScriptedRuntimeApi
from tollgate.runtime import watch


class Waiting:
    """A body that sends one event, then waits until it is interrupted or released."""

    def __init__(self, keep_alive: bytes | None) -> None:
        self.keep_alive = keep_alive
        self.freed = threading.Event()
        self.interrupted = False
        self.finished = False
        self.closed = False
        self._chunks = self._produce()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def _produce(self) -> Iterator[bytes]:
        yield b"data: one\n\n"
        yield b"data: two\n\n"
        assert self.freed.wait(PATIENCE)
        yield b"data: stopped\n\n" if self.interrupted else b"data: three\n\n"

    def interrupt(self) -> None:
        self.interrupted = True
        self.freed.set()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is over after a tenth of a second, looked for every 20 ms."""
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 0.1)
    monkeypatch.setattr("tollgate.runtime.loop.WATCHER", watch.Watcher(threading_clock, 0.02))


def threading_clock() -> float:
    """The clock the loop itself uses."""
    import time

    return time.monotonic()


@pytest.mark.usefixtures("impatient")
def test_a_silent_answer_shows_life_between_its_events() -> None:
    body = Waiting(b": keep-alive\n\n")
    with (
        ScriptedRuntimeApi() as api,
        looping(api, lambda event, context: {"status": 200, "headers": {}, "body": body}),
    ):
        call = api.give(GET, {"Lambda-Runtime-Deadline-Ms": "99999999999999"})
        seen = b"".join(call.next_chunk() for _ in range(5))
        body.freed.set()
        assert call.outcome().content.endswith(b"data: three\n\n")
    assert seen.endswith(b"data: one\n\ndata: two\n\n: keep-alive\n\n: keep-alive\n\n")


@pytest.mark.usefixtures("impatient")
def test_where_nothing_may_be_sent_nothing_is_sent() -> None:
    body = Waiting(None)
    with (
        ScriptedRuntimeApi() as api,
        looping(api, lambda event, context: {"status": 200, "headers": {}, "body": body}),
    ):
        call = api.give(GET, {"Lambda-Runtime-Deadline-Ms": "99999999999999"})
        threading.Event().wait(0.4)
        body.freed.set()
        assert call.outcome().content == b"data: one\n\ndata: two\n\ndata: three\n\n"


@pytest.mark.usefixtures("impatient")
def test_an_answer_is_ended_legally_before_its_time_is_over() -> None:
    body = Waiting(None)
    with (
        ScriptedRuntimeApi() as api,
        looping(api, lambda event, context: {"status": 200, "headers": {}, "body": body}),
    ):
        call = api.give(GET, {"Lambda-Runtime-Deadline-Ms": "1"})
        assert call.outcome().content.endswith(b"data: stopped\n\n")
    assert body.interrupted
    assert not body.closed


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_is_complete_is_not_waited_for_though_its_source_lingers() -> None:
    body = Waiting(b": keep-alive\n\n")
    body.finished = True
    with (
        ScriptedRuntimeApi() as api,
        looping(api, lambda event, context: {"status": 200, "headers": {}, "body": body}),
    ):
        call = api.give(GET, {"Lambda-Runtime-Deadline-Ms": "99999999999999"})
        assert call.outcome().content.endswith(b"data: stopped\n\n")
    assert body.interrupted
