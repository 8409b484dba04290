"""How Vertex AI takes calls: which method of a publisher's model, and what Messages say in between.

Gemini bodies pass as they are. Messages name no model, since the path does, and say which version
of the form they are in.
"""

from collections.abc import Mapping
from typing import Any, Final

from tollgate.dialects._errors import ANTHROPIC_TYPES
from tollgate.dialects._json import lenient, read
from tollgate.dialects._usage import inside
from tollgate.dialects._writing import compact, spliced
from tollgate.domain.errors import InvalidRequest

MESSAGES_VERSION: Final = "vertex-2023-10-16"
VERSION_MEMBER: Final = b'"anthropic_version":"%b"' % MESSAGES_VERSION.encode()
COUNTING: Final = "count-tokens"
"""The name under which Anthropic's models count tokens; the body then names the model meant."""

GEMINI_METHODS: Final = (
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
)
"""What Google's models offer; several contents cannot be embedded at once."""


def messages_body(body: bytes, *, counting: bool) -> bytes:
    """A Messages body with its version, in place of the model, or beside it to count tokens.

    Raises:
        InvalidRequest: the caller named a version themselves, or beta features.
    """
    document = read(body)
    refuse_version(document.values)
    refuse_betas(document.values)
    start, end = document.span("model")
    if counting:
        return spliced(body, [(end, end, b"," + VERSION_MEMBER)])
    name_ends = body.rfind(b'"', 0, start)
    name_starts = body.rfind(b'"', 0, name_ends)
    return spliced(body, [(name_starts, end, VERSION_MEMBER)])


def refuse_version(values: Mapping[str, Any]) -> None:
    """Two versions in one body would be read by two readers in two ways."""
    if "anthropic_version" in values:
        raise InvalidRequest(
            "anthropic_version: the gateway says it; leave it out", param="anthropic_version"
        )


def refuse_betas(values: Mapping[str, Any]) -> None:
    """Staff's rules on beta features look at the header, and Vertex would look here, too."""
    if "anthropic_beta" in values:
        raise InvalidRequest(
            "anthropic_beta: name beta features in the header anthropic-beta",
            param="anthropic_beta",
        )


def messages_method(*, stream: bool) -> str:
    """The method that takes Messages."""
    return "streamRawPredict" if stream else "rawPredict"


def as_anthropic(status: int, body: bytes) -> bytes:
    """A refusal in Anthropic's words: Vertex's own are Google's, those of the model are already."""
    error = inside(inside(lenient(body)).get("error"))
    if "status" not in error:
        return body
    kind = ANTHROPIC_TYPES.get(status, "api_error")
    message = str(error.get("message", ""))
    return compact({"type": "error", "error": {"type": kind, "message": message}})
