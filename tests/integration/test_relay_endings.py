"""However a call ends after its hold, one record tells of it, and what it says is what it costs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.gateway import (
    ACCOUNTS,
    CHAT,
    GROUP,
    STREAM,
    USAGE,
    USER,
    Chunks,
    Gateway,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tollgate.domain.catalog import Account
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.domain.record import UsageRecord
from tollgate.services.streaming import StreamedAnswer
from tollgate.store import credentials
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected
from tollgate.store.secrets import Secrets
from tollgate.store.wallet import Hold

TWO = tuple(replace(ACCOUNTS[0], id=f"acc_{n}", priority=-n) for n in range(2))
USAGE_CHUNK = {"id": "chatcmpl-1", "choices": [], "usage": USAGE}


def money(gateway: Gateway) -> tuple[int, int, int]:
    """Available, held, debits."""
    view = gateway.wallets.read(USER)
    return view.available, view.held, view.debits


def settled(gateway: Gateway) -> UsageRecord:
    """The one record, after it was settled; its charge is all that is gone."""
    gateway.settle()
    record = gateway.record()
    assert money(gateway) == (1_000_000_000 - record.charge, 0, record.charge)
    return record


def lingering(*chunks: bytes, then: Callable[[], None]) -> httpx.Response:
    """A stream that does `then` where it should end."""

    def produce() -> Iterator[bytes]:
        yield from chunks
        then()

    return httpx.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Chunks(produce())
    )


def reset() -> None:
    raise httpx.ReadError("reset")


def never() -> None:
    pytest.fail("read on where nothing was to be waited for")


# --- before the first byte ------------------------------------------------------------------


def unreadable(account: Account) -> str:
    if account.id == "acc_0":
        raise UpstreamUnavailable("the gateway's own account cannot be used now")
    return "upstream-secret"


def test_an_account_whose_secret_cannot_be_opened_is_passed_over() -> None:
    gateway = Gateway(
        lambda request: chat_answer(USAGE),
        group=replace(GROUP, accounts=TWO),
        open_secret=unreadable,
    )
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    record = settled(gateway)
    assert [(a["account"], a["status"]) for a in record.attempts] == [("acc_0", 0), ("acc_1", 200)]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(RequestRejected("AccessDenied", "kms"), id="KMS refuses"),
        pytest.param(OutcomeUnknown("kms"), id="KMS does not answer"),
    ],
)
def test_credentials_that_cannot_be_opened_are_told_and_cost_nothing(failure: Exception) -> None:
    class Kms:
        def unwrap(self, wrapped: bytes, context: Any) -> bytes:
            raise failure

        def new_key(self, context: Any) -> Any:
            raise failure

    told: list[str] = []
    opened = credentials.opener(
        Secrets(Kms(), lambda: 0.0, lambda n: b"0" * n), lambda account, error: told.append(account)
    )
    sealed: dict[str, str | int] = {
        "generation": 1,
        "wrapped": "AAAA",
        "version": 1,
        "nonce": "A" * 16,
        "ciphertext": "",
    }
    accounts = (replace(TWO[0], secret=sealed), TWO[1])  # the second has none at all
    gateway = Gateway(
        lambda request: chat_answer(USAGE),
        group=replace(GROUP, accounts=accounts),
        open_secret=opened,
    )
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (502, "upstream_unavailable")
    assert told == ["acc_0", "acc_1"]
    assert settled(gateway).charge == 0
    assert gateway.upstream.requests == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(
            400,
            {"error": {"message": "Your credit balance is too low to access the Anthropic API"}},
            id="credit gone, said with 400",
        ),
        pytest.param(
            400,
            {"error": {"message": "API key not valid.", "status": "INVALID_ARGUMENT"}},
            id="key refused, said with 400",
        ),
        pytest.param(
            404, {"error": {"message": "This organization has been disabled."}}, id="account gone"
        ),
        pytest.param(200, {"error": {"message": "overloaded"}}, id="an error said with 200"),
        pytest.param(200, [{"error": {"message": "down"}}], id="an error in a list said with 200"),
    ],
)
def test_a_fault_of_our_account_goes_to_the_next_one_and_is_never_told(
    status: int, body: Any
) -> None:
    answers = iter([httpx.Response(status, json=body), chat_answer(USAGE)])
    gateway = Gateway(lambda request: next(answers), group=replace(GROUP, accounts=TWO))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    assert settled(gateway).account == "acc_1"

    gateway = Gateway(lambda request: httpx.Response(status, json=body))
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert seen.status == 502
    assert b"credit" not in seen.body
    assert b"organization" not in seen.body
    assert settled(gateway).charge == 0


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(
            b'data: {"error":{"message":"org-abcdef123 is out of quota"}}\n\n', id="event"
        ),
        pytest.param(b'{"error":{"message":"org-abcdef123 is out of quota"}}', id="JSON body"),
    ],
)
def test_a_stream_that_begins_with_an_error_goes_to_the_next_account(first: bytes) -> None:
    answers = iter([streamed(first), streamed(sse(chat_chunk("a", "stop"), USAGE_CHUNK))])
    gateway = Gateway(lambda request: next(answers), group=replace(GROUP, accounts=TWO))
    seen = gateway.post("/v1/chat/completions", STREAM)
    assert seen.body == sse(chat_chunk("a", "stop"))
    assert settled(gateway).account == "acc_1"


def test_a_text_about_errors_is_no_error() -> None:
    chunks = sse(chat_chunk('{"error": 1}', "stop"), USAGE_CHUNK)
    gateway = Gateway(lambda request: streamed(chunks))
    assert gateway.post("/v1/chat/completions", STREAM).status == 200
    assert settled(gateway).charge == 7_500_000


def test_a_complaint_names_the_model_as_the_caller_did() -> None:
    account = replace(ACCOUNTS[0], model_mapping={"gpt-4o": "secret-deployment"})
    body = {"error": {"message": "secret-deployment does not take tools"}}
    gateway = Gateway(
        lambda request: httpx.Response(400, json=body), group=replace(GROUP, accounts=(account,))
    )
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert seen.json["error"]["message"] == "gpt-4o does not take tools"


def test_a_name_that_cannot_be_asked_for_upstream_is_not_the_callers_fault() -> None:
    account = replace(ACCOUNTS[2], model_mapping={"gemini-2.5-flash": "tuned models/x"})
    group = replace(GROUP, platform="gemini", accounts=(account,))
    gateway = Gateway(lambda request: chat_answer(USAGE), group=group)
    seen = gateway.post(
        "/v1beta/models/gemini-2.5-flash:generateContent",
        {"contents": [{"parts": [{"text": "hi"}]}]},
    )
    assert seen.status == 502
    assert b"tuned" not in seen.body
    assert settled(gateway).charge == 0


def test_an_absurd_retry_after_is_not_even_read() -> None:
    gateway = Gateway(lambda request: httpx.Response(429, headers={"retry-after": "9" * 5_000}))
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.headers["retry-after"]) == (429, "30")
    assert settled(gateway).charge == 0


def test_an_answer_whose_cost_cannot_be_computed_is_recorded_as_free_and_counted() -> None:
    account = replace(ACCOUNTS[0], cost_multiplier=Decimal("0.12345678"))
    gateway = Gateway(lambda request: chat_answer(USAGE), group=replace(GROUP, accounts=(account,)))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    record = settled(gateway)
    assert (record.charge, record.error, record.suspect) == (0, "pricing_misconfigured", True)
    assert gateway.counted == [("SuspectCalls", 1)]


# --- within a stream ------------------------------------------------------------------------


def test_an_error_within_a_stream_is_told_in_our_words() -> None:
    leak = b'data: {"error":{"message":"org-abcdef123 exceeded its quota"}}\n\n'
    gateway = Gateway(lambda request: streamed(sse(chat_chunk("x" * 40), done=False), leak))
    seen = gateway.post("/v1/chat/completions", STREAM)
    assert b"org-abcdef123" not in seen.body
    assert b'"upstream_error"' in seen.body
    record = settled(gateway)
    assert (record.error, record.usage_source, record.usage["output"]) == (
        "upstream_error",
        "estimated",
        10,
    )


def test_a_connection_that_breaks_after_the_end_changes_nothing() -> None:
    chunks = sse(chat_chunk("a", "stop"), USAGE_CHUNK)
    gateway = Gateway(lambda request: lingering(chunks, then=reset))
    seen = gateway.post("/v1/chat/completions", STREAM)
    assert seen.body == sse(chat_chunk("a", "stop"))
    record = settled(gateway)
    assert (record.error, record.charge) == ("", 7_500_000)


def test_the_time_limit_after_the_end_adds_no_second_end() -> None:
    chunks = sse(chat_chunk("a", "stop"), USAGE_CHUNK)
    gateway = Gateway(lambda request: lingering(chunks, then=lambda: None))
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    body: StreamedAnswer = answer.chunks
    first = next(body)
    assert body.finished
    body.interrupt()
    assert first + b"".join(body) == sse(chat_chunk("a", "stop"))
    assert settled(gateway).error == ""


def test_time_that_runs_out_ends_the_stream_legally() -> None:
    gateway = Gateway(lambda request: lingering(sse(chat_chunk("x" * 40), done=False), then=reset))
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    answer.chunks.interrupt()  # before the first chunk
    seen = answer.read()
    assert b'"finish_reason":"length"' in seen.body
    assert seen.body.endswith(b"data: [DONE]\n\n")
    record = settled(gateway)
    assert (record.error, record.usage["output"]) == ("time_limit", 10)


def test_a_caller_who_hangs_up_after_the_end_is_not_waited_for() -> None:
    chunks = sse(chat_chunk("a", "stop"), USAGE_CHUNK)
    gateway = Gateway(lambda request: lingering(chunks, then=never))
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    next(answer.chunks)
    answer.chunks.close()
    answer.chunks.close()
    assert (settled(gateway).error, gateway.record().charge) == ("", 7_500_000)


def test_an_answer_that_is_closed_twice_before_it_began_is_recorded_once() -> None:
    chunks = sse(chat_chunk("a", "stop"), USAGE_CHUNK)
    gateway = Gateway(lambda request: lingering(chunks, then=never))
    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM))
    answer.chunks.close()
    answer.chunks.close()
    assert list(answer.chunks) == []
    assert settled(gateway).charge == 7_500_000


def test_a_hang_up_before_the_first_event_is_complete_drains_the_rest() -> None:
    whole = sse(chat_chunk("a", "stop"), USAGE_CHUNK)
    gateway = Gateway(lambda request: streamed(whole[:10], whole[10:]))
    gateway.send(gateway.event("/v1/chat/completions", STREAM)).chunks.close()
    assert settled(gateway).charge == 7_500_000


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(OutcomeUnknown("?"), id="the store gives no answer"),
        pytest.param(RequestRejected("ValidationException", "?"), id="the store refuses"),
    ],
)
def test_a_hold_that_cannot_grow_stops_the_stream(
    broken: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = sse(chat_chunk("y" * 2_000), done=False)
    gateway = Gateway(lambda request: streamed(text, text, text))

    def extend(hold: Hold, amount: int) -> Hold:
        raise broken

    answer = gateway.send(gateway.event("/v1/chat/completions", STREAM | {"max_tokens": 16_000}))
    answer.chunks.wallets = type("Broken", (), {"extend": staticmethod(extend)})()
    seen = answer.read()
    assert seen.body.endswith(b"data: [DONE]\n\n")
    record = settled(gateway)
    assert record.error == "ledger_unavailable"
    assert 0 < record.charge <= record.held
