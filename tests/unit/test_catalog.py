"""The relay's copy: how soon it is new, what it costs in reads, and how it lives without any."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from subprocess import run
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from tests.catalog_samples import (
    ACCOUNT,
    GROUP,
    KEY,
    STATE,
    USER,
    record,
)
from tests.catalog_world import World, down
from tollgate.domain.catalog import Health, Price
from tollgate.domain.compilation import Person
from tollgate.domain.definitions import PriceDefinition
from tollgate.domain.errors import CatalogUnavailable, GroupNotPermitted
from tollgate.services.catalog import MOST_PROFILES, MOST_UNKNOWN, Recent
from tollgate.store.dynamodb import Throttled

DEAR = Price("gpt-4o", 2, prices={"input": "3"})
GLOBAL_IMAGE = {"kind": "price", "model": "gpt-4o"}
GROUP_IMAGE = {"kind": "group", "id": "grp_1"}


@pytest.fixture
def world() -> World:
    made = World()
    made.publish("global", "grp_1", "grp_2", USER.id)
    return made


@pytest.fixture
def warm(world: World) -> World:
    """A relay that has served a call of the user through the first group."""
    world.catalog.global_part()
    world.catalog.group("grp_1")
    world.catalog.profile(USER.id)
    world.reads()
    return world


def call(world: World) -> None:
    """Everything one call asks of the catalog."""
    world.catalog.find_key(USER.id, ["x", KEY.secret_hash])
    world.catalog.group("grp_1")
    world.catalog.global_part()
    world.catalog.health()


def test_a_cold_relay_reads_four_items_and_a_warm_one_none(world: World) -> None:
    world.reads()
    call(world)
    assert sorted(world.reads()) == ["BatchGetItem", "GetItem", "GetItem", "GetItem"]
    for _ in range(100):
        call(world)
    assert world.reads() == []


def test_a_warm_relay_looks_once_in_five_seconds_however_many_calls_it_has(warm: World) -> None:
    for _ in range(120):
        warm.now += 500
        call(warm)
    assert warm.reads() == ["BatchGetItem"] * 12


def test_a_changed_price_is_in_force_five_seconds_after_its_publication(warm: World) -> None:
    warm.now += 1_000
    warm.definitions.prices[0] = PriceDefinition("gpt-4o", 2, (DEAR,))
    assert warm.publishing.apply([record(GLOBAL_IMAGE, GLOBAL_IMAGE)]) == []
    published = warm.now
    assert warm.price() == "2.5"
    warm.now = published + 5_000
    assert warm.price() == "3"


def test_a_disabled_account_is_gone_five_seconds_after_its_publication(warm: World) -> None:
    warm.definitions.accounts = [replace(ACCOUNT, status="disabled")]
    image = {"kind": "account", "id": "acc_1", "groups": ["grp_1"]}
    assert warm.publishing.apply([record(image, image)]) == []
    assert [account.id for account in warm.catalog.group("grp_1").accounts] == ["acc_1"]
    warm.now += 5_000
    assert warm.catalog.group("grp_1").accounts == ()


@pytest.mark.parametrize(
    ("group", "reads"),
    [
        pytest.param("grp_2", ["BatchGetItem"], id="one that nobody asked for"),
        pytest.param("grp_1", ["BatchGetItem", "GetItem"], id="one that is held"),
    ],
)
def test_a_look_reads_only_the_changed_parts_that_are_held(
    warm: World, group: str, reads: list[str]
) -> None:
    warm.publish(group)
    warm.reads()
    warm.now += 5_000
    call(warm)
    assert warm.reads() == reads


def test_health_comes_with_the_look(warm: World) -> None:
    warm.snapshots.write_health(Health(0, {"acc_1": {"cooling_until": 5}}))
    assert warm.catalog.health() == Health()
    warm.now += 5_000
    assert warm.catalog.health() == Health(1, {"acc_1": {"cooling_until": 5}})


def test_a_removed_group_is_refused(warm: World) -> None:
    del warm.definitions.groups["grp_1"]
    warm.publish("grp_1")
    warm.now += 5_000
    with pytest.raises(GroupNotPermitted):
        warm.catalog.group("grp_1")
    with pytest.raises(GroupNotPermitted):
        warm.catalog.group("grp_9")


def test_a_relay_that_cannot_look_keeps_the_last_good_copy(warm: World) -> None:
    warm.definitions.prices[0] = PriceDefinition("gpt-4o", 2, (DEAR,))
    warm.publish("global")
    warm.dynamo.before = down
    warm.reads()
    for _ in range(10):
        warm.now += 1_000
        assert warm.price() == "2.5"
    assert warm.reads() == ["BatchGetItem"] * 4
    warm.dynamo.before = None
    warm.now += 5_000
    assert warm.price() == "3"


def test_a_part_that_cannot_be_read_is_kept_and_tried_again(warm: World) -> None:
    warm.definitions.groups["grp_1"] = replace(GROUP, multiplier=Decimal(2))
    warm.definitions.prices[0] = PriceDefinition("gpt-4o", 2, (DEAR,))
    warm.publish("global", "grp_1")

    def no_group(operation: str, request: Any) -> None:
        if "grp_1" in str(request):
            raise Throttled("later")

    warm.dynamo.before = no_group
    warm.now += 5_000
    assert warm.price() == "3"
    assert warm.catalog.group("grp_1").multiplier == Decimal("1.25")
    warm.dynamo.before = None
    warm.now += 5_000
    assert warm.catalog.group("grp_1").multiplier == Decimal(2)


def test_a_relay_that_never_had_a_copy_refuses_and_tries_once_a_second(world: World) -> None:
    world.dynamo.before = down
    world.reads()
    for _ in range(20):
        with pytest.raises(CatalogUnavailable):
            world.catalog.global_part()
        world.now += 100
    assert world.reads() == ["BatchGetItem"] * 4
    world.dynamo.before = None
    world.now += 1_000
    assert world.price() == "2.5"


def test_an_installation_without_a_publication_refuses() -> None:
    empty = World()
    with pytest.raises(CatalogUnavailable):
        empty.catalog.global_part()
    assert empty.catalog.profile("usr_9") is None


def test_a_group_that_was_never_read_is_unavailable_while_dynamodb_is_down(warm: World) -> None:
    warm.dynamo.before = down
    with pytest.raises(CatalogUnavailable):
        warm.catalog.group("grp_2")
    warm.dynamo.before = None
    assert warm.catalog.group("grp_2").name == "spare"


def test_a_clock_that_jumps_back_does_not_freeze_the_copy(warm: World) -> None:
    warm.definitions.prices[0] = PriceDefinition("gpt-4o", 2, (DEAR,))
    warm.publish("global")
    warm.now -= 3_600_000
    assert warm.price() == "3"


def test_a_stale_profile_is_read_again_when_a_hold_says_so(warm: World) -> None:
    warm.definitions.people[USER.id] = Person(2, replace(USER, shards=3), (KEY,))
    warm.publish(USER.id)
    stale = warm.catalog.profile(USER.id)
    fresh = warm.catalog.refresh_profile(USER.id)
    assert stale is not None
    assert fresh is not None
    assert (stale.version, fresh.version, fresh.shards) == (1, 2, 3)
    assert warm.catalog.profile(USER.id) == fresh


def test_an_unknown_user_costs_one_read_in_five_seconds(warm: World) -> None:
    for _ in range(50):
        assert warm.catalog.profile("usr_9") is None
        warm.now += 200
    assert warm.reads() == ["GetItem"] * 2


def test_a_user_who_signs_up_is_found_five_seconds_later_at_the_latest(warm: World) -> None:
    assert warm.catalog.profile("usr_9") is None
    warm.definitions.people["usr_9"] = Person(1, replace(USER, id="usr_9"), ())
    warm.publish("usr_9")
    warm.now += 5_000
    assert warm.catalog.profile("usr_9") is not None


def test_a_profile_that_is_gone_is_forgotten(warm: World) -> None:
    key = {"pk": {"S": f"profile#{USER.id}"}, "sk": {"S": "profile"}}
    warm.dynamo.call("DeleteItem", {"TableName": STATE, "Key": key})
    assert warm.catalog.refresh_profile(USER.id) is None
    assert warm.catalog.profile(USER.id) is None


def test_a_key_made_after_the_profile_was_read_is_found(warm: World) -> None:
    new = replace(KEY, id="key_2", alias="k002", secret_hash="b" * 64)
    warm.definitions.people[USER.id] = Person(2, USER, (KEY, new))
    warm.publish(USER.id)
    warm.now += 2_000
    found = warm.catalog.find_key(USER.id, ["b" * 64])
    assert found is not None
    assert found[1].id == "key_2"


def test_guessing_keys_of_a_known_user_costs_one_read_in_two_seconds(warm: World) -> None:
    for guess in range(100):
        assert warm.catalog.find_key(USER.id, [f"guess{guess}"]) is None
        warm.now += 100
    assert [name for name in warm.reads() if name == "GetItem"] == ["GetItem"] * 4


def test_a_key_is_found_under_either_pepper(warm: World) -> None:
    found = warm.catalog.find_key(USER.id, ["newer", KEY.secret_hash])
    assert found is not None
    assert (found[0].user, found[1].id) == (USER.id, "key_1")
    assert warm.catalog.find_key("usr_9", [KEY.secret_hash]) is None


def test_who_places_no_hold_says_how_old_the_profile_may_be(warm: World) -> None:
    warm.definitions.people[USER.id] = Person(2, USER, (replace(KEY, status="revoked"),))
    warm.publish(USER.id)
    warm.now += 4_999
    found = warm.catalog.find_key(USER.id, [KEY.secret_hash], most_age_ms=5_000)
    assert found is not None
    assert found[1].status == "active"
    warm.now += 1
    found = warm.catalog.find_key(USER.id, [KEY.secret_hash], most_age_ms=5_000)
    assert found is not None
    assert found[1].status == "revoked"


def test_an_unreadable_profile_is_never_an_unknown_user(world: World) -> None:
    world.dynamo.before = down
    with pytest.raises(CatalogUnavailable):
        world.catalog.profile(USER.id)
    with pytest.raises(CatalogUnavailable):
        world.catalog.find_key(USER.id, [KEY.secret_hash])


def test_what_was_used_last_is_kept_and_never_more_than_fits() -> None:
    recent: Recent[int] = Recent(2)
    recent.put("a", 1, 10)
    recent.put("b", 2, 10)
    recent.get("a")
    recent.put("c", 3, 10)
    found = [recent.get(name) for name in "abc"]
    assert [seen and seen.value for seen in found] == [1, None, 3]
    assert (MOST_PROFILES, MOST_UNKNOWN) == (4_096, 16_384)


def test_while_one_thread_looks_the_others_go_on_with_the_copy_they_have(warm: World) -> None:
    looking, go_on = Event(), Event()

    def slow(operation: str, request: Any) -> None:
        looking.set()
        assert go_on.wait(timeout=10)

    warm.dynamo.before = slow
    warm.now += 5_000
    thread = Thread(target=warm.price)
    thread.start()
    assert looking.wait(timeout=10)
    for _ in range(10):
        assert warm.price() == "2.5"
    go_on.set()
    thread.join(timeout=10)
    assert warm.reads() == ["BatchGetItem"]


def test_threads_that_start_together_share_one_first_look(world: World) -> None:
    together = Barrier(8)
    prices: list[str] = []
    world.reads()

    def ask() -> None:
        together.wait(timeout=10)
        prices.append(world.price())

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert prices == ["2.5"] * 8
    assert world.reads() == ["BatchGetItem", "GetItem"]


def test_a_group_that_changes_while_it_is_loaded_is_not_kept(world: World) -> None:
    world.catalog.global_part()
    steps: Iterator[str] = iter(["loading"])

    def change(operation: str, request: Any, answer: Any) -> None:
        for _ in steps:
            world.definitions.groups["grp_1"] = replace(GROUP, name="renamed")
            world.publish("grp_1")
            world.now += 5_000
            world.catalog.global_part()

    world.dynamo.after = change
    assert world.catalog.group("grp_1").name == "main"
    assert world.catalog.group("grp_1").name == "renamed"


def test_a_relay_imports_neither_boto3_nor_pynamodb_for_its_copy() -> None:
    probe = (
        "import sys, tollgate.services.catalog;"
        "print(sorted({'boto3', 'botocore', 'pynamodb', 'pydantic'} & sys.modules.keys()))"
    )
    answer = run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
