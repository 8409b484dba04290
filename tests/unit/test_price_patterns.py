"""Which names and prefixes conflict in one list of prices, and which platforms there are."""

from collections.abc import Callable

import pytest

from tollgate.domain.definition_rules import check_channel_platform
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.price_rules import check_patterns


def refusal(check: Callable[[], object]) -> ValidationFailed | None:
    """What a check says, None when it is content."""
    try:
        check()
    except ValidationFailed as refused:
        return refused
    return None


# --- patterns: sub2api.md §2.4 as far as ruling R8 keeps it --------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "conflict"),
    [
        pytest.param(("openai", "gpt-4o"), ("openai", "gpt-4o"), True, id="the same name"),
        pytest.param(("openai", "gpt-4o"), ("openai", "gpt-5"), False, id="another name"),
        pytest.param(
            ("anthropic", "claude-*"), ("anthropic", "claude-opus-4"), False, id="prefix and name"
        ),
        pytest.param(
            ("anthropic", "claude-*"), ("anthropic", "claude-opus-*"), False, id="prefix in prefix"
        ),
        pytest.param(("anthropic", "claude-*"), ("anthropic", "gpt-*"), False, id="two prefixes"),
        pytest.param(("anthropic", "claude-*"), ("anthropic", "Claude-* "), True, id="one prefix"),
        pytest.param(("openai", "*"), ("openai", "gpt-4o"), False, id="everything and a name"),
        pytest.param(("openai", "*"), ("openai", "*"), True, id="everything twice"),
        pytest.param(("anthropic", "shared"), ("gemini", "shared"), False, id="two platforms"),
        pytest.param(("anthropic", "Claude"), ("anthropic", "claude"), True, id="two spellings"),
        pytest.param(("anthropic", "claude "), ("anthropic", "claude"), True, id="a space behind"),
    ],
)
def test_a_conflict_of_patterns(
    first: tuple[str, str], second: tuple[str, str], conflict: bool
) -> None:
    rows = [(*first, "pricing[1].models[1]"), (*second, "pricing[2].models[4]")]
    refused = refusal(lambda: check_patterns(rows))
    assert (refused and refused.param) == ("pricing[2].models[4]" if conflict else None)
    if refused is not None:
        assert refused.message.endswith("is in pricing[1].models[1] already")
        assert refused.translations["zh"].endswith("与 pricing[1].models[1] 重复")


@pytest.mark.parametrize(
    ("pattern", "refused"),
    [
        pytest.param("*", False, id="everything"),
        pytest.param("gpt-*", False, id="a star at the end"),
        pytest.param("g*t", True, id="a star inside"),
        pytest.param("*gpt", True, id="a star in front"),
        pytest.param("**", True, id="two stars"),
        pytest.param(" ", True, id="nothing"),
        pytest.param("m" * 101, True, id="too long"),
    ],
)
def test_a_pattern(pattern: str, refused: bool) -> None:
    found = refusal(lambda: check_patterns([("openai", pattern, "pricing[1].models[1]")]))
    assert (found is not None) == refused


@pytest.mark.parametrize("platform", ["anthropic", "openai", "gemini", "antigravity"])
def test_a_known_platform(platform: str) -> None:
    check_channel_platform(platform, "pricing[1].platform")


@pytest.mark.parametrize("platform", ["", "bedrock", "OpenAI", "Anthropic "])
def test_an_unknown_platform(platform: str) -> None:
    refused = refusal(lambda: check_channel_platform(platform, "pricing[1].platform"))
    assert refused is not None
    assert refused.message == ("pricing[1].platform: one of anthropic, antigravity, gemini, openai")
    assert refused.translations == {
        "zh": "pricing[1].platform：必须是 anthropic, antigravity, gemini, openai 之一"
    }
