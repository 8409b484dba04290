"""Google's code assist endpoint: Gemini's answers in an envelope, quota and credits beside them."""

from collections.abc import Iterator, Mapping

from local.replay import gemini
from local.replay.prompt import Json, Prompt
from local.replay.reply import ID, Reply, compose
from local.replay.sse import Event
from local.replay.vendor import Answer

NEWLINE = gemini.NEWLINE
METHODS = {
    "generateContent": "generate",
    "streamGenerateContent": "stream",
    "countTokens": "count",
    "loadCodeAssist": "balance",
    "fetchAvailableModels": "models",
}
PROJECT = "replay-project-7"
LEAST = 50
OUT_OF_QUOTA = 3_600  # seconds until free quota is there again
TYPES = "type.googleapis.com/google.rpc"


def headers() -> dict[str, str]:
    """What this vendor sends beside the content type."""
    return gemini.headers()


def events(reply: Reply) -> Iterator[Event]:
    """A streamed answer, each event in an envelope of its own."""
    for name, value in gemini.events(reply):
        yield name, _wrapped(value)


def failure(status: int, message: str) -> Json:
    """The body of an error answer; it has no envelope."""
    return gemini.failure(status, message)


def failure_event(message: str) -> Event:
    """What a stream says when it breaks."""
    return gemini.failure_event(message)


def refusal(prompt: Prompt) -> tuple[int, Json] | None:
    """What a call is refused with, for want of quota, credits, patience or machines."""
    knobs, paid = prompt.knobs, "enabledCreditTypes" in prompt.asked
    if knobs.capacity:
        return 503, _detailed(503, "No capacity available.", "MODEL_CAPACITY_EXHAUSTED")
    if knobs.wait:
        return 429, _detailed(429, "Slow down.", "RATE_LIMIT_EXCEEDED", f"{knobs.wait / 1000}s")
    if knobs.no_credits and paid:
        return 429, failure(429, "Resource has been exhausted (e.g. check quota).")
    if knobs.quota_exhausted and not paid:
        told = "You have exhausted your quota on this model."
        return 429, _detailed(429, told, "QUOTA_EXHAUSTED", f"{OUT_OF_QUOTA}s")
    return None


def balance(prompt: Prompt, now: int) -> Json:
    """Which project and tier an account has, and its credits where the knob gives it some."""
    answer: Json = {"currentTier": {"id": "free-tier"}, "cloudaicompanionProject": PROJECT}
    if prompt.knobs.credits is None:
        return answer
    credit = {
        "creditType": "GOOGLE_ONE_AI",
        "creditAmount": str(prompt.knobs.credits),
        "minimumCreditAmountForUsage": str(prompt.knobs.minimum),
    }
    return answer | {"paidTier": {"id": "g1-pro-tier", "availableCredits": [credit]}}


def models(prompt: Prompt, now: int) -> Json:
    """The models there are, each with what is left of its quota."""
    left = {"quotaInfo": {"remainingFraction": 1}}
    return {"models": dict.fromkeys(gemini.MODELS, left)}


def _wrapped(value: Json | str) -> Json:
    return {"response": value, "traceId": ID}


def _detailed(status: int, message: str, reason: str, delay: str = "") -> Json:
    told = failure(status, message)
    details: list[Json] = [{"@type": f"{TYPES}.ErrorInfo", "reason": reason, "metadata": {}}]
    if delay:
        details.append({"@type": f"{TYPES}.RetryInfo", "retryDelay": delay})
    told["error"]["details"] = details
    return told


ANSWERS: Mapping[str, Answer] = {
    "generate": lambda prompt, now: _wrapped(gemini.complete(compose(prompt, now))),
    "count": lambda prompt, now: {"totalTokens": prompt.tokens},
    "balance": balance,
    "models": models,
}
