"""Threads on one wallet: exactly as many calls are admitted as it pays for, and no nano is lost.

On locked moto, which takes 10 ms for a write; `TOLLGATE_THREAD_CALLS=200` plays the long version
there, the evaluator plays it always.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from threading import Barrier
from typing import Any, Final

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.locked_moto import REGION, create_table
from tests.store_clients import at_once
from tollgate.domain.catalog import Limits
from tollgate.domain.errors import (
    BudgetExceeded,
    ConcurrencyLimited,
    InsufficientBalance,
    KeyQuotaExhausted,
    RateLimited,
    TollgateError,
)
from tollgate.domain.ledger import Credit
from tollgate.domain.limits import Hold, HoldRequest
from tollgate.domain.scopes import Kind, Scope
from tollgate.domain.wallet import Outcome
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.wallet import Wallets

USER: Final = "usr_0123456789abcdef"
NOW: Final = 1_700_049_600_000
THREADS: Final = 16
CALLS: Final = 200
MOTO_CALLS: Final = int(os.environ.get("TOLLGATE_THREAD_CALLS", "12"))  # noqa: TID251 - a test's own knob


@pytest.fixture
def wallets(moto: None) -> Wallets:
    """An empty wallets table with one user."""
    client = boto3_client("dynamodb", REGION, read_timeout=60)
    create_table(client, "wallets")
    dynamo = Boto3Dynamo(client, at_once)
    made = Wallets(dynamo, "wallets", Random(1).randrange, lambda: NOW)
    made.create(USER)
    return made


def in_memory() -> Wallets:
    """The same on the evaluator."""
    made = Wallets(InMemoryDynamo(["wallets"]), "wallets", Random(1).randrange, lambda: NOW)
    made.create(USER)
    return made


Case = tuple[type[TollgateError], int]

PLAIN: Final = HoldRequest(USER, "k001", 10, limited_key=False, profile_version=0)
"""A call that holds ten nanos."""


def limited(kind: Kind, **limits: int) -> dict[str, Any]:
    """A call of one scope."""
    alias: dict[Kind, str] = {"user": "", "key": "k001", "group": "g001"}
    return {"scopes": (Scope(kind, Limits(**limits), alias[kind]),)}


def fund(wallets: Wallets, amount: int) -> None:
    """Put money in."""
    wallets.credit(Credit(USER, amount, "topup", "test", "opening", "test"))


def at_once_in_threads(count: int, act: Callable[[int], object]) -> None:
    """Let so many threads act at the same moment."""
    start = Barrier(count)

    def run(number: int) -> None:
        start.wait()
        act(number)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(run, range(count)))


def asking(
    wallets: Wallets, calls: int, asked: HoldRequest, refusal: type[TollgateError]
) -> list[Hold]:
    """So many calls from many threads; gives the admitted, the others got that refusal."""
    admitted: list[Hold] = []

    def ask(number: int) -> None:
        for _ in range(number, calls, THREADS):
            try:
                admitted.append(wallets.hold(asked))
            except refusal:
                continue

    at_once_in_threads(THREADS, ask)
    return admitted


ADMITTED: Final = [
    pytest.param({}, InsufficientBalance, 10, id="a balance for ten"),
    pytest.param(limited("user", concurrency=7), ConcurrencyLimited, 7, id="seven at once"),
    pytest.param(limited("user", rpm=6), RateLimited, 6, id="six a minute"),
    pytest.param(limited("key", rpm=6), RateLimited, 6, id="six a minute of the key"),
    pytest.param(
        limited("key", concurrency=4), ConcurrencyLimited, 4, id="four at once of the key"
    ),
    pytest.param(
        limited("group", concurrency=3), ConcurrencyLimited, 3, id="three at once in the group"
    ),
    pytest.param(limited("group", tpm=5), RateLimited, 5, id="tokens for five in the group"),
    pytest.param(limited("user", spend_5h=59), BudgetExceeded, 5, id="five hours for five"),
    pytest.param(limited("key", spend_day=60), BudgetExceeded, 6, id="a day for six"),
    pytest.param(limited("group", spend_week=20), BudgetExceeded, 2, id="a week for two"),
    pytest.param({"limited_key": True}, KeyQuotaExhausted, 5, id="a key quota for five"),
]
"""What a call asks besides, how it is refused, and how many are admitted."""


def exactly(wallets: Wallets, calls: int, asked: HoldRequest, case: Case) -> None:
    """Let so many threads ask; as many as the case tells are admitted, and the money adds up."""
    refusal, admitted = case
    fund(wallets, 100)
    if asked.limited_key:
        wallets.set_key_quota(USER, "k001", 59)
    before = wallets.shard(USER, 0).version
    holds = asking(wallets, calls, asked, refusal)
    wallet = wallets.shard(USER, 0)
    assert len(holds) == len({hold.id for hold in holds}) == admitted
    assert (wallet.available, wallet.held) == (100 - 10 * admitted, 10 * admitted)
    assert wallet.version == before + admitted


@pytest.mark.parametrize(("changes", "refusal", "admitted"), ADMITTED)
def test_two_hundred_calls_at_once_admit_exactly_what_is_allowed(
    changes: dict[str, Any], refusal: type[TollgateError], admitted: int
) -> None:
    exactly(in_memory(), CALLS, replace(PLAIN, **changes), (refusal, admitted))


@pytest.mark.parametrize(("changes", "refusal", "admitted"), ADMITTED)
def test_moto_admits_as_many(
    wallets: Wallets, changes: dict[str, Any], refusal: type[TollgateError], admitted: int
) -> None:
    exactly(wallets, MOTO_CALLS, replace(PLAIN, **changes), (refusal, admitted))


def test_sixteen_threads_lose_no_nano(wallets: Wallets) -> None:
    busy(wallets, MOTO_CALLS)


def test_sixteen_threads_by_two_hundred_calls_lose_no_nano() -> None:
    busy(in_memory(), CALLS)


def busy(wallets: Wallets, calls: int) -> None:
    """Let every thread make so many calls, settled four by four; then everything adds up."""
    fund(wallets, 10**6)
    charged: list[int] = []

    def call(number: int) -> None:
        random = Random(number)
        waiting: list[Outcome] = []
        for _ in range(calls):
            hold = wallets.hold(PLAIN)
            charge = random.randrange(15)
            charged.append(charge)
            waiting.append(Outcome(hold.id, hold.amount, charge))
            if len(waiting) == 4:
                wallets.settle(USER, 0, waiting)
                waiting.clear()

    at_once_in_threads(THREADS, call)
    wallet = wallets.shard(USER, 0)
    assert len(charged) == THREADS * calls
    assert (wallet.open, wallet.held, wallet.debits) == ({}, 0, sum(charged))
    assert wallet.available == 10**6 - sum(charged)
    assert wallet.days == {"20231115c": sum(charged), "20231115n": THREADS * calls}
    # one credit, one write for each hold, one for each four settled: none twice, none lost
    assert wallet.version == 1 + THREADS * calls + THREADS * calls // 4


def test_a_notice_that_comes_fifty_times_at_once_is_credited_once(wallets: Wallets) -> None:
    at_once_in_threads(50, lambda number: fund(wallets, 500))
    wallet = wallets.shard(USER, 0)
    assert (wallet.available, wallet.credits) == (500, 500)
