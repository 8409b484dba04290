"""Counters of limits in a wallet: raised with the hold, given back with it, never twice."""

import pytest

from tests.scopes_samples import ALIASES, ended, every, scope
from tests.simulation.bank import NOON, USER, Bank, operations
from tollgate.domain.catalog import Limits
from tollgate.domain.errors import (
    BudgetExceeded,
    ConcurrencyLimited,
    RateLimited,
    RequestTooLarge,
    TollgateError,
)
from tollgate.domain.limits import Hold
from tollgate.domain.scopes import Kind, Scope, Spent
from tollgate.domain.wallet import Outcome
from tollgate.store.dynamodb import OutcomeUnknown

DAY = NOON - NOON % 86_400
MINUTE = NOON // 60


# --- opening ----------------------------------------------------------------------------------


def test_every_counter_of_every_scope_is_raised_by_the_write_of_the_hold() -> None:
    bank = Bank()
    limits = every(rpm=9, tpm=90, concurrency=9, spend_5h=500, spend_day=600, spend_week=700)
    bank.hold(10, scopes=limits)
    bank.dynamo.sent.clear()
    bank.hold(30, scopes=limits, tokens=7)
    assert operations(bank, "Wallets") == ["UpdateItem"]
    wallet = bank.wallet()
    assert wallet.minutes == {
        **{f"{MINUTE}c{code}": 2 for code in ("u", "kk001", "gg001")},
        **{f"{MINUTE}t{code}": 8 for code in ("u", "kk001", "gg001")},
    }
    assert wallet.open_calls == {"open_key_k001": 2, "open_group_g001": 2}
    names = ("user", "key_k001", "group_g001")
    assert wallet.spent == {
        **{f"five_hours_{name}": Spent(NOON, 40) for name in names},
        **{f"day_{name}": Spent(DAY, 40) for name in names},
        **{f"week_{name}": Spent(NOON, 40) for name in names},
    }


def test_what_nobody_limits_is_not_there() -> None:
    bank = Bank()
    bank.hold(10)
    item = bank.dynamo.item("Wallets", f"{USER}#0", "wallet") or {}
    assert not [name for name in item if name.startswith(("open_", "day_", "week_", "five_"))]
    (_, request) = bank.dynamo.sent[-1]
    assert "minutes" not in request["UpdateExpression"] + request["ConditionExpression"]


@pytest.mark.parametrize("kind", ["user", "key", "group"])
@pytest.mark.parametrize(
    ("limits", "admitted", "refusal"),
    [
        pytest.param({"rpm": 3}, 3, RateLimited, id="calls a minute"),
        pytest.param({"tpm": 24}, 3, RateLimited, id="tokens a minute, of which each call takes 7"),
        pytest.param({"concurrency": 3}, 3, ConcurrencyLimited, id="open calls"),
        pytest.param({"spend_5h": 49}, 4, BudgetExceeded, id="five hours"),
        pytest.param({"spend_day": 50}, 5, BudgetExceeded, id="a day"),
        pytest.param({"spend_week": 9}, 0, BudgetExceeded, id="a week that pays for no call"),
    ],
)
def test_each_limit_admits_exactly_what_it_allows(
    kind: Kind, limits: dict[str, int], admitted: int, refusal: type[TollgateError]
) -> None:
    bank = Bank()
    for _ in range(admitted):
        bank.hold(10, scopes=scope(kind, **limits), tokens=7)
    before = bank.wallet()
    with pytest.raises(refusal) as refused:
        bank.hold(10, scopes=scope(kind, **limits), tokens=7)
    assert refused.value.detail["scope"] == kind
    assert bank.wallet() == before
    assert len(before.holds) == admitted


def test_input_beyond_a_minute_is_refused_without_asking_the_wallet() -> None:
    bank = Bank()
    with pytest.raises(RequestTooLarge, match="about 8 tokens and this API key's limit is 7"):
        bank.hold(10, scopes=scope("key", tpm=7), tokens=8)
    assert bank.dynamo.sent == []


def test_a_free_call_passes_where_a_budget_is_used_up() -> None:
    bank = Bank()
    limits = scope("key", spend_day=10)
    bank.hold(10, scopes=limits)
    assert bank.hold(0, scopes=limits).amount == 0
    with pytest.raises(BudgetExceeded):
        bank.hold(1, scopes=limits)


def test_keys_and_groups_are_counted_apart() -> None:
    bank = Bank()
    bank.hold(10, scopes=scope("key", concurrency=1))
    other = (Scope("key", Limits(concurrency=1), "k002"),)
    bank.hold(10, key_alias="k002", scopes=other)
    with pytest.raises(ConcurrencyLimited):
        bank.hold(10, key_alias="k002", scopes=other)


