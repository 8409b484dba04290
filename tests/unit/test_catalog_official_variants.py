"""Sizes, resolutions, tools and faster service in the official price list; and whose rows count."""

import json
from typing import Any

import pytest

from tollgate.domain.catalog import Interval
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.price_draft import PriceDraft
from tollgate.store.catalog.official import Namespace, read_cost_map, read_map, reduced

SOURCE = "litellm:openai"
PICTURE = {"mode": "image_generation", "litellm_provider": "openai"}
CHAT = {"mode": "chat", "litellm_provider": "openai"}
PRICED = {**CHAT, "input_cost_per_token": "1e-06", "output_cost_per_token": "2e-06"}


def read(rows: dict[str, Any]) -> list[PriceDraft]:
    return read_cost_map(json.dumps(rows))


def images(label: str, price: str) -> Interval:
    return Interval(0, None, {"images": price}, label=label)


def seconds(label: str, price: str) -> Interval:
    return Interval(0, None, {"seconds": price}, label=label)


@pytest.mark.parametrize(
    ("rows", "draft"),
    [
        pytest.param(
            {
                "m": {
                    **PICTURE,
                    "output_cost_per_image": "0.08",
                    "output_cost_per_image_0.5K": "0.06",
                    "output_cost_per_image_4K": "0.16",
                }
            },
            PriceDraft(
                "m",
                "times",
                {"images": "0.08"},
                (images("0.5K", "0.06"), images("4K", "0.16")),
                source=SOURCE,
            ),
            id="classes of size beside the ordinary picture",
        ),
        pytest.param(
            {
                "hd/1024-x-1024/dall-e-3": {**PICTURE, "output_cost_per_image": "0.08"},
                "hd/1792-x-1024/dall-e-3": {**PICTURE, "output_cost_per_image": "0.12"},
                "standard/1024-x-1024/dall-e-3": {**PICTURE, "output_cost_per_image": "0.04"},
            },
            PriceDraft(
                "dall-e-3",
                "times",
                {"images": "0.04"},
                (
                    images("1024x1024", "0.04"),
                    images("1792x1024", "0.12"),
                    images("hd", "0.08"),
                    images("hd/1024x1024", "0.08"),
                    images("hd/1792x1024", "0.12"),
                    images("standard/1024x1024", "0.04"),
                ),
                source=SOURCE,
            ),
            id="rows by quality and size; without a quality the standard, else the dearest",
        ),
        pytest.param(
            {
                "azure/standard/1024-x-1024/m": {**PICTURE, "input_cost_per_pixel": "4e-08"},
                "azure/standard/1024-x-1792/m": {
                    **PICTURE,
                    "input_cost_per_pixel": "5e-08",
                    "output_cost_per_pixel": "0.0",
                },
            },
            PriceDraft(
                "azure/m",
                "times",
                {"images": "0.04194304"},
                (
                    images("1024x1024", "0.04194304"),
                    images("1024x1792", "0.0917504"),
                    images("standard/1024x1024", "0.04194304"),
                    images("standard/1024x1792", "0.0917504"),
                ),
                source=SOURCE,
            ),
            id="rows by the pixel",
        ),
        pytest.param(
            {
                "512-x-512/50-steps/sd": {**PICTURE, "output_cost_per_image": "0.018"},
                "512-x-512/max-steps/sd": {**PICTURE, "output_cost_per_image": "0.036"},
                "max-x-max/50-steps/sd": {**PICTURE, "output_cost_per_image": "0.036"},
                "max-x-max/max-steps/sd": {**PICTURE, "output_cost_per_image": "0.072"},
            },
            PriceDraft(
                "sd", "times", {"images": "0.072"}, (images("512x512", "0.036"),), source=SOURCE
            ),
            id="of steps the dearest; a size without a price costs the largest",
        ),
        pytest.param(
            {
                "low/1024-x-1024/m": {**PICTURE, "output_cost_per_image": "0.006"},
                "high/1024-x-1024/m": {**PICTURE, "output_cost_per_image": "0.05"},
                "m": {**PICTURE, "output_cost_per_image": "0.145"},
            },
            PriceDraft(
                "m",
                "times",
                {"images": "0.145"},
                (
                    images("1024x1024", "0.05"),
                    images("high/1024x1024", "0.05"),
                    images("low/1024x1024", "0.006"),
                ),
                source=SOURCE,
            ),
            id="sizes beside a row of the model's own",
        ),
        pytest.param(
            {
                "hd/512-x-512/m": {**PICTURE, "output_cost_per_image": "0.05"},
                "hd/1536-x-1536/m": {**PICTURE, "output_cost_per_image": "0.09"},
                "low/512-x-512/m": {**PICTURE, "output_cost_per_image": "0.01"},
                "m": {**PICTURE, "output_cost_per_image": "0.02"},
            },
            PriceDraft(
                "m",
                "times",
                {"images": "0.02"},
                (
                    images("1536x1536", "0.09"),
                    images("512x512", "0.05"),
                    images("hd", "0.09"),
                    images("hd/1536x1536", "0.09"),
                    images("hd/512x512", "0.05"),
                    images("low/512x512", "0.01"),
                ),
                source=SOURCE,
            ),
            id="a quality without a size costs its dearest, where that is above the model's own",
        ),
        pytest.param(
            {
                "low/1024-x-1024/m": {**PICTURE, "output_cost_per_image": "0.006"},
                "m": {
                    **PICTURE,
                    "input_cost_per_token": "5e-06",
                    "output_cost_per_image_token": "4e-05",
                },
            },
            PriceDraft("m", prices={"input": "5", "output_image": "40"}, source=SOURCE),
            id="a model sold by tokens keeps them",
        ),
        pytest.param(
            {
                "m": {
                    "mode": "video_generation",
                    "litellm_provider": "openai",
                    "output_cost_per_second": "0.4",
                    "output_cost_per_second_720p": "0.3",
                    "output_cost_per_second_4k": "0.6",
                }
            },
            PriceDraft(
                "m",
                "seconds",
                {"seconds": "0.4"},
                (seconds("4k", "0.6"), seconds("720p", "0.3")),
                source=SOURCE,
            ),
            id="seconds by resolution",
        ),
        pytest.param(
            {
                "m": {
                    "mode": "video_generation",
                    "litellm_provider": "openai",
                    "output_cost_per_second_720p": "0.3",
                    "output_cost_per_second_4k": "0.6",
                }
            },
            PriceDraft(
                "m",
                "seconds",
                {"seconds": "0.6"},
                (seconds("4k", "0.6"), seconds("720p", "0.3")),
                source=SOURCE,
            ),
            id="without an ordinary resolution the dearest stands for the others",
        ),
        pytest.param(
            {
                "m": {
                    **PRICED,
                    "search_context_cost_per_query": {
                        "search_context_size_low": "0.006",
                        "search_context_size_medium": "0.01",
                        "search_context_size_high": "0.014",
                    },
                    "code_interpreter_cost_per_session": "0.03",
                    "file_search_cost_per_1k_calls": "2.5",
                }
            },
            PriceDraft(
                "m",
                prices={
                    "input": "1",
                    "output": "2",
                    "tool:code_interpreter": "0.03",
                    "tool:file_search": "0.0025",
                    "tool:web_search": "0.01",
                },
                source=SOURCE,
            ),
            id="tools: a search at its medium size, file searches by the thousand",
        ),
        pytest.param(
            {
                "m": {
                    **PRICED,
                    "litellm_provider": "vertex_ai-language-models",
                    "search_context_cost_per_query": {
                        "search_context_size_low": "0.005",
                        "search_context_size_high": "0.014",
                    },
                    "google_maps_grounding_cost_per_query": "0.025",
                }
            },
            PriceDraft(
                "m",
                prices={
                    "input": "1",
                    "output": "2",
                    "tool:google_maps": "0.025",
                    "tool:google_search": "0.014",
                    "tool:web_search": "0.014",
                },
                source="litellm:vertex_ai-language-models",
            ),
            id="Google's own names; without a medium size the dearest",
        ),
        pytest.param(
            {
                "m": {
                    **PRICED,
                    "input_cost_per_token_above_200k_tokens": "2e-06",
                    "input_cost_per_token_priority": "3e-06",
                    "provider_specific_entry": {"us": "1.1", "fast": "2.5"},
                }
            },
            PriceDraft(
                "m",
                prices={"input": "1", "output": "2"},
                intervals=(
                    Interval(
                        200_000,
                        None,
                        {"input": "2"},
                        {"priority": {"input": "3"}, "fast": {"input": "5"}},
                    ),
                ),
                tiers={
                    "priority": {"input": "3"},
                    "fast": {"input": "2.5", "output": "5"},
                },
                source=SOURCE,
            ),
            id="faster service as a factor on everything",
        ),
    ],
)
def test_what_a_model_costs_by_size_tool_and_speed(rows: dict[str, Any], draft: PriceDraft) -> None:
    assert read(rows) == [draft]
    assert read_cost_map(reduced(json.dumps(rows))) == [draft]


