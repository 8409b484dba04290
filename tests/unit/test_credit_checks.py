"""When a relay asks for a balance, how long it waits for one, and what it does without."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Thread

import pytest

from tollgate.domain.catalog import Account
from tollgate.domain.credentials import RefreshToken
from tollgate.domain.credits import Balance, Credit, Trouble
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.services.credits import Credits
from tollgate.services.tokens import Owner

START = 1_795_348_800_000
LATER = START + 60_000
ACCOUNT = Account("acc_1", "one", "antigravity", "oauth", "", {"version": 1}, overages=True)
OWNER = Owner(ACCOUNT, RefreshToken("r", "c"))
NOBODY = Owner(Account("", "", "antigravity", "oauth", "", {"version": 1}), RefreshToken("r", "c"))
ENOUGH = (Credit("GOOGLE_ONE_AI", Decimal(100), Decimal(10)),)
FEW = (Credit("GOOGLE_ONE_AI", Decimal(3), Decimal(5)),)
LOST = UpstreamUnavailable("no token")

Told = tuple[Credit, ...] | Trouble | Exception


@dataclass
class Bank:
    """Tells the balances it was given, one after another; the last one again and again."""

    told: list[Told]
    now: int = START
    asked: int = 0
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def look(self, owner: Owner) -> Balance:
        told = self.told[min(self.asked, len(self.told) - 1)]
        self.asked += 1
        self.meanwhile()
        if isinstance(told, Exception):
            raise told
        if isinstance(told, tuple):
            return Balance(told, "", self.now)
        return Balance((), told, self.now)

    def clock(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += int(seconds * 1_000)

    def credits(self) -> Credits:
        return Credits(self.look, self.clock, self.sleep)


@pytest.mark.parametrize(
    ("told", "affords", "slept", "asked"),
    [
        pytest.param([ENOUGH], True, [], 1, id="enough at once"),
        pytest.param([FEW], False, [], 1, id="too few at once"),
        pytest.param([()], False, [], 1, id="none at once"),
        pytest.param(["forbidden"], False, [], 1, id="forbidden is stable"),
        pytest.param([LOST], True, [], 1, id="cannot be asked: try"),
        pytest.param(["network_error", ENOUGH], True, [0.5], 2, id="degraded, then enough"),
        pytest.param(["rate_limited", FEW], False, [0.5], 2, id="degraded, then too few"),
        pytest.param(
            ["unauthenticated", "rate_limited", ENOUGH], True, [0.5, 1.0], 3, id="twice degraded"
        ),
        pytest.param(
            ["network_error", "network_error", "network_error", FEW],
            False,
            [0.5, 1.0, 2.0],
            4,
            id="three times degraded",
        ),
        pytest.param(["network_error"], True, [0.5, 1.0, 2.0], 4, id="always degraded: try"),
        pytest.param(
            ["network_error", LOST, FEW], False, [0.5, 1.0], 3, id="a lookup that fails in between"
        ),
        pytest.param(
            ["network_error", LOST], True, [0.5, 1.0, 2.0], 4, id="then never answered: try"
        ),
        pytest.param(["network_error", "forbidden"], False, [0.5], 2, id="then forbidden"),
    ],
)
def test_a_degraded_answer_is_asked_for_again_and_nobody_is_locked_out_for_it(
    told: list[Told], affords: bool, slept: list[float], asked: int
) -> None:
    bank = Bank(told)
    assert bank.credits().affords(OWNER, LATER) is affords
    assert (bank.slept, bank.asked) == (slept, asked)


@pytest.mark.parametrize(
    ("until", "slept"),
    [
        pytest.param(START + 500, [], id="no time at all"),
        pytest.param(START + 501, [0.5], id="time for one"),
        pytest.param(START + 1_501, [0.5, 1.0], id="time for two"),
    ],
)
def test_a_call_without_the_time_to_wait_tries(until: int, slept: list[float]) -> None:
    bank = Bank(["network_error"])
    assert bank.credits().affords(OWNER, until) is True
    assert bank.slept == slept


def test_nobodys_account_has_no_credits() -> None:
    assert Bank([ENOUGH]).credits().affords(NOBODY, LATER) is False


def test_where_balances_cannot_be_looked_up_everybody_may_try() -> None:
    blind = Credits(None, lambda: START, lambda seconds: None)
    assert blind.affords(OWNER, LATER) is True
    assert blind.balance(OWNER) == Balance(read_at=START)


@pytest.mark.parametrize(
    ("told", "life"),
    [
        pytest.param(ENOUGH, 180_000, id="a balance"),
        pytest.param("forbidden", 180_000, id="forbidden"),
        pytest.param("network_error", 60_000, id="an error"),
    ],
)
def test_a_balance_is_shared_for_a_while(told: Told, life: int) -> None:
    bank = Bank([told])
    known = bank.credits()
    known.balance(OWNER)
    bank.now += life - 1
    known.balance(OWNER)
    assert bank.asked == 1
    bank.now += 1
    known.balance(OWNER)
    assert bank.asked == 2


def test_a_forgotten_balance_is_asked_for_anew() -> None:
    bank = Bank([ENOUGH])
    known = bank.credits()
    known.balance(OWNER)
    known.forget(OWNER)
    known.forget(OWNER)
    known.balance(OWNER)
    assert bank.asked == 2


def test_a_failed_lookup_is_not_kept() -> None:
    bank = Bank([LOST, ENOUGH])
    known = bank.credits()
    with pytest.raises(UpstreamUnavailable):
        known.balance(OWNER)
    assert known.balance(OWNER).credits == ENOUGH


def test_many_calls_at_once_look_once() -> None:
    bank = Bank([ENOUGH])
    known = bank.credits()
    others = [Thread(target=known.balance, args=(OWNER,)) for _ in range(4)]

    def start() -> None:
        for each in others:
            each.start()

    bank.meanwhile = start
    known.balance(OWNER)
    for each in others:
        each.join()
    assert bank.asked == 1
