"""What an export is asked to hold: a period whose end never moves, and which calls of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollgate.domain.errors import InvalidRequest
from tollgate.domain.export import Format
from tollgate.domain.record import UsageRecord

KIND: Final = "export"
FILTERS: Final = ("user", "key", "group", "model", "account")
"""Fields of a record that an order may fix; the group is the effective one."""

LONGEST_MS: Final = 400 * 86_400_000
"""As long as usage records are kept."""

XLSX_ROWS: Final = 200_000
"""More than this takes one step too long to write (a sheet could hold a million)."""


@dataclass(frozen=True, slots=True)
class Order:
    """Calls begun from `start` on and before `end` (epoch ms, whole seconds), as `only` says."""

    start: int
    end: int
    form: Format
    only: Mapping[str, str]

    @property
    def user(self) -> str:
        """Whose calls alone; "" everybody's."""
        return self.only.get("user", "")

    def wants(self, record: UsageRecord) -> bool:
        """Whether a call belongs into it."""
        return all(getattr(record, name) == value for name, value in self.only.items())

    def params(self) -> dict[str, Any]:
        """The parameters of its job."""
        return {"from": self.start, "to": self.end, "format": self.form, **self.only}


def placed(order: Order, now: int) -> Order:
    """The order with a period that is fixed for good: in whole seconds, and over by now.

    Usage is listed by the second, so two exports of which one ends where the other begins never
    show a call twice.

    Raises:
        InvalidRequest: the period ends before it begins, begins in the future, or is too long.
    """
    start, end = placed_period(order.start, order.end, now)
    return Order(start, end, order.form, order.only)


def placed_period(start: int, end: int, now: int) -> tuple[int, int]:
    """A period in whole seconds that ends by now, from and to.

    Raises:
        InvalidRequest: it ends before it begins, begins in the future, or is too long.
    """
    first, last = start - start % 1_000, min(end, now)
    last -= last % 1_000
    if start > end:
        raise InvalidRequest("from: later than to", param="from")
    if first > last:
        raise InvalidRequest("from: in the future", param="from")
    if last - first > LONGEST_MS:
        raise InvalidRequest("from: ask for at most 400 days at once", param="from")
    return first, last


def read_order(params: Mapping[str, Any]) -> Order:
    """The order that a job's parameters mean."""
    only = {name: params[name] for name in FILTERS if name in params}
    return Order(params["from"], params["to"], params["format"], only)