def test_a_size_that_costs_nothing_makes_no_model() -> None:
    assert read({"standard/1024-x-1024/m": {**PICTURE, "input_cost_per_pixel": "0.0"}}) == []


def test_a_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValidationFailed):
        read({"m": {**PICTURE, "output_cost_per_image": "0.1", "output_cost_per_image_1K": "x"}})


TWINS = {
    "openai/gpt-a": {**PRICED},
    "gpt-a": {**PRICED, "input_cost_per_token": "3e-06"},
    "openai/gpt-b": {**PRICED},
    "azure/gpt-b": {**PRICED, "litellm_provider": "azure", "input_cost_per_token": "9e-06"},
    "azure/gpt-c": {**PRICED, "litellm_provider": "azure"},
}


@pytest.mark.parametrize(
    ("namespace", "prices", "refused"),
    [
        pytest.param(
            Namespace(),
            {"openai/gpt-a": "1", "gpt-a": "3", "openai/gpt-b": "1", "azure/gpt-b": "9",
             "azure/gpt-c": "1"},
            {},
            id="every row under its own name",
        ),
        pytest.param(
            Namespace(("openai",), ("openai/",)),
            {"gpt-a": "3", "gpt-b": "1"},
            {"openai/gpt-a": "another row prices gpt-a differently"},
            id="one vendor without its prefix; the row that had the name counts",
        ),
        pytest.param(
            Namespace((), ("openai/", "azure/")),
            {"gpt-a": "3", "gpt-b": "1", "gpt-c": "1"},
            {
                "openai/gpt-a": "another row prices gpt-a differently",
                "azure/gpt-b": "another row prices gpt-b differently",
            },
            id="a dearer alias overwrites nothing",
        ),
        pytest.param(Namespace(("mistral",)), {}, {}, id="nobody's"),
    ],
)  # fmt: skip
def test_whose_rows_count_and_under_which_names(
    namespace: Namespace, prices: dict[str, str], refused: dict[str, str]
) -> None:
    reading = read_map(json.dumps(TWINS), namespace)
    assert {name: draft.prices["input"] for name, draft in reading.drafts.items()} == prices
    assert reading.refused == refused


