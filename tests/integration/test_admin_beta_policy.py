"""The rules on beta features over HTTP: shown, replaced, refused with the field's name."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import AdminApi, admin_api

PATH = "/settings/beta-policy"
RULE = {"beta_token": "compact-2026-01-12", "action": "block"}
REST = {
    "scope": "all",
    "error_message": "",
    "model_whitelist": [],
    "fallback_action": "pass",
    "fallback_error_message": "",
}


@pytest.fixture
def api() -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


def test_without_rules_the_usual_ones_are_shown(api: AdminApi) -> None:
    shown = api.call("GET", PATH)
    assert (shown.status, shown.json["version"]) == (200, 0)
    assert shown.json["rules"] == [
        {"beta_token": "fast-mode-2026-02-01", "action": "filter", **REST},
        {"beta_token": "context-1m-2025-08-07", "action": "filter", **REST},
    ]


def test_rules_are_made_replaced_and_removed(api: AdminApi) -> None:
    full = RULE | {
        "scope": "bedrock", "error_message": "nicht hier, ü", "model_whitelist": ["claude-*"],
        "fallback_action": "filter", "fallback_error_message": "",
    }  # fmt: skip
    made = api.call("PUT", PATH, {"rules": [full]})
    assert (made.status, made.etag, made.json["rules"]) == (200, '"1"', [full])
    assert api.call("GET", PATH).json["rules"] == [full]
    assert api.call("PUT", PATH, {"rules": []}).status == 428
    assert api.call("PUT", PATH, {"rules": []}, headers={"If-Match": '"7"'}).status == 412
    changed = api.call("PUT", PATH, {"rules": []}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.json["rules"], changed.json["version"]) == (200, [], 2)
    entry = api.call("GET", "/audit", query={"limit": 1}).json["entries"][0]
    assert (entry["action"], entry["object"]) == ("setting.change", "beta_policy")
    assert (entry["before"]["rules"], entry["after"]["rules"]) == ([full], [])
    assert api.call("DELETE", "/settings/beta_policy", headers={"If-Match": '"2"'}).status == 204
    assert len(api.call("GET", PATH).json["rules"]) == 2
    assert api.call("PUT", PATH, {"rules": []}, headers={"If-Match": '"2"'}).status == 412


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"rules": [RULE | {"beta_token": ""}]}, "rules[1].beta_token", id="no token"),
        pytest.param({"rules": [RULE, RULE | {"action": "drop"}]}, "rules[2].action", id="action"),
        pytest.param({"rules": [RULE | {"scope": "vertex"}]}, "rules[1].scope", id="scope"),
        pytest.param(
            {"rules": [RULE | {"model_whitelist": [" "]}]},
            "rules[1].model_whitelist[1]",
            id="a model that is none",
        ),
        pytest.param({"rules": [RULE] * 101}, "rules", id="too many"),
        pytest.param({}, "rules", id="no rules"),
    ],
)
def test_what_is_no_rule_is_refused(api: AdminApi, body: Any, field: str) -> None:
    refused = api.call("PUT", PATH, body)
    assert refused.status == 422
    assert field in refused.text
    assert api.call("GET", PATH).json["version"] == 0


def test_the_setting_itself_takes_no_other_text(api: AdminApi) -> None:
    refused = api.call("POST", "/settings", {"name": "beta_policy", "value": "none"})
    assert (refused.status, refused.json["code"]) == (422, "validation_failed")
    assert "rules" in refused.text
