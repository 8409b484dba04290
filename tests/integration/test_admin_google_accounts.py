"""Accounts at Google as staff see them: trials that fetch tokens, credits, refusals for good."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.replay.listener import running
from tests.admin_api import NOW, AdminApi, admin_api
from tests.locked_moto import service

KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api(local="1") as opened:
        yield opened


@pytest.fixture
def replay() -> Iterator[str]:
    with running() as url:
        yield url


def calls(replay: str) -> list[Any]:
    with urlopen(Request(f"{replay}/_replay/calls")) as answer:  # noqa: S310 - our own stand-in
        found: list[Any] = json.load(answer)["calls"]
    return found


def antigravity(replay: str, refresh: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "anti",
        "type": "oauth",
        "base_url": replay,
        "credentials": json.dumps({"refresh_token": refresh, "client_id": "c"}),
        "overages": True,
        **more,
    }


def vertex(replay: str, platform: str, email: str = "svc@p.example.com") -> dict[str, Any]:
    told = {"client_email": email, "private_key": PEM, "token_uri": f"{replay}/token"}
    return {
        "name": "vertex",
        "type": "service_account",
        "platform": platform,
        "base_url": replay,
        "project": "proj-7",
        "region": "europe-west4",
        "credentials": json.dumps({"type": "service_account", **told}),
    }


def test_staff_read_the_balance_that_relays_decide_by(api: AdminApi, replay: str) -> None:
    account = api.created("/accounts", antigravity(replay, "1//ann+credits=18778"))["id"]
    found = api.call("GET", f"/accounts/{account}/credits")
    assert found.status == 200, found.text
    seen = found.json
    assert seen.pop("read_at") == NOW
    assert seen == {
        "overages": True,
        "credits": [{"kind": "GOOGLE_ONE_AI", "amount": "18778", "minimum": "50"}],
        "enough": True,
        "trouble": None,
        "exhausted_until": None,
    }
    api.call("GET", f"/accounts/{account}/credits")
    assert [call["path"] for call in calls(replay)] == ["/token", "/v1internal:loadCodeAssist"]


@pytest.mark.parametrize(
    ("knobs", "seen"),
    [
        pytest.param("credits=3+minimum=5", (False, None), id="too few"),
        pytest.param("credits=0", (False, None), id="none left"),
        pytest.param("", (False, None), id="a free account"),
    ],
)
def test_a_balance_says_whether_it_is_enough(
    api: AdminApi, replay: str, knobs: str, seen: tuple[bool, str | None]
) -> None:
    account = api.created("/accounts", antigravity(replay, f"1//ann+{knobs}"))["id"]
    found = api.call("GET", f"/accounts/{account}/credits").json
    assert (found["enough"], found["trouble"]) == seen


def test_used_up_credits_say_until_when(api: AdminApi, replay: str) -> None:
    account = api.created("/accounts", antigravity(replay, "1//ann+credits=900"))["id"]
    health = api.stores.snapshots.read_health()
    facts = {account: {"credits": NOW + 5}, "acc_other": {"credits": NOW + 9}}
    assert api.stores.snapshots.write_health(type(health)(health.version, facts))
    assert api.call("GET", f"/accounts/{account}/credits").json["exhausted_until"] == NOW + 5


def test_a_refused_refresh_token_makes_the_account_faulty(api: AdminApi, replay: str) -> None:
    account = api.created("/accounts", antigravity(replay, "1//ann+invalid_grant"))["id"]
    found = api.call("GET", f"/accounts/{account}/credits")
    assert (found.status, found.json["code"]) == (502, "upstream_unavailable")
    assert "is refused an access token" in found.text
    (rests,) = api.call("GET", f"/accounts/{account}").json["health"]
    assert (rests["what"], rests["until"], rests["cause"]) == ("faulty", None, "credentials")
    (told,) = [facts for facts in api.logged if "unusable" in facts]
    assert told["account"] == account


def test_accounts_of_other_types_have_no_credits(api: AdminApi, replay: str) -> None:
    account = api.created("/accounts", vertex(replay, "gemini"))["id"]
    found = api.call("GET", f"/accounts/{account}/credits")
    assert (found.status, found.json["code"]) == (409, "conflict")


def test_support_sees_no_credits(api: AdminApi, replay: str) -> None:
    account = api.created("/accounts", antigravity(replay, "1//ann"))["id"]
    token = api.token("support")
    assert api.call("GET", f"/accounts/{account}/credits", token=token).status == 403


@pytest.mark.parametrize(
    ("body", "model", "path"),
    [
        pytest.param(
            lambda url: antigravity(url, "1//ann+rotate"),
            "gemini-2.5-pro",
            "/v1internal:generateContent",
            id="antigravity",
        ),
        pytest.param(
            lambda url: vertex(url, "gemini"),
            "gemini-2.5-pro",
            "/v1/projects/proj-7/locations/europe-west4/publishers/google/models/"
            "gemini-2.5-pro:generateContent",
            id="Vertex, Google's models",
        ),
        pytest.param(
            lambda url: vertex(url, "anthropic"),
            "claude-sonnet-4-5@20250929",
            "/v1/projects/proj-7/locations/europe-west4/publishers/anthropic/models/"
            "claude-sonnet-4-5@20250929:rawPredict",
            id="Vertex, Anthropic's models",
        ),
    ],
)
def test_staff_try_an_account_with_its_own_token(
    api: AdminApi, replay: str, body: Any, model: str, path: str
) -> None:
    account = api.created("/accounts", body(replay))["id"]
    tried = api.call("POST", f"/accounts/{account}/test", {"model": model})
    assert tried.status == 200, tried.text
    assert (tried.json["ok"], tried.json["said"][:23]) == (True, "This answer is replayed")
    token, call = calls(replay)
    assert (token["path"], call["path"]) == ("/token", path)
    assert call["headers"]["authorization"].startswith("Bearer ya29.")


def test_an_account_that_is_not_saved_is_tried_and_leaves_nothing(
    api: AdminApi, replay: str
) -> None:
    draft = antigravity(replay, "1//ann") | {"model": "gemini-2.5-pro"}
    tried = api.call("POST", "/accounts/test", draft)
    assert (tried.status, tried.json["ok"]) == (200, True), tried.text
    items = service("dynamodb").scan(TableName="tollgate-state")["Items"]
    assert [item["pk"]["S"] for item in items if item["pk"]["S"].startswith("token#")] == []


def test_a_replaced_refresh_token_outlives_the_process(api: AdminApi, replay: str) -> None:
    account = api.created("/accounts", antigravity(replay, "1//ann+rotate"))["id"]
    for hour in range(3):
        api.now = NOW + hour * 3_600_000
        assert api.call("GET", f"/accounts/{account}/credits").status == 200
    bodies = [call["body"] for call in calls(replay) if call["path"] == "/token"]
    assert [body.partition("refresh_token=")[2] for body in bodies] == [
        "1%2F%2Fann%2Brotate",
        "1%2F%2Fann.1%2Brotate",
        "1%2F%2Fann.2%2Brotate",
    ]
