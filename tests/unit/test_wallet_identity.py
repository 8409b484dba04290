"""The sums every wallet image must show, and what can be read off an image."""

from dataclasses import replace
from typing import Any

import pytest

from tollgate.domain.wallet import Wallet, reserved_quota, stale_minutes, sweepable, violations

EMPTY = Wallet("usr_0123456789abcdef", 0, 7, "active", 1)
START = 1_700_049_600
W1 = "1jn9cp000000000000sw-k001"
W2 = "1jn9cp000000000010sw-k001"
LIMITED = "1jn9cp000000000020swkk001"
OTHER = "1jn9cp000000000030swkk002"
S1 = "1jn9cp000000000000ss-k001g001"
TASK = "1jn9cp000000000000tw-k0011jn9kq0"


def wallet(**changes: Any) -> Wallet:
    return replace(EMPTY, **changes)


@pytest.mark.parametrize(
    ("image", "broken"),
    [
        pytest.param(EMPTY, [], id="empty"),
        pytest.param(wallet(available=70, held=30, credits=100, holds={W1: 30}), [], id="held"),
        pytest.param(
            wallet(available=70, debits=30, credits=100, days={"20231115c": 30, "20231115n": 1}),
            [],
            id="settled",
        ),
        pytest.param(
            wallet(available=-20, debits=120, credits=100, closed=90, late=30),
            [],
            id="overdrawn by a late debit, day closed",
        ),
        pytest.param(wallet(available=40, transfers=40), [], id="a shard fed by a transfer"),
        pytest.param(wallet(holds={S1: 30}), [], id="a subscription's hold is not part of held"),
        pytest.param(
            wallet(available=60, held=40, credits=100, holds={W1: 10}, task_holds={TASK: 30}),
            [],
            id="a task's is",
        ),
        pytest.param(
            wallet(subscription_debits=9, days={"20231115c": 9, "20231115n": 1}),
            [],
            id="a subscription's debit touches nothing else",
        ),
        pytest.param(
            wallet(available=101, credits=100),
            ["available + held + debits != credits + transfers"],
            id="money from nowhere",
        ),
        pytest.param(
            wallet(available=70, held=30, credits=100, holds={W1: 29}),
            ["held != sum of wallet-funded holds"],
            id="a hold of another size",
        ),
        pytest.param(
            wallet(available=70, debits=30, credits=100),
            ["debits != closed days + open days + late debits"],
            id="a debit of no day",
        ),
        pytest.param(wallet(holds={W1: -5, W2: 5}), ["a hold is negative"], id="a hold below zero"),
    ],
)
def test_every_image_adds_up(image: Wallet, broken: list[str]) -> None:
    assert violations(image) == broken


def test_only_holds_beyond_their_life_and_the_skew_are_swept() -> None:
    image = wallet(holds={W1: 1, S1: 1}, task_holds={TASK: 1})
    assert sweepable(image, START) == []
    assert sweepable(image, START + 1_500) == []
    assert sweepable(image, START + 1_501) == [W1, S1]
    assert sweepable(image, START + 7_200 + 3_600 + 301) == [W1, S1, TASK]
    assert sweepable(EMPTY, START + 10**6) == []


def test_request_counters_are_dropped_once_no_clock_reads_them() -> None:
    minute = START // 60
    image = wallet(minutes={f"{minute - ago}cu": 1 for ago in range(20, -1, -1)})
    assert stale_minutes(image, START) == tuple(f"{minute - ago}cu" for ago in range(20, 12, -1))
    young = wallet(minutes={f"{minute - 5}cu": 1, f"{minute - 6}tkk001": 1})
    assert stale_minutes(young, START) == (f"{minute - 6}tkk001",)


def test_a_quota_is_reserved_by_the_open_calls_that_charged_it() -> None:
    image = wallet(holds={W1: 1, LIMITED: 20, OTHER: 300})
    assert reserved_quota(image, "k001") == 20
    assert reserved_quota(image, "k003") == 0
