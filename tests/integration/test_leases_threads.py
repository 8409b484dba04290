"""Threads on one account's places, on locked moto: never more than there are, and none leaks."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier, Lock
from typing import Final

import pytest

from tests.locked_moto import REGION, create_table
from tests.store_clients import at_once
from tollgate.domain.catalog import Account
from tollgate.services.leases import LeasedSlots
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.leases import Leases

NOW: Final = 1_795_348_800_000
UNTIL: Final = NOW + 900_000
ACCOUNT: Final = Account("acc_1", "a", "openai", "apikey", "https://a", {}, concurrency=3)
THREADS: Final = 6


@pytest.fixture
def leases(moto: None) -> Leases:
    """An empty State table."""
    client = boto3_client("dynamodb", REGION, read_timeout=60)
    create_table(client, "state")
    return Leases(Boto3Dynamo(client, at_once), "state")


def test_threads_never_exceed_the_places_and_leak_none(leases: Leases) -> None:
    under_way, most, got = 0, 0, 0
    guard, start = Lock(), Barrier(THREADS)

    def work(number: int) -> None:
        nonlocal under_way, most, got
        slots = LeasedSlots(leases, lambda: NOW, Random(number).randrange)
        start.wait()
        for _ in range(8):
            slot = slots.take(ACCOUNT, UNTIL)
            if slot is None:
                continue
            with guard:
                under_way += 1
                got += 1
                most = max(most, under_way)
            with guard:
                under_way -= 1
            slot.release()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))

    assert most <= 3
    assert got >= 8
    assert leases.look(ACCOUNT.id, 3) == {}


def test_killed_holders_keep_their_places_until_their_leases_are_over(leases: Leases) -> None:
    later = NOW
    workers = [LeasedSlots(leases, lambda: later, Random(seed).randrange) for seed in range(4)]
    assert all(worker.take(ACCOUNT, UNTIL) for worker in workers[:3])  # and never heard of again
    assert workers[3].take(ACCOUNT, UNTIL) is None
    later = UNTIL + 60_001
    assert [bool(worker.take(ACCOUNT, later)) for worker in workers] == [True, True, True, False]
