"""Runs in LiteLLM's own environment: what its cost calculation makes of usages, one a line.

Reads a JSON array of {model, provider, tier, tokens: {…}} and writes an array of USD texts, null
where LiteLLM does not know the model.
"""

import json
import sys
from decimal import Decimal
from typing import Any

from litellm.litellm_core_utils.llm_cost_calc.utils import generic_cost_per_token
from litellm.llms.anthropic.cost_calculation import cost_per_token as anthropic_cost
from litellm.types.utils import (
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
    Usage,
)

INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image")
OUTPUT = ("output", "reasoning", "output_audio", "output_image")


def usage_of(tokens: dict[str, int], speed: str | None) -> Any:
    """The usage object that says the same in LiteLLM's words."""
    count = {name: tokens.get(name, 0) for name in (*INPUT, *OUTPUT)}
    written = count["cache_write_5m"] + count["cache_write_1h"]
    prompt = sum(count[name] for name in INPUT)
    completion = sum(count[name] for name in OUTPUT)
    lifetimes = CacheCreationTokenDetails(
        ephemeral_5m_input_tokens=count["cache_write_5m"],
        ephemeral_1h_input_tokens=count["cache_write_1h"],
    )
    return Usage(
        speed=speed,
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=PromptTokensDetailsWrapper(
            text_tokens=count["input"],
            cached_tokens=count["cache_read"],
            cache_creation_tokens=written,
            cache_creation_token_details=lifetimes if written else None,
            audio_tokens=count["input_audio"],
            image_tokens=count["input_image"],
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            text_tokens=count["output"],
            reasoning_tokens=count["reasoning"],
            audio_tokens=count["output_audio"],
            image_tokens=count["output_image"],
        ),
    )


def cost(case: dict[str, Any]) -> str | None:
    """What LiteLLM charges, exactly as its floats say."""
    fast = case["tier"] == "fast"  # a speed there
    usage = usage_of(case["tokens"], "fast" if fast else None)
    try:
        if case["provider"] == "anthropic":
            parts = anthropic_cost(model=case["model"], usage=usage)
        else:
            parts = generic_cost_per_token(
                model=case["model"],
                usage=usage,
                custom_llm_provider=case["provider"],
                service_tier=case["tier"] or None,
            )
    except Exception as error:  # noqa: BLE001 - whatever it does not know
        sys.stderr.write(f"{case['model']}: {error!r}\n")
        return None
    return format(sum(map(Decimal, parts), Decimal(0)), "f")


sys.stdout.write(json.dumps([cost(case) for case in json.load(sys.stdin)]))
