"""What refusals of Google's code assist endpoint mean, case by case."""

import json
from typing import Any

import pytest

from tollgate.domain.antigravity import (
    Lack,
    Rest,
    antigravity_rest,
    lack_of,
    milliseconds,
    out_of_credits,
)

INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY = "type.googleapis.com/google.rpc.RetryInfo"


def error(message: str = "", reason: str = "", delay: str = "") -> bytes:
    """An error as Google writes one."""
    details: list[dict[str, Any]] = [{"@type": "type.googleapis.com/google.rpc.Help"}]
    if reason:
        details.append({"@type": INFO, "reason": reason, "domain": "cloudcode-pa.googleapis.com"})
    if delay:
        details.append({"@type": RETRY, "retryDelay": delay})
    return json.dumps({"error": {"message": message, "details": details}}).encode()


@pytest.mark.parametrize(
    ("body", "lack"),
    [
        pytest.param(error("QUOTA_EXHAUSTED"), "quota_exhausted", id="by its name"),
        pytest.param(error("Quota exhausted for model"), "quota_exhausted", id="in words"),
        pytest.param(error("", "QUOTA_EXHAUSTED", "3600s"), "quota_exhausted", id="as its reason"),
        pytest.param(
            error("", "RATE_LIMIT_EXCEEDED", "0.5s"), "rate_limited", id="a delay: be patient"
        ),
        pytest.param(error("", "", "2s"), "rate_limited", id="a delay without a reason"),
        pytest.param(
            error("", "MODEL_CAPACITY_EXHAUSTED", "2s"), "unknown", id="the vendor's capacity"
        ),
        pytest.param(error("Resource has been exhausted"), "unknown", id="it does not say"),
        pytest.param(b"", "unknown", id="nothing"),
    ],
)
def test_a_429_lacks_quota_or_patience_or_does_not_say(body: bytes, lack: Lack) -> None:
    assert lack_of(body) == lack


@pytest.mark.parametrize(
    ("status", "body", "out"),
    [
        pytest.param(0, b"", False, id="no answer"),
        pytest.param(500, error("credit balance"), False, id="500"),
        pytest.param(503, error("insufficient credits"), False, id="503"),
        pytest.param(408, error("insufficient credits"), False, id="408"),
        pytest.param(429, error("Resource has been exhausted"), True, id="429 exhausted"),
        pytest.param(
            429,
            error("Resource has been exhausted (e.g. check quota)."),
            True,
            id="429 exhausted, check quota",
        ),
        pytest.param(
            429,
            error("You have exhausted your capacity on this model. Resource has been exhausted"),
            False,
            id="429 that model's free capacity only",
        ),
        pytest.param(
            429,
            error("Resource has been exhausted", "RATE_LIMIT_EXCEEDED", "0.5s"),
            False,
            id="429 RATE_LIMIT_EXCEEDED, half a second",
        ),
        pytest.param(429, error("slow down"), False, id="429 without a word of it"),
        pytest.param(400, error("GOOGLE_ONE_AI is not enabled"), True, id="400 google_one_ai"),
        pytest.param(400, error("Insufficient credit"), True, id="400 insufficient credit"),
        pytest.param(402, error("Insufficient credits"), True, id="402 insufficient credits"),
        pytest.param(400, error("not enough credit"), True, id="400 not enough credit"),
        pytest.param(400, error("Not enough credits"), True, id="400 not enough credits"),
        pytest.param(400, error("credit exhausted"), True, id="400 credit exhausted"),
        pytest.param(400, error("Credits exhausted"), True, id="400 credits exhausted"),
        pytest.param(403, error("credit balance is 0"), True, id="403 credit balance"),
        pytest.param(
            400, error("minimumCreditAmountForUsage"), True, id="400 minimumCreditAmountForUsage"
        ),
        pytest.param(400, error("below the minimum credit"), True, id="400 minimum credit"),
        pytest.param(
            404, error("resource has been exhausted"), True, id="404 resource has been exhausted"
        ),
        pytest.param(403, error("Permission denied"), False, id="403 permission denied"),
        pytest.param(200, error("credit balance"), False, id="no failure at all"),
    ],
)
def test_only_an_answer_that_says_so_means_that_credits_are_used_up(
    status: int, body: bytes, out: bool
) -> None:
    assert out_of_credits(status, body) is out


def test_words_that_the_caller_said_do_not_mean_that_credits_are_used_up() -> None:
    repeated = error("Invalid value: 'my Credit Balance'")
    assert not out_of_credits(400, repeated, b'{"text":"my credit balance"}')
    assert out_of_credits(400, error("Insufficient credits"), b'{"text":"my credit balance"}')


@pytest.mark.parametrize(
    ("status", "body", "rest"),
    [
        pytest.param(429, error(delay="0.5s"), Rest(30_000, 500, 1), id="half a second: wait"),
        pytest.param(429, error(delay="6.999s"), Rest(30_000, 6_999, 1), id="just below 7 s: wait"),
        pytest.param(429, error(delay="7s"), Rest(7_000), id="7 s: the model rests"),
        pytest.param(503, error(delay="90s"), Rest(90_000), id="503 with a delay"),
        pytest.param(503, error(delay="1s"), Rest(30_000, 1_000, 1), id="503 with a short delay"),
        pytest.param(429, error("slow down"), Rest(30_000), id="429 without one: 30 s"),
        pytest.param(503, error("overloaded"), None, id="503 without one: as any"),
        pytest.param(
            503,
            error("", "MODEL_CAPACITY_EXHAUSTED"),
            Rest(10_000, 1_000, 60),
            id="no capacity: a minute of tries",
        ),
        pytest.param(
            429,
            error("", "MODEL_CAPACITY_EXHAUSTED", "39s"),
            Rest(10_000, 1_000, 60),
            id="no capacity, whatever its delay",
        ),
        pytest.param(
            429,
            b"[" + error("", "QUOTA_EXHAUSTED", "1h16m0.6s") + b"]",
            Rest(4_560_600),
            id="within an array, as streams have it",
        ),
        pytest.param(500, error(delay="1s"), None, id="500"),
        pytest.param(401, error(delay="1s"), None, id="401"),
        pytest.param(429, b"<html>", Rest(30_000), id="no JSON"),
        pytest.param(429, b"[]", Rest(30_000), id="an empty array"),
        pytest.param(429, b'{"error":"x"}', Rest(30_000), id="an error of another form"),
        pytest.param(429, b'{"error":{"details":[1]}}', Rest(30_000), id="details of none"),
        pytest.param(429, error(delay="soon"), Rest(30_000), id="no delay anybody reads"),
    ],
)
def test_short_delays_are_waited_for_and_long_ones_rest_the_model(
    status: int, body: bytes, rest: Rest | None
) -> None:
    assert antigravity_rest(status, body) == rest


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        pytest.param("3.5s", 3_500, id="seconds"),
        pytest.param("0.0001s", 1, id="rounded up"),
        pytest.param("373.801628ms", 373, id="milliseconds"),
        pytest.param("2m", 120_000, id="minutes"),
        pytest.param("1h16m0.667s", 4_560_667, id="hours"),
        pytest.param("9999h", 604_800_000, id="no longer than a week"),
        pytest.param("", None, id="nothing"),
        pytest.param("-1s", None, id="before now"),
        pytest.param("1", None, id="no unit"),
        pytest.param(None, None, id="no text"),
    ],
)
def test_delays_are_read_as_google_writes_them(text: object, ms: int | None) -> None:
    assert milliseconds(text) == ms
