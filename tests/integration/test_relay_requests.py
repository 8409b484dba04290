"""What the relay does with requests that are no calls: browsers, HEAD, odd paths, reads, stores."""

from dataclasses import replace
from typing import Any

import pytest

from tests.gateway import CHAT, KEY, PROFILE, START_MS, USAGE, USER, Gateway, Plenty, chat_answer
from tollgate.store.dynamodb import OutcomeUnknown

PAGE = "https://app.example.com"
ASKING = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def gateway_of(**fields: Any) -> Gateway:
    """A gateway that would answer any call."""
    return Gateway(lambda request: chat_answer(USAGE), **fields)


# --- browsers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        pytest.param("", PAGE, None, id="no origins configured"),
        pytest.param(PAGE, PAGE, PAGE, id="an allowed one"),
        pytest.param(f"https://x.example.com,{PAGE}", PAGE, PAGE, id="one of two"),
        pytest.param(PAGE, "https://evil.example.com", None, id="another"),
        pytest.param(PAGE, f"{PAGE}.evil.com", None, id="one that begins like it"),
        pytest.param(PAGE, "", None, id="no browser"),
        pytest.param("*", PAGE, "*", id="all"),
        pytest.param("*", "x\r\nset-cookie: a=b", "*", id="all, and an origin that is none"),
    ],
)
def test_a_page_of_an_allowed_origin_may_call(
    origins: str, origin: str, allowed: str | None
) -> None:
    gateway = gateway_of(origins=origins)
    preflight = gateway.post(
        "/v1/chat/completions", "", ASKING | {"origin": origin}, httpMethod="OPTIONS"
    )
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers.get("access-control-allow-origin") == allowed
    named = preflight.headers.get("access-control-allow-headers")
    assert named == (allowed and "authorization,content-type")
    call = gateway.post("/v1/chat/completions", CHAT, {"x-api-key": "sk-tg-x", "origin": origin})
    assert call.headers.get("access-control-allow-origin") == allowed
    assert gateway.upstream.requests == []


def test_header_names_that_are_none_are_not_repeated() -> None:
    asking = ASKING | {"access-control-request-headers": "a\r\nset-cookie: b=c"}
    seen = gateway_of(origins="*").post("/v1/models", "", asking, httpMethod="OPTIONS")
    assert seen.headers["access-control-allow-headers"] == "*"


def test_a_cached_answer_is_not_given_to_another_origin() -> None:
    seen = gateway_of(origins=PAGE).post("/v1/models", "", None, httpMethod="GET")
    assert seen.headers["vary"] == "origin"


# --- methods and paths ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/models", "/v1/models/gpt-4o"])
def test_head_is_get_without_a_body(path: str) -> None:
    gateway = gateway_of()
    seen = gateway.post(path, "", None, httpMethod="HEAD")
    assert (seen.status, seen.body) == (200, b"")
    assert gateway.post(path, "", None, httpMethod="GET").body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("POST", "//v1/chat/completions", 404, id="two slashes"),
        pytest.param("POST", "/v1//chat/completions", 404, id="two slashes within"),
        pytest.param("POST", "/v1/chat/completions/", 404, id="a slash at the end"),
        pytest.param("POST", "/v1/../v1/chat/completions", 404, id="dots"),
        pytest.param("POST", "/v1/%2e%2e/v1/chat/completions", 404, id="dots, encoded"),
        pytest.param("POST", "/v1beta/models/..%2f..%2fx:generateContent", 404, id="into a model"),
        pytest.param("POST", "/v1beta/models/%2e%2e:generateContent", 400, id="dots as a model"),
        pytest.param("POST", "/v1beta/models/a%3fb:generateContent", 400, id="a query in a model"),
        pytest.param("POST", "/v1/CHAT/completions", 404, id="capitals"),
        pytest.param("POST", "/v1/chat/completions\n", 404, id="a line break"),
        pytest.param("POST", "/v1/\ud800", 404, id="a lone surrogate"),
        pytest.param("POST", "/v1/\x00", 404, id="a null"),
        pytest.param("GET", "/v1/chat/completions", 405, id="GET of a call"),
        pytest.param("DELETE", "/v1/chat/completions", 405, id="DELETE of a call"),
        pytest.param("POST", "/v1/models", 404, id="POST to the list"),
        pytest.param("POST", "/v1/messages/batches", 404, id="what is not offered"),
        pytest.param("POST", "/v1/files/x", 501, id="what is known and not offered"),
        pytest.param("POST", "/healthz", 404, id="POST to the health"),
    ],
)
def test_odd_paths_reach_nothing(method: str, path: str, status: int) -> None:
    gateway = gateway_of()
    seen = gateway.post(path, CHAT, None, httpMethod=method)
    assert seen.status == status
    assert seen.json["error"]
    assert gateway.upstream.requests == []
    assert gateway.wallets.read(USER).held == 0


