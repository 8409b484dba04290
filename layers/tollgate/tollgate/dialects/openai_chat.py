"""OpenAI's chat completions: calls, answers, streams and errors of `/v1/chat/completions`.

The relay always asks a stream for its usage; the chunk that carries nothing else is taken out
again when the caller did not ask for it. Every other byte of the answer passes untouched, but for
what the caller is told of its cost.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tollgate.dialects import Dialect, Edit, Media, Route, Wire
from tollgate.dialects._claude_code import by_agent
from tollgate.dialects._fields import (
    CHOICES_LIMIT,
    HELD_UPSTREAM,
    NAME_LIMIT,
    TOKENS_LIMIT,
    flag,
    mapping,
    missing,
    model_of,
    objects,
    refuse,
    tier_of,
    whole,
)
from tollgate.dialects._headers import session
from tollgate.dialects._json import Document, lenient, read, top_text
from tollgate.dialects._media import encoded_size
from tollgate.dialects._openai import ORDINARY_TIERS, WEB_SEARCH, OpenAiFamily
from tollgate.dialects._openai_usage import normal, note
from tollgate.dialects._tap import ID_LIMIT
from tollgate.dialects._usage import Tally
from tollgate.dialects._writing import compact, upstream_body
from tollgate.domain.call import Call
from tollgate.domain.usage import Usage

KEPT_UPSTREAM: Final = (
    "previous_response_id",
    "conversation",
    "container",
    "background",
    "deferred",
    "prompt",
)
OTHER_MODELS: Final = ("models",)
CALLERS_OWN_TOOLS: Final = frozenset({"function", "custom"})

MEDIA_PARTS: Final[Mapping[str, tuple[Any, ...]]] = {
    "image_url": ("image", "url"),
    "input_image": ("image", "url"),
    "input_audio": ("audio", "data"),
    "audio_url": ("audio", "url"),
    "video_url": ("file", "url"),
    "document_url": ("file", "url"),
    "file": ("file", "file_data"),
}
"""Kinds of content parts that hold media, and the field within that holds data or a URL."""


class OpenAiChat(OpenAiFamily):
    """The dialect most clients speak."""

    name = "openai_chat"
    routes: tuple[Route, ...] = (Route("POST", "/v1/chat/completions", "generate"),)
    keep_alive: bytes | None = b": keep-alive\n\n"

    def read_call(
        self,
        route: Route,
        path: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        query: str = "",
    ) -> Call:
        """Read a caller's request."""
        document = read(body)
        values = document.values
        refuse(values, KEPT_UPSTREAM, HELD_UPSTREAM)
        refuse(values, OTHER_MODELS, "only one model can be named; send it as model")
        messages = messages_of(values)
        media = tuple(media_of(messages))
        stream = flag(values, "stream")
        options = mapping(values.get("stream_options"), "stream_options")
        asked = flag(options, "include_usage", "stream_options.")
        limit = max_output(values)
        hints = (values.get(n) for n in ("prompt_cache_key", "safety_identifier", "user"))
        return Call(
            operation=route.operation,
            model=model_of(values.get("model")),
            body=body,
            stream=stream,
            max_output=limit,
            hidden_output=limit if speaks(values) else None,
            choices=whole(values.get("n"), "n", 1, CHOICES_LIMIT) or 1,
            text_bytes=len(body) - sum(one.size for one in media),
            media=media,
            tools=tuple(sorted(tools_of(values))),
            wants_usage=asked or not stream,
            session=session(headers, hints, messages[:2]),
            claude_code=by_agent(headers),
            tier=tier_of(values, "service_tier", ORDINARY_TIERS),
            model_spans=(document.span("model"),),
            edits=tuple(edits(document, ask=stream and not asked)),
        )

    def write_call(self, call: Call, model: str) -> Wire:
        """The caller's bytes with the model in place, usage asked for, nothing stored."""
        return Wire("/chat/completions", upstream_body(call, model))

    def read_usage(self, call: Call, body: bytes) -> Usage | None:
        """Usage of a complete answer."""
        tally = Tally()
        note(tally, lenient(body))
        return normal(tally, searching=WEB_SEARCH in call.tools)

    def read_id(self, body: bytes) -> str:
        """`chatcmpl-…`"""
        return top_text(body, "id", ID_LIMIT)


def messages_of(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conversation, which must be there."""
    if values.get("messages") is None:
        raise missing("messages", "the conversation so far")
    return objects(values["messages"], "messages")


def max_output(values: Mapping[str, Any]) -> int | None:
    """The caller's limit on output. Both names given: the larger, since vendors differ."""
    limits = [
        whole(values.get(name), name, 1, TOKENS_LIMIT)
        for name in ("max_completion_tokens", "max_tokens")
    ]
    return max((limit for limit in limits if limit is not None), default=None)


def speaks(values: Mapping[str, Any]) -> bool:
    """Whether the answer may be sound, which costs tokens and has no visible text."""
    modalities = values.get("modalities")
    return isinstance(modalities, list) and "audio" in modalities


def media_of(messages: list[dict[str, Any]]) -> Iterator[Media]:
    """Images, sound and files within a conversation."""
    for index, message in enumerate(messages):
        where = f"messages[{index}]."
        if message.get("role") == "assistant":
            refuse(message, ("audio",), HELD_UPSTREAM, where)
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for place, part in enumerate(content):
            if isinstance(part, dict) and (kind := MEDIA_PARTS.get(str(part.get("type")))):
                yield media(part, kind, f"{where}content[{place}].")


def media(part: dict[str, Any], kind: tuple[Any, ...], where: str) -> Media:
    """One part with media in it; files kept at the vendor are refused."""
    held = part.get(part["type"])
    if isinstance(held, dict):
        refuse(held, ("file_id",), HELD_UPSTREAM, f"{where}{part['type']}.")
        held = held.get(kind[1])
    refuse(part, ("file_id",), HELD_UPSTREAM, where)
    return Media(kind[0], encoded_size(held))


def tools_of(values: Mapping[str, Any]) -> set[str]:
    """Tools that the vendor runs, and charges for, within the call."""
    found = {
        f"tool:{kind[:NAME_LIMIT]}"
        for tool in objects(values.get("tools"), "tools")
        if (kind := str(tool.get("type", "function"))) not in CALLERS_OWN_TOOLS
    }
    found |= {
        f"tool:{str(plugin.get('id'))[:NAME_LIMIT]}"
        for plugin in objects(values.get("plugins"), "plugins")
    }
    if values.get("web_search_options") is not None or values.get("enable_search"):
        found.add(WEB_SEARCH)
    if values.get("search_parameters"):
        found.add("tool:live_search")
    return found


def edits(document: Document, *, ask: bool) -> Iterator[Edit]:
    """What rules demand to be different upstream: usage reported, nothing stored."""
    if document.values.get("store"):
        yield *document.span("store"), b"false"
    if not ask:
        return
    if "stream_options" not in document.values:
        place = document.offset(document.start + 1)
        yield place, place, b'"stream_options":{"include_usage":true},'
        return
    start, end = document.span("stream_options")
    options = {**(document.values["stream_options"] or {}), "include_usage": True}
    yield start, end, compact(options)


DIALECT: Final[Dialect] = OpenAiChat()
