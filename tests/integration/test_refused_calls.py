"""Refused calls leave a row that people can read, and that no sum and no settlement ever sees."""

from dataclasses import replace
from typing import Any

import pytest

from tests.gateway import CHAT, KEY, PROFILE, START_MS, USAGE, USER, Gateway, chat_answer
from tollgate.domain.catalog import Limits
from tollgate.domain.holds import parse_request_id
from tollgate.services.receipts import Receipts, Span
from tollgate.store.dynamodb import Throttled

UNPRICED = CHAT | {"model": "o9"}
DAY_MS = 86_400_000
SPAN = Span(START_MS, START_MS + DAY_MS)


def gateway_of(**fields: Any) -> Gateway:
    """A gateway that would answer any priced call."""
    return Gateway(lambda request: chat_answer(USAGE), **fields)


def listed(gateway: Gateway, *, staff: bool = False) -> list[Any]:
    """The user's usage as a listing shows it, newest first."""
    receipts = Receipts(gateway.records, gateway.wallets, staff=staff)
    return list(receipts.page(USER, SPAN, 50, None).receipts)


def test_the_user_and_the_staff_see_what_was_refused_and_why() -> None:
    gateway = gateway_of()
    seen = gateway.post("/v1/chat/completions", UNPRICED)
    (row,) = listed(gateway)
    assert row["request_id"] == seen.headers["x-request-id"]
    assert (row["state"], row["status"], row["error"]) == (
        "refused",
        400,
        "model_price_not_configured",
    )
    assert (row["model"], row["charge_usd"], row["usage"], row["lines"]) == ("o9", "0", {}, [])
    assert row["started_at"] == START_MS
    (told,) = listed(gateway, staff=True)
    assert (told["key"], told["group"], told["account"]) == ("key_1", "grp_1", "")
    one = gateway.post(f"/v1/receipts/{row['request_id']}", "", None, httpMethod="GET")
    assert one.json["error"] == "model_price_not_configured"


def test_a_row_goes_after_a_month() -> None:
    gateway = gateway_of()
    seen = gateway.post("/v1/chat/completions", UNPRICED)
    user, rid = parse_request_id(seen.headers["x-request-id"])
    item = gateway.dynamo.call(
        "GetItem",
        {"TableName": "usage", "Key": {"pk": {"S": f"{user}#20261122#0"}, "sk": {"S": rid}}},
    )["Item"]
    assert int(item["expires"]["N"]) == START_MS // 1_000 + 30 * 86_400


def test_nothing_sums_or_settles_a_refused_call() -> None:
    gateway = gateway_of()
    gateway.post("/v1/chat/completions", CHAT)
    gateway.post("/v1/chat/completions", UNPRICED)
    assert gateway.settle() == []
    assert gateway.poisoned == []
    assert gateway.wallets.read(USER).debits == 7_500_000
    gateway.now += 3 * 3_600_000
    assert gateway.closing.close_due() == ["2026112212"]
    (row,) = gateway.rollups.hours("all", "2026112212", "2026112212")
    assert (row.sums["calls"], row.sums.get("errors", 0)) == (1, 0)
    assert gateway.closing.day_totals(USER, "20261122") == {0: (7_500_000, 1)}
    assert len(gateway.all_records()) == 1
    gateway.now += 3 * DAY_MS
    assert list(gateway.reconciliation.everyone()) == []


def test_only_the_first_five_of_a_key_in_a_minute_leave_a_row() -> None:
    gateway = gateway_of()
    for _ in range(8):
        assert gateway.post("/v1/chat/completions", UNPRICED).status == 400
    assert len(listed(gateway)) == 5
    gateway.now += 60_000
    gateway.post("/v1/chat/completions", UNPRICED)
    assert len(listed(gateway)) == 6


def test_a_row_that_cannot_be_written_changes_nothing_for_the_caller() -> None:
    gateway = gateway_of()

    def down(operation: str, request: Any) -> None:
        if request.get("TableName") == "usage":
            raise Throttled

    gateway.dynamo.before = down
    seen = gateway.post("/v1/chat/completions", UNPRICED)
    assert (seen.status, seen.json["error"]["code"]) == (400, "model_price_not_configured")
    gateway.dynamo.before = None
    assert listed(gateway) == []


@pytest.mark.parametrize(
    ("headers", "counted"),
    [
        pytest.param({"x-api-key": "sk-tg-" + "0" * 68}, [("UnauthenticatedRefusals", 1)], id="x"),
        pytest.param({"x-api-key": "nonsense"}, [("UnauthenticatedRefusals", 1)], id="malformed"),
    ],
)
def test_strangers_leave_no_row_and_are_counted(
    headers: dict[str, str], counted: list[Any]
) -> None:
    gateway = gateway_of()
    assert gateway.post("/v1/chat/completions", CHAT, headers).status == 401
    assert listed(gateway) == []
    assert gateway.counted == counted


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        pytest.param({"funds": 1_000}, 402, "insufficient_user_quota", id="balance"),
        pytest.param(
            {"profile": replace(PROFILE, keys={KEY.secret_hash: replace(KEY, models=("o1",))})},
            403,
            "model_not_allowed",
            id="model not allowed",
        ),
        pytest.param(
            {"profile": replace(PROFILE, keys={KEY.secret_hash: replace(KEY, endpoints=("/x",))})},
            403,
            "endpoint_not_allowed",
            id="endpoint not allowed",
        ),
        pytest.param(
            {"profile": replace(PROFILE, status="disabled")},
            403,
            "account_deactivated",
            id="user disabled",
        ),
    ],
)
def test_every_refusal_of_a_known_caller_leaves_a_row(
    fields: dict[str, Any], status: int, code: str
) -> None:
    gateway = gateway_of(**fields)
    assert gateway.post("/v1/chat/completions", CHAT).status == status
    (row,) = listed(gateway)
    assert (row["status"], row["error"]) == (status, code)
    assert gateway.wallets.read(USER).held == 0


def test_requests_per_minute_refuse_with_a_row_and_a_time() -> None:
    gateway = gateway_of(profile=replace(PROFILE, limits=Limits(rpm=1)))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.headers["retry-after"]) == (429, "30")
    assert [row["state"] for row in listed(gateway)].count("refused") == 1
