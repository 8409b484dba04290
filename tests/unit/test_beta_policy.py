"""Rules on beta features: whom they are about, what becomes of a header, which are no rules."""

import json
from typing import Any

import pytest

from tollgate.domain.beta_policy import (
    DEFAULT,
    BetaRule,
    Policy,
    Scope,
    Wanting,
    check_beta_setting,
    permitted,
    permitted_headers,
    policy_of,
    read_policy,
    tokens_of,
    written,
)
from tollgate.domain.definitions import Setting
from tollgate.domain.errors import InvalidRequest, ValidationFailed

ANYWHERE = Wanting("apikey", ("claude-opus-4-6",))
FILTER_A: Policy = (BetaRule("a", "filter"),)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("a,b", ("a", "b"), id="a list"),
        pytest.param(" a , b ", ("a", "b"), id="blanks"),
        pytest.param("a,,b,", ("a", "b"), id="gaps"),
        pytest.param("", (), id="empty"),
        pytest.param('["a","b"]', ("a", "b"), id="a JSON array"),
        pytest.param(' [" a ", "", 7] ', ("a",), id="a JSON array of this and that"),
        pytest.param("[a", ("[a",), id="a JSON array that is none"),
        pytest.param("[, a", ("[", "a"), id="a list that begins like a JSON array"),
        pytest.param('["b,a"," c , d"]', ("b", "a", "c", "d"), id="a JSON array of lists"),
    ],
)
def test_a_header_names_features(header: str, expected: tuple[str, ...]) -> None:
    assert tokens_of(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("a,b,c", "b,c", id="at the start"),
        pytest.param("b,a,c", "b,c", id="in the middle"),
        pytest.param("b,c,a", "b,c", id="at the end"),
        pytest.param("a", None, id="alone"),
        pytest.param("b,c", "b,c", id="absent"),
        pytest.param("b , c", "b , c", id="absent, with blanks that stay"),
        pytest.param("b, a , c", "b,c", id="with blanks"),
        pytest.param("a,a", None, id="twice"),
        pytest.param("ab,b", "ab,b", id="another one that begins like it"),
        pytest.param('["a","b"]', "b", id="in a JSON array"),
        pytest.param('["a","b,a"]', "b", id="hidden behind a comma in a JSON array"),
        pytest.param("[,a", "[", id="behind the beginning of a JSON array that never ends"),
        pytest.param("", "", id="an empty header"),
    ],
)
def test_a_feature_is_taken_out(header: str, expected: str | None) -> None:
    others = {"accept": "*/*"}
    found = permitted_headers(FILTER_A, {"anthropic-beta": header, **others}, ANYWHERE)
    assert found == (others if expected is None else {"anthropic-beta": expected, **others})


def test_no_header_stays_none() -> None:
    headers = {"accept": "*/*"}
    assert permitted_headers(FILTER_A, headers, ANYWHERE) is headers


@pytest.mark.parametrize(
    ("scope", "account", "concerned"),
    [
        pytest.param("all", "oauth", True, id="all, oauth"),
        pytest.param("all", "apikey", True, id="all, apikey"),
        pytest.param("all", "bedrock", True, id="all, bedrock"),
        pytest.param("all", "service_account", True, id="all, service account"),
        pytest.param("oauth", "oauth", True, id="oauth, oauth"),
        pytest.param("oauth", "apikey", False, id="oauth, apikey"),
        pytest.param("oauth", "bedrock", False, id="oauth, bedrock"),
        pytest.param("apikey", "apikey", True, id="apikey, apikey"),
        pytest.param("apikey", "bedrock", False, id="apikey does not include bedrock"),
        pytest.param("apikey", "service_account", False, id="apikey, service account"),
        pytest.param("bedrock", "bedrock", True, id="bedrock, bedrock"),
        pytest.param("bedrock", "apikey", False, id="bedrock, apikey"),
        pytest.param("nonsense", "oauth", True, id="an unknown scope is about all"),
    ],
)
def test_scopes(scope: Scope, account: str, concerned: bool) -> None:
    policy = (BetaRule("a", "filter", scope),)
    assert permitted(policy, ("a", "b"), Wanting(account, ("m",))) == (
        ("b",) if concerned else ("a", "b")
    )


