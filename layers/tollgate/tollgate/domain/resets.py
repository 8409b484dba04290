"""When a vendor's limit ends, as its refusal tells: headers and bodies, each vendor in its own way.

What is told is believed within reason: a wait of a day, a window's end in eight days.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

SECOND: Final = 1_000
LONGEST_WAIT_MS: Final = 86_400_000
LONGEST_WINDOW_MS: Final = 8 * 86_400_000
DIGITS: Final = 15
"""A longer number is not even read."""

DURATION: Final = re.compile(
    r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9})(?:\.(\d{1,9}))?(ms|s))?"
)
"""OpenAI's and Google's spans: `6m0s`, `20ms`, `1.5s`, `1h2m3s`."""

ANTHROPIC: Final = ("requests", "tokens", "input-tokens", "output-tokens")
UNIFIED: Final = ("5h", "7d")
OPENAI: Final = ("requests", "tokens")
CODEX: Final = ("primary", "secondary")


def reset_at(headers: Mapping[str, str], body: bytes, now_ms: int) -> int | None:
    """Until when (epoch ms) a refused account has to wait; None when it does not say.

    What it says in Retry-After goes before the end of its windows, and these before its body.
    """
    waits = (from_retry_after(headers, now_ms), *from_windows(headers, now_ms))
    found = next((at for at in waits if at is not None), None)
    if found is None:
        found = from_body(body, now_ms)
    return found


def from_retry_after(headers: Mapping[str, str], now_ms: int) -> int | None:
    """`retry-after-ms`, or `retry-after` in seconds or as a date."""
    exact = whole(headers.get("retry-after-ms", ""))
    if exact is not None:
        return within(now_ms + exact, now_ms, LONGEST_WAIT_MS)
    text = headers.get("retry-after", "").strip()
    seconds = whole(text)
    if seconds is not None:
        return within(now_ms + seconds * SECOND, now_ms, LONGEST_WAIT_MS)
    return within(instant(text), now_ms, LONGEST_WAIT_MS)


def from_windows(headers: Mapping[str, str], now_ms: int) -> Iterable[int | None]:
    """The ends of the windows that are used up: where several are, the last one's."""
    yield latest(unified(headers), now_ms)
    yield within(moment(headers.get("anthropic-ratelimit-unified-reset", "")), now_ms)
    yield latest(
        (
            moment(headers.get(f"anthropic-ratelimit-{name}-reset", ""))
            for name in ANTHROPIC
            if headers.get(f"anthropic-ratelimit-{name}-remaining") == "0"
        ),
        now_ms,
    )
    yield latest(
        (
            after(headers.get(f"x-ratelimit-reset-{name}", ""), now_ms)
            for name in OPENAI
            if headers.get(f"x-ratelimit-remaining-{name}") == "0"
        ),
        now_ms,
    )
    yield latest(
        (
            after(headers.get(f"x-codex-{name}-reset-after-seconds", "") + "s", now_ms)
            for name in CODEX
            if used_up(headers.get(f"x-codex-{name}-used-percent", ""), 100)
        ),
        now_ms,
    )


def unified(headers: Mapping[str, str]) -> Iterable[int | None]:
    """Anthropic's windows of five hours and seven days that are used up."""
    for name in UNIFIED:
        start = f"anthropic-ratelimit-unified-{name}"
        rejected = headers.get(f"{start}-status") == "rejected"
        if rejected or used_up(headers.get(f"{start}-utilization", ""), 1):
            yield moment(headers.get(f"{start}-reset", ""))


def from_body(body: bytes, now_ms: int) -> int | None:
    """Google's RetryInfo, or OpenAI's `resets_at` and `resets_in_seconds`."""
    error = error_of(body)
    delays = (each.get("retryDelay") for each in details_of(error))
    told = next((text for text in delays if isinstance(text, str)), "")
    waits = after(told, now_ms)
    if waits is not None:
        return within(waits, now_ms)
    at, wait = error.get("resets_at"), error.get("resets_in_seconds")
    if type(at) is int:
        return within(moment(str(at)), now_ms)
    return within(after(f"{wait}s", now_ms), now_ms) if type(wait) is int else None


def error_of(body: bytes) -> dict[str, Any]:
    """The error a body tells of, {} when it is none we can read."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    value = value[0] if isinstance(value, list) and value else value
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def details_of(error: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The details Google puts into an error."""
    details = error.get("details")
    return [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []


# --- times as vendors write them ------------------------------------------------------------------


def latest(times: Iterable[int | None], now_ms: int) -> int | None:
    """The last of the times that make sense."""
    sensible = (within(at, now_ms) for at in times)
    return max((at for at in sensible if at is not None), default=None)


def within(at: int | None, now_ms: int, most_ms: int = LONGEST_WINDOW_MS) -> int | None:
    """A time to come, not farther away than is sensible; None for one that is over."""
    if at is None or at <= now_ms:
        return None
    return min(at, now_ms + most_ms)


def whole(text: str) -> int | None:
    """A whole number of at least 0."""
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if len(text) <= DIGITS else 10**DIGITS


def moment(text: str) -> int | None:
    """An instant: epoch seconds, or RFC 3339."""
    seconds = whole(text.strip())
    if seconds is not None:
        return seconds * SECOND
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return epoch_ms(read)


def instant(text: str) -> int | None:
    """A date as HTTP writes it."""
    try:
        return epoch_ms(parsedate_to_datetime(text))
    except (TypeError, ValueError, IndexError):
        return None


def epoch_ms(read: datetime) -> int | None:
    """A time with its offset; one without could be anywhere."""
    return None if read.tzinfo is None else int(read.timestamp()) * SECOND


def after(text: str, now_ms: int) -> int | None:
    """The end of a span that begins now."""
    found = DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, number, part, unit = found.groups()
    ms = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 * SECOND
    last = int(number or 0) * SECOND + int((part or "").ljust(3, "0")[:3])
    return now_ms + ms + (last // SECOND if unit == "ms" else last)


def used_up(text: str, most: int) -> bool:
    """Whether a share, with decimals or without, has reached the most there is."""
    before = text.strip().partition(".")[0]
    share = whole(before)
    return share is not None and share >= most
