"""More shards, fewer shards: what is on them follows, and nothing is lost or counted twice."""

from typing import Any

import pytest

from tests.simulation.bank import KEY, USER, Bank
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.sharding import home
from tollgate.domain.wallet import Outcome
from tollgate.store.dynamodb import Throttled


def test_a_new_shard_starts_as_strict_as_the_first_is() -> None:
    bank = Bank()
    bank.wallets.set_status(USER, "suspended")
    bank.wallets.revoke_key(USER, KEY, 9)
    bank.wallets.set_profile_version(USER, 5)
    bank.wallets.add_shards(USER, 3)
    shards = bank.wallets.read(USER).shards
    assert [shard.shard for shard in shards] == [0, 1, 2]
    assert {(s.status, s.profile_version, tuple(s.revoked)) for s in shards} == {
        ("suspended", 5, (KEY,))
    }
    assert [shard.shards for shard in shards] == [3, 2, 3]


def test_shards_only_ever_become_more() -> None:
    bank = Bank(shards=3)
    bank.wallets.add_shards(USER, 2)
    assert len(bank.wallets.read(USER).shards) == 3


@pytest.mark.parametrize("shards", [0, 257])
def test_there_are_limits_to_shards(shards: int) -> None:
    with pytest.raises(ValidationFailed):
        Bank().wallets.add_shards(USER, shards)


