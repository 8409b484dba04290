"""How a refusal looks in each vendor's words: body, and the status where a client's habits count.

What happened, the number behind it and what to do stand in the message; our own code and the
request id are in every body, so that people can quote them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from tollgate.dialects import StopReason
from tollgate.dialects._writing import compact
from tollgate.domain.errors import (
    InsufficientBalance,
    InsufficientQuota,
    ModelGroupNotFound,
    ModelNotFound,
    ModelPriceNotConfigured,
    TollgateError,
    UpstreamTimeout,
)

STOPS: Final[Mapping[StopReason, TollgateError]] = {
    "time_limit": UpstreamTimeout(
        "this answer reached the gateway's time limit and was ended; what came before is complete"
    ),
    "balance": InsufficientBalance(
        "the balance ran out during this answer, which was ended; top up and continue"
    ),
}
"""What we say when we end a stream whose format has no other end for it."""

ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
GEMINI_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    428: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
ERROR_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"

NOT_OFFERED: Final = (ModelNotFound, ModelGroupNotFound)
"""Said with 400 on Messages: Claude Code repeats a 404 and hides its text."""

UNMET: Final = (InsufficientQuota, ModelPriceNotConfigured)
"""Refusals that somebody must first do something about, whatever their status."""


def openai(error: TollgateError, request_id: str) -> tuple[int, bytes]:
    """The shape of OpenAI and of all who speak like it."""
    body: dict[str, Any] = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
        "request_id": request_id,
    }
    if error.detail:
        body["metadata"] = error.detail
    return int(error.status), compact({"error": body})


def anthropic(error: TollgateError, request_id: str) -> tuple[int, bytes]:
    """The shape of Anthropic's Messages."""
    status = HTTPStatus.BAD_REQUEST if isinstance(error, NOT_OFFERED) else error.status
    usual = "api_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ANTHROPIC_TYPES[400]
    body: dict[str, Any] = {
        "type": ANTHROPIC_TYPES.get(status, usual),
        "message": error.message,
        "code": error.code,
    }
    if error.param:
        body["param"] = error.param
    if error.detail:
        body["metadata"] = error.detail
    return int(status), compact({"type": "error", "error": body, "request_id": request_id})


def gemini(error: TollgateError, request_id: str) -> tuple[int, bytes]:
    """The shape of Google's APIs: an enum of theirs, our code as the reason."""
    usual = "INTERNAL" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "INVALID_ARGUMENT"
    facts = {"request_id": request_id, **{k: str(v) for k, v in error.detail.items()}}
    if error.param:
        facts["param"] = error.param
    details: list[dict[str, Any]] = [
        {
            "@type": ERROR_INFO,
            "reason": error.code.upper(),
            "domain": "tollgate",
            "metadata": facts,
        }
    ]
    if error.retry_after is not None:
        details.append({"@type": RETRY_INFO, "retryDelay": f"{error.retry_after}s"})
    unmet = "FAILED_PRECONDITION" if isinstance(error, UNMET) else usual
    status = unmet if isinstance(error, UNMET) else GEMINI_STATUSES.get(error.status, usual)
    body = {
        "code": int(error.status),
        "message": error.message,
        "status": status,
        "details": details,
    }
    return int(error.status), compact({"error": body})
