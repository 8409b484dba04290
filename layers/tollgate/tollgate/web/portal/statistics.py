"""One's own statistics over HTTP: sums by requested model and by time, without our cost."""

from tollgate.services.statistics import Statistics
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import Since, Until
from tollgate.web.management.statistics import (
    Figures,
    Lines,
    NamedFigures,
    Overview,
    Step,
    UserPoint,
    bounds,
    figures,
    user_overview,
)
from tollgate.web.portal.desk import ROOT, Desk


class StatisticsResource:
    """/statistics/models and /statistics/overview"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._statistics = Statistics(desk.stores.rollups, desk.clock)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint("GET", f"{ROOT}/statistics/models", "usage.own", self.models),
            Endpoint("GET", f"{ROOT}/statistics/overview", "usage.own", self.overview),
        )

    def models(self, since: Since = None, until: Until = None) -> Lines[NamedFigures]:
        """Read the sums of one's calls by model."""
        asked = self._statistics.period(since, until)
        page = self._statistics.models("requested", {"user": self._desk.user}, asked)
        return Lines[NamedFigures](
            entries=[NamedFigures(name=line.name, **figures(line)) for line in page.lines],
            next_cursor=None,
            closed=page.closed,
            **bounds(asked),
        )

    def overview(
        self, by: Step = "hour", since: Since = None, until: Until = None
    ) -> Overview[Figures, UserPoint]:
        """Read the sums of one's calls in a period and in each of its hours or days."""
        asked = self._statistics.period(since, until)
        return user_overview(self._statistics.series({"user": self._desk.user}, asked, by), asked)
