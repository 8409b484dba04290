"""What API Gateway says when it answers itself: one body that every caller's SDK understands."""

import json
from typing import Any, Final

import pytest

from tests import template
from tollgate.domain.errors import TollgateError

RESPONSES: Final = [
    # type, status, code, may be tried again
    pytest.param("DEFAULT_4XX", None, "invalid_request", False, id="anything else of the caller's"),
    pytest.param("DEFAULT_5XX", None, "internal_error", True, id="anything else of ours"),
    pytest.param("INTEGRATION_FAILURE", 502, "internal_error", True, id="a function crashed"),
    pytest.param("INTEGRATION_TIMEOUT", 504, "upstream_timeout", False, id="15 minutes are over"),
    pytest.param(
        "REQUEST_TOO_LARGE", 413, "request_too_large", False, id="over API Gateway's 10 MB"
    ),
    pytest.param("THROTTLED", 429, "rate_limit_exceeded", True, id="too many at this moment"),
    pytest.param("QUOTA_EXCEEDED", 429, "rate_limit_exceeded", False, id="a usage plan is used up"),
    pytest.param("ACCESS_DENIED", 403, "forbidden", False, id="refused at the door"),
    pytest.param("WAF_FILTERED", 403, "forbidden", False, id="refused by the firewall"),
    pytest.param("MISSING_AUTHENTICATION_TOKEN", 404, "route_not_found", False, id="no such route"),
    pytest.param(
        "INVALID_SIGNATURE", 404, "route_not_found", False, id="no such route, with a key"
    ),
    pytest.param("EXPIRED_TOKEN", 404, "route_not_found", False, id="no such route, signed"),
    pytest.param("RESOURCE_NOT_FOUND", 404, "route_not_found", False, id="no such resource"),
]


def tree(error: type[TollgateError]) -> list[type[TollgateError]]:
    """An error and everything below it."""
    return [error, *(leaf for each in error.__subclasses__() for leaf in tree(each))]


ERRORS: Final = {error.code: error for error in tree(TollgateError)}


def responses() -> dict[str, dict[str, Any]]:
    """Gateway response type → what is said."""
    found: dict[str, dict[str, Any]] = template.properties("Api")["GatewayResponses"]
    return found


def test_every_gateway_response_is_listed_here() -> None:
    assert set(responses()) == {case.values[0] for case in RESPONSES}


@pytest.mark.parametrize(("kind", "status", "code", "retryable"), RESPONSES)
def test_a_gateway_response_reads_like_our_own_errors(
    kind: str, status: int | None, code: str, retryable: bool
) -> None:
    response = responses()[kind]
    text = response["ResponseTemplates"]["application/json"]
    text = text.replace("$context.error.messageString", '"Forbidden"')
    body = json.loads(text.replace("$context.requestId", "c6af9ac6"))
    assert response.get("StatusCode") == status
    assert body["error"].pop("message")
    assert body == {
        "type": "error",
        "error": {"type": ERRORS[code].type, "code": code, "param": None},
        "request_id": "c6af9ac6",
    }
    headers = response["ResponseParameters"]["Headers"]
    assert headers.get("x-should-retry") == (None if retryable else "'false'")
    assert ("retry-after" in headers) is retryable
    assert headers["Access-Control-Allow-Origin"] == "'*'"
    assert headers["x-request-id"] == headers["request-id"] == "context.requestId"


@pytest.mark.parametrize(("kind", "status", "code", "retryable"), RESPONSES)
def test_a_gateway_response_has_the_status_of_its_code(
    kind: str, status: int | None, code: str, retryable: bool
) -> None:
    own = ERRORS[code].status
    assert status in {own, None} or (kind, status, own) == ("INTEGRATION_FAILURE", 502, 500)


def test_binary_bodies_are_listed_one_by_one() -> None:
    types = template.properties("Api")["BinaryMediaTypes"]
    assert "multipart/form-data" in types
    assert [name for name in types if "*" in name or "json" in name or "event-stream" in name] == []
