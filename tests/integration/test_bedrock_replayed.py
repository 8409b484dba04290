"""Bedrock over a real connection: the replay upstream checks every signature it is sent."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from local.replay.aws import ACCESS_KEY, API_KEY, SECRET_KEY
from local.replay.listener import running
from tests.event_streams import METRICS
from tests.gateway import START_MS
from tollgate.dialects import load
from tollgate.domain.catalog import Account
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import TollgateError, UpstreamFailed, UpstreamRateLimited
from tollgate.domain.resolution import Candidate
from tollgate.services.speech import Outgoing, Speech, heard
from tollgate.services.vendors import speaking
from tollgate.upstream.client import Answer, Upstream

MODEL = "claude-sonnet-4-5"
FREE = PriceSnapshot("official", "", 0, MODEL)
SIGNING = json.dumps(
    {
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": SECRET_KEY,
        "aws_session_token": "a+token/of=ours==",
    }
)
BEARING = json.dumps({"api_key": API_KEY})
BEDROCK = Account("acc_1", "AWS", "anthropic", "bedrock", "", {}, region="eu-west-1")
ARN = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-6-v1"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as found:
        yield found


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    opened = Upstream(loopback=True)
    yield opened
    opened.close()


def script(url: str, *behaviours: str) -> None:
    """What the next calls of the account get."""
    body = {"key": ACCESS_KEY, "behaviours": behaviours}
    httpx.post(f"{url}/_replay/script", json=body).raise_for_status()


def answer(upstream: Upstream, account: Account, *, secret: str = SIGNING, **body: Any) -> Answer:
    """What an account answers to a call."""
    dialect = load("anthropic_messages")
    asked = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "é"}]}
    route = next(each for each in dialect.routes if each.operation == "generate")
    call = dialect.read_call(route, {}, {}, json.dumps(asked | body).encode())
    outgoing = Outgoing(dialect, call, {}, START_MS + 60_000)
    wire_name = account.model_mapping.get(MODEL, MODEL)
    candidate = Candidate(account, "", MODEL, wire_name, (MODEL,), FREE, FREE, None)
    speech = Speech(lambda _: secret, speaking(lambda: START_MS))
    spoken = speech.said(outgoing, candidate)
    return heard(upstream.send(spoken.target, 10.0), spoken)


@pytest.mark.parametrize(
    ("account", "secret"),
    [
        pytest.param(BEDROCK, SIGNING, id="signed"),
        pytest.param(replace(BEDROCK, model_mapping={MODEL: ARN}), SIGNING, id="signed, an ARN"),
        pytest.param(replace(BEDROCK, auth_mode="apikey"), BEARING, id="an API key"),
    ],
)
def test_calls_are_answered(url: str, upstream: Upstream, account: Account, secret: str) -> None:
    for base in (url, f"{url}/inner"):
        got = answer(upstream, replace(account, base_url=base), secret=secret)
        told = json.loads(got.read())
        assert (got.status, told["type"], told["usage"]["output_tokens"]) == (200, "message", 8)
        assert got.identity
        got.close()


def test_a_wrong_secret_is_noticed(url: str, upstream: Upstream) -> None:
    wrong = SIGNING.replace(SECRET_KEY, "another")
    got = answer(upstream, replace(BEDROCK, base_url=url), secret=wrong)
    assert (got.status, json.loads(got.read())["error"]["type"]) == (403, "permission_error")


@pytest.mark.parametrize("knobs", ["", "sse=split", "size=5000"])
def test_a_stream_is_read(url: str, upstream: Upstream, knobs: str) -> None:
    script(url, knobs)
    got = answer(upstream, replace(BEDROCK, base_url=url), stream=True)
    tap = load("anthropic_messages").tap(None)  # type: ignore[arg-type] # any call's is the same
    body = b"".join(tap.feed(chunk) for chunk in got.chunks()) + tap.flush()
    assert body.count(b"event: ") == 14
    assert METRICS.encode() not in body
    assert (tap.finished, tap.failed) == (True, False)
    assert tap.usage is not None
    assert dict(tap.usage.quantities) == {"input": 4, "output": 8}


def test_metrics_tell_what_events_do_not(url: str, upstream: Upstream) -> None:
    script(url, "usage=missing")
    got = answer(upstream, replace(BEDROCK, base_url=url), stream=True)
    tap = load("anthropic_messages").tap(None)  # type: ignore[arg-type]
    for chunk in got.chunks():
        tap.feed(chunk)
    assert tap.usage is not None
    assert dict(tap.usage.quantities) == {"input": 4, "output": 8}


@pytest.mark.parametrize(
    ("knobs", "error"),
    [
        pytest.param("fail=0+throw=throttlingException", UpstreamRateLimited, id="throttled"),
        pytest.param("fail=5", UpstreamFailed, id="the model failed"),
        pytest.param("sse=garbage", UpstreamFailed, id="a bit turned over"),
        pytest.param("odd=html", UpstreamFailed, id="a page of a proxy"),
        pytest.param("odd=short", UpstreamFailed, id="cut within a message"),
    ],
)
def test_a_stream_that_fails(
    url: str, upstream: Upstream, knobs: str, error: type[TollgateError]
) -> None:
    script(url, knobs)
    got = answer(upstream, replace(BEDROCK, base_url=url), stream=True)
    with pytest.raises(error):
        list(got.chunks())
    got.close()


@pytest.mark.parametrize(
    ("knobs", "status"),
    [
        pytest.param("status=429", 429, id="throttled"),
        pytest.param("status=404", 403, id="no such model"),
        pytest.param("status=400+throw=ServiceQuotaExceededException", 429, id="our quota"),
        pytest.param("status=424", 502, id="the model failed"),
        pytest.param("status=400", 400, id="the call is wrong"),
    ],
)
def test_refusals_mean_what_anthropics_do(
    url: str, upstream: Upstream, knobs: str, status: int
) -> None:
    script(url, knobs)
    got = answer(upstream, replace(BEDROCK, base_url=url))
    assert (got.status, json.loads(got.read())["type"]) == (status, "error")
