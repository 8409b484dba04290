"""How Gemini writes answers, streams, counts, vectors, lists and errors."""

from collections.abc import Iterator, Mapping

from local.replay.openai import vector
from local.replay.prompt import Json, Prompt
from local.replay.reply import ID, Reply, arguments, compose
from local.replay.sse import Event
from local.replay.vendor import Answer

NEWLINE = "\r\n"
WORDS = ("STOP", "MAX_TOKENS", "STOP")
DIMENSIONS = 3072
MODELS = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001")
STATES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def headers() -> dict[str, str]:
    """What this vendor sends beside the content type."""
    return {"server-timing": "gfet4t7; dur=12", "x-replay-id": ID}


def complete(reply: Reply) -> Json:
    """A whole answer."""
    parts = [*_thoughts(reply), *_texts(reply), *_calls(reply)]
    return _written(reply, parts, reply.finish(WORDS), _spoken(reply))


def events(reply: Reply) -> Iterator[Event]:
    """A streamed answer: every event counts what has been said so far."""
    steps = [*_steps(reply)]
    for i, parts in enumerate(steps):
        last = i == len(steps) - 1
        said = _spoken(reply) if last else max(i + 1 - len(reply.thoughts), 0)
        yield "", _written(reply, parts, reply.finish(WORDS) if last else None, said)


def usage(reply: Reply, spoken: int) -> Json:
    """The usage object; hidden output stands beside the visible one, cached input inside."""
    knobs = reply.knobs
    cached = reply.input + 100 if knobs.usage == "over" else knobs.cached
    counted: Json = {
        "promptTokenCount": reply.input,
        "candidatesTokenCount": spoken,
        "totalTokenCount": reply.input + spoken + reply.hidden,
        "promptTokensDetails": _modalities(reply),
    }
    if knobs.painted:
        counted["candidatesTokensDetails"] = [
            {"modality": "TEXT", "tokenCount": max(spoken - knobs.painted, 0)},
            {"modality": "IMAGE", "tokenCount": knobs.painted},
        ]
    if cached:
        counted["cachedContentTokenCount"] = cached
        counted["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": cached}]
    if reply.hidden:
        counted["thoughtsTokenCount"] = reply.hidden
    return reply.counts(counted)


def failure(status: int, message: str) -> Json:
    """The body of an error answer."""
    return {
        "error": {"code": status, "message": message, "status": STATES.get(status, "UNKNOWN")},
    }


def failure_event(message: str) -> Event:
    """What a stream says when it breaks."""
    return "", failure(503, message)


def count(prompt: Prompt, now: int) -> Json:
    """The size of a prompt."""
    return {
        "totalTokens": prompt.tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt.tokens}],
    }


def embed(prompt: Prompt, *, batch: bool) -> Json:
    """One vector for each text asked for."""
    size = prompt.dimensions or DIMENSIONS
    rows = [{"values": list(vector(size, i))} for i in range(prompt.texts)]
    answer: Json = {"embeddings": rows} if batch else {"embedding": rows[0]}
    if prompt.knobs.usage != "missing":
        tokens = prompt.tokens if prompt.knobs.input is None else prompt.knobs.input
        answer["usageMetadata"] = {
            "promptTokenCount": tokens,
            "promptTokenDetails": [{"modality": "TEXT", "tokenCount": tokens}],
        }
    return answer


def models(prompt: Prompt, now: int) -> Json:
    """The model list."""
    return {"models": [model(name) for name in MODELS]}


def model(name: str) -> Json:
    """One model."""
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1048576,
        "outputTokenLimit": 65536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def _spoken(reply: Reply) -> int:
    return reply.visible if reply.knobs.output is None else reply.knobs.output


def _modalities(reply: Reply) -> list[Json]:
    knobs = reply.knobs
    text = max(reply.input - knobs.images - knobs.audio, 0)
    sizes = {"TEXT": text, "IMAGE": knobs.images, "AUDIO": knobs.audio}
    return [{"modality": m, "tokenCount": n} for m, n in sizes.items() if n or m == "TEXT"]


def _steps(reply: Reply) -> Iterator[list[Json]]:
    for thought in reply.thoughts:
        yield [{"text": thought, "thought": True}]
    for text in reply.texts:
        yield [{"text": text}]
    for call in _calls(reply):
        yield [call]
    if not (reply.texts or reply.tools):
        yield [{"text": ""}]


def _thoughts(reply: Reply) -> list[Json]:
    return [{"text": "".join(reply.thoughts), "thought": True}] if reply.thoughts else []


def _texts(reply: Reply) -> list[Json]:
    return [] if reply.tools else [{"text": "".join(reply.texts)}]


def _calls(reply: Reply) -> list[Json]:
    return [{"functionCall": {"name": c.name, "args": arguments(c)}} for c in reply.tools]


def _written(reply: Reply, parts: list[Json], finish: str | None, spoken: int) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    answer = {"candidates": [{**candidate, "index": 0}]}
    return {**answer, **_counted(reply, spoken, last=bool(finish)), **_signed(reply)}


def _counted(reply: Reply, spoken: int, *, last: bool) -> Json:
    kind = reply.knobs.usage
    if kind == "missing" or (kind == "early" and last and reply.prompt.stream):
        return {}
    if kind == "null":
        return {"usageMetadata": None}
    said = _spoken(reply) if kind == "early" else spoken
    return {"usageMetadata": usage(reply, said)}


def _signed(reply: Reply) -> Json:
    return {"modelVersion": reply.prompt.model, "responseId": ID}


ANSWERS: Mapping[str, Answer] = {
    "generate": lambda prompt, now: complete(compose(prompt, now)),
    "count": count,
    "embed": lambda prompt, now: embed(prompt, batch=False),
    "embed_batch": lambda prompt, now: embed(prompt, batch=True),
    "models": models,
    "model": lambda prompt, now: model(prompt.model),
}
