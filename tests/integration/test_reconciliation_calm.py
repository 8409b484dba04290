"""Clean books give no finding, whatever happens at the moment they are looked at."""

import os
import random
from typing import Any

import pytest

from tests.gateway import CHAT, STREAM, USER, Gateway
from tests.integration.test_reconciliation import HOUR_MS, LIMITED, booked, findings, row, serve
from tollgate.domain.ledger import Credit

CLEAN_RUNS = int(os.environ.get("TOLLGATE_CLEAN_RUNS", "40"))  # noqa: TID251 - a test's own knob


def test_a_top_up_between_two_reads_is_no_finding() -> None:
    gateway = booked()
    made: list[bool] = []

    def top_up(operation: str, request: Any) -> None:
        if request.get("IndexName") and not made:
            made.append(True)
            gateway.wallets.credit(Credit(USER, 7, "topup", "test", "2", "test"))

    gateway.dynamo.before = top_up
    assert findings(gateway) == []
    assert made


def test_an_hour_that_waits_to_be_closed_again_is_no_finding() -> None:
    gateway = booked()
    row(charge=1)(gateway)
    gateway.rollups.reopen("2026112212")
    assert findings(gateway) == []


def test_a_record_that_came_after_the_close_is_no_finding_while_its_hold_is_open() -> None:
    gateway = Gateway(serve)
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    gateway.now += 2 * HOUR_MS
    gateway.closing.close_due()
    answer.read()  # two hours later: its hold is still there
    assert {finding.check for finding in findings(gateway)} <= {"R5"}
    gateway.settle()
    assert gateway.closing.close_due() == ["2026112212"]
    assert findings(gateway) == []


def act(gateway: Gateway, draw: random.Random, number: int) -> None:
    """One of the things that happen to a wallet."""
    kind = draw.randrange(7)
    if kind == 0:
        gateway.wallets.credit(
            Credit(USER, 1 + draw.randrange(10**9), "topup", "t", str(number), "t")
        )
    elif kind == 1:
        gateway.send(gateway.event("/v1/chat/completions", STREAM))  # killed
    elif kind == 2:
        gateway.send(gateway.event("/v1/chat/completions", STREAM)).chunks.close()
    elif kind == 3:
        gateway.post("/v1/chat/completions", CHAT | {"model": "o9"})
    else:
        gateway.post("/v1/chat/completions", draw.choice((CHAT, STREAM)))


def tick(gateway: Gateway, draw: random.Random) -> None:
    """Time passes, and the background jobs run as their clocks say."""
    gateway.settle()
    if draw.random() < 0.2:
        gateway._settled = 0  # the stream brings everything once more
        gateway.settle()
    gateway.now += draw.choice((1_000, 240_000, 1_800_000, HOUR_MS, 30 * HOUR_MS))
    gateway.sweeping.sweep_all()
    gateway.closing.close_due()


@pytest.mark.parametrize("seed", range(CLEAN_RUNS))
def test_clean_books_give_no_finding_at_any_time(seed: int) -> None:
    draw = random.Random(seed)
    gateway = Gateway(serve, **(LIMITED if draw.random() < 0.5 else {}))
    if draw.random() < 0.3:
        gateway.wallets.add_shards(USER, 3)
    for number in range(8):
        act(gateway, draw, number)
        assert findings(gateway) == []
        if draw.random() < 0.6:
            tick(gateway, draw)
            assert findings(gateway) == []
