"""What a call adds to which rows, and how its charge is explained: figures typed out."""

from dataclasses import replace
from typing import Any

import pytest

from tollgate.domain.catalog import Interval
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.receipt import receipt
from tollgate.domain.record import UsageRecord
from tollgate.domain.rollup import (
    counters,
    dimensions,
    of_user,
    requests_by_account,
    row_name,
    summed,
)

HOLD = "1nh8qy0abcdefgh000sw-k001"
"""Begun in the second 1,797,513,152... as `hour` below says."""

SNAPSHOT = PriceSnapshot(
    "official",
    "m",
    3,
    "m",
    prices={"input": "1", "output": "10"},
    intervals=(Interval(100, None, {"input": "2"}),),
)
RECORD = UsageRecord(
    "usr_0123456789abcdef",
    HOLD,
    held=10_000,
    charge=2_400,
    cost=1_000,
    key="key_1",
    group="grp_1",
    account="acc_1",
    model="m",
    upstream_model="wire",
    model_group="default",
    usage={"input": 200, "output": 200},
    price=SNAPSHOT.to_json(),
    image_cost=7,
    started=1_000,
    first_byte=1_200,
    ended=1_500,
    status=200,
)
SUMS = {
    "calls": 1,
    "charge": 2_400,
    "cost": 1_000,
    "image_cost": 7,
    "input": 200,
    "output": 200,
    "answered": 1,
    "latency": 500,
    "first_byte": 200,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, SUMS, id="an ordinary call"),
        pytest.param({"error": "x"}, SUMS | {"errors": 1}, id="one with an error"),
        pytest.param({"status": 500}, SUMS | {"errors": 1}, id="one that failed"),
        pytest.param({"late_charge": 600}, SUMS | {"charge": 3_000}, id="one that came late"),
        pytest.param(
            {"usage": {"calls": 1}, "image_cost": 0},
            {n: v for n, v in SUMS.items() if n not in {"input", "output", "image_cost"}},
            id="one priced by the call counts once",
        ),
        pytest.param(
            {"first_byte": 0, "ended": 0},
            {n: v for n, v in SUMS.items() if n not in {"answered", "latency", "first_byte"}},
            id="one that never ended",
        ),
    ],
)
def test_what_a_call_adds(changes: dict[str, Any], expected: dict[str, int]) -> None:
    assert counters(replace(RECORD, **changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {},
            [
                "all",
                "group#grp_1",
                "model#m",
                "account#acc_1",
                "upstream#wire",
                "pair#m→wire",
                "model_group#m#default",
            ],
            id="answered",
        ),
        pytest.param(
            {"account": "", "model_group": ""}, ["all", "group#grp_1", "model#m"], id="no account"
        ),
        pytest.param(
            {"account": "", "model_group": "", "group": "", "model": ""},
            ["all"],
            id="killed, nothing known",
        ),
        pytest.param(
            {"upstream_model": "", "model_group": ""},
            ["all", "group#grp_1", "model#m", "account#acc_1", "upstream#m", "pair#m→m"],
            id="sent by the name that was requested",
        ),
    ],
)
def test_what_a_call_counts_in(changes: dict[str, Any], expected: list[str]) -> None:
    assert dimensions(replace(RECORD, **changes)) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(" gpt-4o ", "gpt-4o", id="blanks around it"),
        pytest.param("m" * 480, "m" * 480, id="as long as can be"),
        pytest.param("m" * 481, "m" * 460 + "…4974946adeef0958", id="too long for a key"),
        pytest.param("é" + "m" * 480, "é" + "m" * 458 + "…", id="in bytes"),
    ],
)
def test_the_name_of_a_model_in_rows(model: str, expected: str) -> None:
    assert row_name(model)[: len(expected)] == expected
    assert len(row_name(model).encode()) <= 480


def test_long_names_that_begin_alike_are_told_apart() -> None:
    assert row_name("m" * 600) != row_name("m" * 601)


def test_a_users_row_has_the_totals_by_key_and_by_model() -> None:
    found = of_user(RECORD)
    assert (found["charge"], found["key.key_1.charge"], found["model.m.charge"]) == (2_400,) * 3
    nameless = of_user(replace(RECORD, key="", model=""))
    assert nameless == SUMS


def test_rows_of_several_calls_add_up_by_hour() -> None:
    other = replace(RECORD, charge=100, user="usr_fedcba9876543210")
    rows = summed([RECORD, RECORD, other])
    (hour,) = {hour for _, hour in rows}
    assert len(hour) == 10
    assert rows["all", hour]["charge"] == 4_900
    assert rows["user#usr_0123456789abcdef", hour]["calls"] == 2
    assert rows["user#usr_fedcba9876543210", hour]["charge"] == 100


def test_request_ids_are_listed_by_account() -> None:
    silent = replace(RECORD, account="")
    found = requests_by_account([RECORD, silent])
    ((account, _),) = found
    assert account == "acc_1"
    assert found[account, next(iter(found))[1]] == ["req_1nh8qy0abcdefgh000123456789abcdef"]


# --- receipts -------------------------------------------------------------------------------


