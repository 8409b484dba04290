"""The replay upstream's HTTP: where a request ends, whichever way its bytes arrive."""

import pytest

from local.replay.wire import Request, chunk, head, take

HEAD = b"POST /v1/messages?beta=true HTTP/1.1\r\nX-Api-Key: sk-1\r\nContent-Length: 4\r\n"
CHUNKED = (
    b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n"
)


def test_a_request_is_taken_whole_and_what_follows_stays() -> None:
    request, rest = take(HEAD + b"\r\nbodyGET / HTTP/1.1")
    assert request == Request("POST", "/v1/messages?beta=true", HEAD, b"body")
    assert rest == b"GET / HTTP/1.1"


@pytest.mark.parametrize("whole", [HEAD + b"\r\nbody", CHUNKED], ids=["sized", "chunked"])
def test_a_part_of_a_request_is_left_until_the_rest_has_come(whole: bytes) -> None:
    assert all(take(whole[:n]) == (None, whole[:n]) for n in range(len(whole)))
    request, rest = take(whole)
    assert request is not None
    assert rest == b""


def test_a_chunked_body_is_put_together() -> None:
    request, rest = take(CHUNKED + b"GET")
    assert request is not None
    assert (request.body, rest) == (b"abcde", b"GET")


@pytest.mark.parametrize(
    ("target", "header", "key"),
    [
        pytest.param("/", "Authorization: Bearer sk-a", "sk-a", id="bearer"),
        pytest.param("/", "x-api-key: sk-b", "sk-b", id="anthropic's header"),
        pytest.param("/", "X-Goog-Api-Key: sk-c", "sk-c", id="gemini's header"),
        pytest.param("/?key=sk-d", "accept: */*", "sk-d", id="gemini's query"),
        pytest.param("/", "accept: */*", "", id="none"),
    ],
)
def test_the_key_is_found_in_every_carrier(target: str, header: str, key: str) -> None:
    request, _ = take(f"GET {target} HTTP/1.1\r\n{header}\r\n\r\n".encode())
    assert request is not None
    assert request.key == key


def test_a_path_and_its_query_are_decoded() -> None:
    request, _ = take(b"GET /v1beta/models/a%2Bdelay%3D1?alt=sse HTTP/1.1\r\n\r\n")
    assert request is not None
    assert (request.path, request.query) == ("/v1beta/models/a+delay=1", {"alt": "sse"})


@pytest.mark.parametrize(
    ("status", "line"),
    [(200, b"HTTP/1.1 200 OK\r\n"), (529, b"HTTP/1.1 529 Unnamed\r\n")],
    ids=["known", "a vendor's own"],
)
def test_a_head_names_its_status(status: int, line: bytes) -> None:
    assert head(status, {"a": "b"}) == line + b"a: b\r\n\r\n"


def test_a_chunk_carries_its_length_in_hexadecimal() -> None:
    assert chunk(b"x" * 17) == b"11\r\n" + b"x" * 17 + b"\r\n"
