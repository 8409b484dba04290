"""What a spend window should count, by the records and open holds of its calls."""

from dataclasses import replace
from typing import Any

import pytest

from tollgate.domain.record import UsageRecord
from tollgate.domain.scopes import Spent
from tollgate.domain.spending_check import first_second, miscounted
from tollgate.domain.wallet import Wallet

START = 1_700_049_600
"""The second in which every call here began."""

DAY = 1_700_006_400
USER = "usr_0123456789abcdef"
CALLS = [f"1jn9cp00000000{n}000swlk001080" for n in range(3)]
"""Calls of a key with a day's limit and no other."""

WALLET = Wallet(USER, 0, 1, "active", 1)


def wallet(used: int, began: int = DAY, **facts: Any) -> Wallet:
    return replace(WALLET, spent={"day_key_k001": Spent(began, used)}, **facts)


def record(number: int, charge: int, **facts: Any) -> UsageRecord:
    return UsageRecord(USER, CALLS[number], 50, charge, **facts)


@pytest.mark.parametrize(
    ("image", "records", "wrong"),
    [
        pytest.param(WALLET, [record(0, 9)], [], id="no window"),
        pytest.param(wallet(16), [record(0, 9), record(1, 7)], [], id="the sum of two calls"),
        pytest.param(
            wallet(17),
            [record(0, 9), record(1, 7)],
            ["day_key_k001 counts 17, its calls 16 to 16"],
            id="too much",
        ),
        pytest.param(
            wallet(15),
            [record(0, 9), record(1, 7)],
            ["day_key_k001 counts 15, its calls 16 to 16"],
            id="too little",
        ),
        pytest.param(
            wallet(59, holds={CALLS[0]: 50}), [record(0, 9), record(1, 9)], [], id="one still open"
        ),
        pytest.param(
            wallet(9), [record(0, 0, state="late", late_charge=9)], [], id="a late charge, debited"
        ),
        pytest.param(
            wallet(0), [record(0, 0, state="late", late_charge=9)], [], id="and not yet"
        ),
        pytest.param(
            wallet(20, began=START + 60), [record(0, 9)], [], id="entered by an extension"
        ),
        pytest.param(
            wallet(51, began=START + 60),
            [record(0, 9)],
            ["day_key_k001 counts 51, its calls 0 to 50"],
            id="more than an extension can have taken",
        ),
        pytest.param(
            wallet(0), [replace(record(0, 9), hold="1jn9cp000000000010swlk001080")], [],
            id="a call on another shard",
        ),
        pytest.param(
            wallet(0), [replace(record(0, 9), hold="1jn9cp000000000000sw-k001")], [],
            id="a call that nobody limited",
        ),
        pytest.param(wallet(5, began=DAY - 86_400), [record(0, 9)], [], id="a window that is over"),
    ],
)  # fmt: skip
def test_a_window_counts_what_its_calls_took(
    image: Wallet, records: list[UsageRecord], wrong: list[str]
) -> None:
    assert list(miscounted(image, records, START + 120)) == wrong


def test_records_are_read_from_before_the_first_window_that_runs() -> None:
    assert first_second(WALLET, START) is None
    assert first_second(wallet(1), START) == DAY - 3_600
