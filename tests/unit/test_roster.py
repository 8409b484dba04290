"""Who of the accounts takes a call now: rests, places, trials, keys, and what each turn tells."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.resolution_samples import ACCOUNT, only, question
from tollgate.domain.catalog import Account
from tollgate.domain.verdicts import Failing
from tollgate.services.health import AccountHealth
from tollgate.services.roster import Roster, Turn, middle
from tollgate.services.slots import FREE, Slot, Workload
from tollgate.store.snapshots import Snapshots

NOW = 1_800_000_000_000
PLAIN = only(question())


class Places:
    """So many places for all accounts together."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.shared: dict[str, int] = {}

    def take(self, account: Account, until: int) -> Slot | None:
        if not self.free:
            return None
        self.free -= 1
        return self

    def release(self) -> None:
        self.free += 1

    def in_use(self) -> Mapping[str, int]:
        return self.shared


class Room:
    """A roster over a table in memory."""

    def __init__(
        self, settings: Mapping[str, str | int | bool] | None = None, free: int = 9
    ) -> None:
        self.now = NOW
        self.item = Snapshots(InMemoryDynamo({"state": {}}), "state")
        self.health = AccountHealth(self.item, lambda: self.now)
        self.places = Places(free)
        self.told: list[tuple[str, str]] = []
        self.roster = Roster(
            self.health,
            self.places,
            lambda: self.now,
            lambda: settings or {},
            lambda account, cause: self.told.append((account, cause)),
        )

    def turn(self, account: Account = ACCOUNT) -> Turn:
        taken = self.roster.take(PLAIN._replace(account=account), NOW + 60_000)
        assert isinstance(taken, Turn)
        return taken

    def passed(self) -> str:
        taken = self.roster.take(PLAIN, NOW + 60_000)
        assert isinstance(taken, str)
        return taken


def test_a_turn_takes_a_place_and_gives_it_back_once() -> None:
    room = Room(free=1)
    turn = room.turn()
    assert (room.passed(), dict(room.roster.workload.in_use)) == ("full", {"acc_1": 1})
    turn.release()
    turn.release()
    assert (room.places.free, dict(room.roster.workload.in_use)) == (1, {})
    assert room.item.read_health().version == 0


def test_an_account_that_began_to_rest_since_is_passed_over() -> None:
    room = Room()
    room.health.block("acc_1", "paused", NOW + 1)
    assert room.passed() == "resting"
    room.now += 1
    room.turn().release()


def test_a_trial_that_finds_no_place_leaves_it_to_others() -> None:
    room = Room(free=0)
    room.health.block("acc_1", "cooling", NOW)
    assert room.passed() == "full"
    assert "trying" not in room.item.read_health().accounts["acc_1"]
    room.places.free = 1
    assert room.turn().trial


def test_a_trial_that_tells_nothing_ends_all_the_same() -> None:
    room = Room()
    room.health.block("acc_1", "cooling", NOW)
    turn = room.turn()
    assert room.item.read_health().accounts["acc_1"]["trying"] == NOW + 60_000
    assert room.passed() == "resting"
    turn.release()
    assert dict(room.item.read_health().accounts["acc_1"]) == {"cooling": NOW}


def test_refused_credentials_are_told_once() -> None:
    room = Room()
    turn = room.turn()
    for _ in range(3):
        turn.failed(Failing(ACCOUNT, "gpt-4o", 403, NOW))
    assert room.told == [("acc_1", "forbidden")]


@pytest.mark.parametrize(
    ("setting", "minutes"),
    [
        pytest.param(None, 10, id="nobody said"),
        pytest.param(3, 3, id="staff said"),
        pytest.param(1_440, 1_440, id="a day"),
        pytest.param(1_441, 10, id="more than a day"),
        pytest.param(0, 10, id="nothing"),
        pytest.param(-1, 10, id="less than nothing"),
        pytest.param(True, 10, id="no number"),
        pytest.param("5", 10, id="a text"),
    ],
)
def test_how_long_an_overloaded_account_is_left_alone(
    setting: str | int | None, minutes: int
) -> None:
    room = Room({} if setting is None else {"overload_minutes": setting})
    room.turn().failed(Failing(ACCOUNT, "gpt-4o", 529, NOW))
    assert room.health.facts("acc_1")["overloaded"] == NOW + minutes * 60_000


def test_keys_are_a_sessions_own_and_then_the_next_that_does_not_rest() -> None:
    room, many = Room(free=99), replace(ACCOUNT, keys=4)
    own = room.turn(many).choose_key("session")
    assert room.turn(many).choose_key("session") == own
    assert {room.turn(many).choose_key(f"session {n}") for n in range(60)} == {0, 1, 2, 3}
    room.health.block("acc_1", f"key:{own}", NOW + 1_000)
    turn = room.turn(many)
    seen = [turn.choose_key("session")]
    while turn.other_key():
        seen.append(turn.choose_key("session"))
    assert seen == [(own + step) % 4 for step in (1, 2, 3)]


def test_an_account_of_one_key_has_no_other() -> None:
    turn = Room().turn()
    assert (turn.choose_key("session"), turn.other_key()) == (0, False)


def test_work_is_counted_while_it_lasts_and_remembered_by_turns() -> None:
    work = Workload()
    for name in ("a", "b", "a"):
        work.begin(name)
    assert (dict(work.in_use), dict(work.last_used), work.turn) == (
        {"a": 2, "b": 1},
        {"a": 3, "b": 2},
        3,
    )
    work.end("a")
    work.end("b")
    work.end("b")
    assert (dict(work.in_use), work.turn) == ({"a": 1}, 3)


def test_what_others_are_seen_to_do_counts_as_load_too() -> None:
    room = Room()
    room.turn()
    assert dict(room.roster.standing().in_use) == {"acc_1": 1}
    room.places.shared = {"acc_1": 7, "acc_2": 2}
    assert dict(room.roster.standing().in_use) == {"acc_1": 7, "acc_2": 2}


def test_where_nobody_counts_nothing_is_given_back() -> None:
    FREE.release()
    assert middle(5) == 2
