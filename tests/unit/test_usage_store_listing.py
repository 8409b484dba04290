"""Listing usage by user and time: newest first, over days and shards, page by page."""

from typing import Any

import pytest

from tests.simulation.bank import NOON, USER, Bank
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.record import UsageRecord
from tollgate.domain.wallet import Outcome

HOUR = 3_600_000


def used(bank: Bank, charge: int, key: str = "key_1", model: str = "m") -> UsageRecord:
    """One finished call."""
    fact = bank.fact(bank.hold(0), charge, key=key, model=model)
    bank.records.put(fact)
    return fact


def charges(
    bank: Bank, start_ms: int, end_ms: int, limit: int = 50, **wanted: Any
) -> list[list[int]]:
    """The charges listed, page by page."""
    pages, cursor = [], None
    while True:
        page = bank.records.list(
            USER, start_ms, end_ms, cursor, limit, shards=bank.shards, **wanted
        )
        pages.append([record.charge for record in page.records])
        cursor = page.cursor
        if cursor is None:
            return pages


def test_calls_are_listed_newest_first() -> None:
    bank = Bank()
    start = bank.now
    for charge in range(1, 6):
        used(bank, charge)
        bank.wait(40_000)
    assert charges(bank, start, bank.now) == [[5, 4, 3, 2, 1]]
    assert charges(bank, start, bank.now, limit=2) == [[5, 4], [3, 2], [1]]
    assert charges(bank, start + 1_000, bank.now) == [[5, 4, 3, 2]]
    assert charges(bank, start, start + 80_000 * 1_000) == [[2, 1]]


def test_a_moment_without_calls_is_an_empty_page() -> None:
    bank = Bank()
    used(bank, 1)
    assert charges(bank, bank.now + HOUR, bank.now + 2 * HOUR) == [[]]


def test_drafts_are_not_listed() -> None:
    bank = Bank()
    bank.records.draft(bank.fact(bank.hold(10), 5))
    assert charges(bank, bank.now, bank.now + HOUR) == [[]]


def test_calls_are_filtered_by_key_and_model() -> None:
    bank = Bank()
    start = bank.now
    for charge, (key, model) in enumerate([("a", "x"), ("b", "x"), ("a", "y"), ("a", "x")]):
        used(bank, charge, key, model)
        bank.wait(1)
    end = bank.now
    assert charges(bank, start, end, key="a") == [[3, 2, 0]]
    assert charges(bank, start, end, model="x") == [[3, 1, 0]]
    assert charges(bank, start, end, key="a", model="x", limit=1) == [[3], [0], []]


def test_shards_are_merged_by_time() -> None:
    bank = Bank(shards=3)
    start = bank.now
    for charge in range(12):
        used(bank, charge)
        bank.wait(20_000)
    places = {item["pk"]["S"][-1] for item in bank.dynamo.items("Usage")}
    assert places == {"0", "1", "2"}
    assert charges(bank, start, bank.now, limit=5) == [
        [11, 10, 9, 8, 7],
        [6, 5, 4, 3, 2],
        [1, 0],
    ]


def test_a_long_time_takes_several_pages_even_without_calls() -> None:
    bank = Bank()
    used(bank, 1)
    pages = charges(bank, NOON * 1_000, (NOON + 70 * 86_400) * 1_000)
    assert pages == [[], [], [1]]


def test_a_busy_day_is_read_on() -> None:
    bank = Bank()
    for charge in range(300):
        hold = bank.hold(0)
        bank.records.put(bank.fact(hold, charge, upstream_id="x" * 4_000))
        bank.wallets.settle(USER, 0, [Outcome(hold.id, 0, charge)])
        bank.wait(1)
    assert charges(bank, NOON * 1_000, bank.now, limit=400) == [list(reversed(range(300)))]


@pytest.mark.parametrize("cursor", ["", "x", "1jn9cpi", "1jn9cp0000", "#", "1JN9CP0"])
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        Bank().records.list(USER, 0, NOON * 1_000, cursor)
