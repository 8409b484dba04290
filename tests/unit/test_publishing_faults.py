"""Publishing when something goes wrong: poison, crashes, races, parts that cannot be built."""

from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest

from tests.catalog_samples import (
    ACCOUNT,
    GROUP,
    KEY,
    OTHER_GROUP,
    STATE,
    USER,
    Definitions,
    record,
)
from tests.publishing_room import ACCOUNT_IMAGE, GROUP_IMAGE, KEY_IMAGE, PRICE_IMAGE, Room
from tollgate.domain.compilation import Person, Pools
from tollgate.store.dynamodb import OutcomeUnknown, Throttled
from tollgate.store.publications import Overtaken, PartTooLarge, Publications
from tollgate.store.snapshots import Numbers
from tollgate.store.stream import Unreadable


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_profile_is_published_before_its_wallet_hears_of_it(room: Room) -> None:
    room.refuse_wallets = True
    records = [record(None, KEY_IMAGE)]
    failed = room.publishing.apply(records)
    assert failed == [records[0]["dynamodb"]["SequenceNumber"]]
    profile = room.snapshots.profile(USER.id)
    assert profile is not None
    assert (profile.version, room.wallets) == (3, [])
    room.refuse_wallets = False
    assert room.publishing.apply(records) == []
    assert room.wallets == [(USER.id, 3)]


def test_a_crash_before_the_version_moves_leaves_the_old_one_valid(room: Room) -> None:
    room.publishing.publish(frozenset({"grp_1"}))
    claim = Publications(room.dynamo, STATE).claim()
    Publications(room.dynamo, STATE).put_group(replace(room.snapshots.group("grp_1", 1), version=2))
    assert claim.number == 2
    assert room.numbers() == Numbers(1, 1, {"grp_1": 1})
    room.publishing.publish(frozenset({"grp_1"}))
    assert room.numbers() == Numbers(3, 1, {"grp_1": 3})
    waste = room.dynamo.item(STATE, "snapshot#grp_1", "000000000002")
    assert waste is not None
    assert waste["expires"] == {"N": "1700003600"}


def test_a_lost_answer_to_the_last_write_is_delivered_again_and_does_no_harm(room: Room) -> None:
    published: list[str] = []

    def after(operation: str, request: Any, answer: Any) -> None:
        if ":groups" in str(request) and not published:
            published.append(operation)
            raise OutcomeUnknown("the answer got lost")

    room.dynamo.after = after
    records = [record(None, GROUP_IMAGE)]
    assert room.publishing.apply(records) == [records[0]["dynamodb"]["SequenceNumber"]]
    assert room.publishing.apply(records) == []
    assert room.numbers() == Numbers(2, 1, {"grp_1": 2})


