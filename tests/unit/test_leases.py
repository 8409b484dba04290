"""Places of accounts: taken once, given back however a call ends, free again when a worker died."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from random import Random
from threading import Barrier, Lock
from typing import Any

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.item_size import item_size
from tollgate.domain.catalog import Account
from tollgate.services.leases import LeasedSlots, pauses
from tollgate.services.slots import FREE, Slot
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, StoreError, Throttled
from tollgate.store.leases import PLACES, Lease, Leases

NOW = 1_795_348_800_000
UNTIL = NOW + 900_000
"""When a call ends that may last fifteen minutes."""

ACCOUNT = Account("acc_0123456789abcdef", "a", "openai", "apikey", "https://a.example", {})
PAIR = replace(ACCOUNT, concurrency=2)


class Room:
    """A State table and the workers that share it, by one clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.dynamo = InMemoryDynamo(["state"])
        self.leases = Leases(self.dynamo, "state")

    def worker(self, seed: int = 1) -> LeasedSlots:
        return LeasedSlots(self.leases, lambda: self.now, Random(seed).randrange)

    @property
    def item(self) -> Mapping[str, Any]:
        return self.dynamo.item("state", "lease#acc_0123456789abcdef", "0") or {}

    @property
    def sent(self) -> list[str]:
        return [operation for operation, _ in self.dynamo.sent]


@pytest.fixture
def room() -> Room:
    return Room()


def taken(slot: Slot | None) -> Slot:
    assert slot is not None
    return slot


def test_an_account_without_a_limit_costs_nothing(room: Room) -> None:
    slot = room.worker().take(ACCOUNT, UNTIL)
    assert slot is FREE
    taken(slot).release()
    assert room.sent == []


def test_a_place_is_taken_by_one_write_and_given_back_by_one(room: Room) -> None:
    slot = taken(room.worker().take(PAIR, UNTIL))
    slot.release()
    assert room.sent == ["UpdateItem", "UpdateItem"]
    assert room.dynamo.write_units("state") == 2
    assert {name for name in room.item if name.startswith("place_")} == set()


def test_no_more_places_are_given_than_there_are_whichever_worker_asks(room: Room) -> None:
    workers = [room.worker(seed) for seed in range(5)]
    first, second = taken(workers[0].take(PAIR, UNTIL)), taken(workers[1].take(PAIR, UNTIL))
    assert [worker.take(PAIR, UNTIL) for worker in workers] == [None] * 5

    first.release()
    again = taken(workers[4].take(PAIR, UNTIL))
    assert [worker.take(PAIR, UNTIL) for worker in workers] == [None] * 5

    second.release()
    again.release()
    assert taken(workers[2].take(PAIR, UNTIL)) is not FREE


def test_the_place_of_a_worker_who_died_is_free_a_minute_after_its_call_could_last(
    room: Room,
) -> None:
    single = replace(ACCOUNT, concurrency=1)
    taken(room.worker(1).take(single, UNTIL))

    room.now = UNTIL + 60_000
    assert room.worker(2).take(single, room.now + 1) is None
    room.now += 1
    assert taken(room.worker(2).take(single, room.now + 1)) is not FREE


def test_who_comes_back_too_late_takes_nobody_elses_place(room: Room) -> None:
    single = replace(ACCOUNT, concurrency=1)
    lost = taken(room.worker(1).take(single, UNTIL))
    room.now = UNTIL + 60_001
    taken(room.worker(2).take(single, room.now + 900_000))

    lost.release()

    assert room.worker(3).take(single, room.now + 1) is None


def test_giving_back_twice_is_giving_back_once(room: Room) -> None:
    single = replace(ACCOUNT, concurrency=1)
    worker = room.worker()
    slot = taken(worker.take(single, UNTIL))
    slot.release()
    taken(worker.take(single, UNTIL))
    slot.release()
    assert worker.take(single, UNTIL) is None


def test_leases_that_end_in_the_same_millisecond_are_told_apart_by_their_marks(room: Room) -> None:
    mine, yours = Lease("acc_1", 0, UNTIL, 1), Lease("acc_1", 0, UNTIL, 2)
    assert room.leases.take(mine, NOW).got
    assert not room.leases.take(yours, NOW).got
    assert room.leases.take(mine, NOW).got
    assert room.leases.look("acc_1", 1) == {0: UNTIL}