def test_every_row_that_gives_no_price_is_told_why() -> None:
    rows = {
        "good": PRICED,
        "talks": {**PRICED, "mode": "realtime"},
        "unknown": {"input_cost_per_token": "1e-06"},
        "negative": {**PRICED, "input_cost_per_token": "-1e-06"},
        "word": {**PRICED, "input_cost_per_token": "dear"},
        "huge": {**PRICED, "input_cost_per_token": "1e400"},
        "odd": {**PRICED, "search_context_cost_per_query": "0.01"},
        "a\nb": PRICED,
        "vendor": {**PRICED, "litellm_provider": "\ud800"},
        "endless": {**PRICED, "max_output_tokens": 10**20},
        "512-x-512/50-steps/sd": {**PICTURE, "output_cost_per_image": "x"},
        "512-x-512/max-steps/sd": {**PICTURE, "output_cost_per_image": "0.1"},
    }
    reading = read_map(json.dumps(rows))
    assert list(reading.drafts) == ["good"]
    assert reading.refused == {
        "talks": "nothing is billed by what it costs (mode realtime)",
        "unknown": "nothing is billed by what it costs",
        "negative": "negative: prices.input: must be >= 0",
        "word": "word: a figure that is no number",
        "huge": "huge: a figure that is no number",
        "odd": "odd: a figure that is no number",
        "a\nb": "a\nb: model: has unprintable characters",
        "vendor": "vendor: model: has unprintable characters",
        "endless": "endless: max_output: from 1 to 100000000",
        "sd": "sd: a figure that is no number",
    }
