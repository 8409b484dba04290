"""Money on the running stack: exact under parallel calls, after a restart, and explained."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.e2e.lab import Lab, eventually, open_lab

pytestmark = pytest.mark.stack

CALLERS = 200
ADMITTED = 10
BODY = '{"model":"gpt-4o-mini","max_tokens":1000,"messages":[{"role":"user","content":"hi"}]}'
HOLD_NANOS = len(BODY) * 150 + 1_000 * 600
"""A byte a token at 0.15 USD per million, and the whole output at 0.60."""


def test_two_hundred_callers_with_money_for_ten_admit_exactly_ten(stack: Stack) -> None:
    lab = open_lab(stack, funds_usd=f"0.{HOLD_NANOS * ADMITTED:09d}")
    lab.script(*["block"] * CALLERS)
    statuses = asyncio.run(rush(lab))
    assert Counter(statuses) == {200: ADMITTED, 402: CALLERS - ADMITTED}
    assert len(lab.received()) == ADMITTED
    wallet = lab.settled()
    # ten answers of 4 input and 8 output tokens: 10 × (600 + 4,800) nanos
    assert wallet["debits_usd"] == "0.000054"


async def rush(lab: Lab) -> list[int]:
    """Call all at once; the upstream answers only when everybody has been decided."""
    limits = httpx.Limits(max_connections=CALLERS)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        calls = [asyncio.create_task(one(client, lab)) for _ in range(CALLERS)]
        await asyncio.to_thread(await_decisions, lab, calls)
        await asyncio.to_thread(lab.release, CALLERS)
        return list(await asyncio.gather(*calls))


async def one(client: httpx.AsyncClient, lab: Lab) -> int:
    headers = {"authorization": f"Bearer {lab.secret}", "content-type": "application/json"}
    answer = await client.post(f"{lab.url}/v1/chat/completions", content=BODY, headers=headers)
    return answer.status_code


def await_decisions(lab: Lab, calls: list[asyncio.Task[int]]) -> None:
    """Until as many are refused as will be, and the others wait at the upstream."""
    eventually(lambda: sum(call.done() for call in calls), lambda n: n >= CALLERS - ADMITTED)


def test_a_revoked_key_is_refused_at_once(stack: Stack) -> None:
    lab = open_lab(stack)
    assert lab.call().status_code == 200
    version = lab.admin.get(f"/users/{lab.user}/keys/{lab.key}").headers["etag"]
    gone = lab.admin.delete(f"/users/{lab.user}/keys/{lab.key}", headers={"if-match": version})
    assert gone.is_success, gone.text
    refused = lab.call()
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "api_key_revoked")


def test_a_disabled_user_is_refused_at_once(stack: Stack) -> None:
    lab = open_lab(stack)
    assert lab.call().status_code == 200
    version = lab.admin.get(f"/users/{lab.user}").headers["etag"]
    lab.admin.patch(
        f"/users/{lab.user}", json={"status": "disabled"}, headers={"if-match": version}
    ).raise_for_status()
    assert lab.call().status_code == 403


def test_a_changed_multiplier_and_a_disabled_account_reach_a_warm_relay(stack: Stack) -> None:
    lab = open_lab(stack)
    assert lab.call().headers["x-tollgate-charge"] == "0.0000054"
    change(lab, f"/groups/{lab.group}", {"multiplier": "2"})
    eventually(lambda: lab.call().headers["x-tollgate-charge"], lambda seen: seen == "0.0000108")
    change(lab, f"/accounts/{lab.accounts['openai']}", {"status": "disabled"})
    eventually(lambda: lab.call().status_code, lambda status: status == 404)


def change(lab: Lab, path: str, body: dict[str, Any]) -> None:
    """Patch onto the version there is."""
    version = lab.admin.get(path).headers["etag"]
    lab.admin.patch(path, json=body, headers={"if-match": version}).raise_for_status()


def test_rollups_and_the_accounts_list_tell_the_same_story(stack: Stack) -> None:
    lab = open_lab(stack)
    for _ in range(3):
        assert lab.call().status_code == 200
    lab.settled()
    listed = lab.get(f"/accounts/{lab.accounts['openai']}/usage")["entries"]
    assert {row["request_id"] for row in listed} == {row["request_id"] for row in lab.usage()}
    (row,) = eventually(
        lambda: lab.get("/rollups", dimension="user", value=lab.user)["rows"], lambda rows: rows
    )
    assert (row["charge_usd"], row["sums"]["calls"]) == ("0.0000162", 3)
    (model,) = lab.get("/statistics/models", user=lab.user)["entries"]
    assert (model["charge_usd"], model["calls"]) == ("0.0000162", 3)
    accounts = lab.get("/statistics/accounts")["entries"]
    calls = {account["name"]: account["calls"] for account in accounts}
    assert calls[lab.accounts["openai"]] == 3


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        lab = open_lab(stack)
        for _ in range(3):
            assert lab.call().status_code == 200
        before = lab.settled()
        ids = [row["request_id"] for row in lab.usage()]
        token = stack.environment["TOLLGATE_ADMIN_TOKEN"]
    with Stack(tmp_path / "stack") as stack:
        assert stack.environment["TOLLGATE_ADMIN_TOKEN"] == token
        lab.stack = stack
        lab.admin.base_url = f"{stack.url}/api/admin"
        assert lab.settled() == before
        assert [row["request_id"] for row in lab.usage()] == ids
        assert lab.call().status_code in {200, 502}  # its account names the first upstream's port
        lab.settled()
