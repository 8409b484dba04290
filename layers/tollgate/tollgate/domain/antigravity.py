"""What the refusals of Google's code assist endpoint mean: wait, let a model rest, or no credits.

Its errors are Google's: a status, a message, and details of which one names the reason and one
the time after which to try again.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

IN_PLACE_MS: Final = 7_000
"""A shorter delay is waited for; for a longer one the model rests on this account."""

MODEL_REST_MS: Final = 30_000
"""How long a model rests where nobody says."""

CAPACITY_TRIES: Final = 60
CAPACITY_WAIT_MS: Final = 1_000
CAPACITY_REST_MS: Final = 10_000

LONGEST_MS: Final = 7 * 86_400_000
"""No delay is believed to be longer."""

CAPACITY: Final = "MODEL_CAPACITY_EXHAUSTED"
RATE_LIMIT: Final = "RATE_LIMIT_EXCEEDED"
MODELS_OWN: Final = "exhausted your capacity on this model"
"""Only that model's free capacity is gone; credits are as they were."""

OUT_OF_CREDITS: Final = (
    "google_one_ai",
    "insufficient credit",
    "not enough credit",
    "credit exhausted",
    "credits exhausted",
    "credit balance",
    "minimumcreditamountforusage",
    "minimum credit",
    "resource has been exhausted",
)
OUT_OF_QUOTA: Final = ("quota_exhausted", "quota exhausted")

DURATION: Final = re.compile(
    r"(?=.)(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9})(?:\.(\d{1,9}))?s)?"
    r"(?:(\d{1,9})(?:\.\d{1,9})?ms)?\Z",
    re.ASCII,
)
"""Both ways in which a delay is written: `3.5s`, and `1h16m0.6s` or `373.8ms`."""

Lack = Literal["quota_exhausted", "rate_limited", "unknown"]
"""What a 429 says is lacking: free quota, patience, or it does not say."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What an error's details tell: its reason ("" none), and after how long to try again."""

    name: str = ""
    delay_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """What to do about a refusal: ask again up to `tries` times, each after `wait_ms`; when that
    does not do, the model rests on this account for `model_ms`.
    """

    model_ms: int
    wait_ms: int = 0
    tries: int = 0


def antigravity_rest(status: int, body: bytes) -> Rest | None:
    """What to do about a refusal; None where its status says all there is to know."""
    if status not in {429, 503}:
        return None
    reason = reason_of(body)
    if reason.name == CAPACITY:
        return Rest(CAPACITY_REST_MS, CAPACITY_WAIT_MS, CAPACITY_TRIES)
    if reason.delay_ms is None:
        return Rest(MODEL_REST_MS) if status == 429 else None
    if reason.delay_ms < IN_PLACE_MS:
        return Rest(MODEL_REST_MS, reason.delay_ms, 1)
    return Rest(reason.delay_ms)


def lack_of(body: bytes) -> Lack:
    """What a 429 says is lacking. Only for free quota can credits stand in."""
    if any(words in lowered(body) for words in OUT_OF_QUOTA):
        return "quota_exhausted"
    reason = reason_of(body)
    if reason.delay_ms is not None and reason.name != CAPACITY:
        return "rate_limited"
    return "unknown"


def out_of_credits(status: int, body: bytes, own: bytes = b"") -> bool:
    """Whether the refusal of a call that was to be paid with credits says that they are used up.

    `status` is 0 where there was no answer. Words of `own`, what the caller said in small letters,
    may only have been repeated: they say nothing.
    """
    if status == 408 or not 400 <= status < 500:
        return False
    text = lowered(body)
    if MODELS_OWN in text:
        return False
    reason = reason_of(body)
    if reason.name == RATE_LIMIT and reason.delay_ms is not None:
        return False
    return any(words in text and words.encode() not in own for words in OUT_OF_CREDITS)


def reason_of(body: bytes) -> Reason:
    """What an error's details tell."""
    name, delay = "", None
    for detail in details_of(body):
        kind = str(detail.get("@type"))
        if kind.endswith("google.rpc.ErrorInfo"):
            name = str(detail.get("reason") or "")
        elif kind.endswith("google.rpc.RetryInfo"):
            delay = milliseconds(detail.get("retryDelay"))
    return Reason(name, delay)


def details_of(body: bytes) -> Iterator[Mapping[str, Any]]:
    """The details of an error; a streamed one comes as the only element of an array."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    for name in ("error", "details"):
        value = value[0] if isinstance(value, list) and value else value
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def milliseconds(delay: object) -> int | None:
    """A delay in whole milliseconds, rounded up; None for what is none."""
    found = DURATION.match(delay) if isinstance(delay, str) else None
    if found is None:
        return None
    hours, minutes, seconds, fraction, rest = [str(part or "0") for part in found.groups()]
    part = -(-int(fraction.ljust(9, "0")) // 1_000_000)
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return min(whole * 1_000 + part + int(rest), LONGEST_MS)


def lowered(body: bytes) -> str:
    """A body as keywords are sought in it."""
    return body.decode(errors="replace").lower()
