"""What users see of their money and calls: all of their own, nothing of others', no route."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import NOW
from tests.portal_api import STAFF, Browser, Portal, joined, lasting_portal
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.holds import Birth, new_hold_id, request_id, rid_of
from tollgate.domain.record import UsageRecord

SECOND = NOW // 1_000
PRICE = PriceSnapshot(
    "official", "secret-billing-name", 3, "secret-billing-name", prices={"input": "2"}
).to_json()
HIDDEN = (
    *("chain", "channel", "account", "cost", "cost_usd", "margin_usd", "upstream_model"),
    *("billing_model", "upstream_id", "attempts", "group", "user"),
)
CANARIES = ("secret-", "chn_canary", "acc_canary", "up_canary")


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    with lasting_portal() as found:
        yield found


@pytest.fixture(scope="module")
def ann(portal: Portal) -> Browser:
    browser = joined(portal, "ann@example.com")
    portal.credit(browser.user, "12.5")
    return browser


@pytest.fixture(scope="module")
def bob(portal: Portal, ann: Browser) -> Browser:
    return joined(portal, "bob@example.com")


@pytest.fixture(scope="module")
def calls(portal: Portal, ann: Browser) -> list[str]:
    """Five settled calls, newest first; the second is of another key and model."""
    made = []
    for number in range(1, 6):
        begun = SECOND - 60 * number
        record = UsageRecord(
            user=ann.user,
            hold=new_hold_id(Birth(begun, number, 0, 0, "k001")),
            held=5_000_000,
            charge=1_000_000,
            cost=400_000,
            key="key_other" if number == 2 else "key_one",
            group="grp_0",
            channel="chn_canary",
            account="acc_canary",
            model="gpt-y" if number == 2 else "gpt-x",
            billing_model="secret-billing-name",
            upstream_model="secret-upstream-name",
            chain=("gpt-x", "secret-upstream-name"),
            usage={"input": 500},
            usage_source="upstream",
            price=PRICE,
            started=begun * 1_000,
            ended=begun * 1_000 + 900,
            status=200,
            error="upstream_timeout",
            upstream_id="up_canary",
            attempts=({"account": "acc_canary", "status": 500},),
        )
        assert portal.stores.usage.put(record) == "stored"
        made.append(request_id(rid_of(record.hold), ann.user))
    return made


def names(value: Any) -> set[str]:
    """Every field name in an answer."""
    if isinstance(value, dict):
        return set(value) | {name for each in value.values() for name in names(each)}
    if isinstance(value, list):
        return {name for each in value for name in names(each)}
    return set()


def test_a_wallet_says_what_there_is(ann: Browser) -> None:
    assert ann.call("GET", "/wallet").json == {
        "status": "active",
        "available_usd": "12.5",
        "available_quota": 6_250_000,
        "in_use_usd": "0",
        "in_use_quota": 0,
        "spent_usd": "0",
        "spent_quota": 0,
        "open_calls": 0,
    }


def test_a_ledger_shows_movements_but_not_who_of_the_staff_made_them(
    ann: Browser, bob: Browser
) -> None:
    answer = ann.call("GET", "/ledger")
    assert answer.json == {
        "entries": [
            {
                "amount_usd": "12.5",
                "kind": "topup",
                "reference": "invoice-1",
                "at": NOW,
                "funding": "wallet",
            },
        ],
        "next_cursor": None,
    }
    assert "between us" not in answer.text
    assert STAFF.by not in answer.text
    assert bob.call("GET", "/ledger").json["entries"] == []


def test_usage_is_listed_newest_first_and_filtered(ann: Browser, calls: list[str]) -> None:
    def listed(**query: Any) -> list[str]:
        answer = ann.call("GET", "/usage", query=query)
        assert answer.status == 200, answer.text
        return [entry["request_id"] for entry in answer.json["entries"]]

    assert listed() == calls
    assert listed(model="gpt-y") == [calls[1]]
    assert listed(key="key_other") == [calls[1]]
    assert listed(key="key_missing") == []
    between = {"from": NOW - 4 * 60_000, "to": NOW - 2 * 60_000}
    assert listed(**between) == [calls[3], calls[2]][::-1]


def test_usage_goes_on_where_a_page_ended_for_the_same_reader_only(
    ann: Browser, bob: Browser, calls: list[str]
) -> None:
    first = ann.call("GET", "/usage", query={"limit": 3}).json
    rest = ann.call("GET", "/usage", query={"cursor": first["next_cursor"]}).json
    assert [each["request_id"] for each in first["entries"] + rest["entries"]] == calls
    stolen = bob.call("GET", "/usage", query={"cursor": first["next_cursor"]})
    assert (stolen.status, stolen.json["param"]) == (400, "cursor")


def test_a_receipt_explains_the_charge_to_the_nano(ann: Browser, calls: list[str]) -> None:
    receipt = ann.call("GET", f"/receipts/{calls[0]}").json
    assert receipt["charge_usd"] == "0.001"
    assert receipt["lines"] == [
        {
            "class": "input",
            "quantity": 500,
            "unit_price_usd": "2",
            "unit_price": "2",
            "per": 1_000_000,
            "amount_usd": "0.001",
        }
    ]
    assert receipt["trail"]["returned_usd"] == "0.004"


def test_nobody_sees_how_a_call_was_routed_or_what_it_cost_us(
    ann: Browser, calls: list[str]
) -> None:
    for path in ("/usage", *(f"/receipts/{call}" for call in calls)):
        answer = ann.call("GET", path)
        assert answer.status == 200
        assert names(answer.json) & set(HIDDEN) == set()
        assert [word for word in CANARIES if word in answer.text] == []


def test_somebody_elses_call_is_not_there(bob: Browser, calls: list[str]) -> None:
    theirs = bob.call("GET", f"/receipts/{calls[0]}")
    missing = bob.call("GET", "/receipts/req_" + "0" * 30)
    nonsense = bob.call("GET", "/receipts/hello")
    assert theirs.status == 404
    assert (theirs.text, theirs.headers) == (missing.text, missing.headers)
    assert nonsense.text == missing.text
    assert bob.call("GET", "/usage").json["entries"] == []
    assert bob.call("GET", "/usage", query={"key": "key_one"}).json["entries"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param({"from": 2, "to": 1}, 400, id="the end before the beginning"),
        pytest.param({"from": "-1"}, 422, id="before all time"),
        pytest.param({"to": "tomorrow"}, 422, id="no number"),
        pytest.param({"limit": 0}, 422, id="no entries"),
        pytest.param({"limit": 101}, 422, id="too many entries"),
        pytest.param({"user": "usr_1"}, 400, id="another user"),
        pytest.param({"cursor": "AAAA"}, 400, id="a made-up cursor"),
    ],
)
def test_a_query_that_means_nothing_is_refused(
    ann: Browser, query: dict[str, Any], status: int
) -> None:
    assert ann.call("GET", "/usage", query=query).status == status
