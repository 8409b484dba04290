"""Messages: what is read of a call, what of it is refused, what an upstream gets of it."""

import json
from typing import Any

import pytest

from tollgate.dialects import Call, Media, load
from tollgate.domain.errors import InvalidRequest, MissingParameter

MESSAGES = load("anthropic_messages")
CREATE, COUNT = MESSAGES.routes
BASE = {
    "model": "claude-sonnet-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi"}],
}
CLAUDE_CODE = json.dumps({"device_id": "d", "account_uuid": "", "session_id": "s-1"})


def read(body: dict[str, Any], headers: dict[str, str] | None = None, query: str = "") -> Call:
    """A Messages call read from a body."""
    return MESSAGES.read_call(CREATE, {}, headers or {}, json.dumps(body).encode(), query)


def content(*blocks: dict[str, Any]) -> dict[str, Any]:
    """A call whose only message has these blocks."""
    return {**BASE, "messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        pytest.param({}, "max_output", 100, id="max_tokens"),
        pytest.param({"max_tokens": 0}, "max_output", 0, id="max_tokens 0 only warms the cache"),
        pytest.param({}, "stream", False, id="no stream"),
        pytest.param({"stream": True}, "stream", True, id="stream"),
        pytest.param({}, "hidden_output", None, id="no word about thinking"),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": 3000}},
            "hidden_output",
            3000,
            id="budget",
        ),
        pytest.param({"thinking": {"type": "disabled"}}, "hidden_output", 0, id="no thinking"),
        pytest.param({"thinking": {"type": "adaptive"}}, "hidden_output", None, id="adaptive"),
        pytest.param({"thinking": None}, "hidden_output", None, id="thinking null"),
        pytest.param(
            {
                "tools": [
                    {"name": "f", "input_schema": {}},
                    {"type": "custom"},
                    {"type": "bash_20250124"},
                    {"type": "text_editor_20250728"},
                    {"type": "memory_20250818"},
                    {"type": "computer_20251124"},
                    {"type": "browser_toolset_20260801"},
                    {"type": "tool_search_tool_bm25_20251119"},
                    {"type": None},
                ]
            },
            "tools",
            (),
            id="own tools",
        ),
        pytest.param(
            {
                "tools": [
                    {"type": "web_search_20250305"},
                    {"type": "web_fetch_20260318"},
                    {"type": "code_execution_20260521"},
                    {"type": "advisor_20260301"},
                ]
            },
            "tools",
            ("tool:advisor", "tool:code_execution", "tool:web_fetch", "tool:web_search"),
            id="tools Anthropic runs",
        ),
        pytest.param(
            {"tools": [{"type": "mcp_toolset"}]}, "tools", ("tool:mcp_toolset",), id="a new tool"
        ),
        pytest.param({"mcp_servers": [{"url": "u"}]}, "tools", ("tool:mcp",), id="MCP servers"),
        pytest.param(
            {"metadata": {"user_id": CLAUDE_CODE}}, "session", "s-1", id="Claude Code's user"
        ),
        pytest.param(
            {"metadata": {"user_id": "user_1_account__session_abc-1"}},
            "session",
            "abc-1",
            id="Claude Code's user, earlier",
        ),
        pytest.param({"metadata": {"user_id": "u-9"}}, "session", "u-9", id="any user"),
        pytest.param({"metadata": {"user_id": "{x"}}, "session", "{x", id="a user like JSON"),
        pytest.param({"service_tier": "standard_only"}, "model", "claude-sonnet-5", id="tier"),
        pytest.param({"speed": "standard"}, "model", "claude-sonnet-5", id="speed"),
        pytest.param(
            {"diagnostics": {"previous_message_id": None}},
            "model",
            "claude-sonnet-5",
            id="diagnose",
        ),
    ],
)
def test_a_field_is_read(more: dict[str, Any], name: str, value: object) -> None:
    assert getattr(read({**BASE, **more}), name) == value


