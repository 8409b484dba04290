"""A model group bound to a channel, on the running stack: written at one address, read at both."""

from typing import Any

import pytest

from local.stack import Stack
from tests.e2e.lab import Api, Lab, account_of, eventually, models_of, open_lab

pytestmark = pytest.mark.stack

MODEL = "bound-model"


def write(lab: Lab, path: str, body: dict[str, Any], **query: Any) -> dict[str, Any]:
    """Make something over the admin API."""
    answer = lab.admin.post(path, json=body, params=query)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bound_channel(lab: Lab) -> str:
    """A channel that sells the model under another name, with an account that only it may use."""
    upstream = lab.stack.environment["TOLLGATE_UPSTREAM_URL"]
    account = account_of("openai", upstream, lab.credentials, lab.group)
    own = account | {"name": f"{lab.credentials} bound", "groups": [], "models": ["gpt-4o-mini"]}
    channel = {
        "name": f"bound {lab.credentials}",
        "accounts": [write(lab, "/accounts", own)["id"]],
        "model_mapping": {"openai": {MODEL: "gpt-4o-mini"}},
    }
    return str(write(lab, "/channels", channel)["id"])


def test_a_bound_group_goes_through_its_channel_and_nowhere_else(stack: Stack) -> None:
    lab = open_lab(stack)
    write(lab, "/prices", {"model": MODEL, "prices": {"input": "1", "output": "4"}})
    channel = bound_channel(lab)
    binding = {"model": MODEL, "code": "default", "channel": channel}
    second = Api(f"{stack.url}/api/customer_pricing", lab.admin.token)
    made = second.post("/model_group_channels", json=binding)
    assert made.is_success, made.text
    agreed = {"operations": [{"group_code": "default", "price": {"prices": {"input": "0.5"}}}]}
    path, query = f"/users/{lab.user}/model_pricing", {"model": MODEL}
    written = second.post(path, json=agreed, params=query)
    assert written.is_success, written.text
    assert lab.get(path, **query)["version"] == written.json()["version"] == 1
    eventually(lambda: models_of(lab), lambda models: MODEL in models)
    answer = lab.call(MODEL)
    assert answer.status_code == 200, answer.text
    receipt = lab.get(f"/receipts/{answer.headers['x-request-id']}")
    assert (receipt["channel"], receipt["chain"]) == (channel, [MODEL, "gpt-4o-mini"])
    assert (receipt["price"]["source"], receipt["price"]["model_group"]) == ("customer", "default")
    told = lab.get(f"/users/{lab.user}/effective_price", model=MODEL, key=lab.key)
    assert (told["row"], told["prices"]["input"]) == (6, {"price": "0.5", "source": "customer"})
    off = second.post(
        "/model_group_channels", json=binding | {"enabled": False}, headers={"if-match": '"1"'}
    )
    assert off.is_success, off.text
    refused = eventually(lambda: lab.call(MODEL), lambda seen: seen.status_code != 200)
    assert (refused.status_code, refused.headers["x-tollgate-error-code"]) == (
        503,
        "no_available_channel",
    )
