"""Staff's rules on beta features, applied to calls through Bedrock accounts and others."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.bedrock_calls import (
    BEDROCK,
    BODY,
    DIRECT,
    ID,
    by_host,
    gateway,
    messages,
    whole,
)

THINKING = BODY | {"thinking": {"type": "enabled", "budget_tokens": 500}}
SEARCH = BODY | {"tools": [{"type": "tool_search_tool_regex_20251119", "name": "search"}]}
ADVANCED, TOOL_SEARCH = "advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19"
INTERLEAVED = "interleaved-thinking-2025-05-14"


def rule(action: str, token: str, **more: str) -> dict[str, str]:
    return {"beta_token": token, "action": action, **more}


@pytest.mark.parametrize(
    ("policy", "header", "body", "expected"),
    [
        pytest.param(
            [rule("block", ADVANCED)], ADVANCED, BODY, None, id="blocked before it is renamed"
        ),
        pytest.param(
            [rule("filter", TOOL_SEARCH)],
            ADVANCED,
            BODY,
            ["tool-examples-2025-10-29"],
            id="filtered after it is renamed",
        ),
        pytest.param(
            [rule("block", INTERLEAVED)], "", THINKING, None, id="blocked where the body needs it"
        ),
        pytest.param(
            [rule("block", TOOL_SEARCH)], "", SEARCH, None, id="a search blocked by its tool"
        ),
        pytest.param(
            [rule("block", "computer-use-2025-11-24")],
            "",
            THINKING,
            [INTERLEAVED],
            id="another one is blocked",
        ),
        pytest.param(
            [rule("block", INTERLEAVED, scope="apikey")],
            "",
            THINKING,
            [INTERLEAVED],
            id="blocked for others",
        ),
        pytest.param(None, "context-1m-2025-08-07", BODY, [], id="the usual rules"),
        pytest.param(
            [], '["context-1m-2025-08-07", "oauth-2025-04-20"]', BODY, ["context-1m-2025-08-07"],
            id="no rules, a JSON array, something Bedrock lacks",
        ),
        pytest.param(
            [], "", BODY | {"anthropic_beta": ["compact-2026-01-12"]}, ["compact-2026-01-12"],
            id="named in the body",
        ),
        pytest.param(
            [rule("block", "compact-2026-01-12")],
            "",
            BODY | {"anthropic_beta": ["compact-2026-01-12"]},
            None,
            id="named in the body and blocked",
        ),
    ],
)  # fmt: skip
def test_features(policy: Any, header: str, body: Mapping[str, Any], expected: Any) -> None:
    used = gateway(whole, policy=policy)
    seen = messages(used, body, **({"anthropic_beta": header} if header else {}))
    if expected is not None:
        assert seen.status == 200
        (request,) = used.upstream.requests
        assert json.loads(request.content).get("anthropic_beta", []) == expected
        return
    assert (seen.status, seen.json["error"]["type"]) == (400, "invalid_request_error")
    assert used.record().charge == 0


def test_a_block_is_told_in_the_rules_words_and_nobody_else_is_asked() -> None:
    policy = [
        rule("block", ADVANCED, scope="bedrock", error_message="ask for it at the front desk")
    ]
    used = gateway(by_host(whole), replace(BEDROCK, priority=1), DIRECT, policy=policy)
    seen = messages(used, anthropic_beta=ADVANCED)
    assert (seen.status, seen.json["error"]["message"]) == (400, "ask for it at the front desk")
    assert used.upstream.requests == []
    assert [attempt["account"] for attempt in used.record().attempts] == ["acc_aws"]


@pytest.mark.parametrize(
    ("policy", "header", "sent"),
    [
        pytest.param(None, "a,context-1m-2025-08-07,b", "a,b", id="the usual rules"),
        pytest.param(None, "fast-mode-2026-02-01", None, id="nothing is left"),
        pytest.param(None, "a , b", "a , b", id="untouched"),
        pytest.param([rule("filter", "a", scope="apikey")], "a,b", "b", id="for API keys"),
        pytest.param([rule("filter", "a", scope="bedrock")], "a,b", "a,b", id="for Bedrock"),
        pytest.param([rule("filter", "a", scope="oauth")], "a,b", "a,b", id="for OAuth"),
        pytest.param([], "context-1m-2025-08-07", "context-1m-2025-08-07", id="no rules"),
    ],
)
def test_features_at_an_account_with_an_api_key(policy: Any, header: str, sent: str | None) -> None:
    used = gateway(by_host(whole), DIRECT, policy=policy)
    assert messages(used, anthropic_beta=header).status == 200
    (request,) = used.upstream.requests
    assert request.headers.get("anthropic-beta") == sent


def test_a_block_at_an_account_with_an_api_key() -> None:
    used = gateway(by_host(whole), DIRECT, policy=[rule("block", "a")])
    seen = messages(used, anthropic_beta="b,a")
    assert (seen.status, seen.json["error"]["type"]) == (400, "invalid_request_error")
    assert used.upstream.requests == []


def test_rules_name_models_as_anybody_does() -> None:
    policy = [
        {"beta_token": "compact-2026-01-12", "action": "pass", "model_whitelist": [ID],
         "fallback_action": "block"}
    ]  # fmt: skip
    used = gateway(whole, policy=policy)
    assert messages(used, anthropic_beta="compact-2026-01-12").status == 200
    (request,) = used.upstream.requests
    assert json.loads(request.content)["anthropic_beta"] == ["compact-2026-01-12"]
