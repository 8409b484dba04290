"""Trying accounts against a vendor that plays its part, and asking it for its models."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.account_samples import ANTIGRAVITY, APIKEY, BEDROCK, CANARY, VERTEX, hidden
from tests.admin_api import AdminApi, admin_api
from tests.scripted_endpoint import ScriptedEndpoint, answer, drop, scripted_endpoint

CHAT = {"choices": [{"message": {"role": "assistant", "content": "Hello\nthere!"}}]}
MESSAGE = {"type": "message", "content": [{"type": "text", "text": "Hello!"}]}
GEMINI = {"candidates": [{"content": {"parts": [{"text": "Hello"}, {"text": "you"}]}}]}
VECTORS = {"data": [{"embedding": [0.1, 0.2]}]}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api("tests") as opened:
        yield opened


def at(vendor: ScriptedEndpoint, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    return body | {"base_url": vendor.url} | more


def sent(vendor: ScriptedEndpoint, name: str) -> str:
    """A header of the last request, or its first line for ""."""
    lines = vendor.heads[-1].decode().split("\r\n")
    if not name:
        return lines[0]
    return next((each.partition(": ")[2] for each in lines if each.startswith(f"{name}: ")), "")


# --- trying -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "model", "played", "line", "header", "secret", "said"),
    [
        pytest.param(
            APIKEY,
            "gpt-4o",
            CHAT,
            "POST /chat/completions HTTP/1.1",
            "authorization",
            f"Bearer sk-{CANARY}",
            "Hello there!",
            id="OpenAI",
        ),
        pytest.param(
            APIKEY,
            "text-embedding-3-small",
            VECTORS,
            "POST /embeddings HTTP/1.1",
            "authorization",
            f"Bearer sk-{CANARY}",
            "",
            id="embeddings",
        ),
        pytest.param(
            APIKEY | {"platform": "anthropic"},
            "claude-haiku-4-5",
            MESSAGE,
            "POST /v1/messages HTTP/1.1",
            "x-api-key",
            f"sk-{CANARY}",
            "Hello!",
            id="Anthropic",
        ),
        pytest.param(
            APIKEY | {"platform": "gemini"},
            "gemini-2.5-flash",
            GEMINI,
            "POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1",
            "x-goog-api-key",
            f"sk-{CANARY}",
            "Hello you",
            id="Gemini",
        ),
        pytest.param(
            BEDROCK | {"auth_mode": "apikey", "credentials": {"api_key": CANARY}},
            "claude-haiku-4-5",
            MESSAGE,
            "POST /model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke HTTP/1.1",
            "authorization",
            f"Bearer {CANARY}",
            "Hello!",
            id="Bedrock with an API key",
        ),
    ],
)
def test_a_draft_is_tried_as_the_relay_would_and_not_saved(
    api: AdminApi,
    body: dict[str, Any],
    model: str,
    played: object,
    line: str,
    header: str,
    secret: str,
    said: str,
) -> None:
    with scripted_endpoint(answer(200, played)) as vendor:
        tried = api.call("POST", "/accounts/test", at(vendor, body, model=model))
        assert (sent(vendor, ""), sent(vendor, header)) == (line, secret)
    assert tried.status == 200, tried.text
    assert tried.json == {
        "ok": True,
        "model": model,
        "upstream_model": model,
        "status": 200,
        "ms": 0,
        "said": said,
        "error": "",
    }
    assert api.call("GET", "/accounts").json["entries"] == []
    assert hidden(tried.text)


def test_a_signed_call_is_tried(api: AdminApi) -> None:
    with scripted_endpoint(answer(200, MESSAGE)) as vendor:
        body = at(vendor, BEDROCK, model="claude-haiku-4-5")
        assert api.call("POST", "/accounts/test", body).json["ok"] is True
        assert sent(vendor, "authorization").startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")


def test_a_saved_account_is_tried_with_the_key_and_model_that_are_named(api: AdminApi) -> None:
    with scripted_endpoint(answer(200, CHAT), answer(200, CHAT)) as vendor:
        body = at(
            vendor,
            APIKEY,
            credentials=f"sk-{CANARY}-a\nsk-{CANARY}-b",
            models=["gpt-*", "fast"],
            model_mapping={"fast": "gpt-4o-mini"},
        )
        path = f"/accounts/{api.created('/accounts', body)['id']}/test"
        first = api.call("POST", path, "{}")
        assert (first.json["model"], first.json["upstream_model"]) == ("fast", "gpt-4o-mini")
        assert json.loads(vendor.deliveries[-1])["model"] == "gpt-4o-mini"
        assert sent(vendor, "authorization") == f"Bearer sk-{CANARY}-a"
        second = api.call("POST", path, {"model": "gpt-5", "key": 2})
        assert (second.json["ok"], second.json["upstream_model"]) == (True, "gpt-5")
        assert sent(vendor, "authorization") == f"Bearer sk-{CANARY}-b"
        third = api.call("POST", path, {"key": 3})
        assert (third.status, third.json["param"]) == (422, "key")
        assert len(vendor.heads) == 2


@pytest.mark.parametrize(
    ("played", "status", "error"),
    [
        pytest.param(
            answer(401, {"error": {"message": f"Incorrect API key provided: sk-{CANARY}."}}),
            401,
            "Incorrect API key provided: ***.",
            id="a key that is quoted",
        ),
        pytest.param(
            answer(401, {"error": {"message": "Incorrect API key provided: sk-cana**show"}}),
            401,
            "Incorrect API key provided: ***",
            id="a key that is half quoted",
        ),
        pytest.param(
            answer(429, {"error": {"message": "Limit for org-AbCdEf123 in proj_AbCdEf1"}}),
            429,
            "Limit for *** in ***",
            id="our account's name",
        ),
        pytest.param(answer(400, {"message": "bad\r\nmodel"}), 400, "bad model", id="plain words"),
        pytest.param(answer(502, b"<html>x"), 502, "an answer without a message", id="a web page"),
        pytest.param(answer(503, b""), 503, "an empty answer", id="nothing"),
        pytest.param(
            answer(302, b"", "Location: http://127.0.0.1:1/"),
            302,
            "an empty answer",
            id="elsewhere",
        ),
        pytest.param(drop, 0, "the upstream broke the connection", id="no answer"),
    ],
)
def test_what_went_wrong_is_told_in_one_clean_line(
    api: AdminApi, played: Any, status: int, error: str
) -> None:
    with scripted_endpoint(played, played) as vendor:
        tried = api.call("POST", "/accounts/test", at(vendor, APIKEY, model="gpt-4o"))
    assert tried.status == 200, tried.text
    told = {"ok": False, "status": status, "said": "", "error": error}
    assert {name: tried.json[name] for name in told} == told
    assert hidden(tried.text)


def test_nobody_there_is_told_too(api: AdminApi) -> None:
    with scripted_endpoint() as vendor:
        body = at(vendor, APIKEY, model="gpt-4o")
    tried = api.call("POST", "/accounts/test", body).json
    assert (tried["status"], tried["error"]) == (0, "the upstream could not be reached")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(APIKEY, "model", id="no model named or listed"),
        pytest.param(APIKEY | {"models": ["gpt-*"]}, "model", id="only a wildcard listed"),
        pytest.param(APIKEY | {"base_url": "https://10.0.0.1"}, "base_url", id="an inner address"),
        pytest.param(APIKEY | {"proxy": "http://10.0.0.1"}, "proxy", id="an inner proxy"),
        pytest.param(APIKEY | {"credentials": ""}, "credentials", id="no key"),
        pytest.param(APIKEY | {"key": 0}, "key", id="key 0"),
    ],
)
def test_a_draft_that_could_not_be_saved_is_not_tried(
    api: AdminApi, body: dict[str, Any], field: str
) -> None:
    answered = api.call("POST", "/accounts/test", body)
    assert (answered.status, answered.json["param"]) == (422, field), answered.text


# --- models -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "line", "played", "models"),
    [
        pytest.param(
            "openai",
            "GET /models HTTP/1.1",
            {"object": "list", "data": [{"id": "b"}, {"id": "a"}, {"id": "b"}, {"no": 1}]},
            ["b", "a"],
            id="OpenAI",
        ),
        pytest.param(
            "anthropic",
            "GET /v1/models?limit=1000 HTTP/1.1",
            {"data": [{"type": "model", "id": "claude-x"}], "has_more": False},
            ["claude-x"],
            id="Anthropic",
        ),
        pytest.param(
            "gemini",
            "GET /v1beta/models?pageSize=1000 HTTP/1.1",
            {"models": [{"name": "models/gemini-x"}]},
            ["gemini-x"],
            id="Gemini",
        ),
        pytest.param("openai", "GET /models HTTP/1.1", {"data": []}, [], id="none at all"),
        pytest.param("openai", "GET /models HTTP/1.1", [{"id": "a"}], ["a"], id="a bare list"),
    ],
)
def test_the_upstreams_own_list_is_read(
    api: AdminApi, platform: str, line: str, played: object, models: list[str]
) -> None:
    with scripted_endpoint(answer(200, played)) as vendor:
        account = api.created("/accounts", at(vendor, APIKEY, platform=platform))["id"]
        answered = api.call("GET", f"/accounts/{account}/models")
        assert sent(vendor, "") == line
        assert f"sk-{CANARY}" in vendor.heads[-1].decode()
    assert (answered.status, answered.json) == (200, {"models": models})


def test_bedrocks_models_are_those_that_are_known(api: AdminApi) -> None:
    account = api.created("/accounts", BEDROCK)["id"]
    models = api.call("GET", f"/accounts/{account}/models").json["models"]
    assert {"claude-sonnet-4-5", "claude-haiku-4-5"} <= set(models)


@pytest.mark.parametrize("body", [VERTEX, ANTIGRAVITY], ids=["Vertex", "Antigravity"])
def test_who_has_no_list_says_so(api: AdminApi, body: dict[str, Any]) -> None:
    account = api.created("/accounts", body)["id"]
    answered = api.call("GET", f"/accounts/{account}/models")
    assert (answered.status, answered.json["param"]) == (422, "type")


@pytest.mark.parametrize(
    ("played", "detail"),
    [
        pytest.param(
            answer(401, {"error": {"message": f"no sk-{CANARY}"}}),
            "the upstream answered 401: no ***",
            id="a key it does not know",
        ),
        pytest.param(
            answer(200, b"<html>"), "the upstream's answer is no list of models", id="a web page"
        ),
        pytest.param(answer(200, {}), "the upstream's answer is no list of models", id="no list"),
        pytest.param(drop, "the upstream broke the connection", id="no answer"),
    ],
)
def test_a_list_that_is_none_is_told(api: AdminApi, played: Any, detail: str) -> None:
    with scripted_endpoint(played, played) as vendor:
        account = api.created("/accounts", at(vendor, APIKEY))["id"]
        answered = api.call("GET", f"/accounts/{account}/models")
    assert (answered.status, answered.json["detail"]) == (502, detail)


def test_tries_are_in_the_audit_log_and_secrets_nowhere(api: AdminApi) -> None:
    with scripted_endpoint(answer(200, CHAT)) as vendor:
        api.call("POST", "/accounts/test", at(vendor, APIKEY, model="gpt-4o"))
    audit = api.call("GET", "/audit", query={"limit": 100})
    tries = [each for each in audit.json["entries"] if each["action"] == "account.test"]
    assert [(each["object"], each["after"]["ok"]) for each in tries] == [("draft", True)]
    assert hidden(audit.text + repr(api.logged))
