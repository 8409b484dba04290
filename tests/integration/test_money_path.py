"""One call from bytes to ledger: what the caller sees, what is recorded, what the wallet says."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.gateway import (
    ACCOUNTS,
    CHAT,
    GROUP,
    OTHER_USER,
    STREAM,
    USAGE,
    USER,
    Gateway,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tollgate.domain.receipt import receipt


def usage_chunk(usage: Any = USAGE) -> dict[str, Any]:
    """The chunk with usage and no choices that OpenAI sends last."""
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage}


def money(gateway: Gateway) -> tuple[int, int, int]:
    """Available, held, debits."""
    view = gateway.wallets.read(USER)
    return view.available, view.held, view.debits


def test_a_json_call_is_held_relayed_recorded_and_settled_once() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert seen.status == 200
    assert seen.json["usage"] == USAGE
    assert seen.headers["x-tollgate-charge"] == "0.0075"
    # hold: 95 bytes × 2.5 + 1,000 tokens × 10 micro-dollars
    held = 10_000_000 + len(json.dumps(CHAT)) * 2_500
    assert money(gateway) == (1_000_000_000 - held, held, 0)
    assert gateway.settle() == []
    assert money(gateway) == (992_500_000, 0, 7_500_000)
    assert gateway.settle() == []
    gateway._settled = 0
    assert gateway.settle() == []
    assert money(gateway) == (992_500_000, 0, 7_500_000)


def test_the_receipt_explains_the_charge_to_the_nano() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    seen = gateway.post("/v1/chat/completions", CHAT)
    told = receipt(gateway.record(), settled=True, staff=False)
    assert told["request_id"] == seen.headers["x-request-id"]
    assert told["lines"] == [
        {
            "class": "input",
            "quantity": 1000,
            "unit_price_usd": "2.5",
            "unit_price": "2.5",
            "per": 1000000,
            "amount_usd": "0.0025",
        },
        {
            "class": "output",
            "quantity": 500,
            "unit_price_usd": "10",
            "unit_price": "10",
            "per": 1000000,
            "amount_usd": "0.005",
        },
    ]
    assert (told["charge_usd"], told["quota"]) == ("0.0075", 3_750)
    assert "chain" not in told


def test_a_key_gets_the_receipts_of_its_own_user_and_no_others() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    request_id = gateway.post("/v1/chat/completions", CHAT).headers["x-request-id"]
    mine = gateway.post(f"/v1/receipts/{request_id}", "", None, httpMethod="GET")
    assert (mine.status, mine.json["charge_usd"], mine.json["trail"]["settled"]) == (
        200,
        "0.0075",
        False,
    )
    gateway.settle()
    mine = gateway.post(f"/v1/receipts/{request_id}", "", None, httpMethod="GET")
    assert mine.json["trail"]["settled"]
    assert not {"chain", "account", "cost_usd", "upstream_model", "channel"} & mine.json.keys()
    others = request_id[:-16] + OTHER_USER.removeprefix("usr_")
    missing = gateway.post(f"/v1/receipts/{others}", "", None, httpMethod="GET")
    assert (missing.status, missing.json["error"]["code"]) == (404, "not_found")


def test_a_stream_passes_untouched_but_for_the_usage_nobody_asked_for() -> None:
    chunks = [sse(chat_chunk("he"), done=False), sse(chat_chunk("llo", "stop"), usage_chunk())]
    gateway = Gateway(lambda request: streamed(*chunks))
    seen = gateway.post("/v1/chat/completions", STREAM)
    assert seen.body == sse(chat_chunk("he"), chat_chunk("llo", "stop"))
    sent = json.loads(gateway.upstream.requests[0].content)
    assert sent["stream_options"] == {"include_usage": True}
    assert gateway.record().charge == 7_500_000
    assert gateway.upstream.requests[0].headers["authorization"] == "Bearer upstream-secret"


def test_chunks_arrive_one_by_one() -> None:
    given: list[int] = []

    def produce() -> Iterator[bytes]:
        for number in range(3):
            given.append(number)
            yield sse(chat_chunk(str(number)), done=False)
        yield sse(usage_chunk())

    gateway = Gateway(
        lambda request: (
            streamed(*[])
            if False
            else httpx.Response(
                200, headers={"content-type": "text/event-stream"}, stream=Lazy(produce())
            )
        )
    )
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    for number in range(3):
        assert f'"{number}"' in next(answer.chunks).decode()
        assert given[-1] == number
    answer.read()


class Lazy(httpx.SyncByteStream):
    """A body that is produced as it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


