"""Mistakes that other gateways made in metering answers, and ours must not.

Each test is named after one of them, by its number in a published list of such mistakes.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.gateway import (
    CHAT,
    EVERYWHERE,
    GROUP,
    STREAM,
    USAGE,
    Gateway,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tollgate.domain.catalog import Interval, Price
from tollgate.domain.channel_rows import SentRow, check_rows, rows_by_name

PICTURES: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": "QUFB"}},
                    {"inlineData": {"mimeType": "image/png", "data": "QUFB"}},
                ]
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 5,
        "candidatesTokenCount": 2_580,
        "candidatesTokensDetails": [
            {"modality": "IMAGE", "tokenCount": 1_290},
            {"modality": "IMAGE", "tokenCount": 1_290},
        ],
    },
}
DRAW = {"contents": [{"parts": [{"text": "two cats"}]}]}


def drawing(price: Price) -> Gateway:
    """A gateway whose upstream draws two pictures under an alias that says nothing of pictures."""
    everywhere = replace(EVERYWHERE, prices={"house-painter": (price,)}, default_groups={})
    return Gateway(
        lambda request: httpx.Response(200, json=PICTURES),
        group=replace(GROUP, platform="gemini"),
        everywhere=everywhere,
    )


def drawn(gateway: Gateway) -> int:
    """What two pictures cost, in nanos."""
    seen = gateway.post("/v1beta/models/house-painter:generateContent", DRAW)
    assert seen.status == 200, seen.body
    gateway.settle()
    return gateway.record().charge


def test_09_rows_may_have_the_same_range_under_different_labels() -> None:
    labelled = tuple(
        Interval(0, None, {"images": price}, label=label)
        for label, price in (("1K", "0.04"), ("2K", "0.08"), ("4K", "0.16"))
    )
    row = SentRow("gemini", ("picture",), "times", {"images": "0.08"}, labelled)
    check_rows([row])
    stored = rows_by_name([row])["gemini"]["picture"]
    assert [interval.label for interval in stored.intervals] == ["1K", "2K", "4K"]


def test_14_every_detail_of_pictures_counts() -> None:
    prices = {"input": "1", "output": "2", "output_image": "30"}
    # 5 × 1,000 + 2,580 × 30,000 nanos
    assert drawn(drawing(Price("house-painter", 1, prices=prices, max_output=8_192))) == 77_405_000


def test_25_pictures_are_counted_in_the_answer_whatever_the_model_is_called() -> None:
    prices = {"images": "0.04"}
    price = Price("house-painter", 1, mode="times", prices=prices, max_output=8_192)
    assert drawn(drawing(price)) == 80_000_000


def test_18_a_stream_that_breaks_off_after_its_usage_is_charged_for_it() -> None:
    usage = {"id": "chatcmpl-1", "choices": [], "usage": USAGE}
    broken = sse(chat_chunk("hello"), usage, done=False)
    gateway = Gateway(lambda request: streamed(broken))
    gateway.post("/v1/chat/completions", STREAM)
    gateway.settle()
    # 1,000 × 2,500 + 500 × 10,000 nanos
    assert gateway.record().charge == 7_500_000


def test_19_an_answer_whose_caller_has_gone_is_charged() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    gateway.send(gateway.event("/v1/chat/completions", CHAT))  # and nobody reads it
    gateway.settle()
    assert gateway.record().charge == 7_500_000


def test_20_a_call_is_recorded_although_its_charge_cannot_be_computed() -> None:
    account = replace(GROUP.accounts[0], cost_multiplier=Decimal("0.12345678"))
    gateway = Gateway(lambda request: chat_answer(USAGE), group=replace(GROUP, accounts=(account,)))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    gateway.settle()
    record = gateway.record()
    assert (record.charge, record.suspect, record.account) == (0, True, "acc_openai")


def test_27_the_same_call_twice_is_two_charges() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    for _ in range(2):
        assert gateway.post("/v1/chat/completions", CHAT).status == 200
    gateway.settle()
    assert [record.charge for record in gateway.all_records()] == [7_500_000, 7_500_000]


@pytest.mark.parametrize(
    ("path", "model", "answer"),
    [
        pytest.param("/v1/chat/completions", "gpt-4o", {"choices": []}, id="chat"),
        pytest.param("/v1/messages", "claude-sonnet-4", {"content": []}, id="messages"),
    ],
)
def test_29_an_answer_that_tells_no_usage_is_estimated_and_never_free(
    path: str, model: str, answer: dict[str, Any]
) -> None:
    gateway = Gateway(lambda request: httpx.Response(200, json=answer))
    assert gateway.post(path, CHAT | {"model": model}).status == 200
    gateway.settle()
    record = gateway.record()
    assert record.charge > 0
    assert record.usage_source == "estimated"
