"""What settlements, sweeps and changed limits do to counters of limits, and what they may not."""

from typing import Any

import pytest

from tests.scopes_samples import ended, every, scope
from tests.simulation.bank import NOON, SWEPT, USER, Bank, operations
from tollgate.domain.errors import (
    ConcurrencyLimited,
)
from tollgate.domain.scopes import Spent
from tollgate.domain.wallet import violations
from tollgate.store.dynamodb import OutcomeUnknown

DAY = NOON - NOON % 86_400
MINUTE = NOON // 60


# --- settling ---------------------------------------------------------------------------------


def test_settling_returns_what_a_call_did_not_cost() -> None:
    bank = Bank()
    limits = every(concurrency=5, spend_5h=100, spend_day=100, spend_week=100)
    holds = [bank.hold(20, scopes=limits) for _ in range(3)]
    bank.dynamo.sent.clear()
    bank.wallets.settle(USER, 0, [ended(bank, hold, 7) for hold in holds[:2]])
    assert operations(bank, "Wallets") == ["UpdateItem"]
    wallet = bank.wallet()
    assert {spent.used for spent in wallet.spent.values()} == {34}
    assert wallet.open_calls == {"open_key_k001": 1, "open_group_g001": 1}


def test_a_call_that_cost_more_than_it_held_is_charged_in_full() -> None:
    bank = Bank()
    hold = bank.hold(20, scopes=scope("key", spend_day=100))
    bank.wallets.settle(USER, 0, [ended(bank, hold, 55)])
    assert bank.wallet().spent["day_key_k001"].used == 55


def test_settling_twice_gives_back_once() -> None:
    bank = Bank()
    limits = every(concurrency=5, spend_day=100)
    first, second = (bank.hold(20, scopes=limits) for _ in range(2))
    for _ in range(2):
        bank.wallets.settle(USER, 0, [ended(bank, first, 7)])
    wallet = bank.wallet()
    assert wallet.open_calls == {"open_key_k001": 1, "open_group_g001": 1}
    assert {spent.used for spent in wallet.spent.values()} == {27}
    assert second.id in wallet.open


def test_a_window_that_began_since_gets_nothing_of_an_older_call() -> None:
    bank = Bank()
    limits = scope("key", spend_5h=100)
    old = bank.hold(20, scopes=limits)
    bank.wait(5 * 3_600)
    new = bank.hold(30, scopes=limits)
    bank.wallets.settle(USER, 0, [ended(bank, old, 7), ended(bank, new, 11)])
    assert bank.wallet().spent["five_hours_key_k001"].used == 11


def test_output_counts_in_the_minute_in_which_the_call_ended() -> None:
    bank = Bank()
    limits = every(tpm=1_000)
    holds = [bank.hold(20, scopes=limits, tokens=5) for _ in range(2)]
    bank.wait(65)
    bank.wallets.settle(USER, 0, [ended(bank, hold, 7, usage={"output": 40}) for hold in holds])
    assert bank.wallet().minutes == {
        **{f"{MINUTE}t{code}": 10 for code in ("u", "kk001", "gg001")},
        **{f"{MINUTE + 1}t{code}": 80 for code in ("u", "kk001", "gg001")},
    }


def test_output_of_a_minute_long_over_is_counted_nowhere() -> None:
    bank = Bank()
    hold = bank.hold(20, scopes=scope("key", tpm=1_000))
    late = ended(bank, hold, 7, usage={"output": 40})
    bank.wait(7 * 60)
    bank.wallets.settle(USER, 0, [late])
    assert bank.wallet().minutes == {f"{MINUTE}tkk001": 1}


def test_a_counter_that_goes_up_is_not_dropped_by_the_same_write() -> None:
    """A relay with a fast clock finds a minute stale in which another's call has just ended."""
    bank = Bank()
    hold = bank.hold(20, scopes=scope("key", tpm=1_000))
    mine = ended(bank, hold, 7, usage={"output": 40}, stale_minutes=(f"{MINUTE}tkk001",))
    bank.wallets.settle(USER, 0, [mine])
    assert bank.wallet().minutes == {f"{MINUTE}tkk001": 41}


# --- sweeping, late records -------------------------------------------------------------------


def test_a_sweep_gives_everything_back_from_the_hold_alone() -> None:
    bank = Bank()
    bank.hold(20, scopes=every(tpm=9, concurrency=1, spend_5h=50, spend_day=50, spend_week=50))
    bank.wait(SWEPT)
    assert bank.sweeping.sweep(USER) == 1
    wallet = bank.wallet()
    assert wallet.open_calls == {"open_key_k001": 0, "open_group_g001": 0}
    assert {spent.used for spent in wallet.spent.values()} == {0}


