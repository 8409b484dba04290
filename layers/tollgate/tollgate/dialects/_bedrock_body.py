"""How a Messages body becomes what Bedrock takes; whatever Bedrock knows stays as it came."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from tollgate.dialects._json import Document, after_blank
from tollgate.dialects._places import (
    Change,
    Element,
    Members,
    Unwanted,
    changed,
    cuts,
    elements,
    member,
    without,
)
from tollgate.dialects._usage import inside, listed
from tollgate.dialects._writing import compact
from tollgate.domain.errors import InvalidRequest

VERSION: Final = "bedrock-2023-05-31"
BETA: Final = "anthropic_beta"

REPLACED: Final = frozenset(
    {"anthropic_version", BETA, "model", "stream", "output_config", "output_format"}
)
"""Members that Bedrock refuses or takes elsewhere, and those written anew."""

LIFETIMES: Final = ("5m", "1h")

MARKS_LIMIT: Final = 64
"""More than vendors take by far; each is looked for in the text."""


def rewritten(document: Document, betas: tuple[str, ...], *, recent: bool) -> bytes:
    """The body for Bedrock.

    Args:
        document: the body as Anthropic takes it.
        betas: the beta features it names.
        recent: whether the model is Claude 4.5 or later, which knows lifetimes of caches.

    Raises:
        InvalidRequest: it has far more marks of caches than any vendor takes.
    """

    def unwanted(name: str, value: Any) -> bool:
        return name == "scope" or (name == "ttl" and not (recent and value in LIFETIMES))

    marks = tuple(islice(without_marks(document, unwanted), MARKS_LIMIT + 1))
    if len(marks) > MARKS_LIMIT:
        raise InvalidRequest("there are too many cache_control marks; vendors take four")
    changes = (
        *headed(document, betas),
        *instructed(document),
        *without_custom(document),
        *marks,
    )
    return changed(document.text, changes).encode()


def headed(document: Document, betas: tuple[str, ...]) -> Iterator[Change]:
    """The version and the features in front, without what they replace."""
    head: dict[str, Any] = {"anthropic_version": VERSION} | ({BETA: list(betas)} if betas else {})
    comma = "," if document.values.keys() - REPLACED else ""
    begin = document.start + 1
    yield begin, begin, compact(head)[1:-1].decode() + comma
    first, found = after_blank(document.text, begin), Members(document.values, document.places)
    for start, end in cuts(document.text, first, found, lambda name, _: name in REPLACED):
        yield start, end, ""


def named_betas(document: Document) -> tuple[str, ...]:
    """The features that a body in Bedrock's own form names."""
    told = document.values.get(BETA)
    return tuple(each for each in told if isinstance(each, str)) if isinstance(told, list) else ()


# --- structured output ----------------------------------------------------------------------------


def instructed(document: Document) -> Iterator[Change]:
    """The schema of the answer as the last words of the user: Bedrock has no field for it."""
    schema = schema_in(document)
    messages = listed(document.values.get("messages"))
    asking = [index for index, message in enumerate(messages) if message.get("role") == "user"]
    if schema is None or not asking:
        return
    text = document.text
    places = list(elements(text, document.places["messages"][0]))
    message = places[asking[-1]]
    if "content" not in message.value:
        return
    start, end = member(text, message.start, "content")
    block = json.dumps({"type": "text", "text": schema}, separators=(",", ":"))
    content = message.value["content"]
    if isinstance(content, str):
        yield start, start, '[{"type":"text","text":'
        yield end, end, f"}},{block}]"
    elif isinstance(content, list):
        yield end - 1, end - 1, f",{block}" if content else block


def schema_in(document: Document) -> str | None:
    """The schema the answer shall have, as it was written; None without one."""
    text, values, places = document.text, document.values, document.places
    if isinstance(inside(values.get("output_format")).get("schema"), dict):
        start, end = member(text, places["output_format"][0], "schema")
        return text[start:end]
    form = inside(inside(values.get("output_config")).get("format"))
    if isinstance(form.get("schema"), dict):
        outer = member(text, places["output_config"][0], "format")
        start, end = member(text, outer[0], "schema")
        return text[start:end]
    return None


# --- tools and caches -----------------------------------------------------------------------------


def without_custom(document: Document) -> Iterator[Change]:
    """Tools without the member that only Claude Code's own vendor reads."""
    tools = listed(document.values.get("tools"))
    if not any("custom" in tool for tool in tools):
        return
    for tool in elements(document.text, document.places["tools"][0]):
        if isinstance(tool.value, dict) and "custom" in tool.value:
            cuts = without(document.text, tool.start, lambda name, _: name == "custom")
            yield from ((start, end, "") for start, end in cuts)


def without_marks(document: Document, unwanted: Unwanted) -> Iterator[Change]:
    """Marks of caches in the system prompt, tools and messages, without what Bedrock refuses."""
    text, values, places = document.text, document.values, document.places
    if '"scope"' not in text and '"ttl"' not in text:
        return  # most calls: nothing need be looked for
    for name in ("system", "tools"):
        if any(unfit(block, unwanted) for block in listed(values.get(name))):
            yield from marks_within(text, places[name][0], unwanted)
    if not any(unfit_content(message, unwanted) for message in listed(values.get("messages"))):
        return
    for message in elements(text, places["messages"][0]):
        if unfit_content(inside(message.value), unwanted):
            start, _ = member(text, message.start, "content")
            yield from marks_within(text, start, unwanted)


def marks_within(text: str, start: int, unwanted: Unwanted) -> Iterator[Change]:
    """Changes of the marks in an array of blocks, and of what tools gave back within one."""
    for block in elements(text, start):
        yield from mark_of(text, block, unwanted)
        if any(unfit_mark(each, unwanted) for each in listed(inside(block.value).get("content"))):
            content, _ = member(text, block.start, "content")
            for inner in elements(text, content):  # deeper there are no marks
                yield from mark_of(text, inner, unwanted)


def mark_of(text: str, block: Element, unwanted: Unwanted) -> Iterator[Change]:
    """Changes of the mark of one block."""
    if unfit_mark(inside(block.value), unwanted):
        mark, _ = member(text, block.start, "cache_control")
        yield from ((begin, end, "") for begin, end in without(text, mark, unwanted))


def unfit_content(message: Mapping[str, Any], unwanted: Unwanted) -> bool:
    """Whether a mark in a message must change."""
    return any(unfit(block, unwanted) for block in listed(message.get("content")))


def unfit(block: Mapping[str, Any], unwanted: Unwanted) -> bool:
    """Whether the mark of a block, or of one right within it, must change."""
    return unfit_mark(block, unwanted) or any(
        unfit_mark(inner, unwanted) for inner in listed(block.get("content"))
    )


def unfit_mark(block: Mapping[str, Any], unwanted: Unwanted) -> bool:
    """Whether the mark of a block itself must change."""
    mark = inside(block.get("cache_control"))
    return any(unwanted(name, value) for name, value in mark.items())
