"""Lambda's Invoke API, so that tools and tests can call any function of the stack."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from local.functions.invocation import Invocation, InvocationFailed

PREFIX: Final = "/2015-03-31/functions/"
SUFFIX: Final = "/invocations"


class InvokeApi:
    """An ASGI app that answers `POST /2015-03-31/functions/<name>/invocations`.

    Args:
        ids: function name → logical id.
        submit: starts a call of a function by its logical id.
    """

    def __init__(self, ids: Mapping[str, str], submit: Callable[[str, bytes], Invocation]) -> None:
        self._ids = ids
        self._submit = submit

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one request."""
        name = scope["path"].removeprefix(PREFIX).removesuffix(SUFFIX)
        function = self._ids.get(name)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if function is None:
            await _reply(send, 404, b'{"Message":"Function not found"}', ())
        else:
            await self._invoke(function, body, send)

    async def _invoke(
        self, function: str, body: bytes, send: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        invocation = self._submit(function, body or b"{}")
        try:
            answer = await invocation.answer()
            payload = answer.payload
            if answer.metadata is not None:
                payload = b"".join([piece async for piece in invocation.body()])
        except InvocationFailed as failure:
            error = {"errorType": failure.kind, "errorMessage": failure.message}
            header = ((b"x-amz-function-error", b"Unhandled"),)
            await _reply(send, 200, json.dumps(error).encode(), header)
        else:
            await _reply(send, 200, payload, ())


async def _reply(
    send: Callable[[dict[str, Any]], Awaitable[None]],
    status: int,
    body: bytes,
    headers: tuple[tuple[bytes, bytes], ...],
) -> None:
    fields = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
