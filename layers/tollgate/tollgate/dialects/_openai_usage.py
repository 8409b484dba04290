"""What OpenAI and the many vendors that speak like it report as usage, in the normal form."""

from collections.abc import Mapping
from typing import Any, Final

from tollgate.dialects._usage import Tally, inside, listed
from tollgate.domain.usage import Usage

TOTALS: Final = {
    "prompt_tokens": "prompt",
    "completion_tokens": "completion",
    "total_tokens": "total",
    "prompt_cache_hit_tokens": "cached",
    "cache_read_input_tokens": "cached",
    "cache_creation_input_tokens": "written",
    "num_search_queries": "searches",
}
PROMPT_DETAILS: Final = {
    "cached_tokens": "cached",
    "cache_write_tokens": "written",
    "audio_tokens": "audio_in",
    "image_tokens": "image_in",
}
COMPLETION_DETAILS: Final = {
    "reasoning_tokens": "reasoning",
    "audio_tokens": "audio_out",
    "image_tokens": "image_out",
}


def note(tally: Tally, answer: Any) -> None:
    """Take in what an answer, or a chunk of it, says of its usage, wherever the vendor says it."""
    usage = reported(inside(answer))
    tally.note_tier(inside(answer).get("service_tier"))
    tally.take(usage, TOTALS)
    tally.take(inside(usage.get("prompt_tokens_details")), PROMPT_DETAILS)
    tally.take(inside(usage.get("completion_tokens_details")), COMPLETION_DETAILS)
    tally.take(inside(usage.get("server_tool_use")), {"web_search_requests": "searches"})


def reported(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage object: at the top, or where Groq's and Moonshot's streams put it."""
    places = [answer, inside(answer.get("x_groq")), *listed(answer.get("choices"))]
    return next((found for place in places if (found := inside(place.get("usage")))), {})


def normal(tally: Tally, *, searching: bool = False) -> Usage | None:
    """The normal form: what OpenAI counts inside one another is taken apart.

    A total beyond prompt and completion is thinking that the vendor counts outside (xAI reports
    it so, and Google's compatible endpoint reports nothing else of it). `searching` tells that the
    call asked for web search, which is used once where the vendor does not count.
    """
    cached, written = tally["cached"], tally["written"]
    plain = max(0, tally["prompt"] - cached - written)
    audio_in = min(tally["audio_in"], plain)
    image_in = min(tally["image_in"], plain - audio_in)
    audio_out, image_out = tally["audio_out"], tally["image_out"]
    reasoning, outside = tally["reasoning"], outside_output(tally)
    quantities = {
        "input": plain - audio_in - image_in,
        "cache_read": cached,
        "cache_write_5m": written,
        "input_audio": audio_in,
        "input_image": image_in,
        "output": tally["completion"] - audio_out - image_out,
        "reasoning": outside,
        "output_audio": audio_out,
        "output_image": image_out,
    }
    if any(quantities.values()) and (searching or tally["searches"]):
        quantities["tool:web_search"] = max(1, tally["searches"])
    return tally.usage(
        quantities, "prompt", "completion", reasoning_inside=0 if outside else reasoning
    )


def outside_output(tally: Tally) -> int:
    """Output that only the total knows of."""
    if not tally["prompt"]:
        return 0
    beyond = max(0, tally["total"] - tally["prompt"] - tally["completion"])
    cached, written = tally["cached"], tally["written"]
    if beyond in {cached, written, cached + written} or tally["reasoning"] not in {0, beyond}:
        return 0
    return beyond