def test_an_upstream_that_reports_nothing_is_estimated_and_says_so() -> None:
    gateway = Gateway(lambda request: streamed(sse(chat_chunk("x" * 400, "stop"))))
    gateway.post("/v1/chat/completions", STREAM)
    record = gateway.record()
    size = len(json.dumps(STREAM))
    assert record.usage_source == "estimated"
    assert record.usage == {"input": -(-size // 4), "output": 100}
    assert record.charge == -(-size // 4) * 2_500 + 1_000_000


@pytest.mark.parametrize(
    ("status", "headers", "refused"),
    [
        pytest.param(401, {}, 502, id="our key is refused"),
        pytest.param(402, {}, 502, id="our credit is gone"),
        pytest.param(429, {"retry-after": "2"}, 429, id="rate limited"),
        pytest.param(429, {}, 429, id="rate limited without a time"),
        pytest.param(429, {"retry-after": "1000000000"}, 429, id="rate limited for ever"),
        pytest.param(500, {}, 502, id="broken"),
        pytest.param(503, {}, 502, id="down"),
        pytest.param(529, {}, 429, id="overloaded"),
        pytest.param(302, {"location": "http://127.0.0.1/"}, 502, id="a redirect is not followed"),
    ],
)
def test_an_upstream_failure_costs_nothing(
    status: int, headers: dict[str, str], refused: int
) -> None:
    gateway = Gateway(
        lambda request: httpx.Response(status, headers=headers, text="secret sk-abcdefghijkl")
    )
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert seen.status == refused
    assert b"sk-abc" not in seen.body
    assert int(seen.headers.get("retry-after", "0")) <= 30
    gateway.settle()
    assert money(gateway) == (1_000_000_000, 0, 0)
    assert len(gateway.upstream.requests) == (2 if status == 503 else 1)  # down only for a moment?
    assert gateway.record().charge == 0


def unreachable() -> httpx.Response:
    """An upstream that refuses the connection."""
    raise httpx.ConnectError("refused")


def test_the_next_account_answers_when_the_first_cannot() -> None:
    pool = tuple(replace(ACCOUNTS[0], id=f"acc_{n}", priority=-n) for n in range(3))
    answers: Iterator[Callable[[], httpx.Response]] = iter(
        [lambda: httpx.Response(500), unreachable, lambda: chat_answer(USAGE)]
    )

    def serve(request: httpx.Request) -> httpx.Response:
        return next(answers)()

    gateway = Gateway(serve, group=replace(GROUP, accounts=pool))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    record = gateway.record()
    assert record.account == "acc_2"
    assert [(a["account"], a["status"]) for a in record.attempts] == [
        ("acc_0", 500),
        ("acc_1", 0),
        ("acc_2", 200),
    ]
    gateway.settle()
    assert money(gateway) == (992_500_000, 0, 7_500_000)


def test_a_refusal_of_the_request_itself_is_passed_on_without_our_names() -> None:
    body = {"error": {"message": "bad org-abcdef123 tool", "code": "invalid_tool"}}
    gateway = Gateway(lambda request: httpx.Response(400, json=body))
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (400, "invalid_tool")
    assert "org-abcdef123" not in seen.json["error"]["message"]
    assert seen.headers["x-should-retry"] == "false"
    gateway.settle()
    assert money(gateway) == (1_000_000_000, 0, 0)


def test_a_balance_that_is_too_small_is_refused_with_the_numbers_before_anything_is_sent() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE), funds=1_000_000)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert seen.status == 402
    assert seen.headers["x-should-retry"] == "false"
    assert "0.001 USD is available" in seen.json["error"]["message"]
    assert gateway.upstream.requests == []
    assert gateway.all_records() == ()


def test_a_stream_stops_legally_when_the_balance_cannot_cover_more() -> None:
    funds = 11_000_000  # the first 1,024 output tokens and the input, no second thousand
    text = sse(chat_chunk("y" * 500), done=False)
    gateway = Gateway(lambda request: streamed(*[text] * 100), funds=funds)
    body = STREAM | {"max_tokens": 16_000}
    seen = gateway.post("/v1/chat/completions", body)
    assert seen.body.endswith(b"data: [DONE]\n\n")
    assert b'"finish_reason":"length"' in seen.body.replace(b" ", b"")
    gateway.settle()
    available, held, debits = money(gateway)
    assert held == 0
    assert 0 < debits <= funds
    assert available + debits == funds


def test_a_caller_who_hangs_up_pays_for_what_was_produced() -> None:
    chunks = [
        sse(chat_chunk("hello"), done=False),
        sse(chat_chunk("!"), done=False),
        sse(usage_chunk()),
    ]
    gateway = Gateway(lambda request: streamed(*chunks))
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    next(answer.chunks)
    answer.chunks.close()
    record = gateway.record()
    assert (record.charge, record.error, record.usage_source) == (
        7_500_000,
        "caller_gone",
        "upstream",
    )


def test_a_caller_who_is_gone_before_the_first_byte_is_recorded_too() -> None:
    gateway = Gateway(lambda request: streamed(sse(chat_chunk("hello"), usage_chunk())))
    gateway.send(gateway.event("/v1/chat/completions", STREAM)).chunks.close()
    assert gateway.record().charge == 7_500_000


def test_an_upstream_that_breaks_off_ends_in_an_error_event_and_no_done() -> None:
    def produce() -> Iterator[bytes]:
        yield sse(chat_chunk("z" * 40), done=False)
        raise httpx.ReadError("reset")

    gateway = Gateway(
        lambda request: httpx.Response(
            200, headers={"content-type": "text/event-stream"}, stream=Lazy(produce())
        )
    )
    seen = gateway.post("/v1/chat/completions", STREAM)
    assert b'"error"' in seen.body
    assert b"[DONE]" not in seen.body
    record = gateway.record()
    assert (record.error, record.usage_source) == ("upstream_error", "estimated")
    assert record.usage["output"] == 10


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param({"prompt_tokens": -5, "completion_tokens": 500}, id="negative"),
        pytest.param({"prompt_tokens": 10**12, "completion_tokens": 500}, id="huge"),
        pytest.param({"prompt_tokens": "many", "completion_tokens": 500}, id="text"),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 1_200}, id="more than was asked for"
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 900, "total_tokens": 2_000},
            id="more than was asked for, with reasoning beside the output",
        ),
    ],
)
def test_usage_that_cannot_be_true_costs_at_most_the_hold_and_is_flagged(usage: Any) -> None:
    gateway = Gateway(lambda request: chat_answer(usage))
    gateway.post("/v1/chat/completions", CHAT)
    record = gateway.record()
    assert record.suspect
    assert record.charge <= record.held
