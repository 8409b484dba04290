"""What a caller sees and pays of an upstream's fault: the classes that behaviours fall into.

Charges are typed by hand from prices per million (gpt-4o 2.5 in, 10 out, 1.25 cached; claude
3, 15; gemini 0.3, 2.5) and from sizes: 400 bytes asked are 100 tokens by the estimate, 400 bytes
of streamed text are 100, a whole answer of 800 bytes is 200.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

Ending = Literal["complete", "failing", "refusal"]


class Charges(NamedTuple):
    """Nanos for each dialect."""

    openai_chat: int
    anthropic_messages: int
    gemini: int

    def of(self, dialect: str) -> int:
        """Those of one dialect."""
        return int(getattr(self, dialect))


FREE: Final = Charges(0, 0, 0)
TOLD: Final = Charges(7_500_000, 10_500_000, 1_550_000)
"""1,000 tokens in and 500 out, as reported."""


@dataclass(frozen=True)
class Expected:
    """One class of outcomes.

    `ending`: a complete answer, one that ends in the dialect's error event, or a refusal in the
    dialect's shape. `code` is the error's, on the record and told. `retry_after` is a header of
    the answer, None where there is none.
    """

    status: int
    ending: Ending
    charge: Charges = FREE
    code: str = ""
    source: str = "upstream"
    suspect: bool = False
    retry_after: str | None = None


ANSWERED: Final = Expected(200, "complete", TOLD)
"""As if nothing had happened."""

ESTIMATED: Final = Expected(
    200, "complete", Charges(1_250_000, 1_800_000, 280_000), source="estimated"
)
"""A whole stream without figures: 100 tokens in, 100 out."""

ESTIMATED_WHOLE: Final = Expected(
    200, "complete", Charges(2_250_000, 3_300_000, 530_000), source="estimated"
)
"""A complete answer without figures: 100 tokens in, 200 out."""


def refused(status: int, code: str, retry_after: str | None = None) -> Expected:
    """A free refusal."""
    return Expected(status, "refusal", FREE, code, source="none", retry_after=retry_after)


FAILED: Final = refused(502, "upstream_error")
UNREACHABLE: Final = refused(502, "upstream_unavailable")
TIMED_OUT: Final = refused(504, "upstream_timeout")
LIMITED: Final = refused(429, "upstream_rate_limited")
WRONG: Final = refused(400, "upstream_refused")
NOT_FOUND: Final = refused(404, "upstream_refused")
TOO_LARGE: Final = refused(413, "upstream_refused")
UNPROCESSABLE: Final = refused(422, "upstream_refused")

BROKEN_AFTER_ONE: Final = Expected(
    200,
    "failing",
    Charges(500_000, 3_375_000, 92_500),
    "upstream_error",
    source="estimated",
)
"""Cut after 100 bytes of text: 100 tokens in, 25 out; Anthropic had told 1,000 in."""

BROKEN_AFTER_ALL: Final = replace(BROKEN_AFTER_ONE, charge=Charges(1_250_000, 4_500_000, 280_000))
"""Cut after all text and before the figures: 100 tokens in, 100 out; Anthropic had told 1,000."""

BROKEN_AT_ONCE: Final = Expected(200, "failing", FREE, "upstream_error", source="none")
"""What began like an answer and told nothing."""

SILENT_AFTER_ONE: Final = replace(BROKEN_AFTER_ONE, code="upstream_timeout")

HUGE: Final = replace(ANSWERED, charge=Charges(10_500_000, 15_600_000, 2_560_000), suspect=True)
"""Beyond belief: all that a stream holds, 200 tokens in (two bytes each) and 1,000 out."""

HUGE_WHOLE: Final = replace(HUGE, charge=Charges(11_000_000, 16_200_000, 2_620_000))
"""All that a complete answer holds: 400 tokens in, a byte each, and 1,000 out."""

SUSPECT: Final = replace(ANSWERED, suspect=True)
"""Figures that are none as they were written, and yet can be understood."""

OUTSIDE: Final = replace(ANSWERED, charge=Charges(8_750_000, 19_500_000, 2_150_000))
"""3,000 from the cache and 500 out: the cached ones are the input, and Anthropic's come on top of
1,000. Without a price of their own they cost what input costs."""

PLACEHOLDER: Final = replace(ESTIMATED, charge=Charges(0, 1_500_000, 0))
"""No input told, and of the output only what a first event says: 100 tokens out."""