def test_two_publishers_at_once_end_with_one_version_that_has_both_changes(room: Room) -> None:
    both = Barrier(2)
    room.publishing.publish(frozenset({"grp_1", "grp_2"}))

    class Slowed(Definitions):
        """Definitions whose first reading waits until both publishers read."""

        waited = 0

        def pools(self) -> Pools:
            if Slowed.waited < 2:
                Slowed.waited += 1
                both.wait(timeout=10)
            return super().pools()

    room.definitions = Slowed(
        groups={
            "grp_1": replace(GROUP, name="new one"),
            "grp_2": replace(OTHER_GROUP, name="new two"),
        }
    )
    threads = [
        Thread(target=room.publisher().publish, args=(frozenset({group}),))
        for group in ("grp_1", "grp_2")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    numbers = room.numbers()
    assert (numbers.version, numbers.everywhere) == (4, 1)
    assert sorted(numbers.groups.values()) in ([2, 4], [3, 4])
    names = [
        room.snapshots.group(group, numbers.groups[group]).name for group in ("grp_1", "grp_2")
    ]
    assert names == ["new one", "new two"]
    assert room.reports == []


def test_a_publisher_that_is_always_overtaken_leaves_it_to_the_next_delivery(room: Room) -> None:
    rival = Publications(room.dynamo, STATE)

    class Overtaking(Definitions):
        def pools(self) -> Pools:
            claim = rival.claim()
            rival.publish(claim, 0, {})
            return super().pools()

    room.definitions = Overtaking(groups={"grp_1": GROUP})
    records = [record(None, GROUP_IMAGE), record(None, {"kind": "uses"})]
    assert room.publisher().apply(records) == [records[0]["dynamodb"]["SequenceNumber"]]
    assert room.reports == [("snapshot", Overtaken)]


POISON: list[Any] = [
    pytest.param({"SequenceNumber": "7"}, id="no image"),
    pytest.param({"SequenceNumber": "7", "NewImage": {"pk": {"S": "x"}}}, id="no kind"),
    pytest.param({"SequenceNumber": "7", "NewImage": {"kind": {"S": "account"}}}, id="no groups"),
    pytest.param({"SequenceNumber": "7", "NewImage": {"kind": {"X": "account"}}}, id="no type"),
    pytest.param({"SequenceNumber": "7", "NewImage": {"kind": "account"}}, id="no attribute"),
    pytest.param(
        {"SequenceNumber": "7", "NewImage": {"kind": {"S": "group"}, "id": {"N": "1"}}},
        id="no text",
    ),
    pytest.param(
        {"SequenceNumber": "7", "NewImage": {"kind": {"S": "group"}, "id": {"B": "!"}}},
        id="no base64",
    ),
]


@pytest.mark.parametrize("poison", POISON)
def test_a_poisoned_record_is_named_and_stops_no_other(room: Room, poison: Any) -> None:
    batch = [record(None, GROUP_IMAGE), {"dynamodb": poison}, record(None, KEY_IMAGE)]
    assert room.publishing.apply(batch) == ["7"]
    assert room.numbers().groups == {"grp_1": 1}
    assert room.wallets == [(USER.id, 3)]
    assert room.reports == [("7", Unreadable)]


def test_a_record_without_a_number_fails_the_batch(room: Room) -> None:
    with pytest.raises(Unreadable):
        room.publishing.apply([{"dynamodb": {}}])


def test_a_part_that_cannot_be_built_keeps_its_old_number_and_stops_no_other(room: Room) -> None:
    room.publishing.publish(frozenset({"grp_1", "grp_2"}))
    noise = {f"m{n}": f"{n * 7**120}" for n in range(9_000)}
    room.definitions.accounts = [replace(ACCOUNT, model_mapping=noise)]
    records = [record(None, ACCOUNT_IMAGE), record(None, {"kind": "group", "id": "grp_2"})]
    assert room.publishing.apply(records) == [records[0]["dynamodb"]["SequenceNumber"]]
    assert room.numbers().groups == {"grp_1": 1, "grp_2": 2}
    assert room.reports == [("grp_1", PartTooLarge)]


def test_nothing_is_counted_when_nothing_could_be_built(room: Room) -> None:
    room.publishing.publish(frozenset({"grp_1"}))
    room.definitions.accounts = [replace(ACCOUNT, groups=("grp_1",), weight=object())]  # type: ignore[arg-type]
    assert room.publishing.publish(frozenset({"grp_1"})) == {"grp_1"}
    assert room.numbers() == Numbers(1, 1, {"grp_1": 1})
    assert room.reports == [("grp_1", TypeError)]


def test_a_broken_user_stops_no_other(room: Room) -> None:
    class Broken(Definitions):
        def person(self, user: str) -> Person | None:
            if user == "usr_2":
                raise ValueError("an item nobody can read")
            return super().person(user)

    room.definitions = Broken(people={USER.id: Person(3, USER, (KEY,))})
    records = [record(None, KEY_IMAGE), record(None, {"kind": "user", "id": "usr_2"})]
    assert room.publisher().apply(records) == [records[1]["dynamodb"]["SequenceNumber"]]
    assert room.wallets == [(USER.id, 3)]
    assert room.reports == [("usr_2", ValueError)]


def test_a_failing_clean_up_costs_nothing_but_space(room: Room) -> None:
    room.fail({"Query": [Throttled("later"), Throttled("later")]})
    assert room.publishing.apply([record(None, PRICE_IMAGE)]) == []
    assert room.reports == [("global", Throttled)]
    assert room.numbers() == Numbers(1, 1, {})