def test_a_shard_is_added_between_calls() -> None:
    bank = Bank()
    calls = iter(range(3))

    def call(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems" and next(calls, None) is not None:
            bank.dynamo.before = None
            bank.hold(1)
            bank.dynamo.before = call

    bank.dynamo.before = call
    bank.wallets.add_shards(USER, 2)
    assert len(bank.wallets.read(USER).shards) == 2


def test_a_wallet_that_never_holds_still_gets_no_shard() -> None:
    bank = Bank()

    def call(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems":
            bank.dynamo.before = None
            bank.hold(0)
            bank.dynamo.before = call

    bank.dynamo.before = call
    with pytest.raises(Conflict, match="busy"):
        bank.wallets.add_shards(USER, 2)


def test_a_view_adds_up_all_shards() -> None:
    bank = Bank(balance=1_000, shards=3)
    bank.wallets.transfer(USER, 0, 1, 300)
    bank.wallets.set_key_quota(USER, KEY, 50, 1)
    bank.wallets.set_key_quota(USER, KEY, 20, 2)
    hold = bank.hold(100, key_alias="k002")
    bank.wallets.settle(USER, hold.shard, [Outcome(hold.id, 100, 40)])
    other = bank.hold(10, key_alias="k002")
    view = bank.wallets.read(USER)
    assert (view.available, view.held, view.debits, view.credits) == (950, 10, 40, 1_000)
    assert (view.subscription_debits, view.keys, view.open) == (0, {KEY: 70}, {other.id: 10})
    assert view.first == bank.wallet(0)


def test_a_view_torn_by_a_transfer_is_read_again() -> None:
    bank = Bank(balance=1_000, shards=2)
    torn = iter([0, 1])

    def transfer(operation: str, request: Any, answer: Any) -> None:
        if operation != "BatchGetItem" or next(torn, None) is None:
            return
        first = answer["Responses"]["Wallets"][0]
        first["available"], first["transfers"] = {"N": "900"}, {"N": "-100"}

    bank.dynamo.after = transfer
    assert bank.wallets.read(USER).available == 1_000
    assert [name for name, _ in bank.dynamo.sent].count("BatchGetItem") == 3


def test_a_view_that_never_comes_to_rest_is_no_view() -> None:
    bank = Bank(balance=1_000, shards=2)

    def transfer(operation: str, request: Any, answer: Any) -> None:
        if operation == "BatchGetItem":
            first = answer["Responses"]["Wallets"][0]
            first["available"], first["transfers"] = {"N": "900"}, {"N": "-100"}

    bank.dynamo.after = transfer
    with pytest.raises(Throttled):
        bank.wallets.read(USER)


def test_gathering_takes_from_the_richest_first_and_no_more_than_half_without_need() -> None:
    bank = Bank(balance=1_000, shards=4)
    bank.wallets.transfer(USER, 0, 1, 600)
    bank.wallets.transfer(USER, 0, 2, 300)
    bank.wallets.gather(USER, 3, 200)
    assert [bank.wallet(shard).available for shard in range(4)] == [100, 300, 300, 300]
    bank.wallets.gather(USER, 3, 200)
    assert [bank.wallet(shard).available for shard in range(4)] == [100, 300, 300, 300]
    bank.wallets.gather(USER, 3, 950)
    assert [bank.wallet(shard).available for shard in range(4)] == [50, 0, 0, 950]


def test_gathering_goes_on_where_a_shard_was_emptied_meanwhile() -> None:
    bank = Bank(balance=1_000, shards=3)
    bank.wallets.transfer(USER, 0, 1, 500)

    def empty(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems":
            bank.dynamo.before = None
            bank.wallets.transfer(USER, 0, 1, 500)

    bank.dynamo.before = empty
    bank.wallets.gather(USER, 2, 400)
    assert bank.wallet(2).available == 400


def test_keys_a_batch_left_unread_are_asked_for_again() -> None:
    bank = Bank(shards=120)
    bank.dynamo.sent.clear()
    left = iter([2])

    def skip(operation: str, request: Any, answer: Any) -> None:
        if operation == "BatchGetItem" and (number := next(left, None)):
            items = answer["Responses"]["Wallets"]
            keys = [{"pk": item["pk"], "sk": item["sk"]} for item in items[:number]]
            answer["UnprocessedKeys"] = {"Wallets": {"Keys": keys}}
            del items[:number]

    bank.dynamo.after = skip
    assert len(bank.wallets.read(USER).shards) == 120
    assert [name for name, _ in bank.dynamo.sent] == ["GetItem", "BatchGetItem", "BatchGetItem"]


def test_a_transfer_moves_only_what_is_there() -> None:
    bank = Bank(balance=100, shards=2)
    assert bank.wallets.transfer(USER, 0, 1, 60)
    assert not bank.wallets.transfer(USER, 0, 1, 60)
    assert [bank.sums(0)[0], bank.sums(1)[0]] == [40, 60]


# --- consolidate ----------------------------------------------------------------------------


def test_with_fewer_shards_money_comes_back_once_calls_have_ended() -> None:
    bank = Bank(balance=1_000, shards=2)
    bank.wallets.transfer(USER, 0, 1, 600)
    hold = next(h for h in (bank.hold(100) for _ in range(4)) if h.shard == 1)
    assert not bank.wallets.consolidate(USER, 1)
    assert bank.wallet(1).available == 0
    for open_hold, amount in bank.wallet(1).open.items():
        bank.wallets.settle(USER, 1, [Outcome(open_hold, amount, 30)])
    assert hold.id not in bank.wallet(1).open
    assert bank.wallets.consolidate(USER, 1)
    assert (bank.wallet(1).available, bank.wallet(1).held) == (0, 0)
    assert bank.wallets.consolidate(USER, 1)


def test_quotas_follow_to_their_home_and_open_calls_return_to_them() -> None:
    bank = Bank(balance=1_000)
    bank.wallets.set_key_quota(USER, KEY, 100)
    hold = bank.hold(40, limited_key=True)
    bank.wallets.add_shards(USER, 4)
    assert home(KEY, 4) == 1
    assert not bank.wallets.consolidate(USER, 4)
    assert (bank.wallet(0).keys, bank.wallet(1).keys) == ({KEY: 0}, {KEY: 60})
    bank.wallets.settle(USER, 0, [Outcome(hold.id, 40, 15)])
    assert bank.wallets.consolidate(USER, 4)
    assert (bank.wallet(0).keys, bank.wallet(1).keys) == ({}, {KEY: 85})


def test_a_move_that_is_overtaken_is_made_the_next_time() -> None:
    bank = Bank(balance=1_000, shards=4)
    bank.wallets.set_key_quota(USER, KEY, 100, 0)
    bank.fail(None)

    def call(operation: str, request: Any) -> None:
        if operation == "TransactWriteItems":
            bank.dynamo.before = None
            bank.wallets.set_status(USER, "active")

    bank.dynamo.before = call
    assert not bank.wallets.consolidate(USER, 4)
    assert bank.wallets.consolidate(USER, 4)
    assert bank.wallets.read(USER).keys == {KEY: 100}
