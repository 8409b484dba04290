"""The loop against a scripted Runtime API: what of an answer reaches the wire, and when."""

import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_runtime import GET, PATIENCE, answers, looping, streams
from tests.scripted_runtime_api import ScriptedRuntimeApi
from tollgate.runtime.context import Context

NULS = b"\0" * 8


@pytest.fixture
def api() -> Iterator[ScriptedRuntimeApi]:
    with ScriptedRuntimeApi() as scripted:
        yield scripted


# --- streamed answers ------------------------------------------------------------------------


def test_a_streamed_answer_is_metadata_and_nuls_then_each_chunk_as_it_is(
    api: ScriptedRuntimeApi,
) -> None:
    with looping(api, streams(b"data: 1\n\n", "data: 价\n\n".encode(), x="y")):
        post = api.give(GET).outcome()
    assert post.path == "/invocation/call-1/response"
    assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert post.headers["transfer-encoding"] == "chunked"
    assert post.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert post.headers["trailer"] == (
        "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    )
    assert post.chunks == [
        b'{"statusCode": 200, "headers": {"x": "y"}}' + NULS,
        b"data: 1\n\n",
        b"data: \xe4\xbb\xb7\n\n",
    ]
    assert post.trailers == {}


def test_each_chunk_arrives_before_the_handler_may_make_the_next(api: ScriptedRuntimeApi) -> None:
    allowed: queue.Queue[bytes] = queue.Queue()

    def body() -> Iterator[bytes]:
        for _ in range(5):
            yield allowed.get(timeout=PATIENCE)

    with looping(api, answers({"status": 200, "body": body()})):
        call = api.give(GET)
        for number in range(5):
            allowed.put(b"chunk %d" % number)
            if number == 0:
                assert call.next_chunk().endswith(NULS)
            assert call.next_chunk() == b"chunk %d" % number
        assert call.outcome().content == b"chunk 0chunk 1chunk 2chunk 3chunk 4"


def test_empty_chunks_do_not_end_the_answer(api: ScriptedRuntimeApi) -> None:
    with looping(api, streams(b"", b"a", b"", b"b")):
        assert api.give(GET).outcome().content == b"ab"


def test_an_answer_without_content_is_metadata_alone(api: ScriptedRuntimeApi) -> None:
    with looping(api, streams()):
        post = api.give(GET).outcome()
    assert post.chunks == [b'{"statusCode": 200, "headers": {}}' + NULS]


def test_a_proxy_dict_leaves_in_streaming_form_too(api: ScriptedRuntimeApi) -> None:
    result = {
        "statusCode": 201,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
        "body": "AP8=",
        "isBase64Encoded": True,
    }
    with looping(api, answers(result)):
        post = api.give(GET).outcome()
    assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert post.metadata == {
        "statusCode": 201,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
    }
    assert post.content == b"\x00\xff"


def test_more_than_six_megabytes_stream_through_unchanged(api: ScriptedRuntimeApi) -> None:
    with looping(api, streams(*[bytes([number]) * 1_000_000 for number in range(7)])):
        content = api.give(GET).outcome().content
    assert len(content) == 7_000_000
    assert content[2_999_999:3_000_001] == b"\x02\x03"


def test_the_id_of_a_delivery_is_echoed(api: ScriptedRuntimeApi) -> None:
    def handler(event: Any, context: Context) -> object:
        if event["path"] == "/broken":
            raise ValueError("no")
        return {"statusCode": 200}

    with looping(api, handler):
        for path in ("/", "/broken"):
            call = api.give(GET | {"path": path}, {"Lambda-Runtime-Invocation-Id": f"at{path}"})
            assert call.outcome().headers["lambda-runtime-invocation-id"] == f"at{path}"


# --- events and their context ----------------------------------------------------------------


def test_the_handler_gets_event_request_id_and_deadline(api: ScriptedRuntimeApi) -> None:
    seen: list[tuple[object, str, int]] = []

    def handler(event: object, context: Context) -> object:
        seen.append((event, context.aws_request_id, context.get_remaining_time_in_millis()))
        return {"statusCode": 204}

    deadline = int(time.time() * 1000) + 60_000
    with looping(api, handler):
        call = api.give(GET | {"body": "价"}, {"Lambda-Runtime-Deadline-Ms": str(deadline)})
        call.outcome()
    [(event, request_id, left)] = seen
    assert event == {"httpMethod": "GET", "requestContext": {}, "body": "价"}
    assert request_id == "call-1"
    assert 50_000 < left <= 60_000


def test_an_event_sent_in_chunks_is_put_together(api: ScriptedRuntimeApi) -> None:
    big = "x" * 5_000_000

    def handler(event: Any, context: Context) -> object:
        return {"statusCode": 200, "body": str(len(event["body"]))}

    with looping(api, handler):
        call = api.give(GET | {"body": big}, chunked_event=True)
        assert call.outcome().content == b"5000000"


STRAY = [
    pytest.param({}, id="empty"),
    pytest.param({"warm": True}, id="warm-up"),
    pytest.param([1], id="a list"),
    pytest.param(None, id="null"),
]


@pytest.mark.parametrize("event", STRAY)
def test_a_stray_event_is_acknowledged_without_the_handler(
    api: ScriptedRuntimeApi, event: object
) -> None:
    with looping(api, answers("never asked")):
        post = api.give(event).outcome()
    assert (post.path, post.body) == ("/invocation/call-1/response", b"{}")
    assert "lambda-runtime-function-response-mode" not in post.headers


@pytest.mark.parametrize("event", STRAY)
def test_a_buffered_function_sees_every_event(api: ScriptedRuntimeApi, event: object) -> None:
    def handler(given: object, context: Context) -> object:
        return {"given": given}

    with looping(api, handler, TOLLGATE_RESPONSE_MODE="buffered"):
        assert api.give(event).outcome().json == {"given": event}


# --- buffered answers ------------------------------------------------------------------------


def test_a_buffered_answer_is_plain_json(api: ScriptedRuntimeApi) -> None:
    result = {"statusCode": 200, "body": "价"}
    with looping(api, answers(result), TOLLGATE_RESPONSE_MODE="buffered"):
        post = api.give(GET).outcome()
    assert post.headers["content-type"] == "application/json"
    assert "transfer-encoding" not in post.headers
    assert post.body == b'{"statusCode": 200, "body": "\xe4\xbb\xb7"}'


def test_sam_local_gets_a_stream_in_one_piece(api: ScriptedRuntimeApi) -> None:
    with looping(api, streams(b"data: 1\n\n", b"data: 2\n\n", x=["1", "2"]), AWS_SAM_LOCAL="true"):
        post = api.give(GET).outcome()
    assert post.json == {
        "statusCode": 200,
        "headers": {},
        "multiValueHeaders": {"x": ["1", "2"]},
        "body": "data: 1\n\ndata: 2\n\n",
        "isBase64Encoded": False,
    }
