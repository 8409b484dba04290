"""The front: an ASGI app that finds the route, calls the function and sends its answer on."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from local.functions.invocation import Invocation, InvocationFailed, TimedOut
from local.gateway import response
from local.gateway.api import Api
from local.gateway.event import Request, proxy_event
from local.gateway.response import Refusal, Response
from local.template.routes import Match, Route

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_LIMIT: Final = 10 * 1024 * 1024
"""Bytes API Gateway takes."""

EVENT_LIMIT: Final = 6 * 1024 * 1024
"""Bytes Lambda takes, and gives back in one piece."""


class Refused(Exception):
    """The gateway itself answers."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class CutOff(Exception):
    """The answer ends here though it is not complete; the server closes the connection."""


class Gateway:
    """An ASGI application; `submit` starts a call of a function by its logical id."""

    def __init__(self, api: Api, submit: Callable[[str, bytes], Invocation]) -> None:
        self._api = api
        self._submit = submit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise CutOff(f"{scope['type']} is not served")
        identity = str(uuid4())
        try:
            await self._serve(identity, scope, receive, send)
        except Refused as refused:
            await _send_whole(
                send, self._api.refusals.response(refused.refusal, identity), identity
            )

    async def _serve(self, identity: str, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        match = self._api.routes.match(scope["method"], path)
        body = await _read_body(receive)
        if match is None:
            raise Refused(response.NO_ROUTE)
        invocation = self._submit(
            match.route.function, self._event(_request(identity, scope, body), match)
        )
        caller = asyncio.create_task(_watch(receive, invocation))
        try:
            await self._answer(match.route, invocation, identity, send)
        finally:
            caller.cancel()
            invocation.hang_up()  # which changes nothing when the answer is complete

    def _event(self, request: Request, match: Match) -> bytes:
        event = json.dumps(proxy_event(request, match, self._api.binary)).encode()
        if len(event) > EVENT_LIMIT:
            raise Refused(response.TOO_LARGE)
        return event

    async def _answer(
        self, route: Route, invocation: Invocation, identity: str, send: Send
    ) -> None:
        try:
            async with asyncio.timeout(route.timeout):
                answer = await invocation.answer()
        except (TimedOut, TimeoutError):
            raise Refused(response.TOO_LATE) from None
        except InvocationFailed:
            raise Refused(response.BAD_ANSWER) from None
        try:
            if answer.metadata is None:
                await _send_whole(send, _whole(answer.payload), identity)
            else:
                await _send_stream(send, response.begin(answer.metadata), invocation, identity)
        except response.MalformedAnswer:
            raise Refused(response.BAD_ANSWER) from None


def _request(identity: str, scope: Scope, body: bytes) -> Request:
    return Request(
        id=identity,
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ),
        body=body,
        client=scope["client"][0],
        received=time.time(),
    )


def _whole(payload: bytes) -> Response:
    if len(payload) > EVENT_LIMIT:
        raise response.MalformedAnswer("more than 6 MB in one piece")
    return response.read(payload)


async def _read_body(receive: Receive) -> bytes:
    """All of it, so that a caller who sends too much still reads why it was refused."""
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CutOff("the caller left while sending")
        piece = message.get("body", b"")
        size += len(piece)
        if size <= BODY_LIMIT:
            pieces.append(piece)
        more = message.get("more_body", False)
    if size > BODY_LIMIT:
        raise Refused(response.TOO_LARGE)
    return b"".join(pieces)


async def _watch(receive: Receive, invocation: Invocation) -> None:
    """Tell the worker when the caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    invocation.hang_up()


async def _send_whole(send: Send, answer: Response, identity: str) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    await _send_head(send, Response(answer.status, headers), identity)
    await send({"type": "http.response.body", "body": answer.body})


async def _send_stream(send: Send, head: Response, invocation: Invocation, identity: str) -> None:
    await _send_head(send, head, identity)
    try:
        async for piece in invocation.body():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except InvocationFailed as failure:
        raise CutOff(str(failure)) from None
    with contextlib.suppress(ConnectionError):
        await send({"type": "http.response.body", "body": b""})


async def _send_head(send: Send, head: Response, identity: str) -> None:
    headers = [*head.headers, (b"x-amzn-requestid", identity.encode())]
    await send({"type": "http.response.start", "status": head.status, "headers": headers})
