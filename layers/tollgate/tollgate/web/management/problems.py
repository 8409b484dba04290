"""How a refusal looks to users of the management APIs: RFC 9457 problems, made in one place."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from tollgate.domain.errors import StoreUnavailable, TollgateError, ValidationFailed
from tollgate.store.dynamodb import StoreError
from tollgate.web.management.chinese import in_chinese
from tollgate.web.management.fields import MEANINGS

CONTENT_TYPE: Final = "application/problem+json"
TYPE_BASE: Final = "urn:tollgate:problem:"
MOST_ERRORS: Final = 50


class FieldsRefused(ValidationFailed):
    """The request does not have the form of its route; says which fields, and why."""

    def __init__(self, error: RequestValidationError) -> None:
        self.errors = [field_error(each) for each in error.errors()][:MOST_ERRORS]
        first = self.errors[0] if self.errors else {"field": "body", "message": "is not valid"}
        chinese = in_chinese(next(iter(error.errors()), {"type": ""}))
        super().__init__(
            f"{first['field']}: {first['message']}",
            param=first["field"],
            translations={"zh": f"{first['field']}：{chinese}"},
        )


def field_error(error: Mapping[str, Any]) -> dict[str, str]:
    """Where, rows from 1, and what is wrong; the refused value itself is never repeated."""
    where = [part for part in error["loc"] if part not in {"body", "query", "header", "path"}]
    steps = (f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in where)
    return {
        "field": "".join(steps).removeprefix(".") or "body",
        "message": in_words(error),
        "code": str(error["type"]),
    }


def in_words(error: Mapping[str, Any]) -> str:
    """What is wrong, for people: a pattern by what it means."""
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    pattern = (error.get("ctx") or {}).get("pattern")
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"must be {MEANINGS[pattern]}" if pattern in MEANINGS else said


def translate(error: Exception) -> TollgateError:
    """Any failure as a fact of the one error tree; what nobody foresaw says nothing of itself."""
    if isinstance(error, TollgateError):
        return error
    if isinstance(error, RequestValidationError):
        return FieldsRefused(error)
    if isinstance(error, StoreError):
        return StoreUnavailable("the store did not answer in time; try again", retry_after=1)
    return TollgateError("something went wrong on our side; the request id tells us what")


def problem(error: TollgateError, request_id: str) -> dict[str, Any]:
    """The body of a refusal."""
    body: dict[str, Any] = {
        "type": TYPE_BASE + error.code,
        "title": HTTPStatus(error.status).phrase,
        "status": int(error.status),
        "detail": error.message,
        "code": error.code,
        "param": error.param,
        "request_id": request_id,
        "errors": getattr(error, "errors", []),
    }
    if error.detail:
        body["facts"] = error.detail
    if error.translations:
        body["messages"] = {"en": error.message, **error.translations}
    return body


def problem_headers(error: TollgateError) -> dict[str, str]:
    """The headers that go with a refusal."""
    headers = {"content-type": CONTENT_TYPE}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return headers


def answer(error: Exception, request_id: str) -> dict[str, Any]:
    """A failure as a proxy answer."""
    fact = translate(error)
    return {
        "statusCode": int(fact.status),
        "headers": problem_headers(fact),
        "body": json.dumps(problem(fact, request_id), ensure_ascii=False),
        "isBase64Encoded": False,
    }
