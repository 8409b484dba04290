"""What a Gemini request asks for, and what in it is refused, whichever way its fields are spelt."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tollgate.dialects._camel import either, snake
from tollgate.dialects._fields import (
    HELD_UPSTREAM,
    NAME_LIMIT,
    TOKENS_LIMIT,
    mapping,
    missing,
    objects,
    tier_of,
    whole,
    wrong,
)
from tollgate.dialects._headers import parameters
from tollgate.dialects._json import Document, Span, shortened
from tollgate.dialects._media import encoded_size
from tollgate.domain.call import Edit, Media
from tollgate.domain.errors import InvalidRequest

MODEL_NAME: Final = re.compile(r"[A-Za-z0-9][\w.@~-]{0,255}", re.ASCII)
PREFIX: Final = "models/"
"""How a body writes the name of a model."""

KEPT_UPSTREAM: Final = ("cachedContent", "continuationToken")
KEEPING_TOOLS: Final = ("fileSearch", "retrieval")
CALLERS_OWN_TOOLS: Final = frozenset({"function_declarations", "computer_use"})
TIER_PREFIX: Final = "service_tier_"
ORDINARY_TIERS: Final = frozenset({"standard", "unspecified"})
OPEN_URL: Final = re.compile(r"https?://(?!generativelanguage\.googleapis\.com)", re.IGNORECASE)
"""A file the vendor can fetch without the operator's own rights."""

UNSEEN_LIMITS: Final[Mapping[str, int]] = {"AUDIO": 16_384, "IMAGE": 8_192}
"""Largest output of a model in a modality that has no visible text."""

NESTED: Final = "generateContentRequest"


def path_name(model: str) -> str:
    """A model's name that may stand in a path as it is."""
    if not MODEL_NAME.fullmatch(model):
        raise InvalidRequest(
            f"model: {shortened(model)} cannot be a model's name here", param="model"
        )
    return model


def contents_of(values: Mapping[str, Any], action: str) -> list[dict[str, Any]]:
    """The conversation, or what to embed."""
    if action == "embedContent":
        return [mapping(needed(values, "content"), "content")]
    if action == "batchEmbedContents":
        requests = objects(needed(values, "requests"), "requests")
        return [
            mapping(request.get("content"), f"requests[{index}].content")
            for index, request in enumerate(requests)
        ]
    nested = mapping(either(values, NESTED), NESTED) if action == "countTokens" else {}
    return objects(needed({**values, **nested}, "contents"), "contents")


def needed(values: Mapping[str, Any], name: str) -> Any:
    """A member that must be there."""
    if not values.get(name):
        raise missing(name, "what the model shall read")
    return values[name]


def refuse_kept(values: Mapping[str, Any], where: str = "") -> None:
    """Refuse what lies at the vendor, or is served at a price we do not know."""
    for name in KEPT_UPSTREAM:
        if either(values, name, where):
            raise InvalidRequest(f"{where}{name}: {HELD_UPSTREAM}", param=f"{where}{name}")
    for index, tool in enumerate(objects(values.get("tools"), f"{where}tools")):
        for name in KEEPING_TOOLS:
            if either(tool, name) is not None:
                field = f"{where}tools[{index}].{name}"
                raise InvalidRequest(f"{field}: {HELD_UPSTREAM}", param=field)
    nested = either(values, NESTED)
    if nested is not None:
        refuse_kept(mapping(nested, NESTED), f"{NESTED}.")


def served_by(values: Mapping[str, Any]) -> str:
    """The service tier a call names, however it is written; "" for the ordinary one."""
    told = tier_of({"serviceTier": either(values, "serviceTier")}, "serviceTier", frozenset())
    tier = told.removeprefix(TIER_PREFIX)
    return "" if tier in ORDINARY_TIERS else tier


def tools_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Tools that Google runs within the call."""
    named = {snake(name) for tool in objects(values.get("tools"), "tools") for name in tool}
    return tuple(sorted(f"tool:{name[:NAME_LIMIT]}" for name in named - CALLERS_OWN_TOOLS))


def limit(settings: Mapping[str, Any], name: str, most: int) -> int | None:
    """A positive whole number of the generation config."""
    return whole(either(settings, name, "generationConfig."), f"generationConfig.{name}", 1, most)


def picture_size(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The size of pictures a call asks for, as "1K", "2K" or "4K"; empty where it does not say."""
    where = "generationConfig.imageConfig"
    config = mapping(either(settings, "imageConfig"), where)
    size = tier_of({"imageSize": either(config, "imageSize")}, "imageSize", frozenset())
    return (size.upper(),) if size else ()


