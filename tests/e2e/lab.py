"""A tenant of one's own on the running stack: user, key, group and accounts, and its upstream."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from local.stack import Stack

NUMBERS = itertools.count(1)
PATIENCE = 30.0
SELDOM = 0.5
"""Seconds between two looks with a key that may be unknown: twenty in a minute are too many."""
VENDORS = {
    "openai": ("/v1", ["gpt-4o-mini", "text-embedding-3-small"]),
    "anthropic": ("", ["claude-haiku-4-5"]),
    "gemini": ("", ["gemini-2.5-flash"]),
}


def eventually(look: Callable[[], Any], wanted: Callable[[Any], bool], every: float = 0.1) -> Any:
    """What `look` sees once it is wanted; fails with the last sight."""
    end = time.monotonic() + PATIENCE
    while not wanted(seen := look()):
        assert time.monotonic() < end, seen
        time.sleep(every)
    return seen


@dataclass
class Api:
    """An HTTP API; each call has a connection of its own, so nothing is left open."""

    base_url: str
    token: str = ""

    def request(self, method: str, path: str, **rest: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= rest.pop("headers", {})
        url = f"{self.base_url}{path}"
        return httpx.request(method, url, headers=headers, timeout=PATIENCE, **rest)

    def get(self, path: str, **rest: Any) -> httpx.Response:
        return self.request("GET", path, **rest)

    def post(self, path: str, **rest: Any) -> httpx.Response:
        return self.request("POST", path, **rest)

    def patch(self, path: str, **rest: Any) -> httpx.Response:
        return self.request("PATCH", path, **rest)

    def delete(self, path: str, **rest: Any) -> httpx.Response:
        return self.request("DELETE", path, **rest)


@dataclass
class Lab:
    """One tenant. `secret` is its API key, `credentials` what its accounts send upstream."""

    stack: Stack
    admin: Api
    upstream: Api
    user: str
    key: str
    secret: str
    group: str
    accounts: dict[str, str]
    credentials: str

    @property
    def url(self) -> str:
        return self.stack.url

    def get(self, path: str, **query: Any) -> Any:
        """Read something over the admin API."""
        answer = self.admin.get(path, params=query)
        assert answer.is_success, answer.text
        return answer.json()

    def wallet(self) -> dict[str, Any]:
        """The tenant's wallet as staff sees it."""
        seen: dict[str, Any] = self.get(f"/users/{self.user}/wallet")
        return seen

    def settled(self) -> dict[str, Any]:
        """The wallet once every call is settled."""
        seen: dict[str, Any] = eventually(self.wallet, lambda seen: seen["open_calls"] == 0)
        return seen

    def usage(self) -> list[dict[str, Any]]:
        """The tenant's receipts, newest first."""
        page: dict[str, Any] = {"next_cursor": ""}
        found: list[dict[str, Any]] = []
        while page["next_cursor"] is not None:
            after = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
            page = self.get(f"/users/{self.user}/usage", limit=100, **after)
            found += page["entries"]
        return found

    def script(self, *behaviours: str) -> None:
        """What the upstream does with the next calls."""
        body = {"key": self.credentials, "behaviours": list(behaviours)}
        self.upstream.post("/_replay/script", json=body).raise_for_status()

    def release(self, count: int = 1) -> None:
        """Let waiting calls pass their gates so many times."""
        body = {"key": self.credentials, "count": count}
        self.upstream.post("/_replay/release", json=body).raise_for_status()

    def received(self) -> list[dict[str, Any]]:
        """What reached the upstream."""
        found: list[dict[str, Any]] = self.upstream.get(
            "/_replay/calls", params={"key": self.credentials}
        ).json()["calls"]
        return found

    def call(self, model: str = "gpt-4o-mini", **body: Any) -> httpx.Response:
        """One chat call, read whole."""
        sent = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
        return httpx.post(
            f"{self.url}/v1/chat/completions",
            json=sent | body,
            headers={"authorization": f"Bearer {self.secret}"},
            timeout=PATIENCE,
        )


def open_lab(stack: Stack, funds_usd: str = "1") -> Lab:
    """A fresh tenant, published and funded."""
    number = next(NUMBERS)
    token = stack.environment["TOLLGATE_ADMIN_TOKEN"]
    upstream_url = stack.environment["TOLLGATE_UPSTREAM_URL"]
    admin = Api(f"{stack.url}/api/admin", token)

    def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = admin.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    group = made("/groups", {"name": f"lab {number}", "platform": "openai"})["id"]
    credentials = f"lab-credentials-{number}"
    accounts = {
        platform: made("/accounts", account_of(platform, upstream_url, credentials, group))["id"]
        for platform in VENDORS
    }
    user = made("/users", {"email": f"lab{number}@example.com"})["id"]
    if funds_usd != "0":
        made(
            f"/users/{user}/wallet/credits",
            {"amount_usd": funds_usd, "kind": "topup", "reference": f"lab-{number}"},
        )
    key = made(f"/users/{user}/keys", {"group": group})
    lab = Lab(
        stack,
        admin,
        Api(upstream_url),
        user,
        key["id"],
        key["secret"],
        group,
        accounts,
        credentials,
    )
    eventually(lambda: models_of(lab), lambda models: len(models) == 4, SELDOM)
    return lab


def account_of(platform: str, upstream: str, credentials: str, group: str) -> dict[str, Any]:
    """An account of a vendor that the replay upstream plays."""
    path, models = VENDORS[platform]
    return {
        "name": f"{credentials} {platform}",
        "platform": platform,
        "type": "apikey",
        "base_url": upstream + path,
        "credentials": credentials,
        "groups": [group],
        "models": models,
    }


def models_of(lab: Lab) -> list[str]:
    """The models the key can use; none while it is not published."""
    headers = {"authorization": f"Bearer {lab.secret}"}
    answer = httpx.get(f"{lab.url}/v1/models", headers=headers, timeout=PATIENCE)
    return [row["id"] for row in answer.json()["data"]] if answer.is_success else []