def test_places_lie_forty_to_an_item_of_one_write_unit(room: Room) -> None:
    many = replace(ACCOUNT, concurrency=2 * PLACES)
    worker = room.worker()
    for _ in range(2 * PLACES):
        taken(worker.take(many, UNTIL))
    items = room.dynamo.items("state")
    assert [item["sk"]["S"] for item in items] == ["0", "1"]
    assert [sum(name.startswith("place_") for name in item) for item in items] == [40, 40]
    assert max(item_size(item) for item in items) <= 1_024
    assert room.worker(2).take(many, UNTIL) is None


def test_the_places_of_a_huge_account_are_read_a_hundred_items_at_a_time(room: Room) -> None:
    for number in (0, 4_001, 8_039):
        assert room.leases.take(Lease("acc_1", number, UNTIL, 1), NOW).got
    assert room.leases.look("acc_1", 8_000) == {0: UNTIL, 4_001: UNTIL}
    assert room.leases.look("acc_1", 8_001) == {0: UNTIL, 4_001: UNTIL, 8_039: UNTIL}
    assert room.sent.count("BatchGetItem") == 2 + 3


def test_places_that_were_not_read_are_no_free_places(room: Room) -> None:
    """DynamoDB may leave keys of a batch over when it has too much to do."""
    for seed in (3, 4):
        taken(room.worker(seed).take(PAIR, UNTIL))

    def leave_over(operation: str, request: Any, answer: dict[str, Any]) -> None:
        if operation == "BatchGetItem":
            answer["UnprocessedKeys"] = request["RequestItems"]

    room.dynamo.after = leave_over
    assert room.worker(2).take(PAIR, UNTIL) is None


