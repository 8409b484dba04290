"""What accounts cost is counted and corrected once, and lets them rest just as long as it must."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from tests.account_quota_room import ACCOUNT, DAY, HOUR, MINUTE, NOON, Room, call, defined
from tests.item_size import item_size
from tollgate.domain.account_quota import Used
from tollgate.domain.definitions import AccountQuota
from tollgate.domain.health import COOLING, FOR_EVER, QUOTA, Cause
from tollgate.services.account_quotas import Share, everywhere, shares
from tollgate.services.health import AccountHealth
from tollgate.store.account_quotas import Standing, StandingChanged
from tollgate.store.dynamodb import OutcomeUnknown, StoreError, Throttled

DAILY = AccountQuota(1_000)
MIDNIGHT = AccountQuota(1_000, "fixed", 0)
ALL = {"total": AccountQuota(10_000), "day": DAILY, "week": AccountQuota(5_000)}
THIS_HOUR = "2026112212"


def raising(error: StoreError) -> Any:
    def hook(*_: Any) -> None:
        raise error

    return hook


# --- what is handed over ----------------------------------------------------------------------


def test_calls_are_counted_by_account_and_quarter_of_an_hour() -> None:
    calls = [
        call(NOON + 20 * MINUTE, 5),
        call(NOON + 1, 7),
        call(NOON, 1),
        call(NOON, 2, account="acc_2"),
        call(NOON, 0, account="acc_3"),
        call(NOON, 9, account=""),
    ]
    assert shares(calls) == [
        Share(ACCOUNT, THIS_HOUR, NOON * 1_000, 8),
        Share("acc_2", THIS_HOUR, NOON * 1_000, 2),
        Share(ACCOUNT, THIS_HOUR, (NOON + 20 * MINUTE) * 1_000, 5),
    ]


def test_an_account_without_quotas_costs_nothing() -> None:
    room = Room(day=AccountQuota(0))
    room.aggregator().add([call(), call(account="acc_unknown")])
    assert room.dynamo.sent == []


def test_a_call_counts_in_every_window() -> None:
    room = Room(**ALL)
    room.aggregator().add([call(NOON, 100), call(NOON + 1, 23)])
    assert room.table.read(ACCOUNT) == Standing(
        since=NOON * 1_000,
        spent={
            "total": Used(123, NOON * 1_000, FOR_EVER),
            "day": Used(123, NOON * 1_000, (NOON + DAY) * 1_000),
            "week": Used(123, NOON * 1_000, (NOON + 7 * DAY) * 1_000),
        },
        live={THIS_HOUR: 123},
    )


def test_counting_takes_one_small_write() -> None:
    room = Room(**dict.fromkeys(ALL, AccountQuota(10**18)))
    for number in range(40):
        room.now = NOON + number * HOUR
        room.aggregator().add([call(room.now, 123_456_789_012_345)])
    counted = room.dynamo
    assert counted.write_units("state") == sum(name == "UpdateItem" for name, _ in counted.sent)
    item = counted.item("state", f"account_quota#{ACCOUNT}", "quota") or {}
    assert item_size(item) <= 1_024
    assert sum(name.startswith("hour_") for name in item) == 25


def test_the_next_window_begins_with_the_call_that_finds_the_last_one_over() -> None:
    room = Room(day=DAILY)
    aggregator = room.aggregator()
    aggregator.add([call(NOON, 100)])
    aggregator.add([call(NOON + DAY - 1, 20)])
    assert room.used() == {"day": 120}
    aggregator.add([call(NOON + DAY + 5, 3)])
    later = (NOON + DAY + 5) * 1_000
    assert room.table.read(ACCOUNT).spent == {"day": Used(3, later, later + DAY * 1_000)}


def test_a_call_from_before_midnight_counts_no_more_after_it() -> None:
    room = Room(day=MIDNIGHT, total=AccountQuota(9_000))
    aggregator = room.aggregator()
    midnight = NOON + 12 * HOUR
    aggregator.add([call(midnight, 100)])
    aggregator.add([call(midnight - 1, 20)])
    assert room.used() == {"day": 100, "total": 120}


@pytest.mark.parametrize("already", [False, True])
def test_parallel_aggregators_begin_one_window_and_lose_nothing(already: bool) -> None:
    room = Room(**ALL)
    if already:
        room.aggregator().add([call(NOON - 8 * DAY, 4_000)])
    start = Barrier(8)

    def count(number: int) -> None:
        aggregator = room.aggregator()
        start.wait()
        for turn in range(10):
            for _ in range(50):
                try:
                    aggregator.add([call(NOON + number, 1 + turn)])
                except StandingChanged:
                    continue
                break

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))

    total = 4_440 if already else 440
    assert room.used() == {"total": total, "day": 440, "week": 440}
    assert room.table.read(ACCOUNT).live == {THIS_HOUR: 440}


def test_who_always_comes_second_gives_up_and_leaves_it_to_the_close() -> None:
    """Each of its tries sees a window that is another one by the time it writes."""
    room = Room(day=DAILY)
    room.aggregator().add([call(NOON, 1)])
    seconds = iter(range(1, 100))

    def another_window(operation: str, _: Any) -> None:
        if operation == "UpdateItem":
            room.dynamo.before = None
            room.table.reset(ACCOUNT, ["day"])
            room.aggregator().add([call(NOON + next(seconds), 1)])
            room.dynamo.before = another_window

    room.dynamo.before = another_window
    with pytest.raises(StandingChanged):
        room.aggregator().add([call(NOON, 50)])
    assert next(seconds) == 9
    assert room.used() == {"day": 1}


def test_an_addition_whose_answer_is_lost_is_not_repeated() -> None:
    room = Room(day=DAILY)
    room.dynamo.after = lambda operation, *_: (
        raising(OutcomeUnknown("gone"))() if operation == "UpdateItem" else None
    )
    with pytest.raises(OutcomeUnknown):
        room.aggregator().add([call(NOON, 50), call(NOON, 7, account="acc_2")])
    assert room.used() == {"day": 50}


def test_one_account_that_fails_keeps_no_other_from_being_counted() -> None:
    room = Room(day=DAILY)
    room.quotas["acc_2"] = {"day": DAILY}

    def first_fails(operation: str, request: Any) -> None:
        if operation == "UpdateItem" and request["Key"]["pk"]["S"].endswith(ACCOUNT):
            raise Throttled("busy")

    room.dynamo.before = first_fails
    with pytest.raises(Throttled):
        room.aggregator().add([call(NOON, 50), call(NOON + 1, 7, account="acc_2")])
    assert room.used() == {}
    assert room.used("acc_2") == {"day": 7}


def test_sums_and_quotas_are_added_whether_or_not_the_other_fails() -> None:
    added: list[str] = []

    def failing(_: Any) -> None:
        added.append("sums")
        raise Throttled("busy")

    with pytest.raises(Throttled):
        everywhere(failing, lambda _: added.append("quotas"))([call()])
    assert added == ["sums", "quotas"]


# --- resting ----------------------------------------------------------------------------------


def test_an_account_rests_from_the_call_that_reaches_a_limit_until_the_window_ends() -> None:
    room = Room(**ALL)
    aggregator = room.aggregator()
    aggregator.add([call(NOON, 999)])
    assert room.facts() == {}
    aggregator.add([call(NOON, 1)])
    end = (NOON + DAY) * 1_000
    assert room.facts() == {QUOTA: end, f"cause:{QUOTA}": Cause.QUOTA_USED}
    aggregator.add([call(NOON, 5_000)])
    assert room.facts()[QUOTA] == end + 6 * DAY * 1_000
    aggregator.add([call(NOON, 5_000)])
    assert room.facts()[QUOTA] == FOR_EVER


def test_an_account_that_rests_already_costs_no_further_write_of_health() -> None:
    room = Room(day=DAILY)
    aggregator = room.aggregator()
    aggregator.add([call(NOON, 2_000)])
    aggregator.add([call(NOON, 2_000)])
    assert [name for name, _ in room.dynamo.sent].count("PutItem") == 1


def test_a_call_that_is_settled_after_a_reset_begins_the_window_anew() -> None:
    room = Room(**ALL)
    aggregator = room.aggregator()
    aggregator.add([call(NOON, 900)])
    standing = room.table.reset(ACCOUNT, ["day", "total"])
    assert standing.spent == {"week": Used(900, NOON * 1_000, (NOON + 7 * DAY) * 1_000)}
    aggregator.add([call(NOON - 1, 30)])
    assert room.used() == {"total": 30, "day": 30, "week": 930}
    assert room.table.read(ACCOUNT).live == {"2026112211": 30, THIS_HOUR: 900}


# --- the review -------------------------------------------------------------------------------


def test_a_raised_limit_ends_the_rest_and_a_lowered_one_begins_it() -> None:
    room = Room(day=DAILY)
    room.aggregator().add([call(NOON, 1_000)])
    room.aggregator().review([defined(day=AccountQuota(1_001))])
    assert room.facts() == {}
    room.aggregator().review([defined(day=AccountQuota(500))])
    assert room.facts() == {QUOTA: (NOON + DAY) * 1_000, f"cause:{QUOTA}": Cause.QUOTA_USED}


def test_a_review_ends_only_the_rest_that_quotas_gave() -> None:
    room = Room(day=DAILY)
    room.aggregator().add([call(NOON, 1_000)])
    relay = AccountHealth(room.snapshots, room.clock)
    relay.look()
    relay.block(ACCOUNT, COOLING, (NOON + 60) * 1_000)
    room.table.reset(ACCOUNT, ["day"])
    room.aggregator().review([defined(day=DAILY)])
    assert room.facts() == {COOLING: (NOON + 60) * 1_000}


def test_a_review_repairs_a_fact_that_was_never_written_down() -> None:
    room = Room(day=DAILY)
    room.dynamo.before = lambda operation, request: (
        raising(Throttled("busy"))() if operation == "PutItem" else None
    )
    room.aggregator().add([call(NOON, 1_000)])
    room.dynamo.before = None
    assert room.facts() == {}
    room.aggregator().review([defined(day=DAILY)])
    assert room.facts()[QUOTA] == (NOON + DAY) * 1_000


def test_another_rule_moves_the_end_of_a_window_and_keeps_what_is_used() -> None:
    room = Room(day=DAILY)
    room.aggregator().add([call(NOON, 1_000)])
    room.aggregator().review([defined(day=MIDNIGHT)])
    midnight = (NOON + 12 * HOUR) * 1_000
    assert room.table.read(ACCOUNT).spent == {"day": Used(1_000, NOON * 1_000, midnight)}
    assert room.facts()[QUOTA] == midnight


def test_a_limit_that_is_taken_away_takes_its_figures_and_the_rest_with_it() -> None:
    room = Room(**ALL)
    room.aggregator().add([call(NOON, 1_000)])
    room.aggregator().review([defined(total=AccountQuota(2_000))])
    assert room.used() == {"total": 1_000}
    assert room.facts() == {}
    room.aggregator().review([defined()])
    assert room.used() == {}


def test_a_review_lets_counting_begin_and_else_changes_nothing() -> None:
    room = Room(day=DAILY)
    room.aggregator().review([defined(day=DAILY), defined("acc_2")])
    assert room.table.read(ACCOUNT) == Standing(since=NOON * 1_000)
    writes = room.dynamo.write_units("state")
    room.now += HOUR
    room.aggregator().review([defined(day=DAILY), defined("acc_2")])
    assert room.dynamo.write_units("state") == writes


def test_a_window_that_changes_under_a_review_is_moved_by_the_next_one() -> None:
    room = Room(day=DAILY)
    room.aggregator().add([call(NOON, 10)])

    def reset_first(operation: str, _: Any) -> None:
        if operation == "UpdateItem":
            room.dynamo.before = None
            room.table.reset(ACCOUNT, ["day"])

    room.dynamo.before = reset_first
    room.aggregator().review([defined(day=MIDNIGHT)])
    assert room.used() == {}


def test_more_accounts_than_one_request_reads_are_reviewed() -> None:
    room = Room()
    names = [f"acc_{number:03d}" for number in range(150)]
    for name in names[::50]:
        room.quotas[name] = {"day": DAILY}
        room.aggregator().add([call(NOON, 500, account=name)])
    room.aggregator().review(defined(name, day=AccountQuota(500)) for name in names)
    resting = [name for name in names if room.facts(name)]
    assert resting == ["acc_000", "acc_050", "acc_100"]
