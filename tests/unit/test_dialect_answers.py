"""What we write ourselves: refusals, lists, and the ends of streams."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tollgate.dialects import Call, Dialect, load
from tollgate.domain import errors
from tollgate.domain.errors import TollgateError

CHAT, EMBEDDINGS, MESSAGES, GEMINI = (
    load(name) for name in ("openai_chat", "openai_embeddings", "anthropic_messages", "gemini")
)
CALL = Call("generate", "gpt-4o", b"{}", stream=True)
SSE = replace(CALL, query="alt=sse")
FAILED = errors.UpstreamFailed("the upstream broke\nthe connection")


def written(dialect: Dialect, error: TollgateError) -> tuple[int, Any]:
    """An error as a dialect writes it before the first byte."""
    status, body = dialect.write_error(error, "req_1")
    return status, json.loads(body)


def test_openai_gets_its_own_shape_with_our_code() -> None:
    error = errors.ModelGroupNotFound("no such group", param="model", detail={"group": "vip"})
    assert written(CHAT, error) == (
        404,
        {
            "error": {
                "message": "no such group",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_group_not_found",
                "request_id": "req_1",
                "metadata": {"group": "vip"},
            }
        },
    )


def test_anthropic_gets_its_own_shape() -> None:
    error = errors.InsufficientBalance("0.10 USD are left; top up", detail={"left": 5})
    assert written(MESSAGES, error) == (
        402,
        {
            "type": "error",
            "error": {
                "type": "billing_error",
                "message": "0.10 USD are left; top up",
                "code": "insufficient_user_quota",
                "metadata": {"left": 5},
            },
            "request_id": "req_1",
        },
    )


def test_google_gets_its_own_shape_with_a_delay_to_wait() -> None:
    error = errors.RateLimited(
        "60 calls a minute", retry_after=7, param="model", detail={"rpm": 60}
    )
    assert written(GEMINI, error) == (
        429,
        {
            "error": {
                "code": 429,
                "message": "60 calls a minute",
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "RATE_LIMIT_EXCEEDED",
                        "domain": "tollgate",
                        "metadata": {"request_id": "req_1", "rpm": "60", "param": "model"},
                    },
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"},
                ],
            }
        },
    )


@pytest.mark.parametrize(
    ("error", "chat", "messages", "gemini"),
    [
        pytest.param(
            errors.InvalidRequest,
            400,
            (400, "invalid_request_error"),
            (400, "INVALID_ARGUMENT"),
            id="malformed",
        ),
        pytest.param(
            errors.RequestTooLarge,
            413,
            (413, "request_too_large"),
            (413, "INVALID_ARGUMENT"),
            id="too large",
        ),
        pytest.param(
            errors.RouteNotFound, 404, (404, "not_found_error"), (404, "NOT_FOUND"), id="no route"
        ),
        pytest.param(
            errors.MethodNotAllowed,
            405,
            (405, "invalid_request_error"),
            (405, "INVALID_ARGUMENT"),
            id="no such method",
        ),
        pytest.param(
            errors.UnsupportedEndpoint,
            501,
            (501, "api_error"),
            (501, "UNIMPLEMENTED"),
            id="not offered",
        ),
        pytest.param(
            errors.InvalidKey,
            401,
            (401, "authentication_error"),
            (401, "UNAUTHENTICATED"),
            id="unknown key",
        ),
        pytest.param(
            errors.GroupNotPermitted,
            403,
            (403, "permission_error"),
            (403, "PERMISSION_DENIED"),
            id="not permitted",
        ),
        pytest.param(
            errors.ModelNotFound,
            404,
            (400, "invalid_request_error"),
            (404, "NOT_FOUND"),
            id="a model not offered is never 404 on Messages",
        ),
        pytest.param(
            errors.ModelGroupNotFound,
            404,
            (400, "invalid_request_error"),
            (404, "NOT_FOUND"),
            id="nor is a model group",
        ),
        pytest.param(
            errors.ModelPriceNotConfigured,
            400,
            (400, "invalid_request_error"),
            (400, "FAILED_PRECONDITION"),
            id="unpriced",
        ),
        pytest.param(
            errors.KeyQuotaExhausted,
            402,
            (402, "billing_error"),
            (402, "FAILED_PRECONDITION"),
            id="nothing left",
        ),
        pytest.param(
            errors.UpstreamRateLimited,
            429,
            (429, "rate_limit_error"),
            (429, "RESOURCE_EXHAUSTED"),
            id="rate limited",
        ),
        pytest.param(
            errors.TollgateError, 500, (500, "api_error"), (500, "INTERNAL"), id="our own failure"
        ),
        pytest.param(
            errors.UpstreamFailed, 502, (502, "api_error"), (502, "INTERNAL"), id="upstream failed"
        ),
        pytest.param(
            errors.NoHealthyAccount,
            503,
            (503, "overloaded_error"),
            (503, "UNAVAILABLE"),
            id="no account",
        ),
        pytest.param(
            errors.UpstreamTimeout,
            504,
            (504, "timeout_error"),
            (504, "DEADLINE_EXCEEDED"),
            id="upstream silent",
        ),
        pytest.param(
            errors.Conflict, 409, (409, "conflict_error"), (409, "ABORTED"), id="conflict"
        ),
        pytest.param(
            errors.VersionMismatch,
            412,
            (412, "invalid_request_error"),
            (412, "FAILED_PRECONDITION"),
            id="another version",
        ),
        pytest.param(
            errors.ValidationFailed,
            422,
            (422, "invalid_request_error"),
            (422, "INVALID_ARGUMENT"),
            id="not valid",
        ),
    ],
)
def test_each_client_gets_the_status_it_does_the_right_thing_with(
    error: type[TollgateError], chat: int, messages: tuple[int, str], gemini: tuple[int, str]
) -> None:
    fact = error("what happened")
    assert written(CHAT, fact)[0] == written(EMBEDDINGS, fact)[0] == chat
    status, body = written(MESSAGES, fact)
    assert (status, body["error"]["type"]) == messages
    status, body = written(GEMINI, fact)
    assert (status, body["error"]["status"]) == gemini
    assert body["error"]["code"] == status


@pytest.mark.parametrize(
    ("dialect", "call", "expected"),
    [
        pytest.param(CHAT, CALL, (b"data: {", b"}\n\n"), id="chat"),
        pytest.param(MESSAGES, CALL, (b"event: error\ndata: {", b"}\n\n"), id="messages"),
        pytest.param(GEMINI, SSE, (b"data: {", b"}\r\n\r\n"), id="gemini events"),
        pytest.param(GEMINI, CALL, (b",\n{", b"}\n]\n"), id="gemini array"),
    ],
)
def test_an_error_within_a_stream_is_one_last_event(
    dialect: Dialect, call: Call, expected: tuple[bytes, bytes]
) -> None:
    event = dialect.write_stream_error(FAILED, call, "req_1")
    begin, end = expected
    assert event.startswith(begin)
    assert event.endswith(end)
    error = json.loads(event[len(begin) - 1 : 1 - len(end)])["error"]
    assert error["message"] == "the upstream broke\nthe connection"
    assert b"[DONE]" not in event


def test_a_chat_we_stop_ends_every_choice_for_its_length() -> None:
    first, second, rest = CHAT.write_stop("time_limit", replace(CALL, choices=2), "req_1").split(
        b"\n\n"
    )
    assert json.loads(first.removeprefix(b"data: ")) == {
        "id": "chatcmpl-req_1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "gpt-4o",
        "choices": [
            {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"},
            {"index": 1, "delta": {}, "logprobs": None, "finish_reason": "length"},
        ],
    }
    assert (second, rest) == (b"data: [DONE]", b"")


@pytest.mark.parametrize(
    ("reason", "kind"), [("time_limit", "timeout_error"), ("balance", "billing_error")]
)
def test_messages_we_stop_end_in_an_error_so_that_they_are_not_continued(
    reason: Any, kind: str
) -> None:
    event = MESSAGES.write_stop(reason, CALL, "req_1")
    assert event.startswith(b"event: error\ndata: ")
    assert json.loads(event.partition(b"data: ")[2])["error"]["type"] == kind


def test_a_gemini_answer_we_stop_ends_for_its_length() -> None:
    event = GEMINI.write_stop("balance", SSE, "req_1")
    assert json.loads(event.removeprefix(b"data: ")) == {
        "candidates": [
            {
                "content": {"parts": [{"text": ""}], "role": "model"},
                "finishReason": "MAX_TOKENS",
                "index": 0,
            }
        ],
        "modelVersion": "gpt-4o",
        "responseId": "req_1",
    }
    array = b'[{"a":1}' + GEMINI.write_stop("balance", CALL, "req_1")
    assert [sorted(chunk) for chunk in json.loads(array)][1] == [
        "candidates",
        "modelVersion",
        "responseId",
    ]


def test_lists_have_the_shape_of_their_clients() -> None:
    assert json.loads(CHAT.write_models(["a"], 5)) == {
        "object": "list",
        "data": [{"id": "a", "object": "model", "created": 5, "owned_by": "tollgate"}],
        "models": [{"id": "a", "slug": "a", "display_name": "a"}],
    }
    claude = {
        "type": "model",
        "id": "a",
        "display_name": "a",
        "created_at": "1970-01-01T00:00:05+00:00",
        "lifecycle": "active",
    }
    assert json.loads(MESSAGES.write_models(["a"], 5)) == {
        "data": [claude],
        "has_more": False,
        "first_id": "a",
        "last_id": "a",
    }
    assert json.loads(MESSAGES.write_models([], 5))["first_id"] is None
    assert json.loads(MESSAGES.write_model("a", 5)) == claude
    google = {
        "name": "models/a",
        "version": "a",
        "displayName": "a",
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
    assert json.loads(GEMINI.write_models(["a"], 5)) == {"models": [google]}
    assert json.loads(GEMINI.write_model("a", 5)) == google
    assert json.loads(EMBEDDINGS.write_model("a", 5))["id"] == "a"
