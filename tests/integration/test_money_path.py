"""One call from bytes to ledger: what the caller sees, what is recorded, what the wallet says."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpcore
import httpx
import pytest

from tests.gateway import (
    ACCOUNTS,
    CHAT,
    GROUP,
    KEY,
    PROFILE,
    START_MS,
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
from tollgate.store.dynamodb import OutcomeUnknown, Throttled


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
            "per": 1000000,
            "amount_usd": "0.0025",
        },
        {
            "class": "output",
            "quantity": 500,
            "unit_price_usd": "10",
            "per": 1000000,
            "amount_usd": "0.005",
        },
    ]
    assert (told["charge_usd"], told["quota"]) == ("0.0075", 3_750)
    assert "chain" not in told


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
    assert len(gateway.upstream.requests) == 1
    assert gateway.record().charge == 0


def unreachable() -> httpx.Response:
    """An upstream that refuses the connection."""
    raise httpcore.ConnectError


def test_the_next_account_answers_when_the_first_cannot() -> None:
    pool = tuple(replace(ACCOUNTS[0], id=f"acc_{n}", priority=-n) for n in range(3))
    answers = iter([lambda: httpx.Response(500), unreachable, lambda: chat_answer(USAGE)])

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
        raise httpcore.ReadError

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
    ],
)
def test_usage_that_cannot_be_true_costs_at_most_the_hold_and_is_flagged(usage: Any) -> None:
    gateway = Gateway(lambda request: chat_answer(usage))
    gateway.post("/v1/chat/completions", CHAT)
    record = gateway.record()
    assert record.suspect
    assert record.charge <= record.held


def test_nothing_is_relayed_while_the_wallet_gives_no_answer() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))

    def down(operation: str, request: Any) -> None:
        if request.get("TableName") == "wallets":
            raise Throttled

    gateway.dynamo.before = down
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (503, "ledger_unavailable")
    assert gateway.upstream.requests == []


def test_a_record_the_table_cannot_take_goes_to_the_queue_and_is_settled_from_there() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))

    def down(operation: str, request: Any) -> None:
        if request.get("TableName") == "usage":
            raise OutcomeUnknown

    gateway.dynamo.before = down
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    gateway.dynamo.before = None
    (message,) = gateway.queued
    gateway.recording.receive(json.loads(json.dumps(message)))
    gateway.settle()
    assert money(gateway) == (992_500_000, 0, 7_500_000)


def test_a_killed_relay_costs_nothing_after_the_sweep() -> None:
    gateway = Gateway(lambda request: streamed(sse(chat_chunk("a"), done=False)))
    gateway.send(gateway.event("/v1/chat/completions", STREAM))  # and never read: killed
    assert gateway.wallets.read(USER).held > 0
    gateway.now += 26 * 60_000
    assert gateway.sweeping.sweep(USER) == 1
    assert money(gateway) == (1_000_000_000, 0, 0)
    assert gateway.all_records()[0].state == "abandoned"


def test_a_revoked_key_is_refused_at_once_by_a_relay_that_does_not_know_yet() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    gateway.wallets.revoke_key(USER, KEY.alias, 2)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (401, "api_key_revoked")


def test_a_profile_that_changed_is_read_again_and_the_call_goes_on() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    gateway.post("/v1/chat/completions", CHAT)
    gateway.profile = replace(
        PROFILE, version=2, keys={KEY.secret_hash: replace(KEY, models=("o1",))}
    )
    gateway.publish()
    gateway.wallets.set_profile_version(USER, 2)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (403, "model_not_allowed")


def test_a_warm_call_makes_one_wallet_call_and_one_record_and_reads_nothing() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    gateway.post("/v1/chat/completions", CHAT)
    gateway.dynamo.sent.clear()
    gateway.post("/v1/chat/completions", CHAT)
    assert [(operation, request["TableName"]) for operation, request in gateway.dynamo.sent] == [
        ("UpdateItem", "wallets"),
        ("PutItem", "usage"),
    ]


def test_hold_record_and_settlement_stay_within_their_write_units() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    before = gateway.dynamo.write_units("wallets") + gateway.dynamo.write_units("usage")
    for _ in range(10):
        gateway.post("/v1/chat/completions", CHAT)
        gateway.settle()
    after = gateway.dynamo.write_units("wallets") + gateway.dynamo.write_units("usage")
    assert (after - before) / 10 <= 3.2


def test_wallet_usage_ledger_and_rollups_agree_after_the_hour_is_closed() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    for _ in range(5):
        gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    (live,) = gateway.rollups.hours(f"user#{USER}", "2026112212", "2026112212")
    assert (live.sums["calls"], live.sums["charge"], live.closed) == (5, 37_500_000, False)
    gateway.now += 3 * 3_600_000
    assert gateway.closing.close_due() == ["2026112212"]
    (closed,) = gateway.rollups.hours(f"user#{USER}", "2026112212", "2026112212")
    assert (closed.sums, closed.closed) == (live.sums, True)
    (by_model,) = gateway.rollups.hours("model#gpt-4o", "2026112212", "2026112212")
    assert (by_model.sums["charge"], by_model.sums["output"]) == (37_500_000, 2_500)
    (day,) = gateway.rollups.days("account#acc_openai", "20261122", "20261122")
    assert day.sums["calls"] == 5
    ids = gateway.rollups.account_request_ids("acc_openai", "2026112212", "2026112212")
    assert len(ids) == 5
    assert list(gateway.reconciliation.everyone()) == []
    assert gateway.closing.close_due() == []


def test_an_hour_that_gets_a_late_call_is_closed_again() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    gateway.post("/v1/chat/completions", CHAT)  # its stream record comes only after the close
    gateway.now += 3 * 3_600_000
    gateway.closing.close_due()
    (row,) = gateway.rollups.hours("all", "2026112212", "2026112212")
    assert row.sums["calls"] == 2  # counted from the record, settled or not
    gateway.settle()
    assert gateway.closing.close_due() == ["2026112212"]
    (row,) = gateway.rollups.hours("all", "2026112212", "2026112212")
    assert (row.sums["calls"], row.sums["charge"]) == (2, 15_000_000)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        pytest.param("/v1/chat/completions", CHAT, {}, 401, "missing_api_key", id="no key"),
        pytest.param(
            "/v1/chat/completions",
            CHAT,
            {"authorization": "Bearer sk-x"},
            401,
            "invalid_api_key",
            id="malformed key",
        ),
        pytest.param(
            "/v1/chat/completions",
            CHAT,
            {"x-api-key": "sk-tg-" + "0" * 68},
            401,
            "invalid_api_key",
            id="unknown user",
        ),
        pytest.param(
            "/v1/chat/completions",
            CHAT,
            {"authorization": "Bearer a", "x-api-key": "b"},
            400,
            "invalid_request",
            id="two keys",
        ),
        pytest.param(
            "/v1/chat/completions",
            CHAT | {"model": "o9"},
            None,
            400,
            "model_price_not_configured",
            id="unpriced model",
        ),
        pytest.param("/v1/nothing", CHAT, None, 404, "route_not_found", id="unknown path"),
        pytest.param("/v1/realtime", CHAT, None, 501, "unsupported_endpoint", id="not offered"),
        pytest.param("/v1/chat/completions", "", None, 400, "invalid_request", id="empty body"),
        pytest.param(
            "/v1/chat/completions", "[" * 100_000, None, 400, "invalid_request", id="deep body"
        ),
        pytest.param(
            "/v1/chat/completions", '{"model": NaN}', None, 400, "invalid_request", id="NaN"
        ),
        pytest.param(
            "/v1/chat/completions",
            '{"model": "a", "model": "b"}',
            None,
            400,
            "invalid_request",
            id="duplicate keys",
        ),
        pytest.param(
            "/v1/chat/completions",
            '{"model": "\\ud800"}',
            None,
            400,
            "invalid_request",
            id="lone surrogate",
        ),
        pytest.param(
            "/v1/chat/completions", "\ud800", None, 400, "invalid_request", id="raw lone surrogate"
        ),
        pytest.param(
            "/v1/chat/completions", "x" * 6_300_000, None, 413, "request_too_large", id="over 6 MB"
        ),
    ],
)
def test_bad_requests_are_refused_in_the_callers_dialect_and_cost_nothing(
    path: str, body: Any, headers: dict[str, str] | None, status: int, code: str
) -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    seen = gateway.post(path, body, headers)
    assert (seen.status, seen.json["error"]["code"]) == (status, code)
    assert seen.headers["x-should-retry"] == "false"
    assert seen.headers["x-request-id"].startswith("req_")
    assert gateway.upstream.requests == []
    assert money(gateway) == (1_000_000_000, 0, 0)


def test_a_model_outside_every_account_is_said_to_be_unknown() -> None:
    account = replace(ACCOUNTS[0], models=("gpt-4o",))
    gateway = Gateway(lambda request: chat_answer(USAGE), group=replace(GROUP, accounts=(account,)))
    seen = gateway.post("/v1/chat/completions", CHAT | {"model": "gpt-5"})
    assert (seen.status, seen.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("profile", "status", "code"),
    [
        pytest.param(
            replace(PROFILE, status="disabled"), 403, "account_deactivated", id="user disabled"
        ),
        pytest.param(
            replace(PROFILE, keys={KEY.secret_hash: replace(KEY, status="disabled")}),
            401,
            "api_key_disabled",
            id="key disabled",
        ),
        pytest.param(
            replace(PROFILE, keys={KEY.secret_hash: replace(KEY, expires_at=START_MS)}),
            401,
            "api_key_expired",
            id="key expired",
        ),
    ],
)
def test_callers_who_may_not_call(profile: Any, status: int, code: str) -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE), profile=profile)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (status, code)


def test_lists_and_health_need_no_money() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE), funds=0)
    body = ""
    assert gateway.post("/", body, {}, httpMethod="HEAD").status == 200
    assert gateway.post("/healthz", body, {}, httpMethod="GET").body == b"ready\n"
    seen = gateway.post("/v1/models", body, None, httpMethod="GET")
    assert [entry["id"] for entry in seen.json["data"]] == [
        "claude-sonnet-4",
        "gemini-2.5-flash",
        "gpt-4o",
        "text-embedding-3-small",
    ]
    one = gateway.post("/v1/models/gpt-4o", body, None, httpMethod="GET")
    assert one.json["id"] == "gpt-4o"
    assert gateway.post("/v1/models/nope", body, None, httpMethod="GET").status == 404