@pytest.mark.parametrize("name", ["model", "max_tokens", "messages"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(MissingParameter) as refused:
        read({key: value for key, value in BASE.items() if key != name})
    assert refused.value.param == name


@pytest.mark.parametrize(
    ("more", "param"),
    [
        pytest.param({"max_tokens": -1}, "max_tokens", id="max_tokens negative"),
        pytest.param({"max_tokens": 10**9}, "max_tokens", id="max_tokens huge"),
        pytest.param({"max_tokens": "5"}, "max_tokens", id="max_tokens a string"),
        pytest.param({"max_tokens": 5.5}, "max_tokens", id="max_tokens a fraction"),
        pytest.param({"messages": "Hi"}, "messages", id="messages a string"),
        pytest.param({"messages": [5]}, "messages[0]", id="a message that is a number"),
        pytest.param({"stream": "yes"}, "stream", id="stream a string"),
        pytest.param({"thinking": "yes"}, "thinking", id="thinking a string"),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": 0}},
            "thinking.budget_tokens",
            id="budget 0",
        ),
        pytest.param({"tools": "x"}, "tools", id="tools a string"),
        pytest.param({"tools": [None]}, "tools[0]", id="a tool that is null"),
        pytest.param({"metadata": "x"}, "metadata", id="metadata a string"),
        pytest.param({"metadata": {"user_id": 5}}, "metadata.user_id", id="user a number"),
        pytest.param({"container": "c_1"}, "container", id="a kept container"),
        pytest.param({"container": {"skills": []}}, "container", id="skills in a container"),
        pytest.param({"thread": {"id": "t"}}, "thread", id="a kept thread"),
        pytest.param({"user_profile_id": "u"}, "user_profile_id", id="somebody's profile"),
        pytest.param({"fallbacks": "default"}, "fallbacks", id="other models"),
        pytest.param({"fallbacks": [{"model": "m"}]}, "fallbacks", id="other models, named"),
        pytest.param({"fallback_credit_token": "t"}, "fallback_credit_token", id="credit"),
        pytest.param({"billing_policy": {"type": "x"}}, "billing_policy", id="another payer"),
        pytest.param(
            {"diagnostics": {"previous_message_id": "msg_1"}},
            "diagnostics.previous_message_id",
            id="somebody's message",
        ),
        pytest.param({"speed": 2}, "speed", id="a speed that is a number"),
        pytest.param({"service_tier": "priority"}, "service_tier", id="a dearer tier"),
        pytest.param({"inference_geo": "us"}, "inference_geo", id="a dearer place"),
        pytest.param(
            content({"type": "document", "source": {"type": "file", "file_id": "f"}}),
            "messages[0].content[0].source.file_id",
            id="a kept file",
        ),
        pytest.param(
            content({"type": "text"}, {"type": "container_upload", "file_id": "f"}),
            "messages[0].content[1].file_id",
            id="a file for a container",
        ),
        pytest.param(
            content(
                {
                    "type": "tool_result",
                    "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
                }
            ),
            "messages[0].content[0].content[0].source.file_id",
            id="a kept file in a tool's result",
        ),
    ],
)
def test_a_wrong_field_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read({**BASE, **more})
    assert refused.value.param == param
    assert refused.value.message.startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("block", "media"),
    [
        pytest.param(
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "A" * 80},
            },
            (Media("image", 80),),
            id="an image",
        ),
        pytest.param(
            {"type": "image", "source": {"type": "url", "url": "https://x.y"}},
            (Media("image", 0),),
            id="an image by URL",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "base64", "data": "B" * 60}},
            (Media("file", 60),),
            id="a document",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "text", "data": "plain words"}}, (), id="a text"
        ),
        pytest.param(
            {
                "type": "document",
                "source": {
                    "type": "content",
                    "content": [{"type": "image", "source": {"type": "base64", "data": "C" * 8}}],
                },
            },
            (Media("image", 8),),
            id="an image in a document",
        ),
        pytest.param(
            {
                "type": "tool_result",
                "content": [
                    {"type": "text"},
                    {"type": "image", "source": {"type": "base64", "data": "D" * 9}},
                ],
            },
            (Media("image", 9),),
            id="an image from a tool",
        ),
        pytest.param({"type": "tool_result", "content": "words"}, (), id="words from a tool"),
    ],
)
def test_media_is_told_from_text(block: dict[str, Any], media: tuple[Media, ...]) -> None:
    call = read(content({"type": "text", "text": "What?"}, block))
    assert call.media == media
    assert call.text_bytes == len(call.body) - sum(one.size for one in media)


def test_media_of_the_system_prompt_counts_and_strings_are_text() -> None:
    system = [{"type": "image", "source": {"type": "base64", "data": "E" * 7}}, "odd"]
    assert read({**BASE, "system": system}).media == (Media("image", 7),)
    assert read({**BASE, "system": "words"}).media == ()


def test_claude_code_names_its_session_in_a_header() -> None:
    spoken = {**BASE, "metadata": {"user_id": "u"}}
    assert read(spoken, {"x-claude-code-session-id": "cc-1"}).session == "cc-1"


def test_without_a_hint_the_beginning_of_the_conversation_is_the_session() -> None:
    system = [{"type": "text", "text": "You are a mule."}]
    one = read({**BASE, "system": system})
    grown = read({**BASE, "system": system, "messages": [*BASE["messages"], {"role": "assistant"}]})  # type: ignore[misc]
    assert one.session == grown.session != read(BASE).session


def test_an_upstream_gets_the_callers_bytes_and_the_beta_query() -> None:
    body = b'{"model" : "a", "max_tokens":1,"messages":[ ], "x":1.0}'
    call = MESSAGES.read_call(CREATE, {}, {}, body, "beta=true&key=secret&x=1")
    assert MESSAGES.write_call(call, "a").body == body
    wire = MESSAGES.write_call(call, "b")
    assert wire.body == b'{"model" : "b", "max_tokens":1,"messages":[ ], "x":1.0}'
    assert (wire.path, wire.query) == ("/v1/messages", "beta=true")


def test_counting_tokens_needs_no_limit_and_does_not_stream() -> None:
    body = {"model": "a", "messages": [], "stream": True}
    call = MESSAGES.read_call(COUNT, {}, {}, json.dumps(body).encode())
    assert (call.operation, call.stream, call.max_output) == ("count_tokens", False, None)
    assert MESSAGES.write_call(call, "a").path == "/v1/messages/count_tokens"
    assert not COUNT.metered
