"""The front, the Runtime API and real workers together: what a caller of the local stack sees."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from local.stack import Stack
from tests import local_applications

pytestmark = pytest.mark.stack

NOWHERE: Final = "http://127.0.0.1:9"
"""No resources in the template: nobody asks the emulator."""
WITHIN: Final = 10.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("application")


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    template = local_applications.copy("calls", folder)
    arguments = ["--workers", "1", "--threads", "16", "--no-seed"]
    with Stack(
        folder / ".local", template=template, emulator=NOWHERE, arguments=arguments
    ) as stack:
        yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=WITHIN) as client:
        yield client


def eventually(truth: Callable[[], bool]) -> bool:
    """Whether something becomes true soon."""
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        if truth():
            return True
        time.sleep(0.02)
    return False


def test_the_function_gets_the_request_as_a_proxy_event(client: httpx.Client) -> None:
    answer = client.post("/v1/echo?a=1&a=2", content=b'{"x":1}', headers={"x-mine": "m"})

    event = answer.json()
    assert answer.status_code == 200
    assert (event["resource"], event["path"]) == ("/v1/{proxy+}", "/v1/echo")
    assert event["body"] == '{"x":1}'
    assert event["headers"]["x-mine"] == "m"
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["requestContext"]["requestId"] == answer.headers["x-amzn-requestid"]
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_a_list_of_values_becomes_several_headers(client: httpx.Client) -> None:
    assert client.get("/v1/echo").headers.get_list("x-list") == ["a", "b"]


def test_the_context_knows_how_long_the_call_may_take(client: httpx.Client) -> None:
    identity, left = client.get("/v1/context").text.split()

    assert len(identity) == 36
    assert 19_000 < int(left) <= 20_000


def test_a_buffered_function_answers_with_a_proxy_dict(client: httpx.Client) -> None:
    answer = client.get("/api/anything")

    assert answer.status_code == 201
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.json()["word"] == "local word"
    assert answer.json()["stage"] == "local"


def test_binary_answers_arrive_as_bytes(client: httpx.Client) -> None:
    assert client.get("/api/binary").content == bytes(range(256))


def test_head_gets_no_body_and_follows_its_route(client: httpx.Client) -> None:
    assert (client.head("/v1/echo").status_code, client.head("/v1/echo").content) == (200, b"")
    assert client.head("/healthz").status_code == 404


def test_each_chunk_arrives_before_the_next_is_made(client: httpx.Client) -> None:
    with client.stream("GET", "/v1/steps") as answer:
        pieces = answer.iter_raw()
        arrived = [next(pieces)]
        for _ in range(4):
            assert client.post("/v1/confirm").status_code == 204
            arrived.append(next(pieces))

    assert arrived == [b"chunk %d\n" % number for number in range(5)]


def test_a_large_stream_arrives_whole_and_in_order(client: httpx.Client) -> None:
    content = client.get("/v1/large").content

    assert len(content) == 320 * 65536
    assert [content[start] for start in range(0, len(content), 65536)] == [
        65 + number % 26 for number in range(320)
    ]


def test_a_caller_who_hangs_up_closes_the_handlers_iterator(
    client: httpx.Client, folder: Path
) -> None:
    with client.stream("GET", "/v1/endless") as answer:
        next(answer.iter_raw())

    assert eventually((folder / "functions" / "stream" / "closed").exists)


def test_a_handler_that_fails_half_way_leaves_an_incomplete_answer(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        client.get("/v1/broken")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/v1/raise", id="the handler raises"),
        pytest.param("/v1/none", id="the handler returns nothing"),
        pytest.param("/api/bad", id="the handler returns what is no answer"),
        pytest.param("/broken", id="the function cannot be loaded"),
    ],
)
def test_a_function_without_an_answer_is_a_502(client: httpx.Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


def test_what_cannot_be_loaded_is_shown_once(stack: Stack, client: httpx.Client) -> None:
    client.get("/broken")

    assert stack.printed.count("broken cannot start: app: broken on purpose") == 1


def test_a_path_without_a_route_gets_the_templates_words(client: httpx.Client) -> None:
    answer = client.get("/nowhere")

    assert answer.status_code == 404
    assert answer.json()["error"] == {"message": "Missing Authentication Token"}
    assert answer.json()["id"] == answer.headers["x-request-id"]
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x" * (10 * 1024 * 1024 + 1), id="more than API Gateway takes"),
        pytest.param(b'"' * (4 * 1024 * 1024), id="more than Lambda takes once it is escaped"),
    ],
)
def test_a_body_that_is_too_large_is_a_413(client: httpx.Client, body: bytes) -> None:
    assert client.post("/v1/echo", content=body).status_code == 413


@pytest.mark.parametrize("room", ["/v1", "/api"])
def test_a_worker_that_crashes_is_a_502_and_is_replaced(client: httpx.Client, room: str) -> None:
    before = client.get(f"{room}/pid").text

    assert client.get(f"{room}/crash").status_code == 502
    assert client.get(f"{room}/pid").text != before


def test_a_buffered_call_past_its_deadline_is_a_504_and_costs_the_worker(
    client: httpx.Client,
) -> None:
    before = client.get("/api/pid").text

    answer = client.get("/api/slow")

    assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})
    assert client.get("/api/pid").text != before


def test_calls_beside_the_one_that_times_out_are_let_finish(client: httpx.Client) -> None:
    before = client.get("/quick/pid").text
    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(client.get, "/quick/hang")
        time.sleep(0.5)
        beside = pool.submit(client.get, "/quick/pieces")

        assert hanging.result().status_code == 504
        assert beside.result().content == b"x" * 8
    assert eventually(lambda: client.get("/quick/pid").text != before)


def test_a_busy_function_gets_a_second_worker(client: httpx.Client) -> None:
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(client.get, "/api/slow")
        time.sleep(0.2)

        assert client.get("/api/anything").status_code == 201
        assert not slow.done()
        assert slow.result().status_code == 504


def test_many_streams_run_at_the_same_time(client: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        begun = time.monotonic()
        answers = list(pool.map(lambda _: client.get("/v1/paced"), range(16)))

    assert [answer.content.count(b"data: x") for answer in answers] == [40] * 16
    assert time.monotonic() - begun < 24  # one after another they take 32


def test_a_caller_who_leaves_while_sending_disturbs_nobody(
    stack: Stack, client: httpx.Client
) -> None:
    host, port = stack.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")

    assert client.get("/healthz").text == "ok"


def test_any_function_can_be_called_through_lambdas_own_api(stack: Stack) -> None:
    url = f"{stack.environment['AWS_ENDPOINT_URL_LAMBDA']}/2015-03-31/functions"

    answer = httpx.post(f"{url}/tollgate-plain/invocations", content=json.dumps({"path": "/x"}))
    failed = httpx.post(f"{url}/tollgate-plain/invocations", content=b"{}")
    unknown = httpx.post(f"{url}/nobody/invocations", content=b"{}")

    assert (answer.status_code, answer.json()["statusCode"]) == (200, 201)
    assert failed.headers["x-amz-function-error"] == "Unhandled"
    assert failed.json()["errorType"] == "KeyError"
    assert unknown.status_code == 404
