"""What a simulation or a re-rating is asked to replay: which calls of which period."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollgate.domain.export_order import placed_period
from tollgate.domain.record import UsageRecord

SIMULATION: Final = "simulation"
RERATE: Final = "rerate"
FILTERS: Final = ("user", "model", "group")
"""Fields of a record that an order may fix; the group is the effective one."""


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """Calls begun from `start` on and before `end` (epoch ms, whole seconds), as `only` says."""

    start: int
    end: int
    only: Mapping[str, str]

    @property
    def user(self) -> str:
        """Whose calls alone; "" everybody's."""
        return self.only.get("user", "")

    def wants(self, record: UsageRecord) -> bool:
        """Whether a call belongs into it."""
        return all(getattr(record, name) == value for name, value in self.only.items())

    def params(self) -> dict[str, Any]:
        """Its part of the parameters of a job."""
        return {"from": self.start, "to": self.end, **self.only}


def placed(order: ReplayOrder, now: int) -> ReplayOrder:
    """The order with a period that is fixed for good: in whole seconds, and over by now.

    Raises:
        InvalidRequest: the period ends before it begins, begins in the future, or is too long.
    """
    start, end = placed_period(order.start, order.end, now)
    return ReplayOrder(start, end, order.only)


def read_order(params: Mapping[str, Any]) -> ReplayOrder:
    """The order that a job's parameters mean."""
    only = {name: params[name] for name in FILTERS if name in params}
    return ReplayOrder(params["from"], params["to"], only)
