"""What chat completions report as usage, vendor by vendor, in the normal form."""

import json
from typing import Any

import pytest

from tollgate.dialects import Call, load

CHAT = load("openai_chat")
PLAIN = Call("generate", "gpt-4o", b"{}")
SEARCHING = Call("generate", "gpt-4o", b"{}", tools=("tool:web_search",))


def usage(report: object, call: Call = PLAIN) -> Any:
    """Usage of a complete chat answer with that report."""
    answer = json.dumps({"choices": [], "usage": report}).encode()
    return CHAT.read_usage(call, answer)


@pytest.mark.parametrize(
    ("report", "found", "inside"),
    [
        pytest.param(
            {"prompt_tokens": 9, "completion_tokens": 4}, {"input": 9, "output": 4}, 0, id="plain"
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 4,
                "total_tokens": 104,
                "prompt_tokens_details": {"cached_tokens": 64},
            },
            {"input": 36, "cache_read": 64, "output": 4},
            0,
            id="cached",
        ),
        pytest.param(
            {
                "prompt_tokens": 3,
                "completion_tokens": 4,
                "total_tokens": 71,
                "prompt_tokens_details": {"cached_tokens": 64},
            },
            {"cache_read": 64, "output": 4},
            0,
            id="more cached than prompted",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 4,
                "prompt_cache_hit_tokens": 60,
                "prompt_cache_miss_tokens": 40,
            },
            {"input": 40, "cache_read": 60, "output": 4},
            0,
            id="DeepSeek",
        ),
        pytest.param(
            {
                "prompt_tokens": 2649,
                "completion_tokens": 100,
                "total_tokens": 2749,
                "prompt_tokens_details": {"cached_tokens": 2569, "cache_write_tokens": 79},
            },
            {"input": 1, "cache_read": 2569, "cache_write_5m": 79, "output": 100},
            0,
            id="OpenRouter",
        ),
        pytest.param(
            {
                "prompt_tokens": 50,
                "completion_tokens": 4,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 10,
            },
            {"input": 20, "cache_read": 20, "cache_write_5m": 10, "output": 4},
            0,
            id="Anthropic's names",
        ),
        pytest.param(
            {
                "prompt_tokens": 64,
                "completion_tokens": 30,
                "prompt_tokens_details": {
                    "audio_tokens": 44,
                    "image_tokens": 5,
                    "cached_tokens": 0,
                },
                "completion_tokens_details": {"audio_tokens": 20, "image_tokens": 3},
            },
            {
                "input": 15,
                "input_audio": 44,
                "input_image": 5,
                "output": 7,
                "output_audio": 20,
                "output_image": 3,
            },
            0,
            id="sound and images",
        ),
        pytest.param(
            {
                "prompt_tokens": 60,
                "completion_tokens": 1,
                "prompt_tokens_details": {
                    "audio_tokens": 44,
                    "image_tokens": 9,
                    "cached_tokens": 30,
                },
            },
            {"cache_read": 30, "input_audio": 30, "output": 1},
            0,
            id="cached sound",
        ),
        pytest.param(
            {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "completion_tokens_details": {"audio_tokens": 9},
            },
            {"input": 5, "output_audio": 9},
            0,
            id="more sound than output",
        ),
        pytest.param(
            {
                "prompt_tokens": 13,
                "completion_tokens": 238,
                "total_tokens": 251,
                "completion_tokens_details": {"reasoning_tokens": 192},
            },
            {"input": 13, "output": 238},
            192,
            id="reasoning inside",
        ),
        pytest.param(
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            {"input": 32, "output": 9, "reasoning": 94},
            0,
            id="reasoning outside, xAI",
        ),
        pytest.param(
            {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109},
            {"input": 35, "output": 12, "reasoning": 62},
            0,
            id="thoughts only in the total",
        ),
        pytest.param(
            {
                "prompt_tokens": 35,
                "completion_tokens": 12,
                "total_tokens": 109,
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            {"input": 35, "output": 12},
            5,
            id="a total that nothing explains",
        ),
        pytest.param(
            {"prompt_tokens": 0, "completion_tokens": 5, "total_tokens": 90},
            {"output": 5},
            0,
            id="a total without a prompt",
        ),
        pytest.param(
            {"prompt_tokens": 5, "completion_tokens": 5, "num_search_queries": 3},
            {"input": 5, "output": 5, "tool:web_search": 3},
            0,
            id="Perplexity",
        ),
        pytest.param(
            {
                "prompt_tokens": 5,
                "completion_tokens": 5,
                "server_tool_use": {"web_search_requests": 2},
            },
            {"input": 5, "output": 5, "tool:web_search": 2},
            0,
            id="searches counted",
        ),
    ],
)
def test_usage_is_taken_apart(report: dict[str, Any], found: dict[str, int], inside: int) -> None:
    used = usage(report)
    assert (dict(used.quantities), used.reasoning_inside, used.suspect) == (found, inside, False)
    assert used.source == "upstream"


