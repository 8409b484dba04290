"""What a call consumed: disjoint, non-negative classes, the same for every vendor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

INPUT_CLASSES: Final = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "input_image",
)
OUTPUT_CLASSES: Final = ("output", "reasoning", "output_audio", "output_image")
UNIT_CLASSES: Final = ("calls", "images", "seconds", "characters", "queries")
TOOL_PREFIX: Final = "tool:"
"""A priced server tool is a class of its own: `tool:web_search`."""

COUNTED_PER_UNIT: Final[Mapping[str, int]] = {"seconds": 1_000}
"""Classes counted in fractions of the unit they are priced by: seconds in thousandths.

A thousandth of a second is also what One Hub calls a virtual token (ruling R7).
"""

CLASS_LIMIT: Final = 10**8
"""More units than this in one class of one call is suspect, whoever reports it."""

UsageSource = Literal["upstream", "estimated", "none"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Units by class; absent means 0.

    `quantities` holds only classes of this module, each a non-negative int. `reasoning` is in it
    only where the vendor does **not** already count it inside output; where it does,
    `reasoning_inside` tells how much of `output` it was, for information.
    `tier` is the service tier the answer reports ("" the ordinary one), `labels` name the size,
    quality or resolution of what was made, most specific first; both choose among prices.
    `suspect` marks figures that cannot be true (negative, text, beyond CLASS_LIMIT): such a call
    is charged at most its hold, flagged, and alarmed.
    """

    quantities: Mapping[str, int] = field(default_factory=dict)
    source: UsageSource = "upstream"
    reasoning_inside: int = 0
    suspect: bool = False
    tier: str = ""
    labels: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> int:
        return self.quantities.get(name, 0)

    @property
    def context_size(self) -> int:
        """All input-side units: what intervals and context tiers are chosen by (ruling R2)."""
        return sum(self.quantities.get(name, 0) for name in INPUT_CLASSES)
