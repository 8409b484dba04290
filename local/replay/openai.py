"""How OpenAI writes answers, streams, lists and errors."""

import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import sin, sqrt

from local.replay.prompt import Json, Prompt
from local.replay.reply import ID, Reply, ToolCall, compose
from local.replay.sse import Event
from local.replay.vendor import Answer

NEWLINE = "\n"
WORDS = ("stop", "length", "tool_calls")
DIMENSIONS = 1536
MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-5", "text-embedding-3-small")
TYPES = {
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_denied", "permission_denied"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def headers() -> dict[str, str]:
    """What this vendor sends beside the content type."""
    return {
        "x-request-id": f"req_{ID}",
        "openai-organization": "org-replayaccount",
        "openai-processing-ms": "12",
        "x-ratelimit-remaining-requests": "9999",
    }


def complete(reply: Reply) -> Json:
    """A whole chat completion."""
    answer = {
        **_base(reply, "chat.completion"),
        "choices": [_choice(reply, i) for i in range(reply.prompt.choices)],
        "usage": None if reply.knobs.usage == "null" else usage(reply),
    }
    if reply.knobs.usage == "missing":
        del answer["usage"]
    return answer


def events(reply: Reply) -> Iterator[Event]:
    """A streamed chat completion; usage comes only to those who asked for it."""
    kind = reply.knobs.usage
    asked = reply.prompt.wants_usage or kind == "always"
    if asked and kind == "early":
        yield _chunk(reply, [], usage(reply))
    yield from _deltas(reply)
    last = _piece(reply, {}, reply.finish(WORDS))
    yield _chunk(reply, last, usage(reply, reply.output // 2) if kind == "twice" else None)
    if asked and kind not in {"missing", "early"}:
        yield _chunk(reply, [], None if kind == "null" else usage(reply))
    yield "", "[DONE]"


def usage(reply: Reply, output: int | None = None) -> Json:
    """The usage object; a prompt's images and sounds are inside its tokens, as cached ones are."""
    knobs = reply.knobs
    spoken = (reply.output if output is None else output) * reply.prompt.choices
    cached = reply.input + 100 if knobs.usage == "over" else knobs.cached
    seen: Json = {"cached_tokens": cached, "audio_tokens": knobs.audio}
    if knobs.images:
        seen["image_tokens"] = knobs.images
    return reply.counts(
        {
            "prompt_tokens": reply.input,
            "completion_tokens": spoken,
            "total_tokens": reply.input + spoken,
            "prompt_tokens_details": seen,
            "completion_tokens_details": {
                "reasoning_tokens": reply.hidden,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
    )


def failure(status: int, message: str) -> Json:
    """The body of an error answer."""
    kind, code = TYPES.get(status, ("invalid_request_error", None))
    if status >= 500:
        kind, code = "server_error", None
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def failure_event(message: str) -> Event:
    """What a stream says when it breaks."""
    return "", failure(500, message)


def embed(prompt: Prompt, now: int) -> Json:
    """One vector for each text asked for."""
    size = prompt.dimensions or DIMENSIONS
    numbers = [vector(size, i) for i in range(prompt.texts)]
    rows = [_packed(each) if prompt.compact else list(each) for each in numbers]
    answer: Json = {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": r} for i, r in enumerate(rows)],
        "model": prompt.model,
    }
    if prompt.knobs.usage != "missing":
        tokens = prompt.tokens if prompt.knobs.input is None else prompt.knobs.input
        answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return answer


def models(prompt: Prompt, now: int) -> Json:
    """The model list."""
    return {"object": "list", "data": [model(name, now) for name in MODELS]}


def model(name: str, created: int) -> Json:
    """One model."""
    return {"id": name, "object": "model", "created": created, "owned_by": "replay"}


@lru_cache(maxsize=64)
def vector(size: int, seed: int) -> tuple[float, ...]:
    """A vector of length 1, its numbers written as short as vendors write them."""
    raw = [sin((i + 1) * (seed + 1)) for i in range(size)]
    norm = sqrt(sum(x * x for x in raw))
    return tuple(round(x / norm, 8) for x in raw)


def _packed(numbers: tuple[float, ...]) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def _base(reply: Reply, kind: str) -> Json:
    return {
        "id": f"chatcmpl-Replay0{ID}",
        "object": kind,
        "created": reply.created,
        "model": reply.prompt.model,
        "service_tier": reply.knobs.tier or "default",
        "system_fingerprint": "fp_replay",
    }


def _choice(reply: Reply, index: int) -> Json:
    message: Json = {
        "role": "assistant",
        "content": "".join(reply.texts) if not reply.tools else None,
        "refusal": None,
        "annotations": [],
    }
    if reply.thoughts:
        message["reasoning_content"] = "".join(reply.thoughts)
    if reply.tools:
        message["tool_calls"] = [_opened(call, call.arguments) for call in reply.tools]
    return {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": reply.finish(WORDS),
    }


def _deltas(reply: Reply) -> Iterator[Event]:
    first = {"role": "assistant", "content": "" if not reply.tools else None, "refusal": None}
    yield _chunk(reply, _piece(reply, first), None)
    for thought in reply.thoughts:
        yield _chunk(reply, _piece(reply, {"reasoning_content": thought}), None)
    for text in reply.texts:
        yield _chunk(reply, _piece(reply, {"content": text}), None)
    for call in reply.tools:
        yield _chunk(reply, _piece(reply, {"tool_calls": [_indexed(call, "")]}), None)
        for part in call.pieces:
            more = {"index": call.number, "function": {"arguments": part}}
            yield _chunk(reply, _piece(reply, {"tool_calls": [more]}), None)


def _opened(call: ToolCall, arguments: str) -> Json:
    return {
        "id": f"call_{call.number:02d}{ID}",
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _indexed(call: ToolCall, arguments: str) -> Json:
    return {"index": call.number, **_opened(call, arguments)}


def _piece(reply: Reply, delta: Json, finish: str | None = None) -> list[Json]:
    return [
        {"index": i, "delta": delta, "logprobs": None, "finish_reason": finish}
        for i in range(reply.prompt.choices)
    ]


def _chunk(reply: Reply, choices: list[Json], counted: Json | None) -> Event:
    chunk = {**_base(reply, "chat.completion.chunk"), "choices": choices}
    if reply.prompt.wants_usage or counted is not None:
        chunk["usage"] = counted
    return "", chunk


ANSWERS: Mapping[str, Answer] = {
    "generate": lambda prompt, now: complete(compose(prompt, now)),
    "embed": embed,
    "models": models,
    "model": lambda prompt, now: model(prompt.model, now),
}
