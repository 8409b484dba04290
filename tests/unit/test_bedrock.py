"""Calls through Bedrock accounts, from the caller's bytes to the charge and back."""

from dataclasses import replace

import httpx
import pytest

from tests.bedrock_calls import (
    ANSWER,
    AWS_ID,
    BEARER,
    BEDROCK,
    BODY,
    CHARGE,
    DIRECT,
    HOST,
    ID,
    MODEL,
    STREAM,
    Serve,
    by_host,
    gateway,
    messages,
    streaming,
    whole,
)
from tests.event_streams import DELTA, OPEN, START, STOP, TOLD, chunk, exception, pieces, stream
from tests.gateway import START_MS
from tollgate.domain.catalog import Account
from tollgate.domain.sigv4 import Credentials, Unsigned, signed


def test_a_whole_answer() -> None:
    used = gateway(whole)
    seen = messages(used)
    assert (seen.status, seen.json) == (200, ANSWER)
    record = used.record()
    assert (record.charge, record.usage) == (CHARGE, {"input": 1_000, "output": 500})
    assert record.upstream_id == AWS_ID["x-amzn-requestid"]
    assert (record.account, record.status) == ("acc_aws", 200)
    assert used.settle() == []


def test_what_is_sent_is_signed() -> None:
    used = gateway(whole)
    messages(used, anthropic_version="2023-06-01")
    (request,) = used.upstream.requests
    path = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"
    assert request.url.raw_path.decode() == path
    assert request.url.host == HOST
    assert request.content == (
        b'{"anthropic_version":"bedrock-2023-05-31","max_tokens": 1000, '
        b'"messages": [{"role": "user", "content": "hi"}]}'
    )
    headers = {"host": HOST, "content-type": "application/json", "accept": "application/json"}
    credentials = Credentials("AKIDBEDROCK", "secret/of+bedrock", "session==")
    expected = signed(
        Unsigned(path, request.content, headers),
        credentials,
        "us-east-1",
        "bedrock",
        START_MS // 1_000,
    )
    sent = dict(request.headers)
    assert {name: sent[name] for name in expected} == expected
    assert sent["x-amz-date"] == "20261122T120000Z"
    assert not {"x-api-key", "anthropic-version", "anthropic-beta"} & set(sent)


def test_an_api_key_is_sent_as_it_is() -> None:
    used = gateway(whole, BEARER)
    assert messages(used).status == 200
    (request,) = used.upstream.requests
    assert request.headers["authorization"] == "Bearer ABSKbedrock"
    assert "x-amz-date" not in request.headers


@pytest.mark.parametrize(
    ("account", "url"),
    [
        pytest.param(
            replace(
                BEDROCK,
                region="eu-west-1",
                base_url="https://bedrock-runtime.eu-west-1.amazonaws.com",
            ),
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.",
            id="in Europe",
        ),
        pytest.param(
            replace(BEDROCK, base_url="https://vpce.example.com:443/inner"),
            "https://vpce.example.com/inner/model/us.",
            id="an endpoint of its own",
        ),
        pytest.param(
            replace(BEDROCK, force_global=True), f"https://{HOST}/model/global.", id="global"
        ),
        pytest.param(
            replace(
                BEDROCK, model_mapping={MODEL: "arn:aws:bedrock:us-east-1:1:inference-profile/x"}
            ),
            f"https://{HOST}/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/",
            id="an ARN",
        ),
    ],
)
def test_where_it_is_sent(account: Account, url: str) -> None:
    used = gateway(whole, account)
    assert messages(used).status == 200
    (request,) = used.upstream.requests
    assert str(request.url).startswith(url)
    assert request.headers["host"] == request.url.netloc.decode()


