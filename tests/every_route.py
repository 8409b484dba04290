"""A valid call for every route of every dialect, found by discovery, sent to the whole gateway."""

import base64
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.contract.test_dialects import FORM_HEADERS, FORMS, encoded, valid
from tests.gateway import SECRET, Gateway, Seen
from tollgate import dialects
from tollgate.dialects import Route
from tollgate.domain.catalog import Price

ROUTES = [pytest.param(route, id=f"{route.pattern}") for _, route in dialects.routes()]
CLAUDE_CODE = "claude-cli/2.0.14 (external, cli)"
PROBE = {"max_tokens": 1, "thinking": {"type": "disabled"}}
"""With a model called haiku, what is enough for a call of Claude Code on /v1/messages."""

ANY_PRICE = {
    "input": "1",
    "input_audio": "1",
    "input_image": "1",
    "output": "1",
    "output_image": "1",
    "tool:web_search": "0.01",
    "tool:google_search": "0.01",
}


def prices(*models: str) -> dict[str, tuple[Price, ...]]:
    """A price for each of these models that any call can be charged by."""
    return {name: (Price(name, 1, prices=ANY_PRICE, max_output=1_000),) for name in models}


def post(
    gateway: Gateway,
    route: Route,
    model: str,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Seen:
    """Send a valid call for a model to a route."""
    body = named({**valid(route), **members}, model)
    body.pop("tools", None)
    sent = {"authorization": f"Bearer {SECRET}", **(headers or {})}
    raw = encoded(route, body)
    path = route.pattern.replace("{model}", model)
    if not route.pattern.endswith(FORMS):
        return gateway.post(path, raw.decode(), sent)
    sent["content-type"] = FORM_HEADERS["content-type"]
    return gateway.post(path, base64.b64encode(raw).decode(), sent, isBase64Encoded=True)


def named(value: Any, model: str) -> Any:
    """A body with that model wherever it names one."""
    if isinstance(value, list):
        return [named(each, model) for each in value]
    if not isinstance(value, dict):
        return value
    name = {"m": model, "models/m": f"models/{model}"}
    return {
        key: name.get(str(held), held) if key == "model" else named(held, model)
        for key, held in value.items()
    }


def refusing(request: httpx.Request) -> httpx.Response:
    """An upstream that finds every request wrong: that it was asked is all there is to know."""
    return httpx.Response(400, json={"error": {"message": "no"}})


def hosts(gateway: Gateway) -> list[str]:
    """Where requests went, in order."""
    return [request.url.host for request in gateway.upstream.requests]