@pytest.mark.parametrize(
    ("rule", "models", "expected"),
    [
        pytest.param(
            BetaRule("a", "filter", model_whitelist=("claude-opus-4-6",)),
            ("claude-opus-4-6",),
            "filter",
            id="named",
        ),
        pytest.param(
            BetaRule("a", "filter", model_whitelist=("Claude-Opus-4-6",)),
            ("claude-opus-4-6",),
            "filter",
            id="named in another case",
        ),
        pytest.param(
            BetaRule("a", "filter", model_whitelist=("claude-opus-*",)),
            ("claude-opus-4-6",),
            "filter",
            id="named by its beginning",
        ),
        pytest.param(
            BetaRule("a", "filter", model_whitelist=("claude-opus-4-6",)),
            ("public", "claude-opus-4-6"),
            "filter",
            id="named as it is upstream",
        ),
        pytest.param(
            BetaRule("a", "filter", model_whitelist=("claude-opus-*",)),
            ("claude-haiku-4-5",),
            "pass",
            id="not named: the fallback is to pass",
        ),
        pytest.param(
            BetaRule("a", "pass", model_whitelist=("claude-opus-*",), fallback_action="filter"),
            ("claude-haiku-4-5",),
            "filter",
            id="not named: the fallback filters",
        ),
        pytest.param(
            BetaRule("a", "pass", model_whitelist=("claude-opus-*",), fallback_action="filter"),
            ("claude-opus-4-6",),
            "pass",
            id="named: passes",
        ),
        pytest.param(
            BetaRule("a", "pass", fallback_action="block"),
            ("claude-opus-4-6",),
            "pass",
            id="no list names all",
        ),
        pytest.param(
            BetaRule(
                "a", "pass", error_message="no", model_whitelist=("x",), fallback_action="block",
                fallback_error_message="only with x",
            ),
            ("claude-opus-4-6",),
            "only with x",
            id="not named: the fallback blocks in its own words",
        ),
        pytest.param(
            BetaRule("a", "block", error_message="not here", model_whitelist=("x",)),
            ("x",),
            "not here",
            id="named: blocked in the rule's words",
        ),
        pytest.param(
            BetaRule("a", "block"),
            ("x",),
            "beta feature a is not offered here; leave it out",
            id="blocked without words",
        ),
    ],
)  # fmt: skip
def test_actions(rule: BetaRule, models: tuple[str, ...], expected: str) -> None:
    wanting = Wanting("apikey", models)
    if expected in {"pass", "filter"}:
        assert permitted((rule,), ("a",), wanting) == (("a",) if expected == "pass" else ())
        return
    with pytest.raises(InvalidRequest) as refused:
        permitted((rule,), ("a",), wanting)
    assert (refused.value.message, refused.value.param) == (expected, "anthropic-beta")
    assert permitted((rule,), ("b",), wanting) == ("b",)


def test_a_block_is_stronger_than_a_filter_before_it() -> None:
    with pytest.raises(InvalidRequest):
        permitted((BetaRule("a", "filter"), BetaRule("a", "block")), ("a",), ANYWHERE)


def test_without_a_setting_the_dear_features_are_taken_out() -> None:
    assert policy_of({}) == DEFAULT
    assert (
        BetaRule("fast-mode-2026-02-01", "filter", "all"),
        BetaRule("context-1m-2025-08-07", "filter", "all"),
    ) == DEFAULT
    asked = ("fast-mode-2026-02-01", "context-1m-2025-08-07", "compact-2026-01-12")
    for account in ("apikey", "bedrock", "oauth"):
        left = permitted(DEFAULT, asked, Wanting(account, ("m",)))
        assert left == ("compact-2026-01-12",)