@pytest.mark.parametrize("size", [1, 7, 4_096])
def test_a_stream(size: int) -> None:
    used = gateway(streaming(*pieces(stream(), size)))
    seen = messages(used, STREAM)
    assert (seen.status, seen.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    told = TOLD.replace(
        b'"usage":{"output_tokens":500}', b'"usage":{"output_tokens":500,"cost":%b}'
    )
    assert without_cost(seen.body) == TOLD
    assert told.count(b"event: ") == seen.body.count(b"event: ")
    record = used.record()
    assert (record.charge, record.usage) == (CHARGE, {"input": 1_000, "output": 500})
    assert record.upstream_id == AWS_ID["x-amzn-requestid"]
    (request,) = used.upstream.requests
    assert request.url.raw_path.endswith(b"%3A0/invoke-with-response-stream")
    assert request.headers["accept"] == "application/vnd.amazon.eventstream"
    assert b'"stream"' not in request.content


def without_cost(body: bytes) -> bytes:
    """The stream without what we told of the charge."""
    return body.replace(b',"cost":0.0105', b"")


def test_metrics_price_a_stream_that_tells_no_usage() -> None:
    quiet = [
        {"type": "message_start", "message": {"id": "msg_1", "role": "assistant"}},
        OPEN,
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        STOP,
    ]
    used = gateway(streaming(stream(quiet)))
    assert messages(used, STREAM).status == 200
    record = used.record()
    assert (record.charge, record.usage_source) == (CHARGE, "upstream")


# --- failures -------------------------------------------------------------------------------------


def one_by_one(*streams: bytes) -> Serve:
    """The next call gets the next stream."""
    left = list(streams)

    def serve(request: httpx.Request) -> httpx.Response:
        return streaming(left.pop(0))(request)

    return serve


@pytest.mark.parametrize("kind", ["throttlingException", "modelStreamErrorException"])
def test_an_exception_before_anything_fails_over(kind: str) -> None:
    first = replace(BEDROCK, priority=1)
    used = gateway(
        one_by_one(chunk(START) + exception(kind), stream()), first, replace(BEDROCK, id="acc_2")
    )
    seen = messages(used, STREAM)
    assert without_cost(seen.body) == TOLD
    record = used.record()
    assert (record.account, record.charge) == ("acc_2", CHARGE)
    assert [attempt["account"] for attempt in record.attempts] == ["acc_aws", "acc_2"]


def test_a_damaged_stream_fails_over() -> None:
    broken = bytearray(stream())
    broken[30] ^= 1
    used = gateway(one_by_one(bytes(broken), stream()), BEDROCK, replace(BEDROCK, id="acc_2"))
    assert without_cost(messages(used, STREAM).body) == TOLD


def test_a_stream_that_fails_later_ends_in_an_error_event() -> None:
    used = gateway(streaming(chunk(START), chunk(OPEN), exception("modelStreamErrorException")))
    seen = messages(used, STREAM)
    assert seen.status == 200
    last = seen.body.decode().rstrip("\n").split("\n\n")[-1]
    assert last.startswith("event: error\n")
    assert "AWS" not in last
    assert used.record().error == "upstream_error"


def refusing(status: int, kind: str, message: str) -> Serve:
    headers = AWS_ID | {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/"}
    return lambda request: httpx.Response(status, headers=headers, json={"message": message})


def test_a_refusal_is_told_in_the_callers_dialect() -> None:
    message = f"{ID}: max_tokens is over the limit of account 123456789012"
    used = gateway(refusing(400, "ValidationException", message))
    seen = messages(used)
    assert seen.status == 400
    assert seen.json == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "claude-sonnet-4-5: max_tokens is over the limit of account ***",
        },
    }
    record = used.record()
    assert (record.charge, record.status) == (0, 400)


def test_a_refusal_too_large_to_be_read_is_told_by_its_status() -> None:
    seen = messages(gateway(refusing(400, "ValidationException", "x" * 70_000)))
    assert (seen.status, seen.json["error"]["message"]) == (
        400,
        "the upstream answered with status 400",
    )


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        pytest.param(429, "ThrottlingException", "Too many tokens", id="throttled"),
        pytest.param(400, "ServiceQuotaExceededException", "over quota", id="our quota"),
        pytest.param(403, "AccessDeniedException", "not authorized", id="we may not"),
        pytest.param(424, "ModelErrorException", "the model failed", id="the model failed"),
        pytest.param(404, "ResourceNotFoundException", "no such model", id="no such model"),
        pytest.param(
            400, "ValidationException", "The provided model identifier is invalid.", id="nor id"
        ),
        pytest.param(503, "ServiceUnavailableException", "later", id="not there"),
    ],
)
def test_what_is_our_accounts_matter_fails_over(status: int, kind: str, message: str) -> None:
    used = gateway(by_host(refusing(status, kind, message)), replace(BEDROCK, priority=1), DIRECT)
    assert messages(used).json["id"] == "msg_direct"
    assert used.record().account == "acc_direct"


