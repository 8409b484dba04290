"""Agreeing prices with a customer over HTTP, and what is stored of it: for several tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tests.admin_api import AdminApi, Answer, admin_api
from tests.admin_writes import World, furnish
from tests.locked_moto import ENVIRONMENT, service

FRESH: Final = {"If-Match": '"1"'}
MODEL: Final = {"model": "gpt-x"}
VIP: Final = {"model": "gpt-x", "code": "vip"}
DEFAULT: Final = {"model": "gpt-x", "code": "default"}
FIGURES: Final = {"prices": {"input": "0.5", "output": "1.5"}}


@contextmanager
def opened() -> Iterator[AdminApi]:
    """A fresh installation."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with admin_api() as found:
            yield found


def furnished(api: AdminApi) -> World:
    """One of everything, and two more groups of the model: one by tokens, one by seconds."""
    found = furnish(api)
    for code, mode in (("vip", "tokens"), ("video", "seconds")):
        body = {**MODEL, "code": code, "billing_type": mode}
        assert api.call("POST", "/model_group", body).status == 200
    return found


def stored() -> list[Any]:
    """All definitions and the audit log."""
    client = service("dynamodb")
    tables = (client.scan(TableName=f"tollgate-{name}")["Items"] for name in ("catalog", "state"))
    found = [item for items in tables for item in items]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def agree(
    api: AdminApi, world: World, *operations: Any, version: int | None = None, dry: bool = False
) -> Answer:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    body = {"operations": list(operations), "dry_run": dry}
    path = f"/users/{world.user}/model_pricing"
    return api.call("POST", path, body, headers=headers, query=MODEL)


def pricing(api: AdminApi, world: World) -> Any:
    return api.call("GET", f"/users/{world.user}/model_pricing", query=MODEL).json


def summary(groups: list[Any]) -> list[tuple[str, bool, str | None, bool]]:
    """Code, default, own input price, permitted."""
    return [
        (
            row["group_code"],
            row["is_default"],
            row["price"]["live"][0]["prices"]["input"]
            if row["price"] and row["price"]["live"]
            else None,
            row["permitted"],
        )
        for row in groups
    ]


NOTHING: Final = [
    ("default", True, None, False),
    ("video", False, None, False),
    ("vip", False, None, False),
]
BOTH: Final = [
    ("default", True, "0.5", False),
    ("video", False, None, False),
    ("vip", False, "0.5", True),
]