# --- windows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "name", "last"),
    [
        pytest.param({"spend_5h": 10}, "five_hours_key_k001", 5 * 3_600, id="five hours"),
        pytest.param({"spend_day": 10}, "day_key_k001", 12 * 3_600, id="till midnight"),
        pytest.param({"spend_week": 10}, "week_key_k001", 7 * 86_400, id="seven days"),
    ],
)
def test_a_window_begins_with_the_first_call_after_the_last_one_ended(
    limits: dict[str, int], name: str, last: int
) -> None:
    bank = Bank()
    bank.hold(10, scopes=scope("key", **limits))
    bank.wait(last - 1)
    with pytest.raises(BudgetExceeded):
        bank.hold(1, scopes=scope("key", **limits))
    bank.wait(1)
    bank.hold(4, scopes=scope("key", **limits))
    assert bank.wallet().spent == {name: Spent(NOON + last, 4)}


def test_a_running_window_needs_no_second_try() -> None:
    bank = Bank()
    limits = scope("user", spend_5h=100)
    bank.hold(10, scopes=limits)
    bank.wait(3_600)
    bank.dynamo.sent.clear()
    bank.hold(10, scopes=limits)
    assert operations(bank, "Wallets") == ["UpdateItem"]


def test_a_call_is_not_older_than_its_windows() -> None:
    """A relay whose clock is slow takes the second in which a faster one began a window."""
    bank = Bank()
    limits = scope("user", spend_5h=100)
    bank.hold(10, scopes=limits)
    bank.wait(-40)
    hold = bank.hold(20, scopes=limits)
    assert hold.id[:7] == "1jn9cp0"
    assert bank.wallet().spent == {"five_hours_user": Spent(NOON, 30)}
    bank.wallets.settle(USER, 0, [Outcome(hold.id, 20, 0, recorded=False)])
    assert bank.wallet().spent == {"five_hours_user": Spent(NOON, 10)}


# --- extending --------------------------------------------------------------------------------


def test_an_extension_is_charged_to_every_window() -> None:
    bank = Bank()
    hold = bank.hold(10, scopes=every(spend_5h=100, concurrency=5, rpm=1, tpm=50))
    bank.wallets.extend(hold, 35)
    wallet = bank.wallet()
    assert {spent.used for spent in wallet.spent.values()} == {35}
    assert wallet.open_calls == {"open_key_k001": 1, "open_group_g001": 1}
    assert wallet.minutes[f"{MINUTE}cu"] == 1


@pytest.mark.parametrize("kind", ["user", "key", "group"])
def test_an_extension_beyond_a_budget_is_refused(kind: Kind) -> None:
    bank = Bank()
    hold = bank.hold(10, scopes=scope(kind, spend_day=30))
    with pytest.raises(BudgetExceeded, match=r"0\.00000001 USD are used"):
        bank.wallets.extend(hold, 31)
    assert bank.wallet().spent[f"day_{'_'.join(filter(None, (kind, ALIASES[kind])))}"].used == 10
    assert bank.wallets.extend(hold, 30).amount == 30


def grown_over(bank: Bank) -> Hold:
    """A hold of ten that was extended by twenty after its five hours were over."""
    hold = bank.hold(10, scopes=scope("key", spend_5h=100))
    bank.wait(5 * 3_600)
    return bank.wallets.extend(hold, 30)


def test_an_extension_begins_a_window_that_is_over_and_is_all_it_gives_back_to() -> None:
    bank = Bank()
    hold = grown_over(bank)
    later = NOON + 5 * 3_600
    assert bank.wallet().spent == {"five_hours_key_k001": Spent(later, 20)}
    assert hold.entered == {"five_hours_key_k001": (later, 20)}
    hold = bank.wallets.extend(hold, 35)
    assert hold.entered == {"five_hours_key_k001": (later, 25)}
    bank.wallets.settle(USER, 0, [ended(bank, hold, 12)])
    assert bank.wallet().spent == {"five_hours_key_k001": Spent(later, 2)}


def test_an_extension_finds_a_window_that_another_call_began() -> None:
    bank = Bank()
    limits = scope("key", spend_5h=100)
    hold = bank.hold(10, scopes=limits)
    bank.wait(5 * 3_600)
    bank.hold(3, scopes=limits)
    hold = bank.wallets.extend(hold, 30)
    assert hold.entered == {"five_hours_key_k001": (NOON + 18_000, 20)}
    bank.wallets.settle(USER, 0, [ended(bank, hold, 5)])
    assert bank.wallet().spent == {"five_hours_key_k001": Spent(NOON + 18_000, 3)}


def test_what_an_extension_without_an_answer_entered_is_given_back_to_nobody() -> None:
    bank = Bank()
    hold = bank.hold(10, scopes=scope("key", spend_5h=100))
    bank.wait(5 * 3_600)
    bank.lose_answers(OutcomeUnknown("silence"))
    hold = bank.wallets.extend(hold, 30)
    bank.calm()
    assert hold.entered == {"five_hours_key_k001": (NOON + 18_000, 0)}
    bank.wallets.settle(USER, 0, [ended(bank, hold, 5)])
    assert bank.wallet().spent == {"five_hours_key_k001": Spent(NOON + 18_000, 20)}