def test_an_item_goes_a_day_after_its_last_lease(room: Room) -> None:
    taken(room.worker().take(PAIR, UNTIL))
    assert room.item["expires"] == {"N": str((UNTIL + 60_000) // 1_000 + 86_400)}


def test_the_places_in_use_are_those_seen_here_of_late(room: Room) -> None:
    here, there = room.worker(1), room.worker(2)
    assert here.in_use() == {}
    slot = taken(there.take(PAIR, UNTIL))
    mine = taken(here.take(PAIR, UNTIL))
    assert here.in_use() == {PAIR.id: 2}
    mine.release()
    slot.release()
    assert here.in_use() == {PAIR.id: 1}, "that the other was given back is not seen yet"
    room.now += 5_000
    assert here.in_use() == {}, "and not believed for long"


def test_a_full_account_seen_before_is_looked_at_again(room: Room) -> None:
    here, there = room.worker(1), room.worker(2)
    slots = [taken(there.take(PAIR, UNTIL)) for _ in range(2)]
    assert here.take(PAIR, UNTIL) is None
    slots[0].release()
    assert taken(here.take(PAIR, UNTIL)) is not FREE


# --- when the table fails ---------------------------------------------------------------------


def raising(error: StoreError) -> Callable[..., None]:
    def hook(*_: Any) -> None:
        raise error

    return hook


@pytest.mark.parametrize(
    ("error", "slot"),
    [
        pytest.param(Throttled("busy"), None, id="too much traffic lets nobody in"),
        pytest.param(RequestRejected("Access", "no"), FREE, id="not allowed: the upstream decides"),
    ],
)
def test_a_table_that_fails(room: Room, error: StoreError, slot: Slot | None) -> None:
    room.dynamo.before = raising(error)
    assert room.worker().take(PAIR, UNTIL) is slot


def test_a_write_whose_answer_was_lost_takes_one_place(room: Room) -> None:
    lost = iter([OutcomeUnknown("gone")])

    def once(*_: Any) -> None:
        for error in lost:
            raise error

    room.dynamo.after = once
    slot = taken(room.worker().take(PAIR, UNTIL))
    assert len([name for name in room.item if name.startswith("place_")]) == 1
    slot.release()
    assert [name for name in room.item if name.startswith("place_")] == []


def test_a_place_is_given_back_though_nobody_said_that_it_was_taken(room: Room) -> None:
    room.dynamo.after = raising(OutcomeUnknown("gone"))
    slot = taken(room.worker().take(PAIR, UNTIL))
    room.dynamo.after = None
    assert len(room.leases.look(PAIR.id, 2)) == 1
    slot.release()
    assert room.leases.look(PAIR.id, 2) == {}


def test_a_table_out_of_reach_lets_calls_go_on(room: Room) -> None:
    """The upstream says itself when it has too much to do."""
    room.dynamo.before = raising(OutcomeUnknown("gone"))
    slot = taken(room.worker().take(PAIR, UNTIL))
    slot.release()
    assert len([name for name in room.sent if name == "UpdateItem"]) == 6


def test_places_that_cannot_be_looked_at_let_calls_go_on(room: Room) -> None:
    for seed in (3, 4):
        taken(room.worker(seed).take(PAIR, UNTIL))

    def no_reads(operation: str, _: Any) -> None:
        if operation == "BatchGetItem":
            raise OutcomeUnknown("gone")

    worker = room.worker(5)
    assert worker.take(PAIR, UNTIL) is None
    room.dynamo.before = no_reads
    assert worker.take(PAIR, UNTIL) is FREE


def test_a_place_that_cannot_be_given_back_ends_by_itself(room: Room) -> None:
    single = replace(ACCOUNT, concurrency=1)
    worker = room.worker()
    slot = taken(worker.take(single, UNTIL))
    room.dynamo.before = raising(OutcomeUnknown("gone"))
    slot.release()
    room.dynamo.before = None
    assert room.worker(2).take(single, UNTIL) is None
    room.now = UNTIL + 60_001
    assert taken(room.worker(2).take(single, room.now)) is not FREE


def test_who_loses_every_race_goes_elsewhere(room: Room) -> None:
    """Somebody takes each place just before, though none was seen to be taken."""
    crowd = replace(ACCOUNT, concurrency=200)
    thief = Leases(room.dynamo, "state")

    def steal(operation: str, request: Mapping[str, Any]) -> None:
        room.dynamo.before = None
        number = int(request["ExpressionAttributeNames"]["#place"].removeprefix("place_"))
        thief.take(Lease(crowd.id, number, UNTIL, 7), NOW)
        room.dynamo.before = steal

    room.dynamo.before = steal
    assert room.worker().take(crowd, UNTIL) is None
    assert room.sent.count("UpdateItem") == 12


# --- races ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_workers_at_once_never_exceed_the_places_and_leak_none(room: Room, seed: int) -> None:
    """Some workers die with a place: it is missing until its lease is over, and no longer."""
    limited = replace(ACCOUNT, concurrency=7)
    under_way, most, got, died = 0, 0, 0, 0
    guard, start = Lock(), Barrier(12)

    def work(number: int) -> None:
        nonlocal under_way, most, got, died
        slots, random = room.worker(1_000 * seed + number), Random(number)
        start.wait()
        for turn in range(30):
            slot = slots.take(limited, UNTIL)
            if slot is None:
                continue
            with guard:
                under_way += 1
                got += 1
                most = max(most, under_way)
            if turn == 29 - number and died < 3 and random.random() < 0.9:
                with guard:
                    died += 1
                return
            with guard:
                under_way -= 1
            slot.release()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))

    assert most <= 7
    assert got > 50
    assert len(room.leases.look(limited.id, 7)) == under_way == died
    room.now = UNTIL + 60_001
    slots = room.worker()
    assert [slots.take(limited, room.now) is not None for _ in range(8)] == [True] * 7 + [False]


# --- waiting ----------------------------------------------------------------------------------


def middle(below: int) -> int:
    return below // 2


@pytest.mark.parametrize(
    ("left", "random", "expected"),
    [
        pytest.param(
            60_000,
            middle,
            [100, 150, 225, 337, 505, 757, 1135, 1702, 2000, 2000, 1089],
            id="half as much more, up to two seconds, ten in all",
        ),
        pytest.param(400, middle, [100, 150, 150], id="no longer than there is time"),
        pytest.param(0, middle, [], id="no time at all"),
        pytest.param(-5, middle, [], id="less than none"),
        pytest.param(600, lambda _: 0, [80, 120, 180, 220], id="a fifth shorter"),
        pytest.param(600, lambda below: below - 1, [120, 180, 270, 30], id="a fifth longer"),
    ],
)
def test_waiting_for_a_place(left: int, random: Callable[[int], int], expected: list[int]) -> None:
    assert list(islice(pauses(left, random), 50)) == expected
