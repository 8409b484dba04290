"""A group made after the relay's last look serves at once, and a missing one costs little."""

from dataclasses import replace
from threading import Event, Thread
from typing import Any

import pytest

from tests.catalog_samples import GROUP
from tests.catalog_world import World, down
from tollgate.domain.errors import CatalogUnavailable, GroupNotPermitted

NEW = replace(GROUP, id="grp_3", alias="g003", name="new")


@pytest.fixture
def warm() -> World:
    """A relay that has looked just now."""
    made = World()
    made.publish("global", "grp_1")
    made.catalog.global_part()
    made.reads()
    return made


def publish_new(world: World) -> None:
    world.definitions.groups["grp_3"] = NEW
    world.publish("grp_3")
    world.reads()


def test_a_group_made_after_the_look_is_found_at_once(warm: World) -> None:
    publish_new(warm)
    assert warm.catalog.group("grp_3").name == "new"
    assert warm.reads() == ["BatchGetItem", "GetItem"]


def test_a_group_that_is_missing_costs_one_read_a_second(warm: World) -> None:
    for _ in range(40):
        with pytest.raises(GroupNotPermitted):
            warm.catalog.group("grp_9")
        warm.now += 100
    assert warm.reads() == ["BatchGetItem"] * 4


def test_a_missing_group_is_found_a_second_after_it_was_looked_for(warm: World) -> None:
    with pytest.raises(GroupNotPermitted):
        warm.catalog.group("grp_3")
    publish_new(warm)
    warm.now += 1_000
    assert warm.catalog.group("grp_3").name == "new"


def test_a_group_is_looked_for_again_when_the_clock_jumps_back(warm: World) -> None:
    with pytest.raises(GroupNotPermitted):
        warm.catalog.group("grp_3")
    publish_new(warm)
    warm.now -= 60_000
    assert warm.catalog.group("grp_3").name == "new"


def test_whether_a_group_is_there_is_unknown_while_dynamodb_is_down(warm: World) -> None:
    warm.dynamo.before = down
    for _ in range(3):
        with pytest.raises(CatalogUnavailable):
            warm.catalog.group("grp_3")
    warm.dynamo.before = None
    publish_new(warm)
    assert warm.catalog.group("grp_3").name == "new"


def test_calls_of_a_new_group_that_come_together_share_one_look(warm: World) -> None:
    """Each of them would be refused for good, so they wait for the look instead."""
    publish_new(warm)
    looking, go_on = Event(), Event()
    names: list[str] = []

    def slow(operation: str, request: Any) -> None:
        if operation == "BatchGetItem":
            looking.set()
            assert go_on.wait(timeout=10)

    warm.dynamo.before = slow
    threads = [
        Thread(target=lambda: names.append(warm.catalog.group("grp_3").name)) for _ in "1234"
    ]
    threads[0].start()
    assert looking.wait(timeout=10)
    for thread in threads[1:]:
        thread.start()
        thread.join(timeout=0.01)
    go_on.set()
    for thread in threads:
        thread.join(timeout=10)
    assert names == ["new"] * 4
    assert warm.reads().count("BatchGetItem") == 1
