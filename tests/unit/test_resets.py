"""When a vendor's limit ends: headers and bodies of refusals, with typed-out waits."""

import pytest

from tollgate.domain.resets import reset_at

NOW = 1_800_000_000_000
"""2027-01-15 08:00:00 UTC."""
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

RETRY_INFO = (
    b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": ['
    b'{"@type": "type.googleapis.com/google.rpc.QuotaFailure"}, '
    b'{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.074824224s"}]}}'
)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param({"retry-after": "7"}, 7 * SECOND, id="seconds"),
        pytest.param({"retry-after": " 7 "}, 7 * SECOND, id="seconds between blanks"),
        pytest.param({"retry-after": "0"}, None, id="at once"),
        pytest.param({"retry-after": "-3"}, None, id="negative"),
        pytest.param({"retry-after": "soon"}, None, id="a word"),
        pytest.param({"retry-after": "1000000000"}, DAY, id="for ever is a day"),
        pytest.param({"retry-after": "9" * 400}, DAY, id="a number of 400 digits"),
        pytest.param({"retry-after": "٣"}, None, id="another script's digit"),
        pytest.param({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30 * SECOND, id="a date"),
        pytest.param({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, None, id="a date gone by"),
        pytest.param({"retry-after": "Fri, 32 Jan 2027 08:00:30 GMT"}, None, id="no date"),
        pytest.param({"retry-after": "Fri, 15 Jan 2027 08:00:30"}, None, id="a date anywhere"),
        pytest.param(
            {"retry-after": "Fri, 15 Jan 9999 08:00:30 GMT"}, DAY, id="a date too far away"
        ),
        pytest.param({"retry-after-ms": "250", "retry-after": "1"}, 250, id="milliseconds"),
        pytest.param({"retry-after-ms": "x", "retry-after": "1"}, SECOND, id="no milliseconds"),
    ],
)
def test_retry_after(headers: dict[str, str], wait: int | None) -> None:
    assert reset_at(headers, b"", NOW) == (None if wait is None else NOW + wait)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param(
            {"5h-status": "rejected", "5h-reset": "1800003600"}, HOUR, id="five hours used up"
        ),
        pytest.param(
            {"5h-utilization": "1.02", "5h-reset": "1800003600"}, HOUR, id="used up by its share"
        ),
        pytest.param(
            {
                "5h-status": "rejected",
                "5h-reset": "1800003600",
                "7d-status": "rejected",
                "7d-reset": "1800172800",
            },
            2 * DAY,
            id="both windows: the last one's end",
        ),
        pytest.param(
            {
                "5h-utilization": "0.99",
                "5h-reset": "1800003600",
                "7d-utilization": "1",
                "7d-reset": "1800172800",
            },
            2 * DAY,
            id="only the week is used up",
        ),
        pytest.param({"status": "rejected", "reset": "1800000060"}, MINUTE, id="one for all"),
        pytest.param({"7d-status": "rejected", "7d-reset": "1801000000"}, 8 * DAY, id="too far"),
        pytest.param({"5h-status": "rejected", "5h-reset": "1"}, None, id="over already"),
        pytest.param({"5h-status": "rejected"}, None, id="without an end"),
    ],
)
def test_anthropics_windows(headers: dict[str, str], wait: int | None) -> None:
    whole = {f"anthropic-ratelimit-unified-{name}": text for name, text in headers.items()}
    assert reset_at(whole, b"", NOW) == (None if wait is None else NOW + wait)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param(
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:12Z",
                "anthropic-ratelimit-tokens-remaining": "900",
                "anthropic-ratelimit-tokens-reset": "2027-01-15T08:05:00Z",
            },
            12 * SECOND,
            id="Anthropic: what still has some does not count",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2027-01-15T09:00:20+01:00",
                "anthropic-ratelimit-output-tokens-remaining": "0",
                "anthropic-ratelimit-output-tokens-reset": "2027-01-15T08:00:40Z",
            },
            40 * SECOND,
            id="Anthropic: the later of two",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:40",
            },
            None,
            id="Anthropic: a time anywhere",
        ),
        pytest.param(
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"},
            6 * MINUTE,
            id="OpenAI: minutes",
        ),
        pytest.param(
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"},
            20,
            id="OpenAI: milliseconds",
        ),
        pytest.param(
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h2m3.5s"},
            HOUR + 2 * MINUTE + 3_500,
            id="OpenAI: hours to milliseconds",
        ),
        pytest.param(
            {"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "6m0s"},
            None,
            id="OpenAI: there are some left",
        ),
        pytest.param(
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "later"},
            None,
            id="OpenAI: no span",
        ),
        pytest.param(
            {
                "x-codex-primary-used-percent": "100.0",
                "x-codex-primary-reset-after-seconds": "1200",
                "x-codex-secondary-used-percent": "40",
                "x-codex-secondary-reset-after-seconds": "90000",
            },
            20 * MINUTE,
            id="Codex: the first window",
        ),
        pytest.param(
            {
                "x-codex-primary-used-percent": "12",
                "x-codex-primary-reset-after-seconds": "1200",
                "x-codex-secondary-used-percent": "101",
                "x-codex-secondary-reset-after-seconds": "90000",
            },
            25 * HOUR,
            id="Codex: the second window",
        ),
        pytest.param({}, None, id="nothing said"),
    ],
)
def test_other_windows(headers: dict[str, str], wait: int | None) -> None:
    assert reset_at(headers, b"", NOW) == (None if wait is None else NOW + wait)


@pytest.mark.parametrize(
    ("body", "wait"),
    [
        pytest.param(RETRY_INFO, 34_074, id="Gemini: RetryInfo"),
        pytest.param(b"[" + RETRY_INFO + b"]", 34_074, id="Gemini: within a list"),
        pytest.param(
            b'{"error": {"details": [{"retryDelay": 5}, "x"]}}', None, id="Gemini: no text"
        ),
        pytest.param(b'{"error": {"details": {"retryDelay": "5s"}}}', None, id="Gemini: no list"),
        pytest.param(
            b'{"error": {"type": "usage_limit_reached", "resets_at": 1800000090}}',
            90 * SECOND,
            id="OpenAI: resets_at",
        ),
        pytest.param(b'{"error": {"resets_in_seconds": 45}}', 45 * SECOND, id="OpenAI: in seconds"),
        pytest.param(b'{"error": {"resets_in_seconds": true}}', None, id="OpenAI: no number"),
        pytest.param(b'{"error": "later"}', None, id="an error that is text"),
        pytest.param(b"[]", None, id="an empty list"),
        pytest.param(b"<html>", None, id="no JSON"),
    ],
)
def test_bodies(body: bytes, wait: int | None) -> None:
    assert reset_at({}, body, NOW) == (None if wait is None else NOW + wait)


def test_retry_after_goes_before_windows_and_windows_before_the_body() -> None:
    window = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20s"}
    assert reset_at({**window, "retry-after": "5"}, RETRY_INFO, NOW) == NOW + 5 * SECOND
    assert reset_at(window, RETRY_INFO, NOW) == NOW + 20 * SECOND
