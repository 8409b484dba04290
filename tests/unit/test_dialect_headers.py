"""What of a caller's headers and query an upstream may see, and which session they tell."""

import json

import pytest

from tollgate.dialects import Dialect, load
from tollgate.dialects._headers import marked, opening, parameters, session

CHAT, MESSAGES, GEMINI = (load(n) for n in ("openai_chat", "anthropic_messages", "gemini"))
SENT = {
    "accept": "text/event-stream",
    "anthropic-beta": "one,two",
    "anthropic-version": "2026-10-21",
    "authorization": "Bearer tg-secret",
    "connection": "keep-alive",
    "content-length": "5",
    "cookie": "a=b",
    "host": "gateway",
    "openai-organization": "org-x",
    "user-agent": "curl",
    "x-api-key": "tg-secret",
    "x-forwarded-for": "1.2.3.4",
    "x-goog-api-key": "tg-secret",
}


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        pytest.param(
            CHAT,
            {
                "accept": "text/event-stream",
                "content-type": "application/json",
                "authorization": "Bearer sk",
            },
            id="openai",
        ),
        pytest.param(
            MESSAGES,
            {
                "accept": "text/event-stream",
                "anthropic-beta": "one,two",
                "anthropic-version": "2026-10-21",
                "content-type": "application/json",
                "x-api-key": "sk",
            },
            id="anthropic",
        ),
        pytest.param(
            GEMINI,
            {
                "accept": "text/event-stream",
                "content-type": "application/json",
                "x-goog-api-key": "sk",
            },
            id="gemini",
        ),
    ],
)
def test_an_upstream_sees_an_allow_list_and_its_own_key(
    dialect: Dialect, expected: dict[str, str]
) -> None:
    assert dialect.upstream_headers(SENT, "sk") == expected


def test_anthropic_gets_a_version_and_no_header_that_cannot_be_one() -> None:
    found = MESSAGES.upstream_headers({"anthropic-beta": "a\r\nx-api-key: b"}, "sk")
    assert found == {
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "x-api-key": "sk",
    }


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("beta=true&key=secret", "beta=true", id="without the key"),
        pytest.param("a=1&beta=&b=2&beta=x%20y", "beta=&beta=x%20y", id="as it was written"),
        pytest.param("betas=1&xbeta=2", "", id="only the name itself"),
    ],
)
def test_only_known_parameters_go_on(query: str, passed: str) -> None:
    assert parameters(query, ("beta",)) == passed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("x" * 3_000, "x" * 2_048, id="a long text"),
        pytest.param({"content": [{"text": "a"}, {"text": "b"}]}, "a", id="the first of texts"),
        pytest.param({"parts": [{"text": "p"}]}, "p", id="parts"),
        pytest.param([], "", id="nothing"),
        pytest.param({"content": None}, "", id="null"),
        pytest.param({"content": 5}, "", id="a number"),
    ],
)
def test_a_conversation_is_known_by_its_first_text(value: object, text: str) -> None:
    assert opening(value) == text


@pytest.mark.parametrize(
    ("header", "named"),
    [
        pytest.param("x-claude-code-session-id", True, id="Claude Code"),
        pytest.param("session-id", True, id="Codex"),
        pytest.param("session_id", True, id="older Codex"),
        pytest.param("thread-id", True, id="a thread of Codex"),
        pytest.param("conversation_id", True, id="a conversation"),
        pytest.param("conversation-id", True, id="a conversation, with a dash"),
        pytest.param("x-conversation-id", True, id="a conversation of somebody's own"),
        pytest.param("x-openwebui-chat-id", True, id="Open WebUI"),
        pytest.param("x-request-id", False, id="one request is no conversation"),
    ],
)
def test_headers_that_name_a_session(header: str, named: bool) -> None:
    assert (session({header: "mine"}, (), ("hi",)) == "mine") is named


def test_texts_marked_to_be_cached_tell_conversations_apart() -> None:
    def block(text: str, **fields: object) -> dict[str, object]:
        return {"type": "text", "text": text, **fields}

    kept = {"cache_control": {"type": "ephemeral"}}
    assert len(list(marked([block("a", **kept), block("b"), block("c", **kept)]))) == 2
    assert list(marked([block("x" * 9_000, **kept)])) != list(marked([block("x" * 9_001, **kept)]))
    assert list(marked("text")) == list(marked([1, {"cache_control": 1, "text": 5}])) == []

    def told(system: object) -> str | None:
        body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        route = MESSAGES.routes[0]
        return MESSAGES.read_call(
            route, {}, {}, json.dumps(body | {"system": system}).encode()
        ).session

    same = [block("You are Claude Code."), block("In /home/a", **kept)]
    other = [block("You are Claude Code."), block("In /home/b", **kept)]
    assert told(same) == told(same)
    assert told(same) != told(other)


def test_a_long_hint_is_cut_and_an_odd_one_passed_over() -> None:
    assert session({"x-session-id": "h" * 999}, (), ()) == "h" * 256
    assert session({"session_id": ""}, (None, 5, "", "u"), ()) == "u"
    assert session({}, (), ("a", "b")) != session({}, (), ("ab", ""))
