"""Calls through Bedrock accounts: the gateway, its accounts, and upstreams that play AWS."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx

from tests.gateway import EVERYWHERE, GROUP, SECRET, Chunks, Gateway, Seen
from tollgate.domain.catalog import Account, Price

MODEL = "claude-sonnet-4-5"
ID = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
KEYS = {
    "aws_access_key_id": "AKIDBEDROCK",
    "aws_secret_access_key": "secret/of+bedrock",
    "aws_session_token": "session==",
}
BEDROCK = Account(
    "acc_aws", "AWS", "anthropic", "bedrock", f"https://{HOST}", {},
    auth_mode="sigv4", region="us-east-1",
)  # fmt: skip
BEARER = replace(BEDROCK, auth_mode="apikey")
DIRECT = Account("acc_direct", "direct", "anthropic", "apikey", "https://anthropic.example.com", {})
SECRETS: Mapping[str, str] = {
    "sigv4": json.dumps(KEYS),
    "apikey": json.dumps({"api_key": "ABSKbedrock"}),
    "broken": "no JSON",
    "": "sk-ant-key",
}
BODY = {"model": MODEL, "max_tokens": 1_000, "messages": [{"role": "user", "content": "hi"}]}
STREAM = BODY | {"stream": True}
ANSWER = {
    "id": "msg_bdrk_01", "type": "message", "role": "assistant", "model": MODEL,
    "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
    "stop_sequence": None, "usage": {"input_tokens": 1_000, "output_tokens": 500},
}  # fmt: skip
AWS_ID = {"x-amzn-requestid": "1f2e3d4c-0000-1111-2222-333344445555"}
PRICE = Price(MODEL, 1, prices={"input": "3", "output": "15"}, max_output=64_000)
CHARGE = 1_000 * 3_000 + 500 * 15_000
"""Nanos: a dollar per million tokens is 1,000 nanos per token."""

Serve = Callable[[httpx.Request], httpx.Response]


def gateway(serve: Serve, *accounts: Account, policy: Any = None) -> Gateway:
    settings = {} if policy is None else {"beta_policy": json.dumps({"rules": policy})}
    everywhere = replace(
        EVERYWHERE,
        prices={MODEL: (PRICE,)},
        default_groups={MODEL: "default"},
        settings=settings,
    )
    return Gateway(
        serve,
        group=replace(GROUP, platform="anthropic", accounts=accounts or (BEDROCK,)),
        everywhere=everywhere,
        open_secret=lambda account: SECRETS[account.auth_mode],
    )


def whole(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers=AWS_ID, json=ANSWER)


def streaming(*parts: bytes) -> Serve:
    kind = {"content-type": "application/vnd.amazon.eventstream"}
    return lambda request: httpx.Response(200, headers=AWS_ID | kind, stream=Chunks(iter(parts)))


def messages(
    used: Gateway, body: Mapping[str, Any] = BODY, path: str = "/v1/messages", **headers: str
) -> Seen:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return used.post(path, body, {"x-api-key": SECRET, **named})


def by_host(aws: Serve) -> Serve:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.host == "anthropic.example.com":
            return httpx.Response(200, json=ANSWER | {"id": "msg_direct"})
        return aws(request)

    return serve
