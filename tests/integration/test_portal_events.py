"""The portal's events, through the handler that is deployed."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import template
from tests.admin_api import create_pepper, create_tables
from tests.locked_moto import REGION
from tollgate.settings import Settings

EVENTS = sorted((template.ROOT / "events" / "portal").glob("*.json"))
APP = template.ROOT / "functions" / "portal" / "app.py"
CONTEXT = SimpleNamespace(aws_request_id="1-portal")
EXPECTED = {"sign_in": (401, "invalid_credentials"), "sign_up": (202, None)}


@pytest.fixture
def handler(moto: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("TOLLGATE_SIGN_UP", "open")
    settings = Settings()
    create_tables(settings)
    create_pepper(settings)
    spec = importlib.util.spec_from_file_location("portal_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handle: Any = module.handler
    return handle


def read(path: Path) -> dict[str, Any]:
    """The event in a file."""
    event: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return event


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_an_event_is_answered(handler: Any, path: Path) -> None:
    answer = handler(read(path), CONTEXT)
    assert (answer["statusCode"], json.loads(answer["body"]).get("code")) == EXPECTED[path.stem]
    assert answer["isBase64Encoded"] is False


def test_who_signed_up_signs_in(handler: Any) -> None:
    events = {path.stem: read(path) for path in EVENTS}
    assert handler(events["sign_up"], CONTEXT)["statusCode"] == 202
    entered = handler(events["sign_in"], CONTEXT)
    assert entered["statusCode"] == 200
    assert entered["headers"]["Set-Cookie"].startswith("__Host-tollgate=")


def test_what_nobody_foresaw_says_nothing_of_itself(handler: Any) -> None:
    answer = handler({"canary": 1}, CONTEXT)
    assert answer["statusCode"] == 500
    assert json.loads(answer["body"])["code"] == "internal_error"
    assert "canary" not in answer["body"]