def test_a_receipt_names_the_interval_and_splits_what_was_capped() -> None:
    told = receipt(replace(RECORD, charge=1_200_001), settled=True, staff=False)
    # 200 × 2 + 200 × 10 micro-dollars are 2,400,000 nanos; half of it and a nano were charged.
    assert [line["amount_usd"] for line in told["lines"]] == ["0.0002", "0.001000001"]
    assert told["capped_at_hold"]
    assert told["price"] == {
        "source": "official",
        "version": 3,
        "mode": "tokens",
        "multiplier": "1",
        "multiplier_source": "group",
        "model_group": "",
        "currency": "USD",
        "fx": None,
        "flags": [],
        "tier": "",
        "label": "",
        "interval": {"over": 100, "up_to": None},
    }


def test_a_receipt_without_an_interval_says_so() -> None:
    told = receipt(replace(RECORD, usage={"input": 10}), settled=True, staff=False)
    assert told["price"]["interval"] is None


def test_a_receipt_of_a_call_nobody_answered_has_no_price_and_no_lines() -> None:
    told = receipt(replace(RECORD, price="", charge=0), settled=False, staff=False)
    assert (told["price"], told["lines"], told["charge_usd"]) == (None, [], "0")
    assert told["trail"]["returned_usd"] == "0.00001"


def test_only_staff_see_how_a_call_was_routed() -> None:
    own = receipt(RECORD, settled=True, staff=False)
    full = receipt(RECORD, settled=True, staff=True)
    assert full.keys() - own.keys() == {
        "user",
        "group",
        "channel",
        "account",
        "billing_model",
        "upstream_model",
        "chain",
        "image_cost_usd",
        "cost_usd",
        "margin_usd",
        "upstream_id",
        "dialect",
        "finish",
        "first_byte_at",
        "suspect",
        "attempts",
    }
    assert (full["cost_usd"], full["margin_usd"]) == ("0.000001", "0.0000014")
    assert full["image_cost_usd"] == "0.000000007"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"chain": ("m", "mapped", "wire")}, ["m", "mapped", "wire"], id="recorded"),
        pytest.param({}, ["m", "wire"], id="none recorded: what was requested, what was sent"),
        pytest.param({"upstream_model": "m"}, ["m"], id="sent as requested"),
        pytest.param({"upstream_model": ""}, ["m"], id="nothing else known"),
        pytest.param({"account": ""}, ["m"], id="never sent"),
        pytest.param({"account": "", "model": ""}, [], id="killed, nothing known"),
    ],
)
def test_staff_see_the_names_of_a_model_on_its_way(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert receipt(replace(RECORD, **changes), settled=True, staff=True)["chain"] == expected


def test_every_class_is_shown_with_what_it_was_charged() -> None:
    prices = {"input": "2", "cache_read": "0.2", "output": "10", "output_image": "40"}
    snapshot = PriceSnapshot("official", "m", 3, "m", prices=prices, model_group="vip")
    usage = {
        "input": 1_000,
        "cache_read": 500,
        "cache_write_5m": 250,
        "cache_write_1h": 100,
        "input_audio": 50,
        "input_image": 300,
        "output": 700,
        "reasoning": 40,
        "output_audio": 30,
        "output_image": 1_290,
    }
    record = replace(RECORD, usage=usage, charge=62_800_000, price=snapshot.to_json())
    told = receipt(record, settled=True, staff=False)
    assert {line["class"]: line["amount_usd"] for line in told["lines"]} == {
        "input": "0.002",
        "cache_read": "0.0001",
        "cache_write_5m": "0.0005",
        "cache_write_1h": "0.0002",
        "input_audio": "0.0001",
        "input_image": "0.0006",
        "output": "0.007",
        "reasoning": "0.0004",
        "output_audio": "0.0003",
        "output_image": "0.0516",
    }
    assert (told["charge_usd"], told["usage"]) == ("0.0628", usage)
    assert (told["key"], told["price"]["mode"], told["price"]["model_group"]) == (
        "key_1",
        "tokens",
        "vip",
    )


@pytest.mark.parametrize(
    ("attempt", "failures"),
    [
        pytest.param({"status": 200}, 0, id="it answered"),
        pytest.param({"status": 200, "error": "upstream_failed"}, 1, id="with an error after all"),
        pytest.param({"status": 0, "error": "upstream_timeout"}, 1, id="no answer"),
        pytest.param({"status": 429}, 1, id="a rate limit"),
        pytest.param({"status": 401}, 1, id="refused credentials"),
        pytest.param({"status": 529}, 1, id="overloaded"),
        pytest.param({"status": 400, "error": "x"}, 0, id="the request was wrong"),
        pytest.param({"status": 404, "error": "x"}, 0, id="the model was wrong"),
    ],
)
def test_an_account_counts_the_attempts_that_failed_there(
    attempt: dict[str, Any], failures: int
) -> None:
    other: dict[str, Any] = {"account": "acc_9", "ms": 5, **attempt}
    mine: dict[str, Any] = {"account": "acc_1", "ms": 5, "status": 200}
    tried = (other, mine)
    rows = summed([replace(RECORD, attempts=tried)] * 2)
    (hour,) = {hour for name, hour in rows if name == "account#acc_1"}
    assert rows.get(("account#acc_9", hour), {}) == ({"failures": 2} if failures else {})
    assert rows["account#acc_1", hour]["failures"] == 0
