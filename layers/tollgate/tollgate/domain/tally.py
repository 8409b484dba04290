"""What a replay has come to so far: sums in all, by user and by model, of bounded size.

The first users and models that are met have rows of their own, all others share one each.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tollgate.domain.record import UsageRecord
from tollgate.domain.repricing import Replayed

MOST_USERS: Final = 1_000
MOST_MODELS: Final = 200
MOST_FLAGGED: Final = 100
MODEL_LETTERS: Final = 200

Row = list[int]
"""How many calls, what they were charged, what they would be, what they cost us; in nanos."""


@dataclass(slots=True)
class Tally:
    """Sums of the calls that were replayed; amounts in nanos.

    `kept` counts the calls that keep their charge, by reason. `changed` calls have another charge;
    of a re-rating `booked` is the sum of its `lines` and `refused` counts, by reason, those that
    could not be booked; `flagged` names the first of them as [request id, amount, reason].
    """

    calls: int = 0
    replayed: int = 0
    changed: int = 0
    old: int = 0
    new: int = 0
    cost: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    users: dict[str, Row] = field(default_factory=dict)
    models: dict[str, Row] = field(default_factory=dict)
    other_users: Row = field(default_factory=lambda: [0, 0, 0, 0])
    other_models: Row = field(default_factory=lambda: [0, 0, 0, 0])
    lines: int = 0
    booked: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    flagged: list[list[Any]] = field(default_factory=list)

    def add(self, record: UsageRecord, replayed: Replayed) -> None:
        """Count a call; one that keeps its charge adds nothing to the sums."""
        self.calls += 1
        if replayed.reason is not None:
            self.kept[replayed.reason] = self.kept.get(replayed.reason, 0) + 1
            return
        row = [1, replayed.old, replayed.new, record.cost]
        self.replayed += 1
        self.changed += replayed.old != replayed.new
        self.old += replayed.old
        self.new += replayed.new
        self.cost += record.cost
        add_row(place(self.users, record.user, MOST_USERS, self.other_users), row)
        add_row(
            place(self.models, record.model[:MODEL_LETTERS], MOST_MODELS, self.other_models), row
        )

    def book(self, amount: int) -> None:
        """Count a correction that is booked."""
        self.lines += 1
        self.booked += amount

    def refuse(self, request: str, amount: int, reason: str) -> None:
        """Count a correction that cannot be booked."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
        if len(self.flagged) < MOST_FLAGGED:
            self.flagged.append([request, amount, reason])

    def write(self) -> dict[str, Any]:
        """As JSON, for a job."""
        return asdict(self)


def read_tally(document: Mapping[str, Any] | None) -> Tally:
    """What `write` wrote, or one that is empty; the document stays as it is."""
    return Tally(**deepcopy(dict(document or {})))


def place(rows: dict[str, Row], name: str, most: int, others: Row) -> Row:
    """The row of a name; the common one when there are too many."""
    if name not in rows and len(rows) >= most:
        return others
    return rows.setdefault(name, [0, 0, 0, 0])


def add_row(row: Row, more: Row) -> None:
    """Add to each figure of a row."""
    for index, figure in enumerate(more):
        row[index] += figure
