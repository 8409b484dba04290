"""What a caller says of hosts, paths and credentials: it reaches nobody who would heed it."""

import json
from typing import Any, Final

import pytest

from tests.gateway import CHAT, Gateway, chat_answer

NAMES: Final = (
    "api_base",
    "apiBase",
    "base_url",
    "baseUrl",
    "api_url",
    "custom_host",
    "x-custom-host",
    "host",
    "x-forwarded-host",
    "forwarded",
    "x-host",
    "x-original-url",
    "x-rewrite-url",
    "endpoint",
    "endpoint_url",
    "azure_endpoint",
    "aws_bedrock_runtime_endpoint",
    "target_url",
    "helicone-target-url",
    "x-portkey-custom-host",
    "redirect_uri",
    "token_uri",
    "proxy",
    "http_proxy",
    "proxy_url",
    "organization",
    "openai-organization",
    "openai-project",
    "x-goog-user-project",
    "api_key",
    "api_version",
    "deployment_id",
    "region",
    "aws_region_name",
    "vertex_project",
)
EVIL: Final = "https://evil.example.com/v9"
CALLS: Final = {
    "chat": ("/v1/chat/completions", CHAT),
    "messages": ("/v1/messages", CHAT | {"model": "claude-sonnet-4"}),
    "gemini": (
        "/v1beta/models/gemini-2.5-flash:generateContent",
        {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 9}},
    ),
}


def sent(path: str, body: dict[str, Any], name: str = "", where: str = "") -> tuple[Any, ...]:
    """What the upstream was sent: address, headers, and the body without that name."""
    gateway = Gateway(lambda request: chat_answer(None))
    event = gateway.event(path, body | ({name: EVIL} if where == "body" else {}))
    event["headers"] |= {name: EVIL} if where == "header" else {}
    if where == "query":
        event["multiValueQueryStringParameters"] = {name: [EVIL]}
    gateway.send(event).read()
    (request,) = gateway.upstream.requests
    told = json.loads(request.content)
    told.pop(name, None)
    headers = {n: v for n, v in request.headers.items() if n != "content-length"}
    return str(request.url), headers, told


@pytest.mark.parametrize("where", ["body", "header", "query"])
@pytest.mark.parametrize(("path", "body"), CALLS.values(), ids=CALLS)
def test_no_caller_chooses_host_path_or_credentials(
    path: str, body: dict[str, Any], where: str
) -> None:
    usual = sent(path, body)
    assert usual[0].startswith("https://")
    for name in NAMES:
        assert sent(path, body, name, where) == usual, name
