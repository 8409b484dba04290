"""Reading the official price list: which field bills what, what is skipped, what is refused."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tollgate.domain.catalog import Interval
from tollgate.domain.errors import NotFound, ValidationFailed
from tollgate.domain.price_draft import PriceDraft, check_price
from tollgate.store.catalog.official import bundled, chosen, read_cost_map, reduced

CHAT = '"mode": "chat", "litellm_provider": "openai"'
TOKENS = '"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06'
SOURCE = "litellm:openai"


@pytest.fixture(scope="module")
def whole_list() -> list[PriceDraft]:
    return bundled()


def one(row: str, model: str = "m") -> PriceDraft | None:
    """The draft of a map with this one row."""
    drafts = read_cost_map(f'{{"{model}": {{"litellm_provider": "openai", {row}}}}}')
    return drafts[0] if drafts else None


@pytest.mark.parametrize(
    ("row", "draft"),
    [
        pytest.param(
            '"mode": "chat", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,'
            '"cache_read_input_token_cost": 1.25e-06, "max_output_tokens": 16384',
            PriceDraft(
                "m",
                prices={"input": "2.5", "output": "10", "cache_read": "1.25"},
                max_output=16_384,
                source=SOURCE,
            ),
            id="chat",
        ),
        pytest.param(
            f'"mode": "chat", {TOKENS}, "supports_reasoning": true,'
            '"output_cost_per_reasoning_token": 3e-06,'
            '"cache_creation_input_token_cost": 1.25e-06,'
            '"cache_creation_input_token_cost_above_1hr": 2e-06,'
            '"input_cost_per_audio_token": 4e-05, "output_cost_per_audio_token": 8e-05,'
            '"input_cost_per_image_token": 5e-06, "output_cost_per_image_token": 3e-05',
            PriceDraft(
                "m",
                prices={
                    "input": "1",
                    "output": "2",
                    "reasoning": "3",
                    "cache_write_5m": "1.25",
                    "cache_write_1h": "2",
                    "input_audio": "40",
                    "output_audio": "80",
                    "input_image": "5",
                    "output_image": "30",
                },
                reasoning=True,
                source=SOURCE,
            ),
            id="every token class",
        ),
        pytest.param(
            f'"mode": "responses", {TOKENS}, "input_cost_per_token_cache_hit": 3e-07,'
            '"cache_read_input_token_cost": 2.8e-08',
            PriceDraft(
                "m", prices={"input": "1", "output": "2", "cache_read": "0.028"}, source=SOURCE
            ),
            id="two names of one class",
        ),
        pytest.param(
            f'"mode": "chat", {TOKENS}, "input_cost_per_token_above_200k_tokens": 2e-06,'
            '"output_cost_per_token_above_200k_tokens": 3e-06,'
            '"input_cost_per_token_above_128k_tokens": 1.5e-06,'
            '"input_cost_per_token_priority": 4e-06, "output_cost_per_token_flex": 1e-06,'
            '"input_cost_per_token_above_200k_tokens_priority": 8e-06,'
            '"input_cost_per_token_batches": 5e-07,'
            '"cache_creation_input_token_cost_above_200k_tokens": 2.5e-07',
            PriceDraft(
                "m",
                prices={"input": "1", "output": "2"},
                intervals=(
                    Interval(128_000, 200_000, {"input": "1.5"}, {"priority": {"input": "4"}}),
                    Interval(
                        200_000, None, {"input": "2", "output": "3"}, {"priority": {"input": "8"}}
                    ),
                ),
                tiers={"priority": {"input": "4"}, "flex": {"output": "1"}},
                source=SOURCE,
            ),
            id="context and service tiers; batches and slips are left out",
        ),
        pytest.param(
            f'"mode": "chat", {TOKENS}, "output_cost_per_reasoning_token": 2e-06,'
            '"output_cost_per_token_flex": 1e-06',
            PriceDraft(
                "m",
                prices={"input": "1", "output": "2"},
                tiers={"flex": {"output": "1"}},
                source=SOURCE,
            ),
            id="reasoning at the output's price follows it into the tiers",
        ),
        pytest.param(
            f'"mode": "chat", {TOKENS}, "output_cost_per_reasoning_token": 3e-06,'
            '"output_cost_per_token_flex": 1e-06',
            PriceDraft(
                "m",
                prices={"input": "1", "output": "2", "reasoning": "3"},
                tiers={"flex": {"output": "1"}},
                source=SOURCE,
            ),
            id="reasoning at a price of its own keeps it",
        ),
        pytest.param(
            '"mode": "chat", "tiered_pricing": ['
            '{"range": [0, 32000.0],'
            ' "input_cost_per_token": 1.2e-06, "output_cost_per_token": 6e-06},'
            '{"range": [32000.0, 128000.0],'
            ' "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06},'
            '{"range": [128000.0, 252000.0],'
            ' "input_cost_per_token": 3e-06, "output_cost_per_token": 1e-05}]',
            PriceDraft(
                "m",
                prices={"input": "1.2", "output": "6"},
                intervals=(
                    Interval(32_000, 128_000, {"input": "2", "output": "8"}),
                    Interval(128_000, None, {"input": "3", "output": "10"}),
                ),
                source=SOURCE,
            ),
            id="a table of ranges, the last one without an end",
        ),
        pytest.param(
            '"mode": "embedding", "input_cost_per_token": 2e-08, "output_cost_per_token": 0.0',
            PriceDraft("m", prices={"input": "0.02", "output": "0"}, source=SOURCE),
            id="an embedding",
        ),
        pytest.param(
            '"mode": "audio_transcription", "input_cost_per_second": 0.0001,'
            '"output_cost_per_second": 0.0001',
            PriceDraft("m", "seconds", {"seconds": "0.0001"}, source=SOURCE),
            id="seconds that are in both fields count once",
        ),
        pytest.param(
            f'"mode": "audio_transcription", {TOKENS}, "input_cost_per_second": 0.0001',
            PriceDraft("m", prices={"input": "1", "output": "2"}, source=SOURCE),
            id="tokens go before seconds",
        ),
        pytest.param(
            '"mode": "audio_speech", "input_cost_per_character": 1.5e-05',
            PriceDraft("m", prices={"characters": "15"}, source=SOURCE),
            id="characters per million",
        ),
        pytest.param(
            '"mode": "rerank", "input_cost_per_query": 0.002, "input_cost_per_token": 0.0',
            PriceDraft("m", prices={"queries": "0.002"}, source=SOURCE),
            id="queries",
        ),
        pytest.param(
            '"mode": "video_generation", "output_cost_per_video_per_second": 0.1',
            PriceDraft("m", "seconds", {"seconds": "0.1"}, source=SOURCE),
            id="video seconds",
        ),
        pytest.param(
            '"mode": "image_generation", "output_cost_per_image": 0.06,'
            '"input_cost_per_image": 0.01',
            PriceDraft("m", "times", {"images": "0.06"}, source=SOURCE),
            id="an image as such",
        ),
        pytest.param(
            '"mode": "image_generation", "input_cost_per_token": 5e-06,'
            '"output_cost_per_image_token": 4e-05, "output_cost_per_image": 0.04',
            PriceDraft("m", prices={"input": "5", "output_image": "40"}, source=SOURCE),
            id="an image by tokens",
        ),
        pytest.param(
            '"mode": "chat", "input_cost_per_token": 2.9999999999999997e-07,'
            '"output_cost_per_token": 1.5000000000000002e-07',
            PriceDraft("m", prices={"input": "0.3", "output": "0.15"}, source=SOURCE),
            id="the noise of binary fractions is gone",
        ),
    ],
)
def test_a_row(row: str, draft: PriceDraft) -> None:
    assert one(row) == draft


@pytest.mark.parametrize(
    ("row", "model"),
    [
        pytest.param('"mode": "chat", "input_cost_per_token": 1e-06', "m", id="no output price"),
        pytest.param(
            '"mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0',
            "m",
            id="free",
        ),
        pytest.param(f'"mode": "realtime", {TOKENS}', "m", id="a mode that is not relayed"),
        pytest.param(f"{TOKENS}", "m", id="no mode"),
        pytest.param(f'"mode": "chat", {TOKENS}', "m" * 101, id="too long a name"),
        pytest.param(
            f'"mode": "chat", {TOKENS}, "input_cost_per_request": 0.005',
            "m",
            id="a fee per request",
        ),
        pytest.param(
            '"mode": "embedding", "input_cost_per_token": 1e-07, "input_cost_per_image": 6e-05',
            "m",
            id="images beside tokens",
        ),
        pytest.param(
            '"mode": "chat", "tiered_pricing": [{"max_results_range": [0, 25]}]',
            "m",
            id="a table of something else",
        ),
        pytest.param(
            '"mode": "chat", "tiered_pricing": [{"range": [0, 9], "input_cost_per_token": 1e-06}]',
            "m",
            id="a table without output prices",
        ),
    ],
)
def test_what_cannot_be_billed_is_skipped(row: str, model: str) -> None:
    assert one(row, model) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="a list"),
        pytest.param('{"m": 1}', id="a number for a row"),
        pytest.param(
            f'{{"m": {{{CHAT}, "input_cost_per_token": NaN, "output_cost_per_token": 1e-06}}}}',
            id="no number",
        ),
        pytest.param(
            f'{{"m": {{{CHAT}, "input_cost_per_token": -1e-06, "output_cost_per_token": 1e-06}}}}',
            id="negative",
        ),
        pytest.param(
            f'{{"m": {{{CHAT}, "input_cost_per_token": 2.5, "output_cost_per_token": 1e-06}}}}',
            id="per million by mistake",
        ),
        pytest.param(
            f'{{"m": {{{CHAT}, "input_cost_per_token": "dear", "output_cost_per_token": 1e-06}}}}',
            id="a word",
        ),
        pytest.param(
            f'{{"m": {{{CHAT}, "tiered_pricing": [{{"range": [0, 9], {TOKENS}}},'
            f'{{"range": [1e7000000, null], {TOKENS}}}]}}}}',
            id="a range whose beginning would take minutes to write",
        ),
        pytest.param(f'{{"\\ud800": {{{CHAT}, {TOKENS}}}}}', id="a name with half a character"),
    ],
)
def test_a_list_with_an_impossible_figure_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        read_cost_map(text)


def test_the_specimen_and_a_second_spelling_are_no_models() -> None:
    rows: dict[str, Any] = {
        "sample_spec": {"mode": "chat", "input_cost_per_token": "USD"},
        "M": {"mode": "chat", "input_cost_per_token": "2e-06", "output_cost_per_token": "2e-06"},
        "m": {"mode": "chat", "input_cost_per_token": "1e-06", "output_cost_per_token": "1e-06"},
    }
    drafts = read_cost_map(json.dumps(rows))
    assert [(draft.model, draft.prices["input"]) for draft in drafts] == [("M", "2")]


@pytest.mark.parametrize(
    ("model", "mode", "prices"),
    [
        pytest.param(
            "gpt-4o-mini",
            "tokens",
            {"input": "0.15", "output": "0.6", "cache_read": "0.075", "tool:web_search": "0.025"},
            id="openai",
        ),
        pytest.param(
            "claude-sonnet-4-5",
            "tokens",
            {
                "input": "3",
                "output": "15",
                "cache_read": "0.3",
                "cache_write_5m": "3.75",
                "cache_write_1h": "6",
                "tool:web_search": "0.01",
            },
            id="anthropic",
        ),
        pytest.param(
            "text-embedding-3-small", "tokens", {"input": "0.02", "output": "0"}, id="vector"
        ),
        pytest.param("sora-2", "seconds", {"seconds": "0.1"}, id="video"),
        pytest.param("whisper-1", "seconds", {"seconds": "0.0001"}, id="transcription"),
    ],
)
def test_the_bundled_list_prices_what_people_sell(
    whole_list: list[PriceDraft], model: str, mode: str, prices: dict[str, str]
) -> None:
    draft = chosen(whole_list, [model])[0]
    assert (draft.mode, draft.prices) == (mode, prices)


def test_every_price_of_the_bundled_list_can_be_charged_by(whole_list: list[PriceDraft]) -> None:
    assert len(whole_list) == 3_863
    for draft in whole_list:
        check_price(draft)
        assert any(Decimal(price) for price in draft.prices.values())


def test_a_reduced_list_says_the_same_in_fewer_words() -> None:
    whole = (
        f'{{"b": {{{CHAT}, {TOKENS}, "supports_vision": true, "comment": "x"}},'
        f'"a": {{{CHAT}, {TOKENS}}}, "c": {{{CHAT}}}}}'
    )
    short = reduced(whole)
    assert short == (
        "{\n"
        '"a": {"input_cost_per_token":"1e-06","litellm_provider":"openai","mode":"chat",'
        '"output_cost_per_token":"2e-06"},\n'
        '"b": {"input_cost_per_token":"1e-06","litellm_provider":"openai","mode":"chat",'
        '"output_cost_per_token":"2e-06"}\n'
        "}\n"
    )
    assert {draft.model: draft for draft in read_cost_map(short)} == {
        draft.model: draft for draft in read_cost_map(whole)
    }


def test_a_model_without_a_price_in_the_list_is_named(whole_list: list[PriceDraft]) -> None:
    with pytest.raises(NotFound, match=r"no gpt-99$"):
        chosen(whole_list, ["gpt-4o", "gpt-99"])
