"""Every answer about accounts, every log line and audit entry, searched for a secret's text."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.account_samples import EVERY_TYPE, FULL, hidden
from tests.admin_api import AdminApi, Answer, admin_api
from tests.scripted_endpoint import answer, scripted_endpoint
from tollgate.web.admin.openapi import undressed

ABOUT_ACCOUNTS = sorted(
    f"{route.method} {route.path.removeprefix('/api/admin')}"
    for route in undressed()
    if route.path.startswith("/api/admin/accounts")
)
ECHO = 8
"""How often the vendor is asked for by one account here, at most."""


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api("tests") as opened:
        yield opened


class Search:
    """Calls the API and keeps every answer."""

    def __init__(self, api: AdminApi, account: str = "") -> None:
        self.api = api
        self.account = account
        self.answers: list[str] = []
        self.called: set[str] = set()

    def call(self, route: str, body: Any = None, **more: Any) -> Answer:
        method, _, path = route.partition(" ")
        self.called.add(route)
        there = path.replace("<account>", self.account).replace("<number>", "1")
        found = self.api.call(method, there, body, **more)
        self.answers.append(found.text + repr(found.headers))
        return found


@pytest.mark.parametrize(
    "body", [*EVERY_TYPE, FULL], ids=[each["name"] for each in (*EVERY_TYPE, FULL)]
)
def test_no_answer_has_a_secret(api: AdminApi, body: dict[str, Any]) -> None:
    search = Search(api)
    text = body["credentials"] if isinstance(body["credentials"], str) else str(body["credentials"])
    echo = answer(401, {"error": {"message": f"no such key: {text}"}})
    with scripted_endpoint(*[echo] * ECHO) as vendor:
        there = {**body, "base_url": vendor.url, "proxy": "", "proxy_credentials": ""}
        headers = {"Idempotency-Key": "one"}
        made = search.call("POST /accounts", there, headers=headers)
        assert made.status == 201, made.text
        search.call("POST /accounts", there, headers=headers)
        search.account = made.json["id"]
        changes = {"credentials": body["credentials"], "proxy": "http://p.example.com:8080"}
        changes["proxy_credentials"] = "user:canary-proxy"
        version = {"If-Match": "1"}
        search.call("POST /accounts/test", {**there, "model": "gpt-4o"})
        search.call("POST /accounts/<account>/test", {"model": "gpt-4o"})
        search.call("GET /accounts/<account>/models")
        assert search.call("PATCH /accounts/<account>", changes, headers=version).status == 200
    search.call("PATCH /accounts/<account>", {**changes, "weight": "x"}, headers={"If-Match": "2"})
    search.call("PATCH /accounts/<account>", changes)
    search.call("POST /accounts", {**body, "credentials": [body["credentials"]]})
    search.call("POST /accounts", {**body, "platform": "nobody"})
    search.call("POST /accounts", {**body, "auth_mode": "other"})
    bulk = {"ids": [search.account], "change": {"proxy_credentials": "user:canary-2"}}
    assert search.call("POST /accounts/bulk", bulk).json["changed"] == 1
    for route in ABOUT_ACCOUNTS:
        if route not in search.called and not route.startswith("DELETE"):
            search.call(route)
    search.call("DELETE /accounts/<account>", headers={"If-Match": "3"})
    search.call("GET /audit", query={"limit": 100})
    assert set(ABOUT_ACCOUNTS) <= search.called
    assert not [each for each in [*search.answers, repr(api.logged)] if not hidden(each)]
