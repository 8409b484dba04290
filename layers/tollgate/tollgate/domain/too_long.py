"""Whether an upstream refused a call because its prompt is longer than the model reads."""

import re
from typing import Final

STATUSES: Final = frozenset({400, 413})
"""What vendors answer so with: the request is at fault, and no other account would take it."""

WORDS: Final = re.compile(
    rb"prompt[ _]is[ _]too[ _]long"
    rb"|prompt[ _]too[ _]long"
    rb"|input[ _]is[ _]too[ _]long"
    rb"|context_length_exceeded"
    rb"|maximum context length"
    rb"|exceeds the context window"
    rb"|input token count[^\"]{0,80}exceeds the maximum"
    rb"|exceeds the maximum number of tokens",
    re.IGNORECASE,
)
"""How the vendors put it: Anthropic, Antigravity, Bedrock, OpenAI, Gemini."""


def too_long(status: int, body: bytes) -> bool:
    """Whether an upstream's refusal says that the prompt is too long for the model."""
    return status in STATUSES and WORDS.search(body) is not None
