"""What Bedrock's refusals are in Anthropic's words: status and body, without what names us."""

import json

import pytest

from tollgate.dialects._bedrock_errors import NO_MODEL, complaint

NAMES = {"us.anthropic.claude-opus-4-6-v1": "claude-public"}
ERROR = "x-amzn-errortype"


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        pytest.param(400, "ValidationException", 400, id="the call is wrong"),
        pytest.param(400, "ValidationException:http://internal.amazon.com/coral/", 400, id="URL"),
        pytest.param(400, "com.amazon.coral.service#ThrottlingException", 429, id="namespace"),
        pytest.param(429, "ThrottlingException", 429, id="throttled"),
        pytest.param(400, "ServiceQuotaExceededException", 429, id="our quota, told with 400"),
        pytest.param(429, "ModelNotReadyException", 503, id="the model is not there yet"),
        pytest.param(424, "ModelErrorException", 502, id="the model failed"),
        pytest.param(424, "ModelStreamErrorException", 502, id="the model's stream failed"),
        pytest.param(408, "ModelTimeoutException", 504, id="the model took too long"),
        pytest.param(500, "InternalServerException", 500, id="AWS failed"),
        pytest.param(503, "ServiceUnavailableException", 503, id="AWS is not there"),
        pytest.param(403, "AccessDeniedException", 403, id="we may not"),
        pytest.param(400, "UnrecognizedClientException", 403, id="our key, told with 400"),
        pytest.param(400, "IncompleteSignatureException", 403, id="our signature"),
        pytest.param(403, "InvalidSignatureException", 403, id="our signature is wrong"),
        pytest.param(400, "ExpiredTokenException", 403, id="our session is over"),
        pytest.param(404, "ResourceNotFoundException", 403, id="our account lacks the model"),
        pytest.param(404, "", 403, id="our account lacks the model, without a word"),
        pytest.param(418, "SomethingNewException", 418, id="nobody knows"),
        pytest.param(529, "", 529, id="no exception"),
    ],
)
def test_statuses(status: int, kind: str, expected: int) -> None:
    assert complaint(status, {ERROR: kind}, b"{}", NAMES).status == expected
    told = b'{"__type":"%b"}' % kind.encode()
    assert complaint(status, {}, told, NAMES).status == expected


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("The provided model identifier is invalid.", id="no such model"),
        pytest.param(
            "Invocation of model ID anthropic.claude-opus-4-6-v1 with on-demand throughput isn't "
            "supported. Retry your request with the ID or ARN of an inference profile.",
            id="only through a profile",
        ),
        pytest.param("You don't have access to the model with the specified ID.", id="no access"),
        pytest.param("This model version has reached the end of its life.", id="too old"),
    ],
)
def test_what_our_account_lacks_is_not_the_callers_fault(message: str) -> None:
    body = json.dumps({"message": message}).encode()
    for status, kind in ((400, "ValidationException"), (403, "AccessDeniedException")):
        told = complaint(status, {ERROR: kind}, body, NAMES)
        assert told.status == 403
        assert NO_MODEL in told.body


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(400, "Operation not allowed", id="not allowed"),
        pytest.param(400, "User: x is not authorized to perform this", id="not authorized"),
        pytest.param(403, "The security token is invalid", id="our key"),
    ],
)
def test_what_our_account_may_not_is_no_missing_model(status: int, message: str) -> None:
    told = complaint(status, {}, json.dumps({"message": message}).encode(), NAMES)
    assert told.status == 403
    assert NO_MODEL not in told.body
    assert b"permission_error" in told.body


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        pytest.param(
            400,
            '{"message":"max_tokens: 9 is over the limit"}',
            "invalid_request_error",
            "max_tokens: 9 is over the limit",
            id="as it is",
        ),
        pytest.param(
            400,
            '{"Message":"messages: empty"}',
            "invalid_request_error",
            "messages: empty",
            id="in capitals, as gateways write",
        ),
        pytest.param(
            413, '{"message":"too large"}', "request_too_large", "too large", id="too large"
        ),
        pytest.param(
            400,
            '{"message":"us.anthropic.claude-opus-4-6-v1 takes no such thing"}',
            "invalid_request_error",
            "claude-public takes no such thing",
            id="the model by the caller's name",
        ),
        pytest.param(
            400,
            '{"message":"User: arn:aws:iam::123456789012:user/bedrock is over, account'
            ' 123456789012 with AKIAIOSFODNN7EXAMPLE"}',
            "invalid_request_error",
            "User: *** is over, account *** with ***",
            id="nothing of ours",
        ),
        pytest.param(
            400,
            '{"message":"1234567890123 is no account"}',
            "invalid_request_error",
            "1234567890123 is no account",
            id="a longer number is no account",
        ),
        pytest.param(
            400,
            "<html>",
            "invalid_request_error",
            "the upstream answered with status 400",
            id="no JSON",
        ),
        pytest.param(
            500, '{"message":7}', "api_error", "the upstream answered with status 500", id="no text"
        ),
        pytest.param(
            422, "[]", "invalid_request_error", "the upstream answered with status 422", id="array"
        ),
    ],
)
def test_words(status: int, body: str, kind: str, message: str) -> None:
    told = complaint(status, {}, body.encode(), NAMES)
    assert json.loads(told.body) == {"type": "error", "error": {"type": kind, "message": message}}
    assert told.status == status