def hidden(settings: Mapping[str, Any], max_output: int | None) -> int | None:
    """Output without visible text: sound and images, else a thinking budget; None when unknown."""
    modalities = either(settings, "responseModalities")
    asked = [str(m).upper() for m in modalities] if isinstance(modalities, list) else []
    unseen = max((UNSEEN_LIMITS.get(modality, 0) for modality in asked), default=0)
    if unseen:
        return max_output or unseen
    where = "generationConfig.thinkingConfig"
    thinking = mapping(either(settings, "thinkingConfig"), where)
    name = f"{where}.thinkingBudget"
    budget = whole(either(thinking, "thinkingBudget"), name, -1, TOKENS_LIMIT)
    return None if budget == -1 else budget


def media_of(values: Mapping[str, Any], contents: list[dict[str, Any]]) -> Iterator[Media]:
    """Images, sound and files of a conversation."""
    system = either(values, "systemInstruction")
    for index, content in enumerate([*contents, system]):
        if isinstance(content, dict):
            yield from media_within(content.get("parts"), f"contents[{index}].parts")


def media_within(parts: Any, where: str) -> Iterator[Media]:
    """Images, sound and files of some parts, and of what functions gave back within them."""
    for index, part in enumerate(parts if isinstance(parts, list) else [parts]):
        if not isinstance(part, dict):
            continue
        place = f"{where}[{index}]"
        inline = either(part, "inlineData", f"{place}.")
        if isinstance(inline, dict):
            yield Media(kind_of(inline), encoded_size(inline.get("data")))
        file = either(part, "fileData", f"{place}.")
        if isinstance(file, dict):
            yield Media(kind_of(file), url_size(either(file, "fileUri"), f"{place}.fileData"))
        answer = either(part, "functionResponse", f"{place}.")
        if isinstance(answer, dict):
            yield from media_within(answer.get("parts"), f"{place}.functionResponse.parts")


def url_size(uri: object, where: str) -> int:
    """0, after making sure that the vendor need not use the operator's rights to fetch it."""
    if not isinstance(uri, str):
        raise wrong(f"{where}.fileUri", "a URL", uri)
    if not OPEN_URL.match(uri):
        raise InvalidRequest(f"{where}.fileUri: {HELD_UPSTREAM}", param=f"{where}.fileUri")
    return 0


def kind_of(blob: Mapping[str, Any]) -> Any:
    """Image, audio or file, by its type."""
    kind = str(either(blob, "mimeType")).partition("/")[0].lower()
    return kind if kind in {"image", "audio"} else "file"


def model_spans(document: Document, model: str) -> tuple[Span, ...]:
    """Where the body repeats the model of the path; another one there is refused."""
    values = document.values
    same_model(values.get("model"), model, "model")
    found = [document.span("model")] if values.get("model") else []
    for name in ("requests", NESTED, snake(NESTED)):
        held = values.get(name)
        inner = held if isinstance(held, list) else [held]
        for index, request in enumerate(inner):
            if isinstance(request, dict):
                same_model(request.get("model"), model, f"{name}[{index}].model")
        if isinstance(held, dict | list):
            found += document.spans_within(name, "model")
    return tuple(found)


def same_model(value: object, model: str, name: str) -> None:
    """Refuse a body that names another model than its path."""
    if value not in (None, model, f"{PREFIX}{model}"):
        raise InvalidRequest(
            f"{name}: {shortened(str(value))} is not the model of the path, {shortened(model)}",
            param=name,
        )


def edits(document: Document) -> tuple[Edit, ...]:
    """What rules demand to be different upstream: nothing stored."""
    if document.values.get("store"):
        return ((*document.span("store"), b"false"),)
    return ()


def framing(query: str, *, stream: bool) -> str:
    """The query that makes a stream server-sent events; empty for JSON."""
    asked = parameters(query, ("alt",))
    if asked in {"", "alt=json"}:
        return ""
    if asked == "alt=sse" and stream:
        return asked
    raise InvalidRequest(
        f"alt: {shortened(asked)} is not offered here; use alt=sse to stream, else leave it out",
        param="alt",
    )
