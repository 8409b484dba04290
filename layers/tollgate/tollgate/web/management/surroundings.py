"""What a management API is given by the process it runs in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process gives: clock (epoch ms), `random(n)` below n, new ids, where to report.

    `log` is told of every call, `lost` of an audit entry that could not be stored, `violation` of
    a wallet that breaks its identity.
    """

    region: str
    endpoint: str | None
    clock: Callable[[], int]
    random: Callable[[int], int]
    new_id: Callable[[str], str]
    log: Report
    lost: Report
    violation: Callable[[str, str], None]
