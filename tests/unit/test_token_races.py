"""Access tokens among environments at once: one asks, and no refresh token is ever lost.

A number in a name is that of a mistake other gateways made, in a published list of such mistakes.
"""

from contextlib import suppress
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from tests.token_room import HOUR, START, Room
from tollgate.domain.catalog import Account
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.domain.grants import Asking, Grant, GrantRefused
from tollgate.store.tokens import StoredToken
from tollgate.upstream.proxies import Proxy


@pytest.fixture
def room() -> Room:
    return Room()


def test_two_environments_at_once_lose_no_refresh_token(room: Room) -> None:
    """The second one comes while the first is being answered: it waits and takes what came."""
    first, second = room.environment(), room.environment()
    got: list[str] = []
    waiting = Thread(target=lambda: got.append(second.access(room.owner)))
    room.vendor.meanwhile = waiting.start
    asleep = room.sleep

    def until_written(seconds: float) -> None:
        asleep(seconds)
        first_done.join()

    room.sleep = until_written  # type: ignore[method-assign]
    second = room.environment()
    first_done = Thread(target=lambda: got.append(first.access(room.owner)))
    first_done.start()
    first_done.join()
    waiting.join()
    assert got == ["a1", "a1"]
    assert (room.vendor.given, room.stored().refresh, room.refused) == (1, "r1", [])


def test_while_another_environment_asks_the_old_token_serves(room: Room) -> None:
    first, second = room.environment(), room.environment()
    assert first.access(room.owner) == second.access(room.owner) == "a1"
    room.now += HOUR - 100_000
    seen: list[str] = []
    room.vendor.meanwhile = lambda: seen.append(second.access(room.owner))
    assert first.access(room.owner) == "a2"
    assert seen == ["a1"]
    assert room.slept == []
    assert second.access(room.owner) == "a2"


def test_who_was_too_slow_takes_what_somebody_else_got(room: Room) -> None:
    """Its claim has ended; another environment has asked and written before its answer is there."""
    slow, fast = room.environment(), room.environment()

    def overtaken() -> None:
        room.now += 20_000
        room.vendor.good = "r0"  # the vendor lets both have an answer
        assert fast.access(room.owner) == "a2"

    room.vendor.meanwhile = overtaken
    assert slow.access(room.owner) == "a2"
    assert room.stored().refresh == "r2"


def test_30_who_wrote_last_does_not_undo_a_rotation_it_did_not_see(room: Room) -> None:
    """A vendor that keeps refresh tokens answers the slow one; the other's rotation stays."""
    slow = room.environment()

    def rotated() -> None:
        stored = room.stored()
        rotated = StoredToken("a9", START + HOUR, "r9", 0, stored.version)
        assert room.store.write(room.account, rotated)

    room.vendor.meanwhile = rotated
    assert slow.access(room.owner) == "a9"
    assert room.stored().refresh == "r9"


def test_a_claim_that_came_between_does_not_cost_the_new_refresh_token(room: Room) -> None:
    slow = room.environment()

    def claimed() -> None:
        stored = room.stored()
        assert room.store.write(room.account, replace(stored, claimed_until=room.now + 50_000))

    room.vendor.meanwhile = claimed
    assert slow.access(room.owner) == "a1"
    assert room.stored().refresh == "r1"


def test_refused_with_a_token_that_was_replaced_meanwhile_means_nothing(room: Room) -> None:
    late = room.environment()
    ask = room.vendor.ask

    def ask_late(account: Account, asking: Asking, refresh: str, proxy: Proxy | None) -> Grant:
        room.vendor.ask = ask  # type: ignore[method-assign]
        stored = room.stored()
        rotated = StoredToken("a9", START + HOUR, "r9", 0, stored.version)
        assert room.store.write(room.account, rotated)
        raise GrantRefused("reused")

    room.vendor.ask = ask_late  # type: ignore[method-assign]
    assert room.environment().access(room.owner) == "a9"
    assert room.refused == []
    assert late.access(room.owner) == "a9"


def test_a_replaced_token_without_access_is_waited_for(room: Room) -> None:
    def ask_late(account: Account, asking: Asking, refresh: str, proxy: Proxy | None) -> Grant:
        rotated = StoredToken("", 0, "r9", 0, room.stored().version)
        assert room.store.write(room.account, rotated)
        raise GrantRefused("reused")

    room.vendor.ask = ask_late  # type: ignore[method-assign]
    with pytest.raises(UpstreamUnavailable):
        room.environment().access(room.owner)
    assert room.refused == []


def test_a_lost_race_for_the_claim_is_waited_out(room: Room) -> None:
    """Another environment claims between our look and our claim, and never comes back."""
    before = room.dynamo.before

    def claims_first(operation: str, request: Any) -> None:
        if operation == "PutItem":
            room.dynamo.before = before
            claim = StoredToken("", 0, "", START + 1_000, 0)
            assert room.store.write(room.account, claim)

    room.dynamo.before = claims_first
    assert room.environment().access(room.owner) == "a1"
    assert sum(room.slept) == 1.0


def test_nobody_waits_for_ever(room: Room) -> None:
    assert room.store.write(room.account, StoredToken("", 0, "", START + HOUR, 0))
    with pytest.raises(UpstreamUnavailable, match="waits for an access token"):
        room.environment().access(room.owner)
    assert sum(room.slept) == 5.0


def test_threads_of_one_environment_ask_once(room: Room) -> None:
    tokens = room.environment()
    got: list[str] = []
    threads = [Thread(target=lambda: got.append(tokens.access(room.owner))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["a1"] * 8
    assert room.vendor.given == 1


@pytest.mark.parametrize("late_ms", [0, 30_000], ids=["at once", "after the first one's claim"])
@pytest.mark.parametrize("step", range(5), ids=lambda step: f"before step {step}")
def test_30_wherever_another_environment_comes_between_the_newest_refresh_token_is_kept(
    room: Room, step: int, late_ms: int
) -> None:
    """A vendor that takes each refresh token once; a second environment runs whole in between."""
    first, second = room.environment(), room.environment()
    seen = 0

    def between(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == step + 1:
            room.now += late_ms
            with suppress(UpstreamUnavailable):  # it may have to wait, or hold an older token
                second.access(room.owner)

    room.dynamo.before = between
    room.vendor.meanwhile = between
    assert first.access(room.owner).startswith("a")
    between()
    room.dynamo.before = lambda *_: None
    assert room.stored().refresh == room.vendor.good
    room.now += HOUR
    assert room.environment().access(room.owner) == f"a{room.vendor.given}"
