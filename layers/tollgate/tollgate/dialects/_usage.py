"""What an upstream's figures are worth: odd ones are made safe and remembered as suspect.

Figures of one answer come once, or many times over a stream; the last non-zero value of a field
wins. A figure that cannot be true (negative, text, a fraction, a boolean, beyond CLASS_LIMIT)
never raises and never lowers what is already known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from tollgate.domain.usage import CLASS_LIMIT, COUNTED_PER_UNIT, Usage

TIER_LIMIT: Final = 32
PER_SECOND: Final = COUNTED_PER_UNIT["seconds"]


@dataclass(slots=True)
class Tally:
    """Figures by field, as far as they were readable."""

    counts: dict[str, int] = field(default_factory=dict)
    suspect: bool = False
    nulls: set[str] = field(default_factory=set)
    tier: str = ""

    def take(self, report: Mapping[str, Any], fields: Mapping[str, str]) -> None:
        """Take in those figures of a report that it has, by the names that `fields` gives them."""
        for written, name in fields.items():
            if written in report:
                self.note(name, report[written])

    def note(self, name: str, value: object) -> None:
        """Remember one figure; null and zero never overwrite one."""
        if value is None:
            self.nulls.add(name)
            return
        count = self.safe(value)
        if count or name not in self.counts:
            self.counts[name] = count

    def note_tier(self, told: object) -> None:
        """Remember which service tier an answer says it was served by."""
        if isinstance(told, str) and told and len(told) <= TIER_LIMIT:
            self.tier = told.lower()

    def safe(self, value: object) -> int:
        """A figure as a count, 0 when it cannot be one."""
        if type(value) is int and 0 <= value <= CLASS_LIMIT:
            return value
        self.suspect = True
        if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 16:
            return min(int(value), CLASS_LIMIT)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0
        return round(min(value, CLASS_LIMIT)) if value > 0 else 0

    def __getitem__(self, name: str) -> int:
        return self.counts.get(name, 0)

    def usage(
        self, quantities: Mapping[str, int], *needed: str, reasoning_inside: int = 0
    ) -> Usage | None:
        """The normal form; None when nothing was used, since that means nothing was reported.

        `needed` names the fields that every report has: null in one of them is suspect.
        """
        used = {name: count for name, count in quantities.items() if count > 0}
        if not used:
            return None
        lost = any(name in self.nulls and name not in self.counts for name in needed)
        return Usage(
            used,
            reasoning_inside=reasoning_inside,
            suspect=self.suspect or lost,
            tier=self.tier,
        )


def note_seconds(tally: Tally, told: object) -> None:
    """Remember a length in seconds, in thousandths: what is finer is the noise of a fraction."""
    if isinstance(told, Decimal) and 0 <= told <= CLASS_LIMIT:
        told = int((told * PER_SECOND).to_integral_value(ROUND_HALF_UP))
    elif type(told) is int:
        told *= PER_SECOND
    tally.note("seconds", told)


def inside(value: object) -> Mapping[str, Any]:
    """An object within a report; empty when it is none."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Mapping[str, Any]]:
    """The objects of an array within a report; empty when it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
