"""What a caller is told who may not call, or asks for what cannot be: and that it costs nothing."""

from dataclasses import replace
from typing import Any

import pytest

from tests.gateway import (
    ACCOUNTS,
    CHAT,
    GROUP,
    KEY,
    PROFILE,
    START_MS,
    USAGE,
    USER,
    Gateway,
    chat_answer,
)


def money(gateway: Gateway) -> tuple[int, int, int]:
    """Available, held, debits."""
    view = gateway.wallets.read(USER)
    return view.available, view.held, view.debits


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        pytest.param("/v1/chat/completions", CHAT, {}, 401, "missing_api_key", id="no key"),
        pytest.param(
            "/v1/chat/completions",
            CHAT,
            {"authorization": "Bearer sk-x"},
            401,
            "invalid_api_key",
            id="malformed key",
        ),
        pytest.param(
            "/v1/chat/completions",
            CHAT,
            {"x-api-key": "sk-tg-" + "0" * 68},
            401,
            "invalid_api_key",
            id="unknown user",
        ),
        pytest.param(
            "/v1/chat/completions",
            CHAT,
            {"authorization": "Bearer a", "x-api-key": "b"},
            400,
            "invalid_request",
            id="two keys",
        ),
        pytest.param(
            "/v1/chat/completions",
            CHAT | {"model": "o9"},
            None,
            400,
            "model_price_not_configured",
            id="unpriced model",
        ),
        pytest.param("/v1/nothing", CHAT, None, 404, "route_not_found", id="unknown path"),
        pytest.param("/v1/realtime", CHAT, None, 501, "unsupported_endpoint", id="not offered"),
        pytest.param("/v1/chat/completions", "", None, 400, "invalid_request", id="empty body"),
        pytest.param(
            "/v1/chat/completions", "[" * 100_000, None, 400, "invalid_request", id="deep body"
        ),
        pytest.param(
            "/v1/chat/completions", '{"model": NaN}', None, 400, "invalid_request", id="NaN"
        ),
        pytest.param(
            "/v1/chat/completions",
            '{"model": "a", "model": "b"}',
            None,
            400,
            "invalid_request",
            id="duplicate keys",
        ),
        pytest.param(
            "/v1/chat/completions",
            '{"model": "\\ud800"}',
            None,
            400,
            "invalid_request",
            id="lone surrogate",
        ),
        pytest.param(
            "/v1/chat/completions", "\ud800", None, 400, "invalid_request", id="raw lone surrogate"
        ),
        pytest.param(
            "/v1/chat/completions", "x" * 6_300_000, None, 413, "request_too_large", id="over 6 MB"
        ),
    ],
)
def test_bad_requests_are_refused_in_the_callers_dialect_and_cost_nothing(
    path: str, body: Any, headers: dict[str, str] | None, status: int, code: str
) -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    seen = gateway.post(path, body, headers)
    assert (seen.status, seen.json["error"]["code"]) == (status, code)
    assert seen.headers["x-should-retry"] == "false"
    assert seen.headers["x-request-id"].startswith("req_")
    assert gateway.upstream.requests == []
    assert money(gateway) == (1_000_000_000, 0, 0)


def test_a_model_outside_every_account_is_said_to_be_unknown() -> None:
    account = replace(ACCOUNTS[0], models=("gpt-4o",))
    gateway = Gateway(lambda request: chat_answer(USAGE), group=replace(GROUP, accounts=(account,)))
    seen = gateway.post("/v1/chat/completions", CHAT | {"model": "gpt-5"})
    assert (seen.status, seen.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("profile", "status", "code"),
    [
        pytest.param(
            replace(PROFILE, status="disabled"), 403, "account_deactivated", id="user disabled"
        ),
        pytest.param(
            replace(PROFILE, keys={KEY.secret_hash: replace(KEY, status="disabled")}),
            401,
            "api_key_disabled",
            id="key disabled",
        ),
        pytest.param(
            replace(PROFILE, keys={KEY.secret_hash: replace(KEY, expires_at=START_MS)}),
            401,
            "api_key_expired",
            id="key expired",
        ),
    ],
)
def test_callers_who_may_not_call(profile: Any, status: int, code: str) -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE), profile=profile)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (status, code)


def test_lists_and_health_need_no_money() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE), funds=0)
    body = ""
    assert gateway.post("/", body, {}, httpMethod="HEAD").status == 200
    assert gateway.post("/healthz", body, {}, httpMethod="GET").body == b"ready\n"
    seen = gateway.post("/v1/models", body, None, httpMethod="GET")
    assert [entry["id"] for entry in seen.json["data"]] == [
        "claude-sonnet-4",
        "gemini-2.5-flash",
        "gpt-4o",
        "text-embedding-3-small",
    ]
    one = gateway.post("/v1/models/gpt-4o", body, None, httpMethod="GET")
    assert one.json["id"] == "gpt-4o"
    assert gateway.post("/v1/models/nope", body, None, httpMethod="GET").status == 404
