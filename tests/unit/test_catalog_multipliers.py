"""A user's own multiplier on its way to relays: published in slices, read once, never guessed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.catalog_samples import GROUP, STATE, USER, Definitions
from tests.publishing_room import NOW, Room
from tollgate.domain.errors import CatalogUnavailable
from tollgate.services.catalog import MOST_SLICES, Catalog
from tollgate.store.dynamodb import StoreError, Throttled

ANN, BOB = USER.id, "usr_0000000000000002"


class Busy(Definitions):
    """Definitions whose sets are being replaced all the time."""

    def own_multipliers(self, group: str) -> Mapping[str, str]:
        raise Throttled("the multipliers are being replaced")


class World(Room):
    """A publisher, and a relay whose clock is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.catalog = Catalog(self.snapshots, lambda: self.now)

    def give(self, multipliers: dict[str, str], number: int = 1) -> None:
        """Let a set count in the first group, and publish it."""
        self.definitions.groups["grp_1"] = replace(GROUP, multipliers=number)
        self.definitions.multipliers["grp_1"] = multipliers
        assert self.publishing.publish(frozenset({"grp_1"})) == frozenset()
        assert self.reports == []

    def own(self, user: str) -> str | None:
        """A user's own multiplier, as a call now would find it."""
        return self.catalog.multiplier(self.catalog.group("grp_1"), user)

    def slices(self) -> list[tuple[str, bool]]:
        """The slices that are stored, and whether they expire."""
        rows = [row for row in self.dynamo.items(STATE) if row["pk"]["S"].endswith("#slice")]
        return [(row["sk"]["S"], "expires" in row) for row in rows]

    def slice_reads(self) -> int:
        """Reads of slices so far."""
        asked = [r for operation, r in self.dynamo.sent if operation == "GetItem"]
        return sum("#slice" in request["Key"]["pk"]["S"] for request in asked)


@pytest.fixture
def world() -> World:
    return World()


def crowd(count: int) -> dict[str, str]:
    return {f"usr_{number:016x}": f"0.{number:06d}" for number in range(count)}


def test_a_users_own_multiplier_is_text_and_others_have_none(world: World) -> None:
    world.give({ANN: "1.50"})
    assert (world.own(ANN), world.own(BOB)) == ("1.50", None)


def test_a_group_where_nobody_has_one_costs_no_read(world: World) -> None:
    world.give({}, number=0)
    assert world.catalog.group("grp_1").slices == 0
    assert (world.own(ANN), world.slice_reads(), world.slices()) == (None, 0, [])


def test_a_slice_is_read_once(world: World) -> None:
    world.give({ANN: "1.5", BOB: "0"})
    found = [world.own(user) for user in (ANN, BOB, ANN, "usr_0000000000000003") * 10]
    assert found == ["1.5", "0", "1.5", None] * 10
    assert world.slice_reads() == 1


def test_everybody_of_twenty_thousand_is_found_in_three_reads(world: World) -> None:
    everybody = crowd(20_000)
    world.give(everybody)
    assert [name for name, _ in world.slices()] == [
        "000000000001#0",
        "000000000001#1",
        "000000000001#2",
    ]
    assert {user: world.own(user) for user in everybody} == everybody
    assert world.slice_reads() == 3


def test_a_changed_multiplier_is_in_force_within_five_seconds_of_its_publication(
    world: World,
) -> None:
    world.give({ANN: "1.5"})
    assert world.own(ANN) == "1.5"
    world.give({ANN: "0.25"}, number=2)
    assert world.own(ANN) == "1.5"
    world.now += 5_000
    assert world.own(ANN) == "0.25"


def test_a_removed_multiplier_is_none(world: World) -> None:
    world.give({ANN: "1.5"})
    assert world.own(ANN) == "1.5"
    world.give({}, number=0)
    world.now += 5_000
    assert world.own(ANN) is None


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(Throttled("not now"), id="the table is busy"),
        pytest.param(StoreError("broken"), id="the table is broken"),
    ],
)
def test_what_cannot_be_read_is_refused_and_never_nothing(
    world: World, failure: StoreError
) -> None:
    world.give({ANN: "0.5"})
    group = world.catalog.group("grp_1")

    def before(operation: str, request: Any) -> None:
        if operation == "GetItem":
            raise failure

    world.dynamo.before = before
    for user in (ANN, BOB):
        with pytest.raises(CatalogUnavailable) as refused:
            world.catalog.multiplier(group, user)
        assert refused.value.retry_after == 1
    world.dynamo.before = None
    assert world.own(ANN) == "0.5"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({}, id="it is not there"),
        pytest.param({"body": {"B": b"none of ours"}}, id="it is none of ours"),
    ],
)
def test_a_slice_that_is_no_slice_is_refused(world: World, damage: dict[str, Any]) -> None:
    world.give({ANN: "0.5"})
    key = {"pk": {"S": "snapshot#grp_1#slice"}, "sk": {"S": "000000000001#0"}}
    world.dynamo.call("DeleteItem", {"TableName": STATE, "Key": key})
    if damage:
        world.dynamo.call("PutItem", {"TableName": STATE, "Item": key | damage})
    with pytest.raises(CatalogUnavailable):
        world.own(ANN)


def test_a_relay_keeps_a_bounded_number_of_slices(world: World) -> None:
    world.give({ANN: "0.5"})
    group = world.catalog.group("grp_1")
    for number in range(2, MOST_SLICES + 2):
        world.publishing.publish(frozenset({"grp_1"}))
        assert world.catalog.multiplier(replace(group, version=number), ANN) == "0.5"
    before = world.slice_reads()
    assert world.catalog.multiplier(replace(group, version=MOST_SLICES + 1), ANN) == "0.5"
    assert world.slice_reads() == before == MOST_SLICES
    world.catalog.multiplier(group, ANN)
    world.catalog.multiplier(replace(group, version=2), ANN)
    assert world.slice_reads() == before + 2


# --- publication ------------------------------------------------------------------------------


def test_slices_of_older_numbers_expire_however_many_they_are(world: World) -> None:
    world.give(crowd(40_000))
    assert len(world.slices()) == 5
    world.give({ANN: "2"}, number=2)
    assert world.slices() == [
        ("000000000001#0", True),
        ("000000000001#1", True),
        ("000000000001#2", True),
        ("000000000001#3", True),
        ("000000000001#4", True),
        ("000000000002#0", False),
    ]


def test_slices_are_there_before_the_part_that_names_them_counts(world: World) -> None:
    seen: list[str] = []

    def before(operation: str, request: Any) -> None:
        if operation == "PutItem":
            seen.append(request["Item"]["pk"]["S"])
        elif operation == "UpdateItem" and "ConditionExpression" in request:
            seen.append(request["Key"]["pk"]["S"])

    world.dynamo.before = before
    world.give({ANN: "1.5"})
    assert seen[:4] == ["snapshot#global", "snapshot#grp_1#slice", "snapshot#grp_1", "snapshot"]


def test_a_set_that_cannot_be_read_leaves_the_old_part_in_force(world: World) -> None:
    world.give({ANN: "1.5"})
    world.definitions = Busy(groups={"grp_1": replace(GROUP, multipliers=2)})
    world.publishing = world.publisher()
    assert world.publishing.publish(frozenset({"grp_1"})) == {"grp_1"}
    assert world.reports == [("grp_1", Throttled)]
    world.now += 5_000
    assert world.own(ANN) == "1.5"
