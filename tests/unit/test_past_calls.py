"""Past calls: every record of a period once, wherever reading stopped and went on."""

from collections.abc import Iterable
from typing import Final

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.base32 import base32
from tollgate.domain.holds import hour_of
from tollgate.domain.record import RecordState, UsageRecord
from tollgate.services.past_calls import (
    PastCalls,
    Period,
    Position,
    hours_read,
    read_position,
)
from tollgate.store.rollups import Rollups
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets

NOON: Final = 1_795_348_800
"""2026-11-22 12:00:00 UTC."""

HOUR: Final = 3_600
ANN, BOB, EVE = (f"usr_{name:0>16}" for name in ("ann", "bob", "eve"))


class Past:
    """Records of some users, and what reads them."""

    def __init__(
        self, users: Iterable[str] = (ANN, BOB, EVE), shards: int = 1, size: int = 1_000
    ) -> None:
        dynamo = InMemoryDynamo(["Usage", "Rollups", "Wallets"])
        self.records = UsageRecords(dynamo, "Usage")
        self.rollups = Rollups(dynamo, "Rollups")
        self.wallets = Wallets(dynamo, "Wallets", lambda below: 0, lambda: 0)
        for user in users:
            self.wallets.create(user, shards=shards, profile_version=1)
        self.calls = PastCalls(self.rollups, self.records, self.wallets, size)
        self.serial = 0

    def call(self, user: str, at: int, shard: int = 0, state: RecordState = "final") -> str:
        """Record a call begun at a second; gives its hold."""
        self.serial += 1
        hold = f"{base32(at, 7)}{base32(self.serial, 8)}{base32(shard, 2)}1sw-k001"
        self.records.put(UsageRecord(user, hold, 9, 5, state=state, started=at * 1_000))
        self.rollups.mark_active(hour_of(at), [user])
        return hold

    def read(self, period: Period, position: Position | None = None) -> list[str]:
        """The holds of a period, in order."""
        return [
            record.hold for page in self.calls.pages(period, position) for record in page.records
        ]


def test_everybodys_calls_are_read_newest_hour_first_and_user_by_user() -> None:
    past = Past()
    early = past.call(ANN, NOON - HOUR)
    first, second = past.call(BOB, NOON + 1), past.call(BOB, NOON + 2)
    late = past.call(ANN, NOON + HOUR)
    assert past.read(Period(NOON - HOUR, NOON + 2 * HOUR)) == [late, second, first, early]


def test_one_users_calls_are_read_alone_newest_first() -> None:
    past = Past()
    holds = [past.call(ANN, NOON + n * 40 * 24 * HOUR) for n in range(3)]
    past.call(BOB, NOON)
    period = Period(NOON, NOON + 90 * 24 * HOUR, ANN)
    assert past.read(period) == holds[::-1]


@pytest.mark.parametrize("user", ["", ANN])
def test_a_period_begins_with_its_first_second_and_ends_before_its_last(user: str) -> None:
    past = Past()
    past.call(ANN, NOON + 9)
    inside = [past.call(ANN, NOON + 10), past.call(ANN, NOON + 19)]
    past.call(ANN, NOON + 20)
    assert past.read(Period(NOON + 10, NOON + 20, user)) == inside[::-1]


@pytest.mark.parametrize("user", ["", ANN])
def test_an_empty_period_has_no_calls(user: str) -> None:
    past = Past()
    past.call(ANN, NOON)
    assert past.read(Period(NOON, NOON, user)) == []


@pytest.mark.parametrize(
    "state", [pytest.param("refused", id="refused"), pytest.param("draft", id="a draft")]
)
def test_what_counts_nowhere_is_left_out(state: RecordState) -> None:
    past = Past()
    past.call(ANN, NOON, state=state)
    assert past.read(Period(NOON, NOON + HOUR)) == []


def test_a_user_without_a_wallet_is_read_all_the_same() -> None:
    past = Past(users=())
    hold = past.call(ANN, NOON)
    assert past.read(Period(NOON, NOON + HOUR)) == [hold]


def test_every_shard_is_read() -> None:
    past = Past(shards=3)
    holds = [past.call(ANN, NOON + n, shard=n) for n in range(3)]
    assert past.read(Period(NOON, NOON + HOUR)) == holds[::-1]


@pytest.mark.parametrize("user", ["", ANN])
def test_wherever_reading_stops_it_goes_on_without_a_gap_or_a_repetition(user: str) -> None:
    past = Past(size=3)
    for second in range(0, 3 * HOUR, 1_000):
        for caller in (ANN, BOB, EVE):
            past.call(caller, NOON + second)
    period = Period(NOON, NOON + 3 * HOUR, user)
    whole = past.read(period)
    assert len(whole) == (11 if user else 33)
    pages = list(past.calls.pages(period))
    for stop in range(len(pages)):
        before = [record.hold for page in pages[: stop + 1] for record in page.records]
        position = pages[stop].position
        if position is None:
            assert before == whole
            continue
        again = read_position(position.write())
        assert again == position
        assert before + past.read(period, again) == whole


def test_the_last_page_says_that_it_is_the_last() -> None:
    past = Past()
    past.call(ANN, NOON)
    *earlier, last = past.calls.pages(Period(NOON - HOUR, NOON + 1))
    assert last.position is None
    assert all(page.position for page in earlier)


CURSOR: Final = base32(NOON + HOUR, 7) + "0000000000"


@pytest.mark.parametrize(
    ("user", "position", "hours"),
    [
        pytest.param("", Position(NOON + 3 * HOUR), 0, id="nothing"),
        pytest.param("", Position(NOON + 3 * HOUR, BOB, None), 0, id="within the first hour"),
        pytest.param("", Position(NOON + 2 * HOUR), 1, id="the newest hour"),
        pytest.param("", Position(NOON + HOUR, BOB, CURSOR), 2, id="within the last hour"),
        pytest.param(ANN, Position(NOON + 3 * HOUR, ANN, CURSOR), 2, id="a list, two hours down"),
        pytest.param("", None, 3, id="all"),
    ],
)
def test_how_far_it_has_come_is_told_in_hours(
    user: str, position: Position | None, hours: int
) -> None:
    assert hours_read(Period(NOON, NOON + 3 * HOUR, user), position) == hours


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        pytest.param(NOON, NOON, 0, id="nothing"),
        pytest.param(NOON, NOON + 1, 1, id="a second"),
        pytest.param(NOON - 1, NOON + 1, 2, id="around the hour"),
        pytest.param(NOON, NOON + 24 * HOUR, 24, id="a day"),
    ],
)
def test_a_period_touches_so_many_hours(start: int, end: int, hours: int) -> None:
    assert Period(start, end).hours == hours


def test_nothing_is_written_for_the_beginning() -> None:
    assert read_position(None) is None
