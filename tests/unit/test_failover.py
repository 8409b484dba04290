"""Whose turn it is after a failed attempt: the table of a call's way through its frozen list."""

from dataclasses import replace

import pytest

from tests.resolution_samples import ACCOUNT, only, question
from tollgate.domain.catalog import Account
from tollgate.domain.failover import Failover
from tollgate.domain.resolution import Candidate

PLAIN = only(question())


def candidate(name: str, *, after: bool = False, **fields: object) -> Candidate:
    account = replace(ACCOUNT, id=name, **fields)  # type: ignore[arg-type]
    return PLAIN._replace(account=account, only_after_too_long=after)


def names(failover: Failover) -> list[str]:
    return [each.account.id for each in failover.left()]


def many(count: int, platform: str = "openai") -> Failover:
    return Failover(tuple(candidate(f"acc_{n}", platform=platform) for n in range(count)))


def pool(retries: int) -> Account:
    return replace(ACCOUNT, id="pool", pool_retries=retries)


def test_an_account_that_failed_is_not_asked_again() -> None:
    failover = many(3)
    failover.switch(failover.left()[0].account, 500)
    assert (names(failover), failover.switches) == (["acc_1", "acc_2"], 1)


def test_ten_switches_are_the_most() -> None:
    failover = many(16)
    for number in range(10):
        failover.switch(failover.left()[0].account, 500)
        assert names(failover)[0] == f"acc_{number + 1}"
    failover.switch(failover.left()[0].account, 500)
    assert names(failover) == []
    assert "acc_10" in failover.failed


@pytest.mark.parametrize(
    ("platform", "waits"),
    [
        pytest.param("openai", [0, 0, 0, 0], id="others at once"),
        pytest.param("antigravity", [0, 1_000, 2_000, 3_000], id="antigravity ever longer"),
    ],
)
def test_how_long_the_next_account_waits(platform: str, waits: list[int]) -> None:
    failover = many(5, platform=platform)
    assert [failover.switch(each.account, 429) for each in failover.left()[:4]] == waits


@pytest.mark.parametrize(
    ("retries", "status", "again"),
    [
        pytest.param(3, 401, 3, id="401 three times"),
        pytest.param(3, 403, 3, id="403 three times"),
        pytest.param(3, 429, 3, id="429 three times"),
        pytest.param(3, 402, 0, id="402 is not the pool's to mend"),
        pytest.param(3, 500, 0, id="500 is not the pool's to mend"),
        pytest.param(3, 0, 0, id="no answer"),
        pytest.param(0, 429, 0, id="a pool without retries"),
        pytest.param(10, 429, 10, id="the most there are"),
        pytest.param(99, 429, 10, id="more than there are"),
    ],
)
def test_how_often_a_pool_is_asked_again(retries: int, status: int, again: int) -> None:
    failover, account = many(2), pool(retries)
    assert [failover.again(account, status) for _ in range(12)].count(True) == again
    assert failover.failed == set()


def test_an_account_that_is_no_pool_is_asked_once() -> None:
    assert not many(2).again(ACCOUNT, 429)


def test_pools_are_counted_apart() -> None:
    failover, one, two = many(2), pool(1), replace(pool(1), id="other")
    assert [failover.again(each, 429) for each in (one, two, one, two)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("statuses", "begins"),
    [
        pytest.param([503], True, id="everybody was briefly down"),
        pytest.param([500, 503], True, id="the last was"),
        pytest.param([503, 500], False, id="the last was not"),
        pytest.param([], False, id="nobody was asked"),
        pytest.param([503] * 11, False, id="no switch is left"),
    ],
)
def test_whether_all_are_asked_once_more(statuses: list[int], begins: bool) -> None:
    failover = many(len(statuses))
    for each, status in zip(failover.left(), statuses, strict=True):
        failover.switch(each.account, status)
    assert failover.begin_again() is begins
    assert (len(failover.left()) > 0) is begins


def test_there_is_no_third_round() -> None:
    failover = many(1)
    failover.switch(failover.left()[0].account, 503)
    assert failover.begin_again()
    failover.switch(failover.left()[0].account, 503)
    assert not failover.begin_again()


def test_a_pool_that_had_its_retries_is_left_at_once_in_the_second_round() -> None:
    failover = Failover((candidate("pool", pool_retries=1),))
    account = failover.left()[0].account
    assert failover.again(account, 429)
    failover.switch(account, 503)
    assert failover.begin_again()
    assert not failover.again(account, 429)


def test_what_is_only_for_calls_that_are_too_long_waits_for_one() -> None:
    failover = Failover((candidate("own"), candidate("long", after=True)))
    assert names(failover) == ["own"]
    assert failover.after_too_long()
    assert names(failover) == ["long"]
    assert not failover.after_too_long()


def test_nobody_is_left_for_a_call_that_is_too_long() -> None:
    failover = Failover((candidate("own"),))
    assert not failover.after_too_long()
    assert names(failover) == []
