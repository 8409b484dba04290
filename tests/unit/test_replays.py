"""Simulations and re-ratings step by step: every call once, every difference booked once."""

from dataclasses import replace
from typing import Any

import pytest

from tests.replay_room import (
    ANN,
    BALANCE,
    BOB,
    DOUBLED,
    EVE,
    HALVED,
    HOUR,
    LEASE,
    NOON,
    SNAPSHOT,
    Killed,
    Room,
)
from tollgate.domain.base32 import base32
from tollgate.domain.catalog import Price
from tollgate.domain.ledger import Correction, Credit
from tollgate.domain.limits import HoldRequest
from tollgate.domain.record import UsageRecord, Windows
from tollgate.domain.repricing import Draft
from tollgate.domain.wallet import Outcome, Subscription
from tollgate.services.replays import Bounds
from tollgate.store.dynamodb import OutcomeUnknown, Throttled

# --- simulations ----------------------------------------------------------------------------


def test_a_simulation_adds_up_and_moves_nothing() -> None:
    room = Room()
    room.fill()
    room.call(ANN, suspect=True)
    room.call(ANN, usage={}, charge=0)
    room.call(ANN, charge=1_999_999)
    other = replace(SNAPSHOT, price_id="other", billing_model="other")
    room.call(ANN, model="other", billing_model="other", price=other.to_json())
    room.order("simulation")
    room.run()
    assert room.tally() == {
        "calls": 16,
        "replayed": 12,
        "changed": 12,
        "old": 24_000_000,
        "new": 12_000_000,
        "cost": 8_400,
        "kept": {"suspect": 1, "no_usage": 1, "capped": 1, "silent": 1},
        "users": {ANN: [6, 12_000_000, 6_000_000, 4_200], BOB: [6, 12_000_000, 6_000_000, 4_200]},
        "models": {"m": [12, 24_000_000, 12_000_000, 8_400]},
        "other_users": [0, 0, 0, 0],
        "other_models": [0, 0, 0, 0],
        "lines": 0,
        "booked": 0,
        "refused": {},
        "flagged": [],
    }
    assert (room.money(), room.lines()) == ((BALANCE, BALANCE), [])
    assert (room.job().done, room.job().total) == (3, 3)


@pytest.mark.parametrize(
    ("only", "calls"),
    [
        pytest.param({}, 4, id="everybody"),
        pytest.param({"user": ANN}, 3, id="a user"),
        pytest.param({"group": "grp_1"}, 2, id="a group"),
        pytest.param({"user": ANN, "group": "grp_1"}, 1, id="a user's group"),
        pytest.param({"model": "n"}, 1, id="a model"),
        pytest.param({"user": EVE}, 0, id="nobody"),
    ],
)
def test_filters_choose(only: dict[str, Any], calls: int) -> None:
    room = Room()
    room.call(ANN)
    room.call(ANN, NOON + 1, group="grp_1", requested_group="grp_2")
    room.call(ANN, NOON + 2, model="n")
    room.call(BOB, NOON + 3, group="grp_1")
    room.call(BOB, NOON + 3 * HOUR)
    room.order("simulation", **only)
    room.run()
    assert room.tally()["calls"] == calls


def test_refused_calls_and_drafts_are_no_calls() -> None:
    room = Room()
    rid = room.call()
    room.records.refuse(UsageRecord(ANN, f"{base32(NOON, 7)}99999999001sw-k001", 0, 0, "refused"))
    record = room.records.get(ANN, rid)
    assert record is not None
    other = replace(record, hold=f"{base32(NOON, 7)}99999998001sw-k001")
    room.records.draft(other)
    assert room.rerated()["calls"] == 1


def test_users_and_models_beyond_the_limits_share_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollgate.domain.tally.MOST_USERS", 1)
    monkeypatch.setattr("tollgate.domain.tally.MOST_MODELS", 1)
    room = Room()
    room.call(ANN)
    room.call(BOB, model="n")
    room.call(BOB, model="n")
    room.order("simulation")
    room.run()
    tally = room.tally()
    for name in ("users", "models"):
        (own,) = tally[name].values()
        both = sorted([own, tally[f"other_{name}"]])
        assert both == [[1, 2_000_000, 1_000_000, 700], [2, 4_000_000, 2_000_000, 1_400]]


# --- re-ratings -----------------------------------------------------------------------------


def test_a_rerating_books_one_line_for_each_call_that_changes() -> None:
    room = Room()
    names = room.fill()
    tally = room.rerated()
    assert (tally["lines"], tally["booked"], tally["changed"]) == (12, 12_000_000, 12)
    assert room.money() == (BALANCE + 6_000_000, BALANCE + 6_000_000)
    lines = [*room.lines(ANN), *room.lines(BOB)]
    assert sorted(line.reference for line in lines) == sorted(f"{rid}.000" for rid in names)
    assert {(line.amount, line.kind, line.by, line.note) for line in lines} == {
        (1_000_000, "rerate", "job_1", "wrong list")
    }


def test_records_stay_as_they_are() -> None:
    room = Room()
    room.call()
    before = room.dynamo.items("Usage")
    room.rerated()
    assert room.dynamo.items("Usage") == before