def test_an_orphan_of_a_lost_answer_gives_back_its_own_and_no_more() -> None:
    bank = Bank()
    limits = every(concurrency=3, spend_day=100)
    bank.hold(5, scopes=limits)
    bank.lose_answers(OutcomeUnknown("silence"))
    hold = bank.hold(20, scopes=limits)
    bank.calm()
    assert bank.wallet().open_calls["open_key_k001"] == 3
    bank.records.put(bank.fact(hold, 7))
    bank.settle_stream()
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    wallet = bank.wallet()
    assert (wallet.open, set(wallet.open_calls.values())) == ({}, {0})
    assert {spent.used for spent in wallet.spent.values()} == {7}


def test_a_late_charge_is_in_the_windows_that_still_run() -> None:
    bank = Bank()
    hold = bank.hold(20, scopes=scope("key", spend_5h=50, spend_week=50))
    bank.wait(SWEPT)
    bank.sweeping.sweep(USER)
    bank.recording.record(bank.fact(hold, 15))
    bank.wait(5 * 3_600)
    bank.hold(1, scopes=scope("key", spend_5h=50))
    bank.settle_stream()
    spent = bank.wallet().spent
    assert (spent["five_hours_key_k001"].used, spent["week_key_k001"].used) == (1, 15)
    assert bank.wallet().late == 15


# --- limits that change while calls are open --------------------------------------------------


def test_a_limit_added_later_is_not_lowered_by_earlier_calls() -> None:
    bank = Bank()
    early = bank.hold(20)
    limits = every(concurrency=1, spend_day=30)[1:]
    late = bank.hold(25, scopes=limits)
    bank.wallets.settle(USER, 0, [ended(bank, early, 3)])
    wallet = bank.wallet()
    assert wallet.open_calls == {"open_key_k001": 1, "open_group_g001": 1}
    assert {spent.used for spent in wallet.spent.values()} == {25}
    with pytest.raises(ConcurrencyLimited):
        bank.hold(1, scopes=limits)
    bank.wallets.settle(USER, 0, [ended(bank, late, 5)])
    assert {spent.used for spent in bank.wallet().spent.values()} == {5}


def test_a_limit_taken_away_leaves_nothing_behind() -> None:
    bank = Bank()
    hold = bank.hold(20, scopes=every(concurrency=1, spend_5h=30, spend_day=30))
    bank.hold(20)
    bank.wallets.settle(USER, 0, [ended(bank, hold, 5)])
    bank.wait(86_400 + 301)
    bank.sweeping.sweep_all()
    bank.sweeping.sweep_all()
    wallet = bank.wallet()
    assert (wallet.open_calls, wallet.spent, wallet.open) == ({}, {}, {})


def test_counters_that_still_say_something_stay() -> None:
    bank = Bank()
    limits = every(concurrency=1, spend_5h=30)
    bank.hold(20, scopes=limits, ttl_class="l")
    bank.wait(1_600)
    before = bank.wallet()
    bank.sweeping.sweep_all()
    assert bank.wallet() == before


def test_a_window_that_begins_anew_while_it_is_cleared_stays() -> None:
    bank = Bank()
    limits = scope("key", spend_5h=30)
    bank.records.put(bank.fact(bank.hold(20, scopes=limits), 7))
    bank.settle_stream()
    bank.wait(6 * 3_600)
    image = bank.wallet()
    bank.hold(20, scopes=limits)
    bank.wallets.clear_idle(image)
    assert bank.wallet().spent == {"five_hours_key_k001": Spent(NOON + 6 * 3_600, 20)}


def test_a_cleared_window_takes_nothing_back() -> None:
    bank = Bank()
    limits = scope("key", spend_day=30)
    hold = bank.hold(20, scopes=limits, ttl_class="t", deadline=NOON + 3 * 86_400)
    bank.wait(2 * 86_400)
    bank.sweeping.sweep_all()
    assert bank.wallet().spent == {}
    bank.wallets.settle(USER, 0, [ended(bank, hold, 5)])
    assert (bank.wallet().spent, bank.wallet().open) == ({}, {})


def test_a_task_is_no_open_call_but_spends() -> None:
    bank = Bank()
    limits = scope("key", concurrency=1, spend_day=30)
    bank.hold(20, scopes=limits, ttl_class="t", deadline=NOON + 60)
    assert bank.wallet().open_calls == {}
    assert bank.hold(10, scopes=limits).amount == 10


# --- identities -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(
            {"open_key_k001": {"N": "0"}}, "open calls of a key or a group", id="a call not counted"
        ),
        pytest.param(
            {"open_group_g009": {"N": "1"}}, "open calls of a key or a group", id="a call too many"
        ),
        pytest.param(
            {"day_key_k001": {"M": {"began": {"N": str(DAY)}, "used": {"N": "19"}}}},
            "less than its open holds",
            id="a window that lost something",
        ),
    ],
)
def test_a_counter_that_contradicts_the_holds_is_an_alarm(
    damage: dict[str, Any], says: str
) -> None:
    bank = Bank()
    bank.hold(20, scopes=scope("key", concurrency=2, spend_day=30))
    item = bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {}
    bank.dynamo.apply("PutItem", {"TableName": "Wallets", "Item": item | damage})
    (broken,) = violations(bank.wallet())
    assert says in broken
    assert len(bank.wrong) == 1
