"""Which beta features a call to Bedrock names: what is asked for, and what the body needs."""

from typing import Any

import pytest

from tollgate.dialects._bedrock_betas import OFFERED, named

THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1_024}}
COMPUTER = {"type": "computer_20250124", "name": "computer"}
SEARCH = {"type": "tool_search_tool_regex_20251119", "name": "search"}
ORDINARY = {"name": "weather", "input_schema": {"type": "object"}}
PROGRAMMATIC = ORDINARY | {"allowed_callers": ["code_execution_20250825"]}
EXAMPLES = ORDINARY | {"input_examples": [{"city": "Lima"}]}

INTERLEAVED = "interleaved-thinking-2025-05-14"
TOOL_SEARCH = "tool-search-tool-2025-10-19"
TOOL_EXAMPLES = "tool-examples-2025-10-29"
COMPUTER_USE = "computer-use-2025-11-24"


def test_bedrock_offers_these() -> None:
    assert {
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "compact-2026-01-12",
        "interleaved-thinking-2025-05-14",
        "tool-search-tool-2025-10-19",
        "tool-examples-2025-10-29",
    } == OFFERED


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param((), (), id="nothing"),
        pytest.param((INTERLEAVED,), (INTERLEAVED,), id="what is offered stays"),
        pytest.param(
            ("claude-code-20250219", "oauth-2025-04-20"), (), id="nothing of it is offered"
        ),
        pytest.param(
            ("claude-code-20250219", "context-1m-2025-08-07", "nonsense"),
            ("context-1m-2025-08-07",),
            id="some of it is offered",
        ),
        pytest.param((INTERLEAVED, INTERLEAVED), (INTERLEAVED,), id="each once"),
        pytest.param(
            ("advanced-tool-use-2025-11-20",),
            (TOOL_SEARCH, TOOL_EXAMPLES),
            id="advanced tool use is called otherwise",
        ),
        pytest.param(
            ("advanced-tool-use-2025-11-20", TOOL_SEARCH, TOOL_EXAMPLES),
            (TOOL_SEARCH, TOOL_EXAMPLES),
            id="both names of one feature",
        ),
        pytest.param((TOOL_SEARCH,), (TOOL_SEARCH, TOOL_EXAMPLES), id="a search brings examples"),
        pytest.param((TOOL_EXAMPLES,), (TOOL_EXAMPLES,), id="examples bring no search"),
        pytest.param(
            ("compact-2026-01-12", "computer-use-2025-01-24"),
            ("compact-2026-01-12", "computer-use-2025-01-24"),
            id="in the caller's order",
        ),
    ],
)
def test_asked(asked: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert named(asked, {}, recent=True) == expected


@pytest.mark.parametrize(
    ("body", "recent", "expected"),
    [
        pytest.param({}, True, (), id="nothing special"),
        pytest.param(THINKING, True, (INTERLEAVED,), id="thinking"),
        pytest.param(THINKING, False, (INTERLEAVED,), id="thinking, an older model"),
        pytest.param({"thinking": None}, True, (), id="thinking that is null"),
        pytest.param({"tools": [COMPUTER]}, True, (COMPUTER_USE,), id="a computer"),
        pytest.param(
            {"tools": [{"type": "computer_30250124"}]}, True, (), id="a computer of no such date"
        ),
        pytest.param({"tools": [ORDINARY]}, True, (), id="an ordinary tool"),
        pytest.param({"tools": [{"type": 7}, "x"]}, True, (), id="tools that are none"),
        pytest.param({"tools": "x"}, True, (), id="no array of tools"),
        pytest.param(
            {"tools": [PROGRAMMATIC]}, True, (TOOL_SEARCH, TOOL_EXAMPLES), id="called by code"
        ),
        pytest.param(
            {"tools": [ORDINARY | {"allowed_callers": ["direct"]}]}, True, (), id="called directly"
        ),
        pytest.param(
            {"tools": [EXAMPLES]}, True, (TOOL_SEARCH, TOOL_EXAMPLES), id="examples of its input"
        ),
        pytest.param(
            {"tools": [SEARCH, ORDINARY]}, True, (TOOL_SEARCH, TOOL_EXAMPLES), id="a search only"
        ),
        pytest.param(
            {"tools": [{"type": "tool_search_tool_bm25_20251119"}]},
            True,
            (TOOL_SEARCH, TOOL_EXAMPLES),
            id="the other search",
        ),
        pytest.param({"tools": [SEARCH]}, False, (), id="a search, an older model"),
        pytest.param(
            {"tools": [SEARCH, PROGRAMMATIC]},
            True,
            (TOOL_SEARCH, TOOL_EXAMPLES),
            id="a search, and called by code",
        ),
        pytest.param(
            {**THINKING, "tools": [COMPUTER, SEARCH]},
            True,
            (INTERLEAVED, COMPUTER_USE, TOOL_SEARCH, TOOL_EXAMPLES),
            id="everything",
        ),
    ],
)
def test_needed(body: dict[str, Any], recent: bool, expected: tuple[str, ...]) -> None:
    assert named((), body, recent=recent) == expected


def test_what_is_asked_for_stays_before_what_is_needed() -> None:
    asked = ("context-1m-2025-08-07", "computer-use-2025-01-24")
    assert named(asked, THINKING | {"tools": [ORDINARY]}, recent=True) == (*asked, INTERLEAVED)
