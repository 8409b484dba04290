"""Reading through the admin API: pages that end, cursors that are nobody else's, full receipts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.admin_api import NOW, AdminApi, admin_api
from tests.admin_writes import World, furnish
from tollgate.domain.catalog import Health
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.holds import Birth, new_hold_id, request_id, rid_of
from tollgate.domain.record import UsageRecord

SECOND = NOW // 1_000


@pytest.fixture(scope="module")
def api() -> Iterator[AdminApi]:
    from tests.locked_moto import ENVIRONMENT

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with admin_api() as opened:
            yield opened


@pytest.fixture(scope="module")
def world(api: AdminApi) -> World:
    return furnish(api)


def call_record(world: World, number: int, **facts: Any) -> UsageRecord:
    """A settled call of the user, `number` minutes ago."""
    hold = new_hold_id(Birth(SECOND - 60 * number, number, 0, 0, "k001"))
    record = UsageRecord(
        user=world.user,
        hold=hold,
        held=1_000,
        charge=1_000,
        key=world.key,
        group=world.group,
        requested_group=world.group,
        account=world.account,
        model="gpt-x",
        billing_model="gpt-x",
        upstream_model="gpt-x-2",
        chain=("gpt-x", "gpt-x-2"),
        usage={"input": 500},
        usage_source="upstream",
        cost=400,
        started=(SECOND - 60 * number) * 1_000,
        ended=(SECOND - 60 * number) * 1_000 + 900,
        status=200,
    )
    return replace(record, **facts)


@pytest.fixture(scope="module")
def calls(api: AdminApi, world: World) -> list[str]:
    """Seven calls, newest first: their request ids. The fourth is of another model and key."""
    records = [call_record(world, number) for number in range(1, 8)]
    records[3] = replace(records[3], model="gpt-y", key="key_other")
    for record in records:
        assert api.stores.usage.put(record) == "stored"
    api.stores.rollups.add(records)
    return [request_id(rid_of(record.hold), world.user) for record in records]


def paged(api: AdminApi, path: str, limit: int, query: dict[str, Any] | None = None) -> list[Any]:
    """Every entry of a list, page by page."""
    entries, cursor = [], None
    for _ in range(50):
        asked = {"limit": limit, **(query or {})} | ({"cursor": cursor} if cursor else {})
        page = api.call("GET", path, query=asked)
        assert page.status == 200, page.text
        assert len(page.json["entries"]) <= limit
        entries += page.json["entries"]
        cursor = page.json["next_cursor"]
        if cursor is None:
            return entries
    raise AssertionError("the list does not end")


def test_a_users_calls_are_listed_newest_first(
    api: AdminApi, world: World, calls: list[str]
) -> None:
    found = paged(api, f"/users/{world.user}/usage", 2)
    assert [entry["request_id"] for entry in found] == calls


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({"model": "gpt-y"}, [3], id="by model"),
        pytest.param({"key": "key_other"}, [3], id="by key"),
        pytest.param({"model": "nothing"}, [], id="by a model nobody called"),
        pytest.param({"from": NOW - 150_000}, [0, 1], id="from"),
        pytest.param({"to": NOW - 330_000}, [5, 6], id="to"),
        pytest.param({"from": NOW - 250_000, "to": NOW - 150_000}, [2, 3], id="from and to"),
    ],
)
def test_a_users_calls_are_filtered(
    api: AdminApi, world: World, calls: list[str], query: dict[str, Any], expected: list[int]
) -> None:
    found = paged(api, f"/users/{world.user}/usage", 2, query)
    assert [entry["request_id"] for entry in found] == [calls[place] for place in expected]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"from": 2, "to": 1}, id="ends before it begins"),
        pytest.param({"from": 0, "to": 8 * 86_400_000}, id="more than a week"),
    ],
)
def test_a_time_that_cannot_be_is_refused(
    api: AdminApi, world: World, query: dict[str, Any]
) -> None:
    refused = api.call("GET", f"/accounts/{world.account}/usage", query=query)
    assert (refused.status, refused.json["param"]) == (400, "from")


def test_an_accounts_calls_are_found_through_its_hours(
    api: AdminApi, world: World, calls: list[str]
) -> None:
    found = paged(api, f"/accounts/{world.account}/usage", 3)
    assert [entry["request_id"] for entry in found] == calls[::-1]


def test_a_receipt_tells_staff_everything(api: AdminApi, world: World, calls: list[str]) -> None:
    receipt = api.call("GET", f"/receipts/{calls[0]}").json
    assert (receipt["user"], receipt["account"]) == (world.user, world.account)
    assert (receipt["chain"], receipt["cost_usd"]) == (["gpt-x", "gpt-x-2"], "0.0000004")
    assert (receipt["charge_usd"], receipt["trail"]["settled"]) == ("0.000001", True)


def test_the_lines_of_a_receipt_add_up_to_its_charge(api: AdminApi, world: World) -> None:
    snapshot = PriceSnapshot(
        source="official",
        price_id="gpt-x",
        billing_model="gpt-x",
        version=1,
        mode="tokens",
        prices={"input": "0.001", "output": "0.003"},
    )
    record = call_record(
        world, 600, usage={"input": 500, "output": 7}, charge=521, price=snapshot.to_json()
    )
    api.stores.usage.put(record)
    found = api.call("GET", f"/receipts/{request_id(rid_of(record.hold), world.user)}").json
    assert [line["class"] for line in found["lines"]] == ["input", "output"]
    assert [line["amount_usd"] for line in found["lines"]] == ["0.0000005", "0.000000021"]
    assert found["charge_usd"] == "0.000000521"


@pytest.mark.parametrize("number", ["req_", "hello", "req_0000000000000000000000000000ff"])
def test_a_receipt_that_is_not_there_is_not_found(api: AdminApi, number: str) -> None:
    missing = api.call("GET", f"/receipts/{number}")
    assert (missing.status, missing.json["detail"]) == (404, "there is no request with this id")


@pytest.mark.parametrize(
    ("query", "charge"),
    [
        pytest.param({}, "0.000007", id="all"),
        pytest.param({"dimension": "model", "value": "gpt-y"}, "0.000001", id="a model"),
        pytest.param({"dimension": "pair", "value": "gpt-x→gpt-x-2"}, "0.000006", id="a pair"),
    ],
)
def test_sums_are_read_by_dimension(
    api: AdminApi, calls: list[str], query: dict[str, str], charge: str
) -> None:
    rows = api.call("GET", "/rollups", query=query).json["rows"]
    assert [row["charge_usd"] for row in rows] == [charge]
    assert rows[0]["closed"] is False


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param({"dimension": "model"}, 400, id="no value"),
        pytest.param({"value": "gpt-x"}, 400, id="a value of all"),
        pytest.param({"dimension": "planet", "value": "x"}, 422, id="no such dimension"),
        pytest.param({"from": 0}, 400, id="years of hours"),
        pytest.param({"by": "week"}, 422, id="weeks"),
    ],
)
def test_sums_that_cannot_be_read_are_refused(
    api: AdminApi, query: dict[str, Any], status: int
) -> None:
    assert api.call("GET", "/rollups", query=query).status == status


def test_days_are_read_like_hours(api: AdminApi) -> None:
    api.stores.rollups.put_day("all", "20261120", {"calls": 3, "charge": 5}, closed=True)
    rows = api.call("GET", "/rollups", query={"by": "day"}).json["rows"]
    assert rows == [
        {
            "period": "20261120",
            "closed": True,
            "charge_usd": "0.000000005",
            "cost_usd": "0",
            "sums": {"calls": 3, "charge": 5},
        }
    ]


def test_the_health_of_accounts_is_what_relays_know(api: AdminApi, world: World) -> None:
    api.stores.snapshots.write_health(Health(0, {world.account: {"cooldown_until": NOW}}))
    found = api.call("GET", "/health").json
    assert found["accounts"] == [{"account": world.account, "facts": {"cooldown_until": NOW}}]


# --- cursors ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cursor(api: AdminApi, world: World) -> str:
    """Where the owner's list of groups goes on."""
    api.created("/groups", {"name": "second", "platform": "openai"})
    found = api.call("GET", "/groups", query={"limit": 1}).json["next_cursor"]
    assert isinstance(found, str)
    return found


