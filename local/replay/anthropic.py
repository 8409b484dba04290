"""How Anthropic writes messages, streams, lists and errors."""

from collections.abc import Iterator, Mapping

from local.replay.prompt import Json, Prompt
from local.replay.reply import ID, Reply, arguments, compose
from local.replay.sse import Event
from local.replay.vendor import Answer

NEWLINE = "\n"
WORDS = ("end_turn", "max_tokens", "tool_use")
MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5")
SIGNATURE = "RXBsYXllZCB0aG91Z2h0cyBoYXZlIG5vIHNlY3JldHM="
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def headers() -> dict[str, str]:
    """What this vendor sends beside the content type."""
    return {
        "request-id": f"req_{ID}",
        "anthropic-organization-id": "org-replay",
        "anthropic-ratelimit-requests-remaining": "9999",
    }


def complete(reply: Reply) -> Json:
    """A whole message."""
    content = [*_thoughts(reply), *_texts(reply), *_tools(reply)]
    answer = {
        **_base(reply),
        "content": content,
        "stop_reason": reply.finish(WORDS),
        "stop_sequence": None,
        "usage": None if reply.knobs.usage == "null" else usage(reply, reply.output),
    }
    if reply.knobs.usage == "missing":
        del answer["usage"]
    return answer


def events(reply: Reply) -> Iterator[Event]:
    """A streamed message; output is counted at its end, and everything is said again there."""
    yield "message_start", {"type": "message_start", "message": _opening(reply)}
    for index, (block, deltas) in enumerate(_blocks(reply)):
        yield _named("content_block_start", index=index, content_block=block)
        if index == 0:
            yield _named("ping")
        for delta in deltas:
            yield _named("content_block_delta", index=index, delta=delta)
        yield _named("content_block_stop", index=index)
    yield from _ending(reply)
    yield _named("message_stop")


def usage(reply: Reply, output: int) -> Json:
    """The usage object; tokens read from or written to a cache stand beside the input."""
    knobs = reply.knobs
    counted: Json = {
        "input_tokens": reply.input,
        "cache_creation_input_tokens": knobs.written + knobs.written_1h,
        "cache_read_input_tokens": knobs.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": knobs.written,
            "ephemeral_1h_input_tokens": knobs.written_1h,
        },
        "output_tokens": output,
        "service_tier": knobs.tier or "standard",
    }
    if knobs.searches:
        counted["server_tool_use"] = {"web_search_requests": knobs.searches}
    return reply.counts(counted)


def failure(status: int, message: str) -> Json:
    """The body of an error answer."""
    kind = TYPES.get(status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": f"req_{ID}",
    }


def failure_event(message: str) -> Event:
    """What a stream says when it breaks."""
    return "error", failure(529, message)


def count(prompt: Prompt, now: int) -> Json:
    """The size of a prompt."""
    return {"input_tokens": prompt.tokens}


def models(prompt: Prompt, now: int) -> Json:
    """The model list."""
    return {
        "data": [model(name) for name in MODELS],
        "has_more": False,
        "first_id": MODELS[0],
        "last_id": MODELS[-1],
    }


def model(name: str) -> Json:
    """One model."""
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2026-01-01T00:00:00Z",
    }


def _base(reply: Reply) -> Json:
    return {
        "id": f"msg_01{ID}",
        "type": "message",
        "role": "assistant",
        "model": reply.prompt.model,
    }


def _opening(reply: Reply) -> Json:
    kind = reply.knobs.usage
    start = {**_base(reply), "content": [], "stop_reason": None, "stop_sequence": None}
    if kind == "missing":
        return start
    said = reply.output if kind == "early" else 1
    return {**start, "usage": None if kind == "null" else usage(reply, said)}


def _ending(reply: Reply) -> Iterator[Event]:
    kind = reply.knobs.usage
    stop = {"stop_reason": reply.finish(WORDS), "stop_sequence": None}
    if kind == "twice":
        half = _late(reply, reply.output // 2)
        yield _named("message_delta", delta={**stop, "stop_reason": None}, usage=half)
    if kind in {"missing", "early"}:
        yield _named("message_delta", delta=stop)
    else:
        counted = None if kind == "null" else _late(reply, reply.output)
        yield _named("message_delta", delta=stop, usage=counted)


def _late(reply: Reply, output: int) -> Json:
    counted = usage(reply, output)
    for name in ("cache_creation", "service_tier"):
        del counted[name]
    return counted


def _blocks(reply: Reply) -> Iterator[tuple[Json, list[Json]]]:
    if reply.thoughts:
        deltas = [{"type": "thinking_delta", "thinking": each} for each in reply.thoughts]
        signed = {"type": "signature_delta", "signature": SIGNATURE}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signed]
    if not reply.tools:
        yield (
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": each} for each in reply.texts],
        )
    for block, call in zip(_tools(reply), reply.tools, strict=True):
        deltas = [{"type": "input_json_delta", "partial_json": p} for p in ("", *call.pieces)]
        yield {**block, "input": {}}, deltas


def _thoughts(reply: Reply) -> list[Json]:
    if not reply.thoughts:
        return []
    said = "".join(reply.thoughts)
    return [{"type": "thinking", "thinking": said, "signature": SIGNATURE}]


def _texts(reply: Reply) -> list[Json]:
    return [] if reply.tools else [{"type": "text", "text": "".join(reply.texts)}]


def _tools(reply: Reply) -> list[Json]:
    return [
        {
            "type": "tool_use",
            "id": f"toolu_{call.number:02d}{ID}",
            "name": call.name,
            "input": arguments(call),
        }
        for call in reply.tools
    ]


def _named(name: str, **members: object) -> Event:
    return name, {"type": name, **members}


ANSWERS: Mapping[str, Answer] = {
    "generate": lambda prompt, now: complete(compose(prompt, now)),
    "count": count,
    "models": models,
    "model": lambda prompt, now: model(prompt.model),
}
