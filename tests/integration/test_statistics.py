"""Statistics of calls through the whole gateway, and who sees what of them: figures typed out."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.gateway import (
    ACCOUNTS,
    CHAT,
    EVERYWHERE,
    GROUP,
    KEY,
    SECRET,
    START_MS,
    STREAM,
    USAGE,
    USER,
    Gateway,
    chat_answer,
)
from tollgate import dialects
from tollgate.domain.catalog import Price
from tollgate.domain.record import UsageRecord
from tollgate.services.admission import Presented
from tollgate.services.statistics import Page, Statistics
from tollgate.store.dynamodb import OutcomeUnknown

HOUR_MS = 3_600_000
DAY_START = START_MS - 12 * HOUR_MS

OPENAI, _, GEMINI = ACCOUNTS
GROUP_OF_TWO = replace(
    GROUP,
    accounts=(replace(OPENAI, model_mapping={"gpt-4o": "gpt-4o-2024-11-20"}), GEMINI),
)
PAINTER = Price(
    "gemini-2.5-flash-image",
    1,
    prices={"input": "0.3", "output": "2.5", "output_image": "30"},
    max_output=32_768,
)
WITH_PAINTER = replace(
    EVERYWHERE,
    prices={**EVERYWHERE.prices, PAINTER.model: (PAINTER,)},
    default_groups={**EVERYWHERE.default_groups, PAINTER.model: "default"},
)
PAINTED = {
    "promptTokenCount": 20,
    "candidatesTokenCount": 1_300,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1_290}],
    "totalTokenCount": 1_320,
}
PICTURE = {"contents": [{"role": "user", "parts": [{"text": "a fox"}]}]}


def serve(request: httpx.Request) -> httpx.Response:
    """A vendor that chats, paints, and fails where it is asked to."""
    if b"please fail" in request.content:
        return httpx.Response(400, json={"error": {"message": "no", "type": "invalid"}})
    if "gemini" in str(request.url):
        candidate = {"content": {"parts": [{"text": "here"}]}, "finishReason": "STOP"}
        return httpx.Response(
            200, json={"candidates": [candidate], "usageMetadata": PAINTED, "responseId": "r1"}
        )
    return chat_answer(USAGE)


def late_call(gateway: Gateway) -> None:
    """A call whose relay was thought dead: swept, then recorded after all."""
    dialect = dialects.load("openai_chat")
    call = dialect.read_call(dialect.routes[0], {}, {}, json.dumps(STREAM).encode())
    admitted = gateway.admission.admit(Presented(SECRET, "192.0.2.1"), call, dialect)
    gateway.now += 26 * 60_000
    gateway.sweeping.sweep(USER)
    gateway.settle()
    late = UsageRecord(
        USER,
        admitted.hold.id,
        admitted.hold.amount,
        2_500_000,
        key=KEY.id,
        group=GROUP.id,
        account=OPENAI.id,
        model="gpt-4o",
        upstream_model="gpt-4o-2024-11-20",
        model_group="default",
        usage={"input": 600, "output": 100},
        cost=2_500_000,
        started=START_MS,
        first_byte=START_MS + 400,
        ended=START_MS + 2_000,
        status=200,
    )
    gateway.recording.record(late)
    gateway.settle()


@pytest.fixture
def gateway() -> Gateway:
    """Noon: two chats, a picture, and one call each that fails, is refused, is late."""
    found = Gateway(serve, group=GROUP_OF_TWO, everywhere=WITH_PAINTER, funds=10**10)
    for _ in range(2):
        assert found.post("/v1/chat/completions", CHAT).status == 200
    painted = found.post("/v1beta/models/gemini-2.5-flash-image:generateContent", PICTURE)
    assert painted.status == 200, painted.body
    wrong = CHAT | {"messages": [{"role": "user", "content": "please fail"}]}
    assert found.post("/v1/chat/completions", wrong).status == 400
    assert found.post("/v1/chat/completions", CHAT | {"model": "gpt-nowhere"}).status == 404
    found.settle()
    late_call(found)
    return found


def closed(gateway: Gateway) -> Gateway:
    """The same after the hour was closed."""
    gateway.now += 2 * HOUR_MS
    assert gateway.closing.close_due() == ["2026112212"]
    return gateway


def page(gateway: Gateway, source: str = "", **filters: str) -> Page:
    """Sums by model of the day."""
    statistics = Statistics(gateway.rollups, gateway.clock)
    asked = statistics.period(DAY_START, START_MS + HOUR_MS)
    return statistics.models(source, filters, asked)


CHATS = {
    # Two whole chats, a late one, and one that failed.
    "calls": 4,
    "errors": 1,
    "answered": 3,
    "input": 2_600,
    "output": 1_100,
    "charge": 17_500_000,
    "cost": 17_500_000,
    "latency": 2_000,
    "first_byte": 400,
}
ANSWERED = {name: n for name, n in CHATS.items() if name != "errors"} | {"calls": 3}
PICTURES = {
    # 20 × 0.3 + 10 × 2.5 + 1,290 × 30 micro-dollars.
    "calls": 1,
    "answered": 1,
    "input": 20,
    "output": 10,
    "output_image": 1_290,
    "images": 1,
    "image_cost": 38_700_000,
    "charge": 38_731_000,
    "cost": 38_731_000,
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            "requested", {"gpt-4o": CHATS, "gemini-2.5-flash-image": PICTURES}, id="requested"
        ),
        pytest.param(
            "upstream",
            {"gpt-4o-2024-11-20": ANSWERED, "gemini-2.5-flash-image": PICTURES},
            id="upstream",
        ),
        pytest.param(
            "mapping",
            {
                "gpt-4o→gpt-4o-2024-11-20": ANSWERED,
                "gemini-2.5-flash-image→gemini-2.5-flash-image": PICTURES,
            },
            id="mapping",
        ),
    ],
)
def test_a_closed_hours_sums_are_those_of_its_calls(
    gateway: Gateway, source: str, expected: dict[str, Any]
) -> None:
    found = page(closed(gateway), source)
    assert {line.name: dict(line.sums) for line in found.lines} == expected
    assert [line.name for line in found.lines] == list(expected)
    assert found.closed


def test_a_users_sums_by_model_are_the_same(gateway: Gateway) -> None:
    found = page(closed(gateway), "requested", user=USER)
    assert [(line.name, dict(line.sums)) for line in found.lines] == [
        ("gpt-4o", CHATS),
        ("gemini-2.5-flash-image", PICTURES),
    ]
    assert page(gateway, user="usr_fedcba9876543210").lines == ()


def test_before_the_close_a_late_call_is_missing_and_the_sums_are_not_final(
    gateway: Gateway,
) -> None:
    found = page(gateway)
    assert not found.closed
    chats, pictures = found.lines
    assert dict(pictures.sums) == PICTURES
    assert (chats["calls"], chats["charge"], chats["input"]) == (3, 15_000_000, 2_000)


@pytest.mark.parametrize("kind", ["user", "group", "account", "model_group"])
def test_other_groupings_have_the_same_total(gateway: Gateway, kind: Any) -> None:
    closed(gateway)
    statistics = Statistics(gateway.rollups, gateway.clock)
    asked = statistics.period(DAY_START, START_MS + HOUR_MS)
    found = statistics.by_name(kind, asked)
    assert {line.name for line in found.lines} == {
        "user": {USER},
        "group": {"grp_1"},
        "account": {"acc_openai", "acc_gemini"},
        "model_group": {"gpt-4o#default", "gemini-2.5-flash-image#default"},
    }[kind]
    assert sum(line["charge"] for line in found.lines) == 56_231_000
    series = statistics.series({}, asked, "hour")
    assert (series.total["charge"], series.total["calls"]) == (56_231_000, 5)
    assert gateway.wallets.read(USER).debits == 56_231_000


def test_a_lost_sum_hides_no_name_once_its_hour_is_closed() -> None:
    gateway = Gateway(serve)
    gateway.post("/v1/chat/completions", CHAT)

    def broken(operation: str, request: Any) -> None:
        if operation == "BatchWriteItem" and "names#" in json.dumps(request):
            raise OutcomeUnknown

    gateway.dynamo.before = broken
    assert gateway.settle() == []
    gateway.dynamo.before = None
    assert gateway.counted == [("RollupsDelayed", 1)]
    assert page(gateway).lines == ()
    (line,) = page(closed(gateway)).lines
    assert (line.name, line["calls"]) == ("gpt-4o", 1)


def test_two_processes_that_do_not_know_of_each_other_lose_no_name() -> None:
    gateway = Gateway(serve)
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    gateway.rollups.announced.clear()  # as a new process begins
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    (line,) = page(gateway).lines
    assert (line.name, line["calls"]) == ("gpt-4o", 2)
