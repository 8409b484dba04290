"""How sums are told over HTTP: to users what they were charged, to staff also what it cost us."""

from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from tollgate.domain.money import usd
from tollgate.domain.price_view import quantities
from tollgate.domain.statistics import Line
from tollgate.services.statistics import Period, Series

SECOND_MS: Final = 1_000
V = TypeVar("V", bound="Figures")
P = TypeVar("P", bound="Figures")

Step = Annotated[Literal["hour", "day"], Query(description="How long a point is, in UTC.")]
Filter = Annotated[str | None, Query(min_length=1, max_length=256)]


class Figures(BaseModel):
    """Sums as a user may see them: calls, units by class, charge; times are means, in ms."""

    calls: int
    errors: int
    tokens: int = Field(description="Of all classes together.")
    usage: dict[str, int | str] = Field(
        description="Units by class; every class of tokens is there. Seconds are decimal text."
    )
    charge_usd: str
    latency_ms: int | None = Field(description="Mean over all calls.")
    first_byte_ms: int | None = Field(description="Mean over the calls that an answer began for.")


class StaffFigures(Figures):
    """The same with what the upstream took from us, and the part of the charge for images."""

    image_cost_usd: str = Field(description="What image output was charged, in charge_usd too.")
    cost_usd: str
    margin_usd: str


class NamedFigures(Figures):
    """Of one model."""

    name: str


class StaffLine(StaffFigures):
    """Of one model, user, group, account or model group; a mapping is requested→upstream."""

    name: str


class UserPoint(Figures):
    """Of the hour or day that begins `at` (epoch ms)."""

    at: int
    closed: bool


class StaffPoint(StaffFigures):
    """Of the hour or day that begins `at` (epoch ms)."""

    at: int
    closed: bool


class Lines(BaseModel, Generic[V]):
    """Most tokens first, then by name. `closed` says that the sums are final.

    Where a period has more names than one page reads, pages go by name; each is in that order.
    """

    entries: list[V]
    next_cursor: str | None
    closed: bool
    begins_at: int
    ends_at: int


class Overview(BaseModel, Generic[V, P]):
    """The sums of a period and its points, oldest first; `closed` says that they are final."""

    total: V
    points: list[P]
    closed: bool
    begins_at: int
    ends_at: int


def figures(line: Line) -> dict[str, Any]:
    """What a user may see of sums."""
    return {
        "calls": line["calls"],
        "errors": line["errors"],
        "tokens": line.tokens,
        "usage": quantities(line.usage),
        "charge_usd": usd(line["charge"]),
        "latency_ms": line.latency,
        "first_byte_ms": line.first_byte,
    }


def staff_figures(line: Line) -> dict[str, Any]:
    """What staff see of sums."""
    return figures(line) | {
        "image_cost_usd": usd(line["image_cost"]),
        "cost_usd": usd(line["cost"]),
        "margin_usd": usd(line["charge"] - line["cost"]),
    }


def bounds(asked: Period) -> dict[str, int]:
    """The period that was taken, in epoch ms: it need not have been sent."""
    return {"begins_at": asked.start * SECOND_MS, "ends_at": asked.end * SECOND_MS}


def user_overview(series: Series, asked: Period) -> Overview[Figures, UserPoint]:
    """A series as a user may see it."""
    return Overview[Figures, UserPoint](
        total=Figures(**figures(series.total)),
        points=[
            UserPoint(at=point.start * SECOND_MS, closed=point.closed, **figures(point.line))
            for point in series.points
        ],
        closed=series.closed,
        **bounds(asked),
    )


def staff_overview(series: Series, asked: Period) -> Overview[StaffFigures, StaffPoint]:
    """A series as staff see it."""
    return Overview[StaffFigures, StaffPoint](
        total=StaffFigures(**staff_figures(series.total)),
        points=[
            StaffPoint(at=point.start * SECOND_MS, closed=point.closed, **staff_figures(point.line))
            for point in series.points
        ],
        closed=series.closed,
        **bounds(asked),
    )
