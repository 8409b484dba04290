"""A Bedrock account on the running stack: made by staff, signed by the relay, paid by callers."""

import json
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from local.replay.aws import ACCESS_KEY, SECRET_KEY
from local.stack import Stack
from tests.e2e.lab import PATIENCE, Lab, eventually, models_of, open_lab

pytestmark = pytest.mark.stack

MODEL: Final = "house-claude"
PRICE: Final = {"model": MODEL, "prices": {"input": "3", "output": "15"}}
CHARGE: Final = "0.000132"
"""4 tokens in and 8 out."""

KEYS: Final = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
BETA: Final = "compact-2026-01-12"


@pytest.fixture(scope="module")
def lab(stack: Stack) -> Lab:
    """A tenant whose group has a Bedrock account and nothing else."""
    opened = open_lab(stack)

    def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = opened.admin.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    group = made("/groups", {"name": "on bedrock", "platform": "anthropic"})["id"]
    account = {
        "name": "AWS",
        "type": "bedrock",
        "auth_mode": "sigv4",
        "region": "eu-west-1",
        "base_url": stack.environment["TOLLGATE_UPSTREAM_URL"],
        "credentials": json.dumps(KEYS),
        "groups": [group],
        "model_mapping": {MODEL: "claude-sonnet-4-5"},
    }
    made("/accounts", account)
    made("/prices", PRICE)
    key = made(f"/users/{opened.user}/keys", {"group": group})
    own = replace(opened, key=key["id"], secret=key["secret"], group=group, credentials=ACCESS_KEY)
    eventually(lambda: models_of(own), lambda models: MODEL in models)
    return own


def call(lab: Lab, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    """One call of Messages, read whole."""
    sent = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    return httpx.post(
        f"{lab.url}/v1/messages",
        json=sent | body,
        headers={"x-api-key": lab.secret} | (headers or {}),
        timeout=PATIENCE,
    )


def test_a_call_is_signed_answered_and_charged(lab: Lab) -> None:
    answer = call(lab)
    assert (answer.status_code, answer.json()["type"]) == (200, "message"), answer.text
    assert answer.headers["x-tollgate-charge"] == CHARGE
    sent = lab.received()[-1]
    assert sent["path"] == "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke"
    receipt = lab.get(f"/receipts/{answer.headers['x-request-id']}")
    assert receipt["charge_usd"] == CHARGE


def test_a_stream_is_anthropics(lab: Lab) -> None:
    lab.script("sse=split")
    answer = call(lab, stream=True)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    names = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert (names[0], names[-1], names.count("content_block_delta")) == (
        "message_start",
        "message_stop",
        8,
    )
    assert f'"cost":{CHARGE}' in answer.text


def test_rules_on_beta_features_reach_the_relay(lab: Lab) -> None:
    path = "/settings/beta-policy"
    rule = {"beta_token": BETA, "action": "block", "scope": "bedrock", "error_message": "not here"}
    headers = {"if-match": lab.admin.get(path).headers["etag"]}
    answer = lab.admin.request("PUT", path, json={"rules": [rule]}, headers=headers)
    assert answer.is_success, answer.text
    refused = eventually(
        lambda: call(lab, {"anthropic-beta": BETA}), lambda seen: seen.status_code != 200
    )
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "not here")
    headers = {"if-match": answer.headers["etag"]}
    assert lab.admin.request("PUT", path, json={"rules": []}, headers=headers).is_success
    allowed = eventually(
        lambda: call(lab, {"anthropic-beta": BETA}), lambda seen: seen.status_code == 200
    )
    assert BETA in lab.received()[-1]["body"]
    assert allowed.status_code == 200