def test_every_list_is_paged_to_its_end(api: AdminApi, world: World) -> None:
    for number in range(5):
        api.created("/users", {"email": f"page{number}@example.com"})
    ids = [entry["id"] for entry in paged(api, "/users", 2)]
    assert len(ids) == len(set(ids)) == 6


def test_a_cursor_is_no_other_by_one_character(api: AdminApi, cursor: str) -> None:
    assert api.call("GET", "/groups", query={"cursor": cursor}).status == 200
    for place in range(len(cursor)):
        other = "A" if cursor[place] != "A" else "B"
        changed = cursor[:place] + other + cursor[place + 1 :]
        # The last character may carry bits that mean nothing; it decodes to the same bytes.
        if place < len(cursor) - 1:
            answer = api.call("GET", "/groups", query={"cursor": changed})
            assert (answer.status, answer.json["param"]) == (400, "cursor"), place


def test_a_cursor_is_good_for_its_list_and_reader_only(api: AdminApi, cursor: str) -> None:
    assert api.call("GET", "/accounts", query={"cursor": cursor}).status == 400
    foreign = api.call("GET", "/groups", query={"cursor": cursor}, token=api.token("operator"))
    assert (foreign.status, foreign.json["param"]) == (400, "cursor")


@pytest.mark.parametrize(
    "text", ["", "x", "====", "AAAA", "é", "null", "W10", "A" * 100, "../..", "0" * 2_001]
)
def test_a_text_that_is_no_cursor_is_refused(api: AdminApi, text: str) -> None:
    assert api.call("GET", "/groups", query={"cursor": text}).status in {400, 422}