@pytest.mark.parametrize(
    "draft",
    [
        pytest.param(Draft(), id="nothing"),
        pytest.param(Draft(prices={"m": Price("m", 0, prices={"input": "2"})}), id="the same"),
        pytest.param(Draft(prices={"n": Price("n", 0, prices={"input": "9"})}), id="another"),
    ],
)
def test_a_draft_that_changes_nothing_books_nothing(draft: Draft) -> None:
    room = Room()
    room.fill()
    assert room.rerated(draft)["lines"] == 0
    assert (room.lines(), room.money()) == ([], (BALANCE, BALANCE))


def test_an_empty_period_is_done_at_once() -> None:
    room = Room()
    assert room.rerated()["calls"] == 0
    assert (room.job().done, room.job().total) == (3, 3)


def test_a_second_rerating_is_against_what_was_corrected() -> None:
    room = Room()
    room.call()
    room.rerated()
    tally = room.rerated(DOUBLED, "job_2")
    assert (tally["old"], tally["new"], tally["booked"]) == (1_000_000, 4_000_000, -3_000_000)
    assert [line.amount for line in room.lines()] == [1_000_000, -3_000_000]
    assert room.money() == (BALANCE - 2_000_000, BALANCE - 2_000_000)


def test_a_draft_of_the_old_price_takes_a_rerating_back() -> None:
    room = Room()
    room.call()
    room.rerated()
    room.rerated(Draft(prices={"m": Price("m", 0, prices={"input": "2"})}), "job_2")
    assert [line.amount for line in room.lines()] == [1_000_000, -1_000_000]
    assert room.money() == (BALANCE, BALANCE)


def test_the_same_rerating_again_finds_nothing_left() -> None:
    room = Room()
    room.fill()
    room.rerated()
    tally = room.rerated(HALVED, "job_2")
    assert (tally["replayed"], tally["changed"], tally["lines"]) == (12, 0, 0)


def test_a_late_charge_is_corrected_too() -> None:
    room = Room()
    room.call(state="late", charge=500_000, late_charge=1_500_000)
    assert room.rerated()["booked"] == 1_000_000


def test_a_subscriptions_call_moves_no_balance() -> None:
    room = Room()
    day = NOON - NOON % 86_400
    left: Any = {"day": 5_000_000, "week": 5_000_000, "month": 5_000_000}
    windows = Windows(day, day, day)
    subscription = Subscription(windows, left, left, NOON + 86_400)
    room.wallets.set_subscription(ANN, "g001", subscription)
    room.call(funding="s", group_alias="g001", windows=windows)
    assert room.rerated(DOUBLED)["booked"] == -2_000_000
    wallet = room.wallets.shard(ANN, 0)
    assert (room.money(), wallet.subscription_debits) == ((BALANCE, BALANCE), 2_000_000)
    assert wallet.subscriptions["g001"].left["day"] == 3_000_000


# --- what cannot be booked ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "status", "draft", "reason"),
    [
        pytest.param(ANN, "active", DOUBLED, "insufficient_balance", id="more than there is"),
        pytest.param(ANN, "deleted", HALVED, "user_deleted", id="a deleted user"),
        pytest.param(EVE, "active", HALVED, "no_wallet", id="nobody's wallet"),
    ],
)
def test_what_cannot_be_booked_is_flagged_and_the_rest_is_booked(
    user: str, status: Any, draft: Draft, reason: str
) -> None:
    room = Room()
    room.wallets.credit(Credit(ANN, 1_000_000 - BALANCE, "adjustment", "test", "spent", "test"))
    room.wallets.set_status(ANN, status)
    rid = room.call(user)
    room.call(BOB)
    tally = room.rerated(draft)
    amount = 1_000_000 if draft is HALVED else -2_000_000
    assert tally["refused"] == {reason: 1}
    assert tally["flagged"] == [[f"req_{rid}{user[4:]}", amount, reason]]
    assert (tally["lines"], tally["booked"]) == (1, amount)
    assert (room.lines(user), room.money()) == ([], (1_000_000, 1_000_000))
    assert room.money(BOB) == (BALANCE + amount, BALANCE + amount)


def test_what_could_not_be_booked_is_booked_by_the_next_rerating() -> None:
    room = Room()
    room.wallets.credit(Credit(ANN, -BALANCE, "adjustment", "test", "spent", "test"))
    room.call()
    assert room.rerated(DOUBLED)["refused"] == {"insufficient_balance": 1}
    room.wallets.credit(Credit(ANN, 5_000_000, "topup", "test", "more", "test"))
    assert room.rerated(DOUBLED, "job_2")["booked"] == -2_000_000
    assert room.money()[0] == 3_000_000


def test_only_so_many_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollgate.domain.tally.MOST_FLAGGED", 1)
    room = Room()
    room.call(EVE)
    room.call(EVE)
    tally = room.rerated()
    assert (tally["refused"], len(tally["flagged"])) == ({"no_wallet": 2}, 1)


# --- killed, repeated, at once --------------------------------------------------------------


