"""What the loop tells Lambda of a failure, and what a caller who hangs up sets off."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.running_runtime import GET, PATIENCE, answers, looping, streams
from tests.scripted_runtime_api import ScriptedRuntimeApi
from tollgate.runtime.context import Context
from tollgate.runtime.loop import Handler


@pytest.fixture
def api() -> Iterator[ScriptedRuntimeApi]:
    with ScriptedRuntimeApi() as scripted:
        yield scripted


# --- failures --------------------------------------------------------------------------------


def _fails_at_once(event: object, context: Context) -> object:
    raise LookupError("no such 价")


def _fails_before_its_first_chunk(event: object, context: Context) -> object:
    def body() -> Iterator[bytes]:
        raise LookupError("no such 价")
        yield b"never"  # type: ignore[unreachable]

    return {"status": 200, "body": body()}


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        pytest.param(_fails_at_once, "LookupError", "no such 价", id="in the handler"),
        pytest.param(_fails_before_its_first_chunk, "LookupError", "no such 价", id="in the body"),
        pytest.param(
            answers("text"),
            "MalformedAnswer",
            "The handler returned str; it has no statusCode, nor status and body",
            id="no answer",
        ),
        pytest.param(
            answers({"statusCode": "abc"}),
            "MalformedAnswer",
            "'abc' is no HTTP status",
            id="status",
        ),
        pytest.param(
            answers({"status": 200, "body": iter(["text"])}),
            "TypeError",
            "a bytes-like object",
            id="text in place of bytes",
        ),
    ],
)
def test_an_error_before_the_first_byte_is_reported_and_the_next_call_served(
    api: ScriptedRuntimeApi, handler: Handler, kind: str, message: str
) -> None:
    def first_fails(event: Any, context: Context) -> object:
        return handler(event, context) if "path" not in event else {"statusCode": 204}

    with looping(api, first_fails):
        post = api.give(GET).outcome()
        assert api.give(GET | {"path": "/"}).outcome().metadata["statusCode"] == 204
    assert post.path == "/invocation/call-1/error"
    assert post.headers["lambda-runtime-function-error-type"] == kind
    report = post.json
    assert (report["errorType"], report["requestId"]) == (kind, "call-1")
    assert message in report["errorMessage"]


def test_a_report_shows_where_the_handler_failed(api: ScriptedRuntimeApi) -> None:
    with looping(api, _fails_at_once):
        trace = api.give(GET).outcome().json["stackTrace"]
    assert len(trace) == 1
    assert 'raise LookupError("no such 价")' in trace[0]


def test_an_event_that_is_no_json_is_an_error_of_its_call(api: ScriptedRuntimeApi) -> None:
    with looping(api, answers(None)):
        assert api.give(b"{").outcome().json["errorType"] == "JSONDecodeError"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(lambda: _breaks(OSError("upstream cut")), "OSError", id="the body fails"),
        pytest.param(lambda: iter([b"one", "two"]), "TypeError", id="text in place of bytes"),
    ],
)
def test_an_error_after_the_first_byte_goes_into_the_trailers(
    api: ScriptedRuntimeApi, body: Callable[[], Iterator[bytes]], kind: str
) -> None:
    def handler(event: Any, context: Context) -> object:
        return {"status": 200, "body": body()} if "path" not in event else {"statusCode": 204}

    with looping(api, handler):
        post = api.give(GET).outcome()
        assert api.give(GET | {"path": "/"}).outcome().metadata["statusCode"] == 204
    assert post.path == "/invocation/call-1/response"
    assert post.content == b"one"
    assert post.trailers["lambda-runtime-function-error-type"] == kind
    report = json.loads(base64.b64decode(post.trailers["lambda-runtime-function-error-body"]))
    assert (report["errorType"], report["requestId"]) == (kind, "call-1")
    assert len(api.connections) == 1


def _breaks(error: Exception) -> Iterator[bytes]:
    yield b"one"
    raise error


# --- the caller hangs up ---------------------------------------------------------------------


class Source:
    """An endless body that notes how it was treated."""

    def __init__(self, failing_close: bool = False) -> None:
        self.closed = threading.Event()
        self.made = 0
        self.failing_close = failing_close

    def handler(self, event: Any, context: Context) -> object:
        if "path" in event:
            return {"statusCode": 204}
        return {"status": 200, "body": self.body()}

    def body(self) -> Iterator[bytes]:
        try:
            while True:
                self.made += 1
                yield b"x" * 1000
                time.sleep(0.001)
        finally:
            self.closed.set()
            if self.failing_close:
                raise RuntimeError("the drain failed")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param({"hang_up_after": 2}, id="the connection is cut"),
        pytest.param({"speak_after": 2}, id="the answer is refused half-way"),
    ],
)
@pytest.mark.parametrize("failing_close", [False, True])
def test_a_hang_up_closes_the_body_and_the_next_call_comes_over_a_fresh_connection(
    api: ScriptedRuntimeApi, script: dict[str, Any], failing_close: bool
) -> None:
    source = Source(failing_close)
    with looping(api, source.handler):
        api.give(GET, **script)
        assert source.closed.wait(PATIENCE)
        assert api.give(GET | {"path": "/"}).outcome().metadata["statusCode"] == 204
    assert source.made < 1000
    assert len(api.connections) == 2
    assert [request for request in api.requests if "/error" in request] == []


def test_a_hang_up_in_the_middle_of_a_chunk_is_noticed(
    api: ScriptedRuntimeApi, caplog: pytest.LogCaptureFixture
) -> None:
    with looping(api, streams(b"x" * 50_000_000)):
        api.give(GET, hang_up_after=1)
        api.give({}).outcome()
    assert "The answer was not delivered" in caplog.text


@pytest.mark.parametrize("mode", ["stream", "buffered"])
def test_a_hang_up_after_the_last_byte_is_noticed(
    api: ScriptedRuntimeApi, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    with looping(api, answers({"statusCode": 204}), TOLLGATE_RESPONSE_MODE=mode):
        api.give(GET, accept=None).outcome()
        api.give(GET).outcome()
    assert "The answer was not delivered: The Runtime API closed the connection" in caplog.text


def test_a_body_is_not_closed_when_it_was_read_to_its_end(api: ScriptedRuntimeApi) -> None:
    class Body:
        closed = False

        def __iter__(self) -> "Body":
            return self

        def __next__(self) -> bytes:
            raise StopIteration

        def close(self) -> None:
            self.closed = True

    body = Body()
    with looping(api, answers({"status": 200, "body": body})):
        api.give(GET).outcome()
        api.await_request()
        api.await_request()
    assert not body.closed


def test_a_body_whose_headers_are_refused_is_closed(api: ScriptedRuntimeApi) -> None:
    closed = threading.Event()

    class Body:
        def __next__(self) -> bytes:
            raise AssertionError

        def close(self) -> None:
            closed.set()

    with looping(api, answers({"status": 200, "headers": {"x": None}, "body": Body()})):
        assert api.give(GET).outcome().json["errorType"] == "MalformedAnswer"
    assert closed.is_set()


def test_an_answer_that_is_refused_is_logged_and_the_loop_goes_on(
    api: ScriptedRuntimeApi, caplog: pytest.LogCaptureFixture
) -> None:
    with looping(api, answers({"statusCode": 204})):
        api.give(GET, accept=413).outcome()
        api.give(GET).outcome()
    assert "The answer was not delivered: The Runtime API answered 413" in caplog.text