FULL = BetaRule(
    "a-1", "block", "bedrock", "nein, ü", ("claude-*", "x"), "filter", "sonst nicht"
)  # fmt: skip


def test_a_policy_is_written_and_read() -> None:
    text = written((FULL, BetaRule("b", "pass")))
    assert text == (
        '{"rules":[{"beta_token":"a-1","action":"block","scope":"bedrock","error_message":'
        '"nein, ü","model_whitelist":["claude-*","x"],"fallback_action":"filter",'
        '"fallback_error_message":"sonst nicht"},{"beta_token":"b","action":"pass"}]}'
    )
    assert read_policy(text) == (FULL, BetaRule("b", "pass"))
    assert policy_of({"beta_policy": text, "other": 1}) == (FULL, BetaRule("b", "pass"))
    assert policy_of({"beta_policy": '{"rules":[]}'}) == ()


GOOD: dict[str, Any] = {"beta_token": "a", "action": "filter"}


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        pytest.param("x", "rules", id="no JSON"),
        pytest.param("[]", "rules", id="no object"),
        pytest.param("{}", "rules", id="no rules"),
        pytest.param('{"rules":{}}', "rules", id="rules that are no list"),
        pytest.param('{"rules":[7]}', "rules", id="a rule that is none"),
        pytest.param([GOOD] * 101, "rules", id="too many"),
        pytest.param(
            [GOOD | {"model_whitelist": ["x" * 256] * 50}] * 3, "rules", id="too much of them"
        ),
        pytest.param([{"action": "filter"}], "rules[1].beta_token", id="no token"),
        pytest.param([GOOD | {"beta_token": ""}], "rules[1].beta_token", id="an empty token"),
        pytest.param([GOOD | {"beta_token": "a,b"}], "rules[1].beta_token", id="two tokens"),
        pytest.param([GOOD, GOOD | {"beta_token": 7}], "rules[2].beta_token", id="a number"),
        pytest.param([{"beta_token": "a"}], "rules[1].action", id="no action"),
        pytest.param([GOOD | {"action": "drop"}], "rules[1].action", id="another action"),
        pytest.param([GOOD | {"action": []}], "rules[1].action", id="an action that is a list"),
        pytest.param([GOOD | {"scope": "vertex"}], "rules[1].scope", id="another scope"),
        pytest.param(
            [GOOD | {"fallback_action": ""}], "rules[1].fallback_action", id="another fallback"
        ),
        pytest.param(
            [GOOD | {"error_message": "x" * 301}], "rules[1].error_message", id="too many words"
        ),
        pytest.param(
            [GOOD | {"fallback_error_message": "a\nb"}],
            "rules[1].fallback_error_message",
            id="two lines",
        ),
        pytest.param(
            [GOOD | {"model_whitelist": "x"}], "rules[1].model_whitelist", id="no list of models"
        ),
        pytest.param(
            [GOOD | {"model_whitelist": ["x"] * 51}],
            "rules[1].model_whitelist",
            id="too many models",
        ),
        pytest.param(
            [GOOD | {"model_whitelist": ["x", " "]}],
            "rules[1].model_whitelist[2]",
            id="a model that is none",
        ),
        pytest.param([GOOD | {"models": []}], "rules[1].models", id="a field that is none"),
    ],
)
def test_what_is_no_policy(policy: Any, field: str) -> None:
    text = policy if isinstance(policy, str) else json.dumps({"rules": policy})
    with pytest.raises(ValidationFailed) as refused:
        check_beta_setting(Setting("beta_policy", text))
    assert refused.value.param == field
    assert refused.value.message.startswith(f"{field}: ")


def test_the_setting_is_a_text() -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_beta_setting(Setting("beta_policy", 7))
    assert refused.value.param == "value"
    check_beta_setting(Setting("another", 7))
    check_beta_setting(Setting("beta_policy", '{"rules":[]}'))
