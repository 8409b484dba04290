"""What callers of the local gateway get to see."""

import base64
import json
from typing import Any

import pytest

from local.gateway import response
from local.gateway.response import MalformedAnswer, Refusals

DECLARED = {
    "DEFAULT_4XX": {"ResponseTemplates": {"application/json": '{"all":"$context.error.message"}'}},
    "MISSING_AUTHENTICATION_TOKEN": {
        "StatusCode": 404,
        "ResponseParameters": {"Headers": {"X-Retry": "'false'", "X-Id": "context.requestId"}},
        "ResponseTemplates": {
            "application/json": '{"say":$context.error.messageString,"id":"$context.requestId"}'
        },
    },
}


def test_a_refusal_uses_the_templates_own_words() -> None:
    answer = Refusals(DECLARED).response(response.NO_ROUTE, "r-1")

    assert answer.status == 404
    assert answer.body == b'{"say":"Missing Authentication Token","id":"r-1"}'
    assert answer.headers == [
        (b"content-type", b"application/json"),
        (b"x-retry", b"false"),
        (b"x-id", b"r-1"),
    ]


def test_a_refusal_without_words_of_its_own_uses_those_of_its_family() -> None:
    answer = Refusals(DECLARED).response(response.TOO_LARGE, "r-1")

    assert (answer.status, answer.body) == (413, b'{"all":"Request Too Long"}')


@pytest.mark.parametrize(
    ("refusal", "status", "message"),
    [
        pytest.param(response.NO_ROUTE, 403, "Missing Authentication Token", id="no route"),
        pytest.param(response.TOO_LARGE, 413, "Request Too Long", id="too large"),
        pytest.param(response.BAD_ANSWER, 502, "Internal server error", id="bad answer"),
        pytest.param(response.TOO_LATE, 504, "Endpoint request timed out", id="too late"),
    ],
)
def test_without_a_template_api_gateways_words_stand(
    refusal: response.Refusal, status: int, message: str
) -> None:
    answer = Refusals({}).response(refusal, "r-1")

    assert (answer.status, json.loads(answer.body)) == (status, {"message": message})


def test_a_proxy_answer_is_sent_as_it_says() -> None:
    answer = response.read(
        json.dumps(
            {
                "statusCode": 201,
                "headers": {"Content-Type": "text/plain", "X-Number": 7, "Set-Cookie": "lost"},
                "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
                "body": "é",
            }
        ).encode()
    )

    assert (answer.status, answer.body) == (201, "é".encode())
    assert answer.headers == [
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"content-type", b"text/plain"),
        (b"x-number", b"7"),
    ]


def test_a_binary_proxy_answer_is_decoded_and_has_a_type() -> None:
    body = base64.b64encode(b"\x00\xff").decode()

    answer = response.read(
        json.dumps({"statusCode": 200, "body": body, "isBase64Encoded": True}).encode()
    )

    assert answer.body == b"\x00\xff"
    assert answer.headers == [(b"content-type", b"application/json")]


def test_headers_of_the_connection_are_the_gateways_own() -> None:
    answer = response.begin(
        {"statusCode": 200, "headers": {"Content-Length": "5", "Connection": "x"}}
    )

    assert answer.headers == []


def test_cookies_of_a_streamed_answer_become_headers() -> None:
    answer = response.begin({"headers": {"A": "1"}, "cookies": ["x=1", "y=2"]})

    assert answer.status == 200
    assert answer.headers == [(b"a", b"1"), (b"set-cookie", b"x=1"), (b"set-cookie", b"y=2")]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"null", id="null"),
        pytest.param(b'["x"]', id="a list"),
        pytest.param(b'{"body":"x"}', id="no status"),
        pytest.param(b'{"statusCode":"many"}', id="a status in words"),
        pytest.param(b'{"statusCode":200,"body":{"a":1}}', id="a body that is no text"),
        pytest.param(b'{"statusCode":200,"headers":"x"}', id="headers that are no map"),
        pytest.param(
            b'{"statusCode":200,"body":"%","isBase64Encoded":true}', id="base 64 that is none"
        ),
    ],
)
def test_what_api_gateway_could_not_read_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        response.read(payload)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"statusCode": "many"}, id="a status in words"),
        pytest.param({"headers": ["x"]}, id="headers that are no map"),
    ],
)
def test_so_is_metadata_of_the_wrong_shape(metadata: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        response.begin(metadata)
