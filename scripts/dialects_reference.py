"""Writes docs/reference/dialects.md from the dialects; a test says when it is stale.

python -m scripts.dialects_reference
"""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

from scripts.errors_reference import kinds
from tollgate import dialects
from tollgate.dialects import (
    _gemini_call,
    anthropic_messages,
    load,
    openai_chat,
    openai_images,
    openai_transcriptions,
)
from tollgate.domain.errors import TollgateError

PATH: Final = Path("docs/reference/dialects.md")
INTRODUCTION: Final = """\
# Dialects

Generated from `dialects/` by `python -m scripts.dialects_reference`; do not edit.

A call is answered in the dialect it came in. The body goes to the upstream byte for byte, with the
model's name replaced where it is mapped; the answer comes back byte for byte, save what callers are
told of its cost.
"""
CHANGED: Final = """\
## What else is changed on the way

| Dialect | Change |
|---|---|
| openai_chat | a stream is asked for `stream_options.include_usage`; when the caller did not ask, \
the chunk with nothing but usage is taken out of the answer |
| all that stream | for keys with `cost_in_stream`: the event with the final usage gets the member \
`cost`, and nothing else of it changes; for keys with `receipt_in_stream`: one event of ours \
before the end, but not in Gemini |
| openai_chat, gemini | `"store": true` becomes `false` |
| gemini | the model's name is replaced in the path, and where the body repeats it |
| openai_transcriptions | in the form only the field `model`; all else, the boundary included, is \
the caller's |
| anthropic_messages, to a Bedrock account | `model`, `stream`, `output_config`, `output_format` \
and `custom` in tools are left out, so are a cache mark's `scope`, and its `ttl` unless it is `5m` \
or `1h` and the model Claude 4.5 or later; `anthropic_version` and `anthropic_beta` are added; the \
schema of an output format becomes the last words of the user. A stream comes back as Anthropic's \
events; a refusal in Anthropic's words, without ARNs and account numbers |

Of the caller's headers an upstream sees `accept`, and `anthropic-version` and `anthropic-beta` \
unchanged, save what staff's rules on beta features take out; of the query `beta` (Messages) and \
`alt` (Gemini).
"""
USAGE: Final = """\
## What an answer's usage means

Classes are disjoint: what a vendor counts inside something else is taken out of it, never below 0.
Over a stream the last figure of a field that is not zero counts. Nothing reported, or only zeros,
is *no usage*. A figure that cannot be true (negative, text, a fraction, beyond 1e8) is read as far
as it can be and marks the call as suspect.

| Class | chat completions, embeddings | Messages | Gemini |
|---|---|---|---|
| `input` | `prompt_tokens` without the classes below | `input_tokens` | `promptTokenCount` + \
`toolUsePromptTokenCount` without the classes below |
| `cache_read` | `cached_tokens`, `prompt_cache_hit_tokens` | `cache_read_input_tokens` | \
`cachedContentTokenCount` |
| `cache_write_5m` | `cache_write_tokens`, `cache_creation_input_tokens` | \
`ephemeral_5m_input_tokens`, and what of `cache_creation_input_tokens` has no lifetime | |
| `cache_write_1h` | | `ephemeral_1h_input_tokens` | |
| `input_audio`, `input_image` | `prompt_tokens_details` | | details by modality, without cached |
| `output` | `completion_tokens` without sound and images | `output_tokens` | \
`candidatesTokenCount` without sound and images |
| `reasoning` | only what the total has beyond prompt and completion (xAI, Google's compatible \
endpoint); else it is inside `output` | inside `output` | `thoughtsTokenCount` |
| `output_audio`, `output_image` | `completion_tokens_details` | | details by modality, all added |
| `tool:<name>` | `web_search`: `num_search_queries`, `web_search_requests`, else one if asked \
for | `server_tool_use.<name>_requests`; `advisor`: its calls | `google_search`: queries (one an \
answer before Gemini 3); `google_maps`: one an answer |

Compactions that Anthropic lists under `iterations`, outside its totals, are added to the classes.
Usage is also found under `x_groq` and in `choices` (Moonshot).

| Class | transcriptions | pictures |
|---|---|---|
| `seconds` | `usage.seconds`, else `usage.prompt_audio_seconds`, else `duration`, else the end \
of the last subtitle; in thousandths, to the nearest | |
| `input` | `input_token_details.text_tokens` | `input_tokens` without the classes below |
| `input_audio` | the rest of `input_tokens` | |
| `cache_read`, `input_image` | | `input_tokens_details` |
| `output` | `output_tokens` | `output_tokens_details.text_tokens` |
| `output_image` | | the rest of `output_tokens` |
| `images` | | pictures in `data`, or completed in the stream; without one nothing was used |

A picture is priced by its names, the most specific first: `high/1024x1024`, `1024x1024`, `high`,
and the class by its longest side: `1K` up to 1,024, `2K` up to 2,048, else `4K`. They are those of
the answer, else of the call; when nobody tells a size it is `2K`.
"""


