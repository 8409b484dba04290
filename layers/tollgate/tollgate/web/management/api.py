"""The way every management call takes: route, caller, permission, form, handler, answer.

Who calls is settled before anything is said about the request itself. Powertools' resolver then
validates and dispatches; it keeps the event on a class, so one call at a time passes through it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from tollgate.dialects import _json as strict_json
from tollgate.domain.errors import (
    Forbidden,
    MethodNotAllowed,
    RequestTooLarge,
    RouteNotFound,
    TollgateError,
    UnsupportedContentType,
)
from tollgate.store.dynamodb import StoreError
from tollgate.web.management import problems
from tollgate.web.management.calls import CURRENT, Call, Caller, current
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.versions import etag
from tollgate.web.requests import Request, read_event

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
ALLOWED_HEADERS: Final = "authorization, content-type, idempotency-key, if-match, x-csrf-token"
RESOLVER: Final = Lock()

Authenticate = Callable[[Request, Endpoint | None], Caller]
"""Says who calls; raises Unauthenticated, also for paths that do not exist."""

Log = Callable[[Mapping[str, Any]], None]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Doors:
    """What an API is given: who may enter, from which origins browsers may, and where it logs.

    `cookies` says that callers are known by a cookie and not by a bearer token.
    """

    authenticate: Authenticate
    new_request_id: Callable[[], str]
    log: Log
    origins: str = ""
    cookies: bool = False


class Api:
    """Answers API Gateway proxy events on the routes of one API."""

    def __init__(self, endpoints: Iterable[Endpoint], doors: Doors) -> None:
        self.endpoints = tuple(endpoints)
        self.resolver = resolver(self.endpoints)
        self._doors = doors
        self._origins = frozenset(doors.origins.split(",")) - {""}

    def __call__(self, event: Mapping[str, Any], context: Any) -> Answer:
        """Answer one event; every refusal is a problem of docs/reference/errors.md."""
        request_id = self._request_id(event)
        caller = Caller("", "", frozenset())
        try:
            request = read_event(event)
            if request.method == "OPTIONS":
                answer = preflight(self.endpoints, request.path)
            else:
                endpoint = find(self.endpoints, request)
                caller = self._doors.authenticate(request, endpoint)
                call = Call(
                    caller, request.source_ip, request_id, request.method, request.path,
                    request.headers,
                )  # fmt: skip
                answer = self._dispatch(endpoint, request, call, (event, context))
        except (TollgateError, StoreError) as error:
            answer = problems.answer(error, request_id)
        self._log(event, answer, caller, request_id)
        return self._finished(answer, event, request_id)

    def _dispatch(
        self, endpoint: Endpoint | None, request: Request, call: Call, raw: tuple[Any, Any]
    ) -> Answer:
        if endpoint is None:
            raise missing(self.endpoints, request)
        if endpoint.permission and endpoint.permission not in call.caller.permissions:
            raise Forbidden(f"your role may not do this; it takes {endpoint.permission}")
        endpoint.check_query(request.query)
        text = checked_body(request, endpoint.body_limit) if endpoint.body else None
        if endpoint.file:
            call = replace(call, body=checked_file(request, endpoint.body_limit))
        event = {**raw[0], "body": text, "isBase64Encoded": False}
        token = CURRENT.set(call)
        try:
            with RESOLVER:
                return self.resolver.resolve(event, raw[1])
        finally:
            CURRENT.reset(token)

    def _request_id(self, event: Mapping[str, Any]) -> str:
        given = str((event.get("requestContext") or {}).get("requestId") or "")
        return given if REQUEST_ID.fullmatch(given) else self._doors.new_request_id()

    def _log(
        self, event: Mapping[str, Any], answer: Answer, caller: Caller, request_id: str
    ) -> None:
        self._doors.log(
            {
                "method": event.get("httpMethod"),
                "path": event.get("path"),
                "status": answer["statusCode"],
                "actor": caller.actor,
                "role": caller.role,
                "request_id": request_id,
            }
        )

    def _finished(self, answer: Answer, event: Mapping[str, Any], request_id: str) -> Answer:
        sent = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        headers = dict(answer.pop("headers", None) or {})
        for name, values in (answer.pop("multiValueHeaders", None) or {}).items():
            headers[name] = ", ".join(values)
        headers |= {
            "x-request-id": request_id,
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        if self._doors.cookies and "www-authenticate" in headers:
            headers["www-authenticate"] = "Cookie"
        return {**answer, "headers": headers | self._cors(sent.get("origin", ""))}

    def _cors(self, origin: str) -> dict[str, str]:
        if not origin or origin not in self._origins:
            return {}
        credentials = {"access-control-allow-credentials": "true"} if self._doors.cookies else {}
        return credentials | {
            "access-control-allow-origin": origin,
            "access-control-allow-headers": ALLOWED_HEADERS,
            "access-control-expose-headers": "etag, x-request-id, retry-after",
            "vary": "origin",
        }


def find(endpoints: Iterable[Endpoint], request: Request) -> Endpoint | None:
    """The route a request takes; fixed paths go before those with variables."""
    fits = [
        endpoint
        for endpoint in endpoints
        if endpoint.method == request.method and endpoint.pattern.fullmatch(request.path)
    ]
    return min(fits, key=lambda endpoint: endpoint.path.count("<"), default=None)


def methods(endpoints: Iterable[Endpoint], path: str) -> list[str]:
    """What may be done at a path."""
    return sorted({each.method for each in endpoints if each.pattern.fullmatch(path)})


def missing(endpoints: Iterable[Endpoint], request: Request) -> TollgateError:
    """Why no route fits."""
    there = methods(endpoints, request.path)
    if there:
        return MethodNotAllowed(f"{request.method} is not possible here; use {', '.join(there)}")
    return RouteNotFound("there is nothing at this address")


def preflight(endpoints: Iterable[Endpoint], path: str) -> Answer:
    """What a browser asks before it sends something."""
    allowed = {"access-control-allow-methods": ", ".join(methods(endpoints, path))}
    return {"statusCode": 204, "headers": allowed, "body": "", "isBase64Encoded": False}


def checked_body(request: Request, limit: int) -> str:
    """The text of a body that is one strict JSON object.

    Raises:
        InvalidRequest, RequestTooLarge, UnsupportedContentType: it is not.
    """
    return strict_json.read(checked_file(request, limit)).text


def checked_file(request: Request, limit: int) -> bytes:
    """A body that says it is JSON, whatever is in it.

    Raises:
        RequestTooLarge, UnsupportedContentType: it is too large, or says something else.
    """
    if len(request.body) > limit:
        raise RequestTooLarge(f"the body has {len(request.body)} bytes; the limit is {limit}")
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind.lower() != "application/json":
        raise UnsupportedContentType(f"send application/json, not {kind}")
    return request.body


def resolver(endpoints: Iterable[Endpoint]) -> APIGatewayRestResolver:
    """Powertools' resolver over these routes, validating what comes and what goes."""
    app = APIGatewayRestResolver(enable_validation=True)
    app.use([versioned])
    for endpoint in sorted(endpoints, key=lambda each: each.path.count("<")):
        app.route(
            endpoint.path,
            endpoint.method,
            summary=endpoint.summary,
            tags=[endpoint.tag],
            status_code=endpoint.status,
            operation_id=f"{endpoint.method.lower()}{re.sub('[^a-z]+', '_', endpoint.path)}",
            openapi_extensions={"x-permission": endpoint.permission},
        )(endpoint.handler)
    app.exception_handler([TollgateError, StoreError, RequestValidationError])(refused)
    return app


def versioned(app: APIGatewayRestResolver, next_middleware: Callable[..., Any]) -> Response[Any]:
    """Send the version of whatever is answered as its ETag."""
    response: Response[Any] = next_middleware(app)
    body = response.body
    if isinstance(body, dict) and isinstance(body.get("version"), int):
        response.headers["ETag"] = etag(body["version"])
    if body is None:
        response.body = ""
    return response


def refused(error: Exception) -> Response[str]:
    """A refusal from within the resolver, as every other one looks."""
    answer = problems.answer(error, current().request_id)
    headers = dict(answer["headers"])
    kind = headers.pop("content-type")
    return Response(answer["statusCode"], content_type=kind, body=answer["body"], headers=headers)