def test_credentials_that_are_none_fail_over() -> None:
    broken = replace(BEDROCK, priority=1, auth_mode="broken")
    used = gateway(by_host(whole), broken, DIRECT)
    assert messages(used).json["id"] == "msg_direct"
    assert len(used.upstream.requests) == 1


# --- what a Bedrock account cannot do -------------------------------------------------------------


def test_a_model_without_an_id_goes_elsewhere() -> None:
    mapped = replace(BEDROCK, priority=1, model_mapping={MODEL: "claude-3-5-sonnet-20241022"})
    used = gateway(by_host(whole), mapped, DIRECT)
    assert messages(used).json["id"] == "msg_direct"
    assert len(used.upstream.requests) == 1


def test_a_model_without_an_id_is_not_offered() -> None:
    mapped = replace(BEDROCK, model_mapping={MODEL: "claude-3-5-sonnet-20241022"})
    seen = messages(gateway(whole, mapped))
    assert (seen.status, seen.json["error"]["code"]) == (400, "model_not_found")


def test_only_messages_are_spoken_there() -> None:
    account = replace(BEDROCK, platform="openai")
    used = gateway(whole, account)
    seen = used.post("/v1/chat/completions", BODY)
    assert (seen.status, seen.json["error"]["code"]) == (501, "unsupported_endpoint")
    assert used.upstream.requests == []


def test_tokens_are_counted_elsewhere() -> None:
    used = gateway(
        lambda request: httpx.Response(200, json={"input_tokens": 3}),
        replace(BEDROCK, priority=1),
        DIRECT,
    )
    assert messages(used, path="/v1/messages/count_tokens").json == {"input_tokens": 3}
    (request,) = used.upstream.requests
    assert request.url.host == "anthropic.example.com"


def test_tokens_are_not_counted_where_nobody_can() -> None:
    used = gateway(whole)
    seen = messages(used, path="/v1/messages/count_tokens")
    assert (seen.status, seen.json["error"]["code"]) == (501, "unsupported_endpoint")
    assert used.upstream.requests == []


def test_the_end_of_a_stream_is_what_the_metrics_do_not_change() -> None:
    used = gateway(streaming(stream([START, OPEN, DELTA, STOP])))
    messages(used, STREAM)
    assert used.record().charge == CHARGE


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        pytest.param(404, "ResourceNotFoundException", "no such model", id="it lacks the model"),
        pytest.param(429, "ThrottlingException", "Too many tokens", id="the model is throttled"),
    ],
)
def test_a_model_rests_where_it_is_missing_or_throttled(
    status: int, kind: str, message: str
) -> None:
    used = gateway(by_host(refusing(status, kind, message)), replace(BEDROCK, priority=1), DIRECT)
    for _ in range(3):
        assert messages(used).json["id"] == "msg_direct"
    hosts = [request.url.host for request in used.upstream.requests]
    assert hosts == [HOST, *["anthropic.example.com"] * 3]
    health = used.catalog.health().accounts
    assert set(health.get("acc_aws", {})) <= {f"model:{MODEL}", f"cause:model:{MODEL}"}


def test_throttled_within_a_stream_is_told_as_such() -> None:
    used = gateway(streaming(exception("throttlingException")))
    seen = messages(used, STREAM)
    assert (seen.status, seen.json["error"]["code"]) == (429, "upstream_rate_limited")
    assert [attempt["status"] for attempt in used.record().attempts] == [429]