@pytest.mark.parametrize("dies_at", range(3, 204, 5))
def test_a_janitor_that_dies_anywhere_books_everything_once(dies_at: int) -> None:
    room = Room()
    room.fill()
    room.order()
    left = dies_at

    def die(operation: str, request: Any, answer: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    room.dynamo.after = die
    with pytest.raises(Killed):
        room.run()
    room.dynamo.after = None
    room.now += LEASE + 1
    room.run()
    tally = room.tally()
    assert (tally["calls"], tally["lines"], tally["booked"]) == (12, 12, 12_000_000)
    assert (tally["old"], tally["new"]) == (24_000_000, 12_000_000)
    for user in (ANN, BOB):
        assert (len(room.lines(user)), room.money(user)[0]) == (6, BALANCE + 6_000_000)


@pytest.mark.parametrize("fails_at", range(3, 204, 5))
@pytest.mark.parametrize("error", [Throttled("busy"), OutcomeUnknown("silence")])
def test_a_step_that_fails_midway_counts_once(error: Exception, fails_at: int) -> None:
    room = Room()
    room.fill()
    room.order()
    left = fails_at

    def fail(*_: Any) -> None:
        nonlocal left
        left -= 1
        if -3 < left <= 0:  # most requests are tried three times
            raise error

    hook = "before" if isinstance(error, Throttled) else "after"
    setattr(room.dynamo, hook, fail)
    room.run()
    setattr(room.dynamo, hook, None)
    room.now += LEASE + 1
    room.run()
    tally = room.tally()
    assert (tally["calls"], tally["lines"], tally["booked"]) == (12, 12, 12_000_000)
    assert tally["users"][ANN] == tally["users"][BOB] == [6, 12_000_000, 6_000_000, 4_200]
    assert room.money()[0] == BALANCE + 6_000_000


def test_a_cursor_that_was_never_written_repeats_its_step() -> None:
    room = Room()
    room.fill()
    room.order()
    job = room.job()
    replays = room.jobs._steps["rerate"]
    assert (again := replays(job)) == replays(job)
    assert len(room.lines(ANN)) + len(room.lines(BOB)) == again.cursor["tally"]["lines"]


@pytest.mark.parametrize(
    ("draft", "booked"),
    [
        pytest.param(HALVED, 0, id="to the same charge"),
        pytest.param(DOUBLED, -3_000_000, id="to another charge"),
    ],
)
def test_of_two_jobs_at_once_one_goes_by_what_the_other_booked(draft: Draft, booked: int) -> None:
    room = Room()
    record = room.record(room.call())

    def book(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems" and "amount" in str(request):
            room.dynamo.before = None
            room.wallets.correct(Correction(record, 1_000_000, 0, "job_0", "first"))

    room.order(draft=draft)
    room.dynamo.before = book
    room.run()
    assert room.tally()["booked"] == booked
    assert [line.by for line in room.lines()] == ["job_0", "job_1"][: 2 if booked else 1]
    assert room.money()[0] == BALANCE + 1_000_000 + booked


def test_two_jobs_that_never_stop_meeting_are_left_for_later() -> None:
    room = Room()
    record = room.record(room.call())
    number = 0

    def book(operation: str, request: Any) -> None:
        nonlocal number
        if operation == "TransactWriteItems" and "amount" in str(request):
            room.dynamo.before = None
            room.wallets.correct(Correction(record, 1, number, "job_0", "always first"))
            number += 1
            room.dynamo.before = book

    room.order()
    room.dynamo.before = book
    room.run()
    room.dynamo.before = None
    assert (room.job().status, room.told) == ("running", [])
    room.run()
    assert sum(line.amount for line in room.lines()) == 1_000_000


def test_a_job_called_off_keeps_what_it_has_booked() -> None:
    room = Room(bounds=Bounds(pages=1))
    room.fill()
    room.order()
    taken = room.jobs._claim("job_1")
    assert taken is not None
    room.jobs._step(taken)
    room.jobs.cancel("job_1")
    room.run()
    booked = [line.amount for line in (*room.lines(ANN), *room.lines(BOB))]
    assert (room.job().status, booked) == ("cancelled", [1_000_000] * 2)
    assert room.money()[0] + room.money(BOB)[0] == 2 * BALANCE + 2_000_000


def test_calls_that_are_held_and_settled_meanwhile_leave_money_right() -> None:
    room = Room()
    room.fill()

    def call(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems" and "amount" in str(request):
            room.dynamo.before = None
            request = HoldRequest(ANN, "k001", 500, limited_key=False, profile_version=1)
            hold = room.wallets.hold(request)
            room.wallets.settle(ANN, hold.shard, [Outcome(hold.id, 500, 300)])
            room.dynamo.before = call

    room.dynamo.before = call
    tally = room.rerated()
    room.dynamo.before = None
    wallet = room.wallets.shard(ANN, 0)
    assert (tally["lines"], wallet.debits, wallet.held) == (12, 3_600, 0)
    assert room.money() == (BALANCE + 6_000_000 - 3_600, BALANCE + 6_000_000)