# --- answers ----------------------------------------------------------------------------------


def test_a_problem_says_what_where_and_which_request(api: AdminApi) -> None:
    answer = api.call("GET", "/users/usr_missing")
    assert answer.json == {
        "type": "urn:tollgate:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no user 'usr_missing'",
        "code": "not_found",
        "param": None,
        "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "errors": [],
    }
    assert answer.headers["cache-control"] == "no-store"


def test_an_address_or_a_method_that_is_not_there_is_told_apart(api: AdminApi) -> None:
    assert api.call("GET", "/nothing").json["code"] == "route_not_found"
    wrong = api.call("PUT", "/users", {})
    assert (wrong.status, wrong.json["detail"]) == (405, "PUT is not possible here; use GET, POST")


def test_a_trailing_slash_is_nothing(api: AdminApi) -> None:
    assert api.call("GET", "/users/").status == 200


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        pytest.param("https://console.example.com", True, id="ours"),
        pytest.param("https://console.example.com.evil.test", False, id="longer"),
        pytest.param("http://console.example.com", False, id="not https"),
        pytest.param("null", False, id="null"),
        pytest.param("*", False, id="star"),
    ],
)
def test_browsers_are_let_in_from_listed_origins_only(
    api: AdminApi, origin: str, allowed: bool
) -> None:
    answer = api.call("GET", "/me", headers={"Origin": origin})
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
    asked = api.call("OPTIONS", "/users", token="", headers={"Origin": origin})
    assert (asked.status, asked.text) == (204, "")
    assert ("access-control-allow-headers" in asked.headers) is allowed
    assert asked.headers["access-control-allow-methods"] == "GET, POST"


def test_every_call_is_logged_without_its_secrets(api: AdminApi) -> None:
    api.call("GET", "/me")
    logged = dict(api.logged[-1])
    assert logged.pop("actor").startswith("adm_")
    assert logged == {
        "method": "GET",
        "path": "/api/admin/me",
        "status": 200,
        "role": "owner",
        "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    }
