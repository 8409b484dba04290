"""How a request looks to a function behind the local gateway."""

import base64
from dataclasses import replace

import pytest

from local.gateway.event import Request, proxy_event
from local.template.routes import Match, Route

REQUEST = Request(
    id="r-1",
    method="POST",
    path="/v1/m/a%2Fb",
    query="key=1&key=2&empty=&name=%C3%A9+x",
    headers=(
        ("host", "127.0.0.1:8700"),
        ("content-type", "application/json; charset=utf-8"),
        ("user-agent", "test"),
        ("accept", "a"),
        ("accept", "b"),
    ),
    body=b'{"text":"\xc3\xa9"}',
    client="127.0.0.9",
    received=1_700_000_000.25,
)
MATCH = Match(Route("ANY", "/v1/{proxy+}", "Relay"), {"proxy": "m/a/b"})
BINARY = frozenset({"image/png"})


def test_the_event_has_the_fields_of_a_rest_proxy_event() -> None:
    event = proxy_event(REQUEST, MATCH, BINARY)

    assert event["resource"] == "/v1/{proxy+}"
    assert event["path"] == "/v1/m/a%2Fb"
    assert event["httpMethod"] == "POST"
    assert event["pathParameters"] == {"proxy": "m/a/b"}
    assert event["stageVariables"] is None
    assert event["body"] == '{"text":"é"}'
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["requestId"] == "r-1"
    assert context["resourcePath"] == "/v1/{proxy+}"
    assert context["stage"] == "local"
    assert context["identity"]["sourceIp"] == "127.0.0.9"
    assert context["identity"]["userAgent"] == "test"
    assert context["requestTimeEpoch"] == 1_700_000_000_250
    assert context["requestTime"] == "14/Nov/2023:22:13:20 +0000"


def test_headers_come_in_both_forms_and_the_last_value_wins_in_the_short_one() -> None:
    event = proxy_event(REQUEST, MATCH, BINARY)

    assert event["headers"]["accept"] == "b"
    assert event["multiValueHeaders"]["accept"] == ["a", "b"]
    assert event["headers"]["x-forwarded-for"] == "127.0.0.9"
    assert event["headers"]["x-forwarded-port"] == "8700"


def test_the_caller_is_added_to_a_forwarded_chain_not_believed() -> None:
    spoofed = replace(REQUEST, headers=(*REQUEST.headers, ("x-forwarded-for", "9.9.9.9")))

    event = proxy_event(spoofed, MATCH, BINARY)

    assert event["headers"]["x-forwarded-for"] == "9.9.9.9, 127.0.0.9"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.9"


def test_the_query_comes_decoded_and_in_both_forms() -> None:
    event = proxy_event(REQUEST, MATCH, BINARY)

    assert event["queryStringParameters"] == {"key": "2", "empty": "", "name": "é x"}
    assert event["multiValueQueryStringParameters"] == {
        "key": ["1", "2"],
        "empty": [""],
        "name": ["é x"],
    }


def test_what_is_not_there_is_null() -> None:
    bare = replace(REQUEST, query="", body=b"")

    event = proxy_event(bare, Match(MATCH.route, {}), BINARY)

    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None
    assert event["pathParameters"] is None
    assert event["body"] is None


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        pytest.param("image/png", b"text", id="a listed type, whatever the bytes"),
        pytest.param("image/png; q=1", b"\x89PNG", id="with parameters"),
        pytest.param("application/json", b"\xff\xfe", id="bytes that are no text"),
    ],
)
def test_binary_bodies_travel_in_base_64(media_type: str, body: bytes) -> None:
    request = replace(REQUEST, headers=(("content-type", media_type),), body=body)

    event = proxy_event(request, MATCH, BINARY)

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body
