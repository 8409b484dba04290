"""Which calls count as Claude Code's: by user agent, probe, headers, user id and system prompt."""

import json
from typing import Any

import pytest

from tollgate.dialects import from_claude_code, load

MESSAGES = load("anthropic_messages")
CREATE, COUNT = MESSAGES.routes
AGENT = "claude-cli/2.0.14 (external, cli)"
HEADERS = {
    "user-agent": AGENT,
    "x-app": "cli",
    "anthropic-beta": "claude-code-20250219",
    "anthropic-version": "2023-06-01",
}
USER = f"user_{'a1' * 32}_account__session_01234567-89ab-cdef-0123-456789abcdef"
CLI = "You are Claude Code, Anthropic's official CLI for Claude."
BODY: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 32_000,
    "metadata": {"user_id": USER},
    "system": [
        {"type": "text", "text": CLI, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "An explanation of everything. " * 400},
    ],
    "messages": [{"role": "user", "content": "Hi"}],
}


def recognised(body: dict[str, Any], headers: dict[str, str], route: Any = CREATE) -> bool:
    sent = {name: value for name, value in body.items() if value is not ...}
    return MESSAGES.read_call(route, {}, headers, json.dumps(sent).encode()).claude_code


@pytest.mark.parametrize(
    ("agent", "known"),
    [
        pytest.param("claude-cli/2.0.14", True, id="plain"),
        pytest.param("claude-cli/2.0.14 (external, cli)", True, id="external"),
        pytest.param("claude-cli/2.1.0 (external, sdk-ts)", True, id="external, by the SDK"),
        pytest.param("Claude-CLI/1.0.0", True, id="other case"),
        pytest.param("claude-cli/12.345.6789-beta", True, id="long numbers"),
        pytest.param("claude-cli/2.0", False, id="two numbers"),
        pytest.param("claude-cli", False, id="no version"),
        pytest.param("claude-cli/x.y.z", False, id="no numbers"),
        pytest.param("my claude-cli/2.0.14", False, id="not at the start"),
        pytest.param("anthropic-sdk-python/0.60.0", False, id="another client"),
        pytest.param("", False, id="empty"),
    ],
)
def test_the_user_agent(agent: str, known: bool) -> None:
    assert from_claude_code({"user-agent": agent}) is known


def test_without_a_user_agent_it_is_not_claude_code() -> None:
    assert not from_claude_code({})


@pytest.mark.parametrize(
    ("body", "headers", "known"),
    [
        pytest.param({}, {}, True, id="all it sends"),
        pytest.param({}, {"user-agent": "curl/8.0.0"}, False, id="another user agent"),
        pytest.param({}, {"x-app": ""}, False, id="no x-app"),
        pytest.param({}, {"x-app": "  "}, False, id="blank x-app"),
        pytest.param({}, {"anthropic-beta": ""}, False, id="no anthropic-beta"),
        pytest.param({}, {"anthropic-version": ""}, False, id="no anthropic-version"),
        pytest.param({"metadata": ...}, {}, False, id="no metadata"),
        pytest.param({"metadata": {}}, {}, False, id="no user id"),
        pytest.param({"metadata": {"user_id": "user_1"}}, {}, False, id="another user id"),
        pytest.param({"metadata": {"user_id": USER + "0"}}, {}, False, id="a longer user id"),
        pytest.param(
            {"metadata": {"user_id": USER.replace("account__", "account_0123-45_")}},
            {},
            True,
            id="a user id with an account",
        ),
        pytest.param(
            {"metadata": {"user_id": '{"device_id": "d", "session_id": "s"}'}},
            {},
            True,
            id="the user id as JSON",
        ),
        pytest.param(
            {"metadata": {"user_id": '{"device_id": "d"}'}}, {}, False, id="JSON, no session"
        ),
        pytest.param(
            {"metadata": {"user_id": '{"device_id": "", "session_id": "s"}'}},
            {},
            False,
            id="JSON, empty device",
        ),
        pytest.param(
            {"metadata": {"user_id": '{"device_id": 1, "session_id": "s"}'}},
            {},
            False,
            id="JSON, device is no text",
        ),
        pytest.param({"metadata": {"user_id": "{broken"}}, {}, False, id="broken JSON"),
        pytest.param({"system": ...}, {}, False, id="no system prompt"),
        pytest.param({"system": CLI}, {}, True, id="the system prompt as text"),
        pytest.param({"system": "You are a pirate."}, {}, False, id="another system prompt"),
        pytest.param({"system": ""}, {}, False, id="an empty system prompt"),
        pytest.param({"system": []}, {}, False, id="no blocks"),
        pytest.param(
            {"system": [{"type": "text", "text": "You are a pirate." * 9}]},
            {},
            False,
            id="another long system prompt",
        ),
        pytest.param({"system": [{"type": "text"}]}, {}, False, id="a block without text"),
        pytest.param(
            {"system": [{"type": "text", "text": "cc_version=2.0"}, *BODY["system"]]},
            {},
            True,
            id="in the second block",
        ),
        pytest.param(
            {"system": [*({"type": "text", "text": "a"} for _ in range(10)), *BODY["system"]]},
            {},
            False,
            id="only in the eleventh block",
        ),
        pytest.param(
            {"system": "you are  claude code,\nANTHROPIC'S official cli for claude"},
            {},
            True,
            id="other case and blanks",
        ),
        pytest.param(
            {"system": "You are Claude Code, the official assistant of somebody else entirely."},
            {},
            True,
            id="half alike is alike",
        ),
        pytest.param(
            {"system": CLI + " You also speak like a pirate." * 5},
            {},
            False,
            id="less than half alike",
        ),
        pytest.param(
            {"system": "You are a Claude agent, built on Anthropic's Claude Agent SDK."},
            {},
            True,
            id="by the SDK",
        ),
        pytest.param(
            {"system": "You are a helpful AI assistant tasked with summarizing conversations."},
            {},
            True,
            id="summarizing",
        ),
    ],
)
def test_a_call_of_the_messages_endpoint(
    body: dict[str, Any], headers: dict[str, str], known: bool
) -> None:
    assert recognised({**BODY, **body}, {**HEADERS, **headers}) is known


@pytest.mark.parametrize(
    ("body", "headers", "known"),
    [
        pytest.param({"model": "claude-haiku-4-5", "max_tokens": 1}, {}, True, id="a probe"),
        pytest.param({"model": "Claude-3-5-HAIKU", "max_tokens": 1}, {}, True, id="in capitals"),
        pytest.param({"model": "claude-haiku-4-5", "max_tokens": 2}, {}, False, id="two tokens"),
        pytest.param({"model": "claude-sonnet-5", "max_tokens": 1}, {}, False, id="no haiku"),
        pytest.param(
            {"model": "claude-haiku-4-5", "max_tokens": 1},
            {"user-agent": "curl/8.0.0"},
            False,
            id="another client's",
        ),
    ],
)
def test_a_probe_needs_no_more_than_the_user_agent(
    body: dict[str, Any], headers: dict[str, str], known: bool
) -> None:
    bare = {"messages": BODY["messages"], **body}
    assert recognised(bare, {"user-agent": AGENT, **headers}) is known


@pytest.mark.parametrize(
    ("agent", "known"),
    [pytest.param(AGENT, True, id="its own"), pytest.param("curl/8.0.0", False, id="another")],
)
def test_counting_tokens_needs_no_more_than_the_user_agent(agent: str, known: bool) -> None:
    body = {"model": "claude-sonnet-5", "messages": BODY["messages"]}
    assert recognised(body, {"user-agent": agent}, COUNT) is known
