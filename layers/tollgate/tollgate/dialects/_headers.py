"""What of a caller's headers an upstream may see, and which session they speak of.

An allow-list: client keys, hop-by-hop headers, cookies, addresses and everything that names the
caller or another vendor's tenant stay here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

SESSION_HEADERS: Final = (
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "x-session-id",
    "thread-id",
    "conversation-id",
    "conversation_id",
    "x-conversation-id",
    "x-openwebui-chat-id",
)
"""Where clients say which conversation a call belongs to, most specific first."""

VISIBLE: Final = re.compile(r"[\x20-\x7e\t]+")
SESSION_LIMIT: Final = 256
PREFIX_LIMIT: Final = 2_048


def passed(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those of the caller's headers that go on, unchanged; what no header may hold does not."""
    return {
        name: headers[name]
        for name in names
        if name in headers and VISIBLE.fullmatch(headers[name])
    }


def parameters(query: str, allowed: Iterable[str]) -> str:
    """Those parameters of a query string that go on, as they were written."""
    names = tuple(allowed)
    return "&".join(part for part in query.split("&") if part.partition("=")[0] in names)


def session(headers: Mapping[str, str], hints: Iterable[object], prefix: Iterable[Any]) -> str:
    """The caller's own session hint, else a hash of what a vendor could cache of the call.

    `hints` are body fields, best first. `prefix` is the beginning of the conversation, which stays
    the same while it grows.
    """
    for hint in (*(headers.get(name) for name in SESSION_HEADERS), *hints):
        if isinstance(hint, str) and hint:
            return hint[:SESSION_LIMIT]
    digest = blake2b(digest_size=12)
    for part in prefix:
        digest.update(opening(part).encode(errors="replace") + b"\0")
    return f"prefix:{digest.hexdigest()}"


def marked(blocks: Any) -> Iterator[str]:
    """Hashes of the texts that the caller marks to be cached: what is worth meeting again.

    For the system prompt alone: marks within a conversation move on with it.
    """
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict) and block.get("cache_control"):
            text = block.get("text")
            if isinstance(text, str):
                yield blake2b(text.encode(errors="replace"), digest_size=12).hexdigest()


def opening(value: Any) -> str:
    """The first text within a message or a content, as far as it tells conversations apart."""
    while isinstance(value, dict | list) and value:
        if isinstance(value, list):
            value = value[0]
        else:
            value = value.get("text") or value.get("content") or value.get("parts")
    return value[:PREFIX_LIMIT] if isinstance(value, str) else ""
