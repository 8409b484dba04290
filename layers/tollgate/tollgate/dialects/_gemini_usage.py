"""What Gemini reports as usage, in the normal form: totals by modality, thoughts beside them."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tollgate.dialects._usage import Tally, inside, listed
from tollgate.domain.usage import Usage

TOTALS: Final = {
    "promptTokenCount": "prompt",
    "toolUsePromptTokenCount": "tool",
    "cachedContentTokenCount": "cached",
    "candidatesTokenCount": "candidates",
    "thoughtsTokenCount": "thoughts",
}
DETAILS: Final = {
    "promptTokensDetails": "prompt",
    "promptTokenDetails": "prompt",
    "toolUsePromptTokensDetails": "tool",
    "cacheTokensDetails": "cached",
    "candidatesTokensDetails": "candidates",
}
"""Embeddings write `promptTokenDetails`, everything else `promptTokensDetails`."""

SEARCHES: Final = (
    "tool:google_search",
    "tool:google_search_retrieval",
    "tool:enterprise_web_search",
)
MAPS: Final = "tool:google_maps"
GENERATION: Final = re.compile(r"gemini-(\d+)")
PRICED_BY_QUERY: Final = 3
"""From this generation on Google bills each search query, before it each grounded answer."""


def note(tally: Tally, answer: Any) -> None:
    """Take in an answer, or one chunk of it: figures count up over a stream."""
    chunk = inside(answer)
    usage = inside(chunk.get("usageMetadata"))
    tally.take(usage, TOTALS)
    for field, name in DETAILS.items():
        sums: Counter[str] = Counter()
        for part in listed(usage.get(field)):
            sums[str(part.get("modality"))] += tally.safe(part.get("tokenCount", 0))
        for modality, count in sums.items():
            tally.note(f"{name}.{modality}", count)
    for candidate in listed(chunk.get("candidates")):
        note_pictures(tally, listed(inside(candidate.get("content")).get("parts")))
        note_grounding(tally, inside(candidate.get("groundingMetadata")), chunk.get("modelVersion"))


def note_pictures(tally: Tally, parts: list[Mapping[str, Any]]) -> None:
    """Count the pictures an answer brings; drafts that were only thought are none."""
    seen = sum(
        str(inside(part.get("inlineData")).get("mimeType")).startswith("image/")
        for part in parts
        if not part.get("thought")
    )
    if seen:
        tally.note("pictures", tally["pictures"] + seen)


def note_grounding(tally: Tally, grounding: Mapping[str, Any], version: object) -> None:
    """Take in how often Google searched for an answer."""
    queries = grounding.get("webSearchQueries")
    if isinstance(queries, list) and (asked := sum(bool(query) for query in queries)):
        found = GENERATION.search(str(version))
        old = found is not None and int(found[1]) < PRICED_BY_QUERY
        tally.note("searches", 1 if old else asked)
    if any("maps" in chunk for chunk in listed(grounding.get("groundingChunks"))):
        tally.note("maps", 1)


def normal(tally: Tally, tools: tuple[str, ...] = ()) -> Usage | None:
    """The normal form; `tools` are those the call named: one of them is what searched.

    Google tells no number of pictures: those seen are counted, and tokens of one mean one.
    """
    plain = max(0, tally["prompt"] + tally["tool"] - tally["cached"])
    audio = min(modality(tally, "AUDIO"), plain)
    image = min(modality(tally, "IMAGE"), plain - audio)
    audio_out, image_out = tally["candidates.AUDIO"], tally["candidates.IMAGE"]
    search = next((tool for tool in tools if tool in SEARCHES), SEARCHES[0])
    return tally.usage(
        {
            "input": plain - audio - image,
            "cache_read": tally["cached"],
            "input_audio": audio,
            "input_image": image,
            "output": tally["candidates"] - audio_out - image_out,
            "reasoning": tally["thoughts"],
            "output_audio": audio_out,
            "output_image": image_out,
            "images": tally["pictures"] or int(image_out > 0),
            search: tally["searches"],
            MAPS: tally["maps"],
        },
        "prompt",
    )


def modality(tally: Tally, kind: str) -> int:
    """Input of a modality that did not come from the cache."""
    read = tally[f"prompt.{kind}"] + tally[f"tool.{kind}"]
    return max(0, read - tally[f"cached.{kind}"])
