"""What sums tell people: tokens in all, means, parts of a user's row: figures typed out."""

import pytest

from tollgate.domain.statistics import Line, apart, parts, ranked


def test_tokens_are_those_of_every_class() -> None:
    sums = {
        "input": 1,
        "cache_read": 20,
        "cache_write_5m": 300,
        "cache_write_1h": 4_000,
        "input_audio": 50_000,
        "input_image": 600_000,
        "output": 7_000_000,
        "reasoning": 80_000_000,
        "output_audio": 900_000_000,
        "output_image": 1_000_000_000,
        "characters": 7,
        "seconds": 8,
        "calls": 9,
    }
    assert Line("m", sums).tokens == 1_987_654_321


def test_usage_has_every_class_of_tokens_and_of_the_others_what_occurred() -> None:
    sums = {"input": 5, "images": 2, "tool:web_search": 3, "calls": 4, "charge": 9, "answered": 4}
    assert Line("m", sums).usage == {
        "input": 5,
        "cache_read": 0,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "input_audio": 0,
        "input_image": 0,
        "output": 0,
        "reasoning": 0,
        "output_audio": 0,
        "output_image": 0,
        "images": 2,
        "tool:web_search": 3,
    }


@pytest.mark.parametrize(
    ("sums", "latency", "first_byte"),
    [
        pytest.param({}, None, None, id="no calls"),
        pytest.param({"calls": 3, "latency": 100}, 33, None, id="no answers"),
        pytest.param(
            {"calls": 3, "answered": 2, "latency": 1_500, "first_byte": 301}, 500, 150, id="both"
        ),
    ],
)
def test_means(sums: dict[str, int], latency: int | None, first_byte: int | None) -> None:
    line = Line("m", sums)
    assert (line.latency, line.first_byte) == (latency, first_byte)


def test_most_tokens_come_first_then_names_and_nothing_without_calls() -> None:
    lines = [
        Line("b", {"calls": 1, "input": 5}),
        Line("a", {"calls": 9, "output": 5}),
        Line("c", {"calls": 1, "output": 6}),
        Line("d", {}),
    ]
    assert [line.name for line in ranked(lines)] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("gpt-4o.calls", ("gpt-4o", "calls"), id="plain"),
        pytest.param("gpt-4.1.cache_write_5m", ("gpt-4.1", "cache_write_5m"), id="a dot in it"),
        pytest.param("m.tool:web_search", ("m", "tool:web_search"), id="a tool"),
        pytest.param("gpt-4.1.tool:a.b", ("gpt-4.1", "tool:a.b"), id="a tool with a dot"),
        pytest.param("x.tool:y.calls", ("x.tool:y", "calls"), id="a model named like a tool"),
        pytest.param("m.answered", ("m", "answered"), id="a sum that is no class"),
    ],
)
def test_a_part_of_a_users_row_is_taken_apart(text: str, expected: tuple[str, str]) -> None:
    assert apart(text) == expected


def test_parts_are_by_model_or_by_key() -> None:
    sums = {"calls": 3, "model.gpt-4.1.calls": 1, "model.m.calls": 2, "key.key_1.calls": 3}
    assert parts(sums, "model") == {"gpt-4.1": {"calls": 1}, "m": {"calls": 2}}
    assert parts(sums, "key") == {"key_1": {"calls": 3}}
