"""Google's Gemini API: calls, answers, streams and errors below `/v1beta/models` and `/v1/models`.

The model stands in the path. A stream is server-sent events with `alt=sse`, else one JSON array.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tollgate.dialects import Dialect, Route, StopReason, Wire
from tollgate.dialects._array import Elements
from tollgate.dialects._camel import either
from tollgate.dialects._claude_code import by_agent
from tollgate.dialects._errors import gemini
from tollgate.dialects._fields import CHOICES_LIMIT, TOKENS_LIMIT, mapping, model_of
from tollgate.dialects._gemini_call import (
    PREFIX,
    contents_of,
    edits,
    framing,
    hidden,
    kind_of,
    limit,
    media_of,
    model_spans,
    path_name,
    picture_size,
    refuse_kept,
    served_by,
    tools_of,
)
from tollgate.dialects._gemini_usage import normal, note
from tollgate.dialects._headers import passed, session
from tollgate.dialects._json import last_object, lenient, read, top_text
from tollgate.dialects._media import encoded_size
from tollgate.dialects._sse import Events
from tollgate.dialects._tap import ID_LIMIT, EventTap, Signs
from tollgate.dialects._usage import Tally, inside, listed
from tollgate.dialects._writing import compact, upstream_body
from tollgate.domain.call import Call, Operation
from tollgate.domain.errors import TollgateError
from tollgate.domain.usage import Usage

VERSIONS: Final = ("v1beta", "v1")
ACTIONS: Final[Mapping[str, tuple[Operation, bool, bool]]] = {
    "generateContent": ("generate", False, True),
    "streamGenerateContent": ("generate", True, True),
    "countTokens": ("count_tokens", False, False),
    "embedContent": ("embed", False, True),
    "batchEmbedContents": ("embed", False, True),
}
"""What each action asks for, whether it streams, whether it is metered."""

IMAGE_BYTES: Final = 5_040
"""What an image counts as visible bytes: those of the 2,520 tokens that the dearest one costs."""

BASE64_PER_BYTE: Final = 1_280
"""How much base64 of sound counts as a visible byte: a second has 64,000, and costs 25 tokens."""

SIGNS: Final = Signs(
    text=re.compile(rb'"(?:text|code)"\s*:\s*"'),
    telling=re.compile(
        rb'"(?:finishReason|blockReason|error|webSearchQueries|groundingChunks|functionCall'
        rb'|inlineData)"\s*:'
    ),
    figures=re.compile(rb'"usageMetadata"\s*:'),
    identity=re.compile(rb'"responseId"\s*:\s*"([^"\\]+)"'),
    aside=b'"groundingMetadata"',
)


def routes() -> Iterator[Route]:
    """Every action under both versions: the SDK speaks v1, Google's own clients v1beta."""
    for version in VERSIONS:
        for action, (operation, stream, metered) in ACTIONS.items():
            pattern = f"/{version}/models/{{model}}:{action}"
            yield Route("POST", pattern, operation, stream, metered)