def ways_in() -> list[str]:
    """Every route of every dialect."""
    rows = [
        f"| `{route.method} {route.pattern}` | {dialect.name} | {route.operation} | "
        f"{'yes' if route.metered else 'free'} | {', '.join(dialect.platforms)} |"
        for dialect, route in dialects.routes()
    ]
    head = "| Route | Dialect | Asks for | Metered | Served by accounts of |"
    return ["## Ways in", "", head, "|---|---|---|---|---|", *rows, ""]


def told(name: str, error: TollgateError) -> tuple[int, dict[str, Any]]:
    """Status and error object of a refusal in a dialect."""
    status, body = load(name).write_error(error, "req_…")
    return status, json.loads(body)["error"]


def shapes() -> dict[int, Counter[tuple[str, str]]]:
    """How the codes of each status look on Messages and on Gemini, and how many look so."""
    found: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for kind in kinds():
        found[int(kind.status)][shape(kind)] += 1
    return dict(sorted(found.items()))


def shape(kind: type[TollgateError]) -> tuple[str, str]:
    """Status and type of a refusal on Messages, status and enum on Gemini."""
    messages, there = told("anthropic_messages", kind(""))
    gemini, google = told("gemini", kind(""))
    return f"{messages} `{there['type']}`", f"{gemini} `{google['status']}`"


def refusals() -> list[str]:
    """How refusals look, status by status, and the codes that look otherwise."""
    rows = []
    for status, looks in shapes().items():
        usual = looks.most_common(1)[0][0]
        rows.append(f"| {status} | {usual[0]} | {usual[1]} |")
        for other in sorted(set(looks) - {usual}):
            codes = {k.code for k in kinds() if k.status == status and shape(k) == other}
            names = ", ".join(f"`{code}`" for code in sorted(codes))
            rows.append(f"| {status} {names} | {other[0]} | {other[1]} |")
    return [
        "## How a refusal is told",
        "",
        "Our [code](errors.md) stands in `error.code`; in Gemini's shape in capitals in",
        "`details[].reason`. On the other routes the status is that of the code itself.",
        "",
        "| Status | Messages | Gemini |",
        "|---|---|---|",
        *rows,
        "",
    ]


def refused() -> list[str]:
    """Fields that are answered with 400."""
    named = {
        "openai_transcriptions": openai_transcriptions.ELSEWHERE,
        "openai_images": (
            *openai_images.KEPT_UPSTREAM,
            *openai_images.ORIGINALS,
            *openai_images.OTHER_MODELS,
            "output_format of films and drawings",
        ),
        "openai_chat": (*openai_chat.KEPT_UPSTREAM, *openai_chat.OTHER_MODELS, "file_id"),
        "anthropic_messages": (
            *anthropic_messages.KEPT_UPSTREAM,
            *anthropic_messages.OTHER_MODELS,
            *anthropic_messages.OTHER_PAYERS,
            "diagnostics.previous_message_id",
            "file_id",
        ),
        "gemini": (
            *_gemini_call.KEPT_UPSTREAM,
            *(f"tools[].{name}" for name in _gemini_call.KEEPING_TOOLS),
            "fileData.fileUri at the vendor",
        ),
    }
    rows = [f"| {name} | {', '.join(f'`{f}`' for f in found)} |" for name, found in named.items()]
    return [
        "## What is refused",
        "",
        "Whatever refers to something kept at the vendor (it might be another customer's), names a",
        "second model, or asks for a tier, speed or place that costs more than the model's price:",
        "",
        "| Dialect | Fields |",
        "|---|---|",
        *rows,
        "",
    ]


def document() -> str:
    """The page."""
    parts = [INTRODUCTION, *ways_in(), CHANGED, *refused(), USAGE, *refusals()]
    return "\n".join(parts).rstrip("\n") + "\n"


if __name__ == "__main__":
    PATH.write_text(document(), encoding="utf-8")
