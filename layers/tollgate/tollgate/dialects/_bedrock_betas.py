"""Which beta features a call to Claude on Bedrock names: the caller's, and those its body needs."""

from collections.abc import Iterable, Iterator, Mapping
from re import ASCII, Pattern
from re import compile as pattern
from typing import Any, Final

from tollgate.dialects._usage import listed

COMPUTER_USE: Final = "computer-use-2025-11-24"
INTERLEAVED_THINKING: Final = "interleaved-thinking-2025-05-14"
TOOL_SEARCH: Final = "tool-search-tool-2025-10-19"
TOOL_EXAMPLES: Final = "tool-examples-2025-10-29"
ADVANCED_TOOL_USE: Final = "advanced-tool-use-2025-11-20"

OFFERED: Final = frozenset(
    {
        "computer-use-2025-01-24",
        COMPUTER_USE,
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "compact-2026-01-12",
        INTERLEAVED_THINKING,
        TOOL_SEARCH,
        TOOL_EXAMPLES,
    }
)
"""What Bedrock knows; it refuses a call that names anything else."""

RENAMED: Final[Mapping[str, str]] = {ADVANCED_TOOL_USE: TOOL_SEARCH}
COMPANIONS: Final[Mapping[str, str]] = {TOOL_SEARCH: TOOL_EXAMPLES}

COMPUTER: Final[Pattern[str]] = pattern(r"computer_20\d{6}", ASCII)
SEARCH: Final = "tool_search_tool_"
DIRECT: Final = "direct"


def named(asked: Iterable[str], body: Mapping[str, Any], *, recent: bool) -> tuple[str, ...]:
    """The features as Bedrock takes them: those asked for, then those the body needs, each once.

    `recent` tells whether the model is Claude 4.5 or later.
    """
    found: dict[str, None] = {}
    for token in (*asked, *needed(body, recent=recent)):
        own = RENAMED.get(token, token)
        if own in OFFERED:
            found[own] = None
    for token, companion in COMPANIONS.items():
        if token in found:
            found[companion] = None
    return tuple(found)


def needed(body: Mapping[str, Any], *, recent: bool) -> Iterator[str]:
    """The features without which Bedrock would not understand the body."""
    if body.get("thinking") is not None:
        yield INTERLEAVED_THINKING
    tools = listed(body.get("tools"))
    if any(COMPUTER.fullmatch(kind_of(tool)) for tool in tools):
        yield COMPUTER_USE
    programmatic = any(called_by_code(tool) or tool.get("input_examples") for tool in tools)
    searched = recent and any(kind_of(tool).startswith(SEARCH) for tool in tools)
    if programmatic:
        yield ADVANCED_TOOL_USE
    elif searched:
        yield TOOL_SEARCH


def kind_of(tool: Mapping[str, Any]) -> str:
    """The type of a tool; empty for a caller's own without one."""
    kind = tool.get("type")
    return kind if isinstance(kind, str) else ""


def called_by_code(tool: Mapping[str, Any]) -> bool:
    """Whether code that the model writes may call a tool, and not only the model itself."""
    callers = tool.get("allowed_callers")
    return isinstance(callers, list) and any(caller != DIRECT for caller in callers)