@pytest.mark.parametrize(
    ("path", "query"),
    [
        pytest.param("/v1/messages/count_tokens", {"beta": ["true"]}, id="Anthropic"),
        pytest.param("/v1beta/models/gemini-2.5-flash:countTokens", None, id="Gemini"),
    ],
)
def test_counting_is_free_and_reaches_nothing_but_counting(path: str, query: Any) -> None:
    gateway = gateway_of(funds=0)
    body: dict[str, Any] = {
        "model": "gemini-2.5-flash" if "gemini" in path else "claude-sonnet-4",
        "stream": True,
        "messages": [{"role": "user", "content": "hi"}],
        "contents": [{"parts": [{"text": "hi"}]}],
    }
    if "gemini" in path:
        del body["stream"], body["messages"], body["model"]
    else:
        del body["contents"]
    seen = gateway.post(path, body, None, multiValueQueryStringParameters=query)
    assert seen.status == 200
    (sent,) = gateway.upstream.requests
    assert sent.url.path == path
    assert gateway.all_records() == ()


def test_query_strings_neither_carry_keys_nor_change_where_a_call_goes() -> None:
    gateway = gateway_of()
    query = {"key": ["sk-tg-nobody"], "alt": ["sse"], "x": ["../../y", "#"]}
    seen = gateway.post("/v1/chat/completions", CHAT, None, multiValueQueryStringParameters=query)
    assert seen.status == 200
    (sent,) = gateway.upstream.requests
    assert (sent.url.path, sent.url.query) == ("/chat/completions", b"")


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"headers": None}, id="no headers"),
        pytest.param({"requestContext": None}, id="no context"),
        pytest.param({"body": None}, id="no body"),
        pytest.param({"body": "&&&", "isBase64Encoded": True}, id="not base64"),
    ],
)
def test_odd_events_are_refused_as_anything_else(event: dict[str, Any]) -> None:
    gateway = gateway_of()
    answer = gateway.api(gateway.event("/v1/chat/completions", "{}") | event, Plenty())
    assert answer["status"] in {400, 401}


# --- reads ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "code"),
    [
        pytest.param(replace(PROFILE, status="disabled"), "account_deactivated", id="user"),
        pytest.param(
            replace(PROFILE, keys={KEY.secret_hash: replace(KEY, status="revoked")}),
            "api_key_revoked",
            id="revoked key",
        ),
        pytest.param(
            replace(PROFILE, keys={KEY.secret_hash: replace(KEY, expires_at=START_MS)}),
            "api_key_expired",
            id="expired key",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", f"/v1/receipts/req_{'0' * 17}0123456789abcdef"])
def test_who_may_not_call_may_not_read_either(profile: Any, code: str, path: str) -> None:
    seen = gateway_of(profile=profile).post(path, "", None, httpMethod="GET")
    assert seen.json["error"]["code"] == code


def test_a_receipt_that_cannot_be_read_now_is_said_to_be_so() -> None:
    gateway = gateway_of()
    request_id = gateway.post("/v1/chat/completions", CHAT).headers["x-request-id"]

    def down(operation: str, request: Any) -> None:
        if request.get("TableName") == "usage":
            raise OutcomeUnknown

    gateway.dynamo.before = down
    seen = gateway.post(f"/v1/receipts/{request_id}", "", None, httpMethod="GET")
    assert (seen.status, seen.json["error"]["code"]) == (503, "store_unavailable")


def test_keys_that_cannot_be_checked_are_not_called_wrong() -> None:
    gateway = gateway_of()

    def missing(secret: str) -> list[str]:
        raise OutcomeUnknown

    gateway.admission._hash_key = missing
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (503, "pricing_unavailable")
    assert seen.headers["retry-after"] == "1"
