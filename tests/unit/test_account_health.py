"""What everybody knows of accounts: the shared item, races for it, and what is known without it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.catalog import Account, Health
from tollgate.domain.health import (
    COOLING,
    FAULTY,
    FOR_EVER,
    FORGOTTEN_MS,
    MOST_BYTES,
    PAUSED,
    QUOTA,
    Cause,
    account_rests,
    bounded,
    cause_of,
    changed,
    size_of,
)
from tollgate.services.health import AccountHealth
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.snapshots import Snapshots

NOW = 1_800_000_000_000
ACCOUNT = Account("acc_1", "one", "openai", "apikey", "https://vendor.test/v1", {})


# --- the rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        pytest.param(
            {"paused": NOW + 1, "cause:paused": 5}, {"paused": NOW + 1, "cause:paused": 5}, id="on"
        ),
        pytest.param({"paused": NOW, "cause:paused": 5}, {}, id="a rest that is over"),
        pytest.param({"cause:paused": 5, "level": 3}, {}, id="what stands beside nothing"),
        pytest.param(
            {"cooling": NOW - FORGOTTEN_MS + 1, "level": 3},
            {"cooling": NOW - FORGOTTEN_MS + 1, "level": 3},
            id="half open for an hour",
        ),
        pytest.param({"cooling": NOW - FORGOTTEN_MS, "level": 3}, {}, id="and then forgotten"),
        pytest.param({"paused": 0, "quota": NOW + 5}, {"quota": NOW + 5}, id="0 takes away"),
        pytest.param({"paused": NOW + 1, "level": 2}, {"paused": NOW + 1}, id="no level of others"),
    ],
)
def test_what_still_says_something(facts: dict[str, int], kept: dict[str, int]) -> None:
    assert changed({"acc": {}}, {"acc": facts}, NOW) == ({"acc": kept} if kept else {})


def test_changes_join_what_was_known() -> None:
    known = {"a": {"quota": NOW + 9}, "b": {"paused": NOW - 1}}
    changes = {"a": {"paused": NOW + 5}, "c": {"faulty": FOR_EVER}}
    assert changed(known, changes, NOW) == {
        "a": {"quota": NOW + 9, "paused": NOW + 5},
        "c": {"faulty": FOR_EVER},
    }


def test_what_is_shared_stays_small_and_lets_go_what_is_over_first() -> None:
    many = {f"acc_{n:016d}": {"cooling": NOW + n} for n in range(3_000)}
    kept = bounded(dict(many))
    assert sum(size_of(account, facts) for account, facts in kept.items()) <= MOST_BYTES
    assert min(facts["cooling"] for facts in kept.values()) == NOW + 3_000 - len(kept)
    assert 500 < len(kept) < 3_000


def test_an_account_has_few_models_at_rest_for_callers_may_invent_names() -> None:
    models = {f"model:m{n}": NOW + 1_000 + n for n in range(200)}
    causes = {f"cause:{fact}": 2 for fact in models}
    kept = changed({}, {"acc_1": models | causes | {"faulty": FOR_EVER}}, NOW)["acc_1"]
    assert kept["faulty"] == FOR_EVER
    names = [fact for fact in kept if fact.startswith("model:")]
    assert sorted(names) == sorted(f"model:m{n}" for n in range(168, 200))
    assert len(kept) == 1 + 2 * 32


def test_a_cause_of_a_later_version_is_unknown() -> None:
    assert cause_of({"cause:cooling": 2}, COOLING) is Cause.RATE_LIMITED
    assert cause_of({"cause:cooling": 99}, COOLING) is Cause.UNKNOWN
    assert cause_of({}, COOLING) is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("facts", "changes", "until"),
    [
        pytest.param({}, {}, 0, id="nothing is known"),
        pytest.param({"cooling": 5, "quota": 7}, {}, 7, id="the longest rest"),
        pytest.param({"quota": 7, "model:m": 9}, {}, 9, id="that of the model"),
        pytest.param({"quota": 7, "model:n": 9}, {}, 7, id="not that of another model"),
        pytest.param({"credits": 99, "level": 50}, {}, 0, id="what keeps nobody back"),
        pytest.param({"model:m": 9}, {"overages": True}, 0, id="credits pay for the model"),
        pytest.param({"model:m": 9, "credits": 4}, {"overages": True}, 4, id="till credits do"),
        pytest.param({"key:0": 9}, {"keys": 2}, 0, id="another key is left"),
        pytest.param({"key:0": 9, "key:1": 6}, {"keys": 2}, 6, id="till the first key is back"),
    ],
)
def test_until_when_an_account_rests(
    facts: dict[str, int], changes: dict[str, Any], until: int
) -> None:
    assert account_rests(replace(ACCOUNT, **changes), facts, "m") == until


# --- environments ---------------------------------------------------------------------------------


class Room:
    """Two environments and the table between them; either may be cut off from it."""

    def __init__(self) -> None:
        self.now = NOW
        self.dynamo = InMemoryDynamo({"state": {}})
        self.item = Snapshots(self.dynamo, "state")
        self.cut: set[str] = set()
        self.copy = Health()
        self.one, self.two = self.environment("one"), self.environment("two")

    def environment(self, name: str) -> AccountHealth:
        return AccountHealth(Link(self, name), lambda: self.now)

    def shared(self) -> dict[str, dict[str, int]]:
        return {name: dict(facts) for name, facts in self.item.read_health().accounts.items()}

    def writes(self) -> int:
        return self.item.read_health().version


class Link:
    """One environment's way to the item; `before_write` lets others be faster."""

    def __init__(self, room: Room, name: str) -> None:
        self.room, self.name = room, name

    def read_health(self) -> Health:
        self.check()
        return self.room.item.read_health()

    def write_health(self, health: Health) -> bool:
        self.check()
        return self.room.item.write_health(health)

    def check(self) -> None:
        if self.name in self.room.cut:
            raise OutcomeUnknown("cut off")


