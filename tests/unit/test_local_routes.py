"""Which function answers which request on the local gateway."""

from typing import Any

import pytest

from local.gateway.api import read
from local.template.application import Application, Resource
from local.template.intrinsics import Names
from local.template.played import NotPlayed
from local.template.routes import Route, RouteTable

TABLE = RouteTable(
    [
        Route("ANY", "/", "root"),
        Route("GET", "/healthz", "health"),
        Route("ANY", "/v1/{proxy+}", "relay"),
        Route("GET", "/v1/models", "models"),
        Route("POST", "/v1/models", "make"),
        Route("ANY", "/api/{name}", "one"),
        Route("GET", "/api/{name}/keys/{key}", "key"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        pytest.param("GET", "/", "root", {}, id="the root"),
        pytest.param("HEAD", "/", "root", {}, id="HEAD where any method goes"),
        pytest.param("GET", "/healthz", "health", {}, id="a literal path"),
        pytest.param(
            "POST", "/v1/chat/completions", "relay", {"proxy": "chat/completions"}, id="greedy"
        ),
        pytest.param(
            "POST", "/v1/m/a%2Fb%20c:x", "relay", {"proxy": "m/a/b c:x"}, id="percent-encoded"
        ),
        pytest.param("GET", "/v1/models", "models", {}, id="literal before greedy"),
        pytest.param("POST", "/v1/models", "make", {}, id="by method"),
        pytest.param(
            "GET", "/v1/models/x", "relay", {"proxy": "models/x"}, id="greedy behind literal"
        ),
        pytest.param("PUT", "/api/bob", "one", {"name": "bob"}, id="one segment"),
        pytest.param(
            "GET", "/api/b%C3%A9/keys/7", "key", {"name": "bé", "key": "7"}, id="two segments"
        ),
    ],
)
def test_a_request_finds_its_route(
    method: str, path: str, function: str, parameters: dict[str, str]
) -> None:
    match = TABLE.match(method, path)

    assert match is not None
    assert (match.route.function, match.parameters) == (function, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/nothing", id="unknown path"),
        pytest.param("GET", "/v1", id="greedy needs a segment"),
        pytest.param("GET", "/v1/", id="and not an empty one"),
        pytest.param("HEAD", "/healthz", id="HEAD is not GET"),
        pytest.param("DELETE", "/v1/models", id="the literal resource lacks the method"),
        pytest.param("GET", "/api/bob/keys", id="a path that goes on"),
    ],
)
def test_other_requests_find_none(method: str, path: str) -> None:
    assert TABLE.match(method, path) is None


def _application(**properties: Any) -> Application:
    from pathlib import Path

    api = Resource("Api", "AWS::Serverless::Api", properties)
    return Application(Path(), {"Api": api}, {}, Names({}))


def test_the_api_lists_its_binary_types() -> None:
    assert read(_application(BinaryMediaTypes=["image~1png", "Audio/WAV"]), []).binary == {
        "image/png",
        "audio/wav",
    }


def test_an_api_property_that_would_silently_be_missing_is_refused() -> None:
    with pytest.raises(NotPlayed, match="Cors"):
        read(_application(Cors="'*'"), [])
