"""Every event of events/admin goes through the function as it is deployed."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.admin_api import create_pepper, create_tables
from tests.locked_moto import REGION, locked_moto, service
from tollgate.domain.definitions import AdminToken, Author
from tollgate.settings import Settings
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.pepper import hash_secret

ROOT = Path(__file__).parents[2]
EVENTS = sorted((ROOT / "events/admin").glob("*.json"))
CONTEXT = SimpleNamespace(aws_request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
TOKEN = "tga-0123456789abcdef" + "0" * 52
PEPPER = "a test's pepper, long enough to be one"
STATUS = {"list_users.json": 200, "root.json": 200}


@pytest.fixture(scope="module")
def app() -> Iterator[ModuleType]:
    from tests.locked_moto import ENVIRONMENT

    with pytest.MonkeyPatch.context() as patch, locked_moto():
        for name, value in {**ENVIRONMENT, "AWS_REGION": REGION}.items():
            patch.setenv(name, value)
        create_tables(Settings())
        create_pepper(Settings(), pepper=PEPPER)
        catalog = CatalogTable(Endpoint("tollgate-catalog", REGION))
        token = AdminToken(
            "adm_0123456789abcdef", "t", "owner", hash_secret(PEPPER.encode(), TOKEN), 1, "0000"
        )
        catalog.admin_tokens.create(token, Author("bootstrap", 1))
        spec = importlib.util.spec_from_file_location("admin_app", ROOT / "functions/admin/app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def event(path: Path, token: str = "") -> dict[str, Any]:
    """An event, with a token in place of the one it carries."""
    read: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if token:
        read["headers"]["Authorization"] = f"Bearer {token}"
    return read


def test_every_event_has_an_expectation() -> None:
    assert {path.name for path in EVENTS} == set(STATUS)


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.name)
def test_an_event_is_answered(app: ModuleType, path: Path) -> None:
    answer = app.handler(event(path, TOKEN), CONTEXT)
    assert answer["statusCode"] == STATUS[path.name], answer
    assert answer["headers"]["cache-control"] == "no-store"
    json.loads(answer["body"])


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.name)
def test_the_token_in_an_event_opens_nothing(app: ModuleType, path: Path) -> None:
    answer = app.handler(event(path), CONTEXT)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "invalid_token")


def test_what_nobody_foresaw_is_a_problem_that_says_nothing_of_itself(app: ModuleType) -> None:
    answer = app.handler({"httpMethod": "GET", "headers": {"Authorization": 5}}, CONTEXT)
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["code"]) == (500, "internal_error")
    assert body["request_id"] == CONTEXT.aws_request_id
    assert "Traceback" not in answer["body"]


def test_a_store_that_is_not_there_is_a_503(app: ModuleType) -> None:
    name = "tollgate-rollups"
    service("dynamodb").delete_table(TableName=name)
    asked = event(EVENTS[0], TOKEN) | {
        "path": "/api/admin/rollups",
        "multiValueQueryStringParameters": None,
        "queryStringParameters": None,
    }
    answer = app.handler(asked, CONTEXT)
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["code"]) == (503, "store_unavailable")
    assert name not in answer["body"]