def test_what_one_learns_all_know_once_they_look() -> None:
    room = Room()
    room.one.block("acc", PAUSED, NOW + 5_000, Cause.PAUSE_RULE)
    assert room.shared() == {"acc": {"paused": NOW + 5_000, "cause:paused": 5}}
    assert room.two.facts("acc") == {}
    room.two.look()
    assert room.two.facts("acc") == {"paused": NOW + 5_000, "cause:paused": 5}
    room.two.clear("acc", PAUSED)
    assert room.shared() == {}


def test_two_that_write_at_once_lose_nothing() -> None:
    room = Room()
    room.one.block("a", PAUSED, NOW + 1_000)
    room.two.block("b", QUOTA, NOW + 2_000)  # still thinks that the item is empty
    both = {"a": {"paused": NOW + 1_000}, "b": {"quota": NOW + 2_000}}
    assert room.shared() == both
    assert room.two.accounts() == both


def test_whoever_always_loses_the_race_still_knows() -> None:
    room = Room()

    class Slow(Link):
        def write_health(self, health: Health) -> bool:
            room.one.block(f"acc_{room.writes()}", PAUSED, NOW + 9_000)
            return super().write_health(health)

    slow = AccountHealth(Slow(room, "slow"), lambda: room.now)
    slow.block("mine", FAULTY, FOR_EVER)
    assert "mine" not in room.shared()
    assert slow.facts("mine") == {"faulty": FOR_EVER}


def test_what_cannot_be_written_is_known_here_and_written_with_the_next() -> None:
    room = Room()
    room.cut.add("one")
    room.one.block("a", PAUSED, NOW + 5_000)
    assert (room.one.facts("a"), room.shared()) == ({"paused": NOW + 5_000}, {})
    room.cut.clear()
    room.one.block("b", PAUSED, NOW + 5_000)
    assert room.shared() == {"a": {"paused": NOW + 5_000}, "b": {"paused": NOW + 5_000}}


def test_an_end_that_was_not_written_is_given_up_at_the_next_look() -> None:
    room = Room()
    room.one.block("a", PAUSED, NOW + 50_000)
    room.two.look()
    room.cut.add("two")
    room.two.clear("a", PAUSED)
    assert room.two.facts("a") == {}
    room.cut.clear()
    room.one.block("b", PAUSED, NOW + 50_000)
    room.two.look()
    assert room.two.facts("a") == {"paused": NOW + 50_000}


def test_a_block_that_was_not_written_outlives_a_look() -> None:
    room = Room()
    room.cut.add("two")
    room.two.block("a", PAUSED, NOW + 50_000)
    room.cut.clear()
    room.one.block("b", PAUSED, NOW + 50_000)
    room.two.look()
    assert sorted(room.two.accounts()) == ["a", "b"]


def test_what_is_known_already_is_not_written_again() -> None:
    room = Room()
    for _ in range(3):
        room.one.block("a", PAUSED, NOW + 5_000)
        room.one.clear("b", PAUSED)
    assert room.writes() == 1


def test_the_same_object_as_long_as_nothing_is_learnt() -> None:
    room = Room()
    health = AccountHealth(room.item, lambda: room.now, lambda: room.copy)
    room.copy = Health(3, {"a": {"paused": NOW + 5_000}})
    known = health.accounts()
    room.copy = Health(3, {"a": {"paused": NOW + 5_000}})
    assert health.accounts() is known
    room.copy = Health(4, {})
    assert health.accounts() == {}


def test_an_older_copy_does_not_undo_what_was_written_just_now() -> None:
    room = Room()
    health = AccountHealth(room.item, lambda: room.now, lambda: room.copy)
    health.block("a", PAUSED, NOW + 50_000)
    room.copy = Health(0)  # read before
    assert health.facts("a") == {"paused": NOW + 50_000}
    room.now += 10_000
    room.copy = Health(0)  # the item has begun anew
    assert health.facts("a") == {}


# --- the call that tries a half-open account ------------------------------------------------------


def test_only_one_of_all_environments_tries_an_account() -> None:
    room = Room()
    room.one.block("a", COOLING, NOW + 1_000)
    room.two.look()
    room.now = NOW + 1_000
    assert room.one.claim_trial("a", room.now + 60_000)
    assert not room.two.claim_trial("a", room.now + 60_000)
    assert not room.one.claim_trial("a", room.now + 60_000)
    assert room.two.facts("a")["trying"] == room.now + 60_000
    room.now += 60_000
    assert room.two.claim_trial("a", room.now + 60_000)


def test_who_cannot_reach_the_item_tries_and_who_always_loses_does_not() -> None:
    room = Room()
    room.cut.add("one")
    assert room.one.claim_trial("a", NOW + 60_000)

    class Slow(Link):
        def write_health(self, health: Health) -> bool:
            room.two.block(f"acc_{room.writes()}", PAUSED, NOW + 9_000)
            return super().write_health(health)

    slow = AccountHealth(Slow(room, "slow"), lambda: room.now)
    assert not slow.claim_trial("a", NOW + 60_000)
