"""Receipts: lines in the units people know, at exact prices, that add up to what was paid."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.catalog import Interval
from tollgate.domain.charge import PriceSnapshot, charge
from tollgate.domain.ledger import LedgerLine
from tollgate.domain.receipt import receipt
from tollgate.domain.record import UsageRecord
from tollgate.domain.usage import COUNTED_PER_UNIT, INPUT_CLASSES, OUTPUT_CLASSES, Usage

RECORD = UsageRecord(
    user="usr_0123456789abcdef",
    hold="1nh8qy0abcdefgh000sw-k001",
    held=2_000_000_000,
    charge=0,
    key="key_1",
    group="grp_1",
    requested_group="grp_1",
    model="m",
    usage_source="upstream",
)


def told(snapshot: PriceSnapshot, usage: dict[str, int], **facts: Any) -> dict[str, Any]:
    """What a user reads of a call with this usage, charged by this rule."""
    labels = (facts["label"],) if facts.get("label") else ()
    bill = charge(Usage(usage, tier=facts.get("tier", ""), labels=labels), snapshot)
    record = replace(RECORD, usage=usage, price=snapshot.to_json(), charge=bill.nanos)
    return receipt(replace(record, **facts), settled=True, staff=False)


def test_attempts_name_api_keys_from_one_as_the_list_of_them_does() -> None:
    tried: tuple[dict[str, str | int], ...] = (
        {"account": "acc_1", "status": 401, "ms": 5, "error": "upstream_unavailable"},
        {"account": "acc_1", "status": 200, "ms": 7, "key": 1},
    )
    seen = receipt(replace(RECORD, attempts=tried, cost=9), settled=True, staff=True)["attempts"]
    assert [(each["key"], each["cost_usd"]) for each in seen] == [(1, "0"), (2, "0.000000009")]


@pytest.mark.parametrize(
    ("snapshot", "usage", "lines"),
    [
        pytest.param(
            PriceSnapshot("official", "m", 1, "m", prices={"input": "2.5"}),
            {"input": 1_000},
            [{"class": "input", "quantity": 1_000, "unit_price_usd": "2.5", "unit_price": "2.5",
              "per": 1_000_000, "amount_usd": "0.0025"}],
            id="tokens",
        ),
        pytest.param(
            PriceSnapshot("official", "m", 1, "m", mode="seconds", prices={"seconds": "0.5/7.0"}),
            {"seconds": 8_040},
            # 8.04 x 0.5 / 7 = 0.574285714...
            [{"class": "seconds", "quantity": "8.04", "unit_price_usd": "0.071428571429",
              "unit_price": "0.5/7.0", "per": 1, "amount_usd": "0.574285715"}],
            id="seconds at a yuan price",
        ),
        pytest.param(
            PriceSnapshot("official", "m", 1, "m", mode="seconds", prices={"seconds": "0.1"}),
            {"seconds": 8_000},
            [{"class": "seconds", "quantity": "8", "unit_price_usd": "0.1", "unit_price": "0.1",
              "per": 1, "amount_usd": "0.8"}],
            id="whole seconds",
        ),
        pytest.param(
            PriceSnapshot("official", "m", 1, "m", mode="times", prices={"calls": "0.04"},
                          multiplier="1.5"),
            {"calls": 1, "input": 50},
            [{"class": "calls", "quantity": 1, "unit_price_usd": "0.04", "unit_price": "0.04",
              "per": 1, "amount_usd": "0.06"}],
            id="a call: tokens do not count",
        ),
        pytest.param(
            PriceSnapshot("customer", "m#vip", 1, "m", prices={"input": "1", "output": "10/3"}),
            {"input": 1, "output": 1},
            # 1 + 3.33 nanos x 1,000 = 1,000 + 3,333.33, rounded up once
            [{"class": "input", "quantity": 1, "unit_price_usd": "1", "unit_price": "1",
              "per": 1_000_000, "amount_usd": "0.000001"},
             {"class": "output", "quantity": 1, "unit_price_usd": "3.333333333333",
              "unit_price": "10/3", "per": 1_000_000, "amount_usd": "0.000003334"}],
            id="a quotient beside a decimal",
        ),
        pytest.param(
            PriceSnapshot("official", "m", 1, "m",
                          prices={"input": "1", "output": "1", "tool:web_search": "0.01"}),
            {"tool:web_search": 3, "cache_read": 7},
            [{"class": "tool:web_search", "quantity": 3, "unit_price_usd": "0.01",
              "unit_price": "0.01", "per": 1, "amount_usd": "0.03"},
             {"class": "cache_read", "quantity": 7, "unit_price_usd": "1", "unit_price": "1",
              "per": 1_000_000, "amount_usd": "0.000007"}],
            id="a tool, and a class that inherits",
        ),
    ],
)  # fmt: skip
def test_lines_say_how_much_at_which_exact_price(
    snapshot: PriceSnapshot, usage: dict[str, int], lines: list[dict[str, Any]]
) -> None:
    assert told(snapshot, usage)["lines"] == lines


RANGES = PriceSnapshot(
    "channel",
    "chn_1#openai#m",
    4,
    "m-wire",
    prices={"input": "2", "output": "4", "images": "0.04"},
    intervals=(
        Interval(128_000, None, {"input": "3"}, {"priority": {"input": "6"}}),
        Interval(0, None, {"images": "0.08"}, label="high/1024x1024"),
    ),
    tiers={"priority": {"input": "4"}},
    multiplier="1.25",
    multiplier_source="user",
    model_group="vip",
    flags=("fallback",),
    currency="CNY",
    fx="7.1",
)
ORIGIN = {
    "source": "channel",
    "version": 4,
    "mode": "tokens",
    "model_group": "vip",
    "multiplier": "1.25",
    "multiplier_source": "user",
    "currency": "CNY",
    "fx": "7.1",
    "flags": ["fallback"],
}


@pytest.mark.parametrize(
    ("usage", "facts", "applied", "prices"),
    [
        pytest.param({"input": 128_000}, {}, {"tier": "", "label": "", "interval": None},
                     ["2"], id="at the bound"),
        pytest.param({"input": 128_001}, {},
                     {"tier": "", "label": "", "interval": {"over": 128_000, "up_to": None}},
                     ["3"], id="over the bound"),
        pytest.param({"input": 128_001}, {"tier": "priority"},
                     {"tier": "priority", "label": "",
                      "interval": {"over": 128_000, "up_to": None}},
                     ["6"], id="a tier over the bound"),
        pytest.param({"input": 5}, {"tier": "priority"},
                     {"tier": "priority", "label": "", "interval": None}, ["4"], id="a tier"),
        pytest.param({"images": 2}, {"label": "high/1024x1024"},
                     {"tier": "", "label": "high/1024x1024",
                      "interval": {"label": "high/1024x1024"}},
                     ["0.08"], id="a label"),
    ],
)  # fmt: skip
def test_the_price_says_where_it_is_from_and_what_of_it_applied(
    usage: dict[str, int], facts: dict[str, str], applied: dict[str, Any], prices: list[str]
) -> None:
    found = told(RANGES, usage, **facts)
    assert found["price"] == {**ORIGIN, **applied}
    assert [line["unit_price"] for line in found["lines"]] == prices
    assert not found["capped_at_hold"]


def test_only_staff_see_the_id_of_a_price() -> None:
    record = replace(RECORD, usage={"input": 1}, price=RANGES.to_json(), charge=2_500)
    assert receipt(record, settled=True, staff=True)["price"]["id"] == "chn_1#openai#m"
    assert "chn_1" not in str(receipt(record, settled=True, staff=False))
    assert "m-wire" not in str(receipt(record, settled=True, staff=False))


def test_what_came_late_is_paid_and_explained() -> None:
    record = replace(
        RECORD, state="late", usage={"input": 100, "output": 50}, price=RANGES.to_json(),
        charge=100_000, late_charge=400_000, cost=50_000,
    )  # fmt: skip
    found = receipt(record, settled=True, staff=True)
    # 200 + 200 micro-dollars x 1.25
    assert [line["amount_usd"] for line in found["lines"]] == ["0.00025", "0.00025"]
    assert (found["charge_usd"], found["quota"], found["margin_usd"]) == ("0.0005", 250, "0.00045")
    assert found["trail"] == {
        "held_usd": "2",
        "charged_usd": "0.0001",
        "returned_usd": "1.9999",
        "late_usd": "0.0004",
        "funding": "wallet",
        "settled": True,
    }
    assert not found["capped_at_hold"]


# --- properties -----------------------------------------------------------------------------


DECIMALS = st.decimals(0, 1_000, places=4).map(lambda value: format(value, "f"))
POSITIVE = st.decimals(Decimal("0.0001"), 1_000, places=4).map(lambda value: format(value, "f"))
PRICES = DECIMALS | st.builds("{}/{}".format, DECIMALS, POSITIVE)
CLASSES = (*INPUT_CLASSES, *OUTPUT_CLASSES, "seconds", "images", "queries", "tool:web_search")
USAGES = st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 10**7))


@given(
    prices=st.dictionaries(st.sampled_from(CLASSES), PRICES),
    interval=st.dictionaries(st.sampled_from(CLASSES), PRICES),
    usage=USAGES,
    multiplier=st.decimals(0, 10, places=6).map(lambda value: format(value, "f")),
    cap=st.integers(0, 10**12),
    late=st.integers(0, 10**6),
)
def test_lines_add_up_to_what_was_paid_to_the_last_nano(
    prices: dict[str, str],
    interval: dict[str, str],
    usage: dict[str, int],
    multiplier: str,
    cap: int,
    late: int,
) -> None:
    snapshot = PriceSnapshot(
        "official", "m", 1, "m", prices=prices, multiplier=multiplier,
        intervals=(Interval(1_000, None, interval),) if interval else (),
    )  # fmt: skip
    full = charge(Usage(usage), snapshot).nanos
    paid = min(full, cap)
    record = replace(
        RECORD, usage=usage, price=snapshot.to_json(), charge=max(0, paid - late),
        late_charge=min(paid, late),
    )  # fmt: skip
    found = receipt(record, settled=True, staff=False)
    amounts = [Decimal(line["amount_usd"]) for line in found["lines"]]
    assert sum(amounts) == Decimal(found["charge_usd"]) == Decimal(paid).scaleb(-9)
    assert all(amount >= 0 for amount in amounts)
    assert found["capped_at_hold"] == (paid < full)
    for line in found["lines"]:
        counted = Decimal(line["quantity"]) * COUNTED_PER_UNIT.get(line["class"], 1)
        assert counted == usage[line["class"]]


def test_corrections_are_told_beside_the_charge() -> None:
    snapshot = PriceSnapshot("official", "m", 1, "m", prices={"input": "2"})
    record = replace(
        RECORD, usage={"input": 1_000}, price=snapshot.to_json(), charge=1_500_000,
        late_charge=500_000,
    )  # fmt: skip
    lines = [
        LedgerLine(RECORD.user, amount, "rerate", "rerate", f"r.{number}", "job_1", note, at)
        for number, (amount, note, at) in enumerate(
            [(1_000_000, "wrong list", 5), (-250_000, "not all of it", 9)]
        )
    ]
    told = receipt(record, settled=True, staff=False, corrections=lines)
    assert (told["charge_usd"], told["corrected_charge_usd"]) == ("0.002", "0.00125")
    assert told["corrections"] == [
        {"amount_usd": "0.001", "reason": "wrong list", "at": 5},
        {"amount_usd": "-0.00025", "reason": "not all of it", "at": 9},
    ]
    plain = receipt(record, settled=True, staff=False)
    assert (plain["corrections"], plain["corrected_charge_usd"]) == ([], "0.002")
