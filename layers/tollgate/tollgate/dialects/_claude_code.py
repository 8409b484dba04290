"""Whether a call comes from Claude Code: by its user agent and, for messages, by what it sends.

None of this is proof: it keeps honest clients apart, and whoever imitates all of it gets in.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from tollgate.dialects._json import lenient

AGENT: Final = re.compile(r"claude-cli/\d+\.\d+\.\d+", re.IGNORECASE)
"""How its user agent begins; what follows says how it was started ("(external, cli)")."""

HEADERS: Final = ("x-app", "anthropic-beta", "anthropic-version")
USER_ID: Final = re.compile(
    r"user_[0-9a-fA-F]{64}_account_[0-9a-fA-F-]*_session_[0-9a-fA-F-]{36}\Z"
)

PROMPTS: Final = (
    "You are Claude Code, Anthropic's official CLI for Claude.",
    (
        "You are Claude Code, Anthropic's official CLI for Claude, "
        "running within the Claude Agent SDK."
    ),
    "You are a Claude agent, built on Anthropic's Claude Agent SDK.",
    "You are a file search specialist for Claude Code, Anthropic's official CLI for Claude.",
    "You are a helpful AI assistant tasked with summarizing conversations.",
)
"""What a block of its system prompt says, in the ways it is started."""

MOST_BLOCKS: Final = 10
"""Blocks that are looked at: it says who it is in one of the first."""

LONGEST: Final = 3 * max(map(len, PROMPTS))
"""A text three times as long as another cannot be half alike, whatever it says."""


def by_agent(headers: Mapping[str, str]) -> bool:
    """Whether the user agent is Claude Code's; header names are lower case."""
    return AGENT.match(headers.get("user-agent", "")) is not None


def in_messages(headers: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    """Whether a call of the messages endpoint is Claude Code's: a probe, or all it always sends."""
    if not by_agent(headers):
        return False
    if values.get("max_tokens") == 1 and "haiku" in str(values.get("model")).casefold():
        return True
    complete = all(headers.get(name, "").strip() for name in HEADERS)
    return complete and names_user(values.get("metadata")) and introduces(values.get("system"))


def names_user(metadata: object) -> bool:
    """Whether `metadata.user_id` is one that Claude Code writes, in its old form or as JSON."""
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user, str):
        return False
    if USER_ID.match(user):
        return True
    told = lenient(user) if user[:1] == "{" else None
    members = (told.get("device_id"), told.get("session_id")) if isinstance(told, dict) else ()
    return bool(members) and all(isinstance(each, str) and each for each in members)


def introduces(system: object) -> bool:
    """Whether a block of the system prompt is much like one of Claude Code's."""
    return any(half_alike(text) for text in blocks(system) if len(text) <= LONGEST)


def blocks(system: object) -> Iterator[str]:
    """The texts of a system prompt's first blocks."""
    if isinstance(system, str):
        yield system
    for block in system[:MOST_BLOCKS] if isinstance(system, list) else ():
        text = block.get("text") if isinstance(block, dict) else None
        if isinstance(text, str):
            yield text


@lru_cache(maxsize=256)
def half_alike(text: str) -> bool:
    """Whether the Dice coefficient of a text's and a prompt's pairs of letters is 1/2 or more.

    Remembered: Claude Code says the same in every call.
    """
    own = pairs(text)
    return any(
        4 * (own & known).total() >= own.total() + known.total() for known in map(pairs, PROMPTS)
    )


def plain(text: str) -> str:
    """A text without what may differ between two of one meaning: case and blanks."""
    return " ".join(text.casefold().split())


def pairs(text: str) -> Counter[tuple[str, str]]:
    """How often each pair of neighbouring letters is in a text."""
    return Counter(pairwise(plain(text)))