def test_a_search_that_was_asked_for_and_not_counted_is_one() -> None:
    used = usage({"prompt_tokens": 5, "completion_tokens": 5}, SEARCHING)
    assert dict(used.quantities) == {"input": 5, "output": 5, "tool:web_search": 1}
    assert usage(None, SEARCHING) is None


@pytest.mark.parametrize(
    ("report", "found"),
    [
        pytest.param({"prompt_tokens": -5, "completion_tokens": 4}, {"output": 4}, id="negative"),
        pytest.param(
            {"prompt_tokens": 10**12, "completion_tokens": 4},
            {"input": 10**8, "output": 4},
            id="huge",
        ),
        pytest.param(
            {"prompt_tokens": "12", "completion_tokens": 4}, {"input": 12, "output": 4}, id="text"
        ),
        pytest.param({"prompt_tokens": "many", "completion_tokens": 4}, {"output": 4}, id="words"),
        pytest.param({"prompt_tokens": True, "completion_tokens": 4}, {"output": 4}, id="boolean"),
        pytest.param(
            {"prompt_tokens": 12.0, "completion_tokens": 4}, {"input": 12, "output": 4}, id="float"
        ),
        pytest.param({"prompt_tokens": -1.5, "completion_tokens": 4}, {"output": 4}, id="fraction"),
        pytest.param({"prompt_tokens": None, "completion_tokens": 4}, {"output": 4}, id="null"),
        pytest.param({"prompt_tokens": {}, "completion_tokens": 4}, {"output": 4}, id="an object"),
        pytest.param(
            {
                "prompt_tokens": 5,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": -1},
            },
            {"input": 5, "output": 4},
            id="within details",
        ),
    ],
)
def test_a_figure_that_cannot_be_true_is_made_safe_and_suspect(
    report: dict[str, Any], found: dict[str, int]
) -> None:
    used = usage(report)
    assert dict(used.quantities) == found
    assert used.suspect


def test_infinite_figures_are_made_safe_too() -> None:
    answer = b'{"usage":{"prompt_tokens":Infinity,"completion_tokens":NaN}}'
    used = CHAT.read_usage(PLAIN, answer)
    assert used is not None
    assert (dict(used.quantities), used.suspect) == ({"input": 10**8}, True)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(None, id="null"),
        pytest.param({}, id="empty"),
        pytest.param(5, id="a number"),
        pytest.param([{"prompt_tokens": 5}], id="an array"),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, id="nothing but zeros"),
        pytest.param({"prompt_tokens": -1, "completion_tokens": "x"}, id="nothing readable"),
    ],
)
def test_usage_that_says_nothing_is_absent(report: object) -> None:
    assert usage(report) is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'{"choices":"x","usage":null,"x_groq":3}', id="odd members"),
    ],
)
def test_an_answer_without_usage_is_no_failure(answer: bytes) -> None:
    assert CHAT.read_usage(PLAIN, answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            {"x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}}, id="Groq"
        ),
        pytest.param(
            {"choices": [{"usage": {"prompt_tokens": 5, "completion_tokens": 2}}]}, id="Moonshot"
        ),
    ],
)
def test_usage_is_found_where_vendors_put_it(answer: dict[str, Any]) -> None:
    used = CHAT.read_usage(PLAIN, json.dumps(answer).encode())
    assert used is not None
    assert dict(used.quantities) == {"input": 5, "output": 2}