class Gemini:
    """The dialect of Gemini's own clients."""

    name = "gemini"
    platforms: tuple[str, ...] = ("gemini", "antigravity")
    routes: tuple[Route, ...] = tuple(routes())
    keep_alive: bytes | None = None
    model_member = "modelVersion"

    def read_call(
        self,
        route: Route,
        path: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        query: str = "",
    ) -> Call:
        """Read a caller's request."""
        model = path_name(model_of(path.get("model")))
        version, action = route.pattern.split("/")[1], route.pattern.rpartition(":")[2]
        document = read(body)
        values = document.values
        refuse_kept(values)
        contents = contents_of(values, action)
        media = tuple(media_of(values, contents))
        settings = mapping(either(values, "generationConfig"), "generationConfig")
        max_output = limit(settings, "maxOutputTokens", TOKENS_LIMIT)
        return Call(
            operation=route.operation,
            model=model,
            body=body,
            stream=route.stream,
            max_output=max_output,
            hidden_output=hidden(settings, max_output),
            choices=limit(settings, "candidateCount", CHOICES_LIMIT) or 1,
            text_bytes=len(body) - sum(one.size for one in media),
            media=media,
            tools=tools_of(values),
            session=session(headers, (), (either(values, "systemInstruction"), *contents[:1])),
            claude_code=by_agent(headers),
            tier=served_by(values),
            labels=picture_size(settings),
            model_spans=model_spans(document, model),
            edits=edits(document),
            path={"version": version, "action": action},
            query=framing(query, stream=route.stream),
        )

    def write_call(self, call: Call, model: str) -> Wire:
        """The caller's bytes; the model is in the path, and where bodies repeat it."""
        version, action = call.path["version"], call.path["action"]
        return Wire(
            f"/{version}/models/{path_name(model)}:{action}",
            upstream_body(call, model, PREFIX),
            call.query,
        )

    def upstream_headers(self, headers: Mapping[str, str], secret: str) -> dict[str, str]:
        """The caller's `accept`; the rest is ours."""
        return {
            **passed(headers, ("accept",)),
            "content-type": "application/json",
            "x-goog-api-key": secret,
        }

    def read_usage(self, call: Call, body: bytes) -> Usage | None:
        """Usage of a complete answer."""
        tally = Tally()
        if call.operation == "embed":
            note(tally, {"usageMetadata": last_object(body, "usageMetadata")})
        else:
            note(tally, lenient(body))
        return normal(tally, call.tools)

    def read_id(self, body: bytes) -> str:
        """`responseId`; vectors have none, and are not parsed for it."""
        return top_text(body, "responseId", ID_LIMIT) if b'"responseId"' in body else ""

    def tap(self, call: Call) -> "GeminiTap":
        """A fresh tap."""
        return GeminiTap(call)

    def write_error(self, error: TollgateError, request_id: str) -> tuple[int, bytes]:
        """An error before the first byte."""
        return gemini(error, request_id)

    def write_stream_error(self, error: TollgateError, call: Call, request_id: str) -> bytes:
        """One chunk that is an error."""
        return framed(call, gemini(error, request_id)[1])

    def write_stop(self, reason: StopReason, call: Call, request_id: str) -> bytes:
        """Every candidate ends for its length."""
        candidates = [
            {
                "content": {"parts": [{"text": ""}], "role": "model"},
                "finishReason": "MAX_TOKENS",
                "index": index,
            }
            for index in range(call.choices)
        ]
        chunk = {"candidates": candidates, "modelVersion": call.model, "responseId": request_id}
        return framed(call, compact(chunk))

    def write_models(self, models: Sequence[str], created: int) -> bytes:
        """The list."""
        return compact({"models": [entry(model) for model in models]})

    def write_model(self, model: str, created: int) -> bytes:
        """One entry of the list."""
        return compact(entry(model))


class GeminiTap(EventTap):
    """Reads a stream of partial answers, each with the figures so far."""

    signs = SIGNS

    def __init__(self, call: Call) -> None:
        self._array = not call.query
        self.closing = b"]" if self._array else b""
        self._choices = call.choices
        self._ended: set[str] = set()
        self._tools = call.tools
        super().__init__(Elements() if self._array else Events())

    def normal(self) -> Usage | None:
        """The tally in the normal form."""
        return normal(self.tally, self._tools)

    def fields(self, event: bytes) -> tuple[bytes, bytes]:
        """An element of an array is nothing but data."""
        return (b"", event.strip(b"[], \t\r\n")) if self._array else super().fields(event)

    def learn(self, name: bytes, data: bytes, value: Any) -> bool:
        """Take in a partial answer; all of them are for the caller."""
        chunk = inside(value)
        note(self.tally, chunk)
        self.failed = self.failed or "error" in chunk
        blocked = inside(chunk.get("promptFeedback")).get("blockReason")
        candidates = listed(chunk.get("candidates"))
        for index, reason in (
            *((str(c.get("index", 0)), c.get("finishReason")) for c in candidates),
            ("all", blocked),
        ):
            if isinstance(reason, str):
                self.finish_reason = reason
                self._ended.add(index)
        self.finished = len(self._ended) >= self._choices or "all" in self._ended
        for candidate in candidates:
            for part in listed(inside(candidate.get("content")).get("parts")):
                self.visible_bytes += unseen_bytes(part)
        return True

    def figures_in(self, value: Any) -> str:
        """The usage of the partial answer that ends the last candidate."""
        told = self.finished and inside(inside(value).get("usageMetadata"))
        return "usageMetadata" if told else ""


def framed(call: Call, chunk: bytes) -> bytes:
    """A last chunk of ours, as the stream is framed; an array has begun and is closed with it."""
    return b"data: " + chunk + b"\r\n\r\n" if call.query else b",\n" + chunk + b"\n]\n"


def unseen_bytes(part: Mapping[str, Any]) -> int:
    """What a part without text counts as, so that the hold keeps ahead of it."""
    if isinstance(called := part.get("functionCall"), dict):
        return len(compact(called))
    made = inside(part.get("inlineData"))
    if not made:
        return 0
    if kind_of(made) == "image":
        return IMAGE_BYTES
    return encoded_size(made.get("data")) // BASE64_PER_BYTE


def entry(model: str) -> dict[str, Any]:
    """A model as Google describes one."""
    return {
        "name": f"{PREFIX}{model}",
        "version": model,
        "displayName": model,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


DIALECT: Final[Dialect] = Gemini()
