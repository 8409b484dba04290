"""Statistics over HTTP: sums of a period by model, user, group, account or model group, or by time.

They are read from rollups; what these cannot tell is refused, and no filter is ignored.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate.services.statistics import Kind, Page, Period, Statistics
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Since, Until
from tollgate.web.management.statistics import (
    Filter,
    Lines,
    Overview,
    StaffFigures,
    StaffLine,
    StaffPoint,
    Step,
    bounds,
    staff_figures,
    staff_overview,
)

Source = Annotated[
    str,
    Query(
        max_length=100,
        description="requested (also when empty), upstream, or mapping (requested→upstream).",
    ),
]


class StatisticsResource:
    """/statistics/models, users, groups, accounts, model_groups, overview"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._statistics = Statistics(desk.stores.rollups, desk.clock)

    def endpoints(self) -> tuple[Endpoint, ...]:
        root, read = f"{ROOT}/statistics", "statistics.read"
        return (
            Endpoint("GET", f"{root}/models", read, self.models),
            Endpoint("GET", f"{root}/users", read, self.users),
            Endpoint("GET", f"{root}/groups", read, self.groups),
            Endpoint("GET", f"{root}/accounts", read, self.accounts),
            Endpoint("GET", f"{root}/model_groups", read, self.model_groups),
            Endpoint("GET", f"{root}/overview", read, self.overview),
        )

    def models(
        self,
        model_source: Source = "",
        user: Filter = None,
        group: Filter = None,
        account: Filter = None,
        since: Since = None,
        until: Until = None,
        cursor: After = None,
    ) -> Lines[StaffLine]:
        """Read sums by model, by the name that was requested, sent upstream, or both."""
        asked = self._statistics.period(since, until)
        filters = sent(user=user, group=group, account=account)
        after = self._desk.position(cursor)
        return self._lines(self._statistics.models(model_source, filters, asked, after), asked)

    def users(
        self, since: Since = None, until: Until = None, cursor: After = None
    ) -> Lines[StaffLine]:
        """Read sums by user."""
        return self._by("user", since, until, cursor)

    def groups(
        self, since: Since = None, until: Until = None, cursor: After = None
    ) -> Lines[StaffLine]:
        """Read sums by group."""
        return self._by("group", since, until, cursor)

    def accounts(
        self, since: Since = None, until: Until = None, cursor: After = None
    ) -> Lines[StaffLine]:
        """Read sums by the account that answered."""
        return self._by("account", since, until, cursor)

    def model_groups(
        self, since: Since = None, until: Until = None, cursor: After = None
    ) -> Lines[StaffLine]:
        """Read sums by model group, each as model#code."""
        return self._by("model_group", since, until, cursor)

    def overview(
        self,
        by: Step = "hour",
        user: Filter = None,
        group: Filter = None,
        account: Filter = None,
        model: Filter = None,
        key: Filter = None,
        since: Since = None,
        until: Until = None,
    ) -> Overview[StaffFigures, StaffPoint]:
        """Read the sums of a period and of each of its hours or days."""
        asked = self._statistics.period(since, until)
        filters = sent(user=user, group=group, account=account, model=model, key=key)
        return staff_overview(self._statistics.series(filters, asked, by), asked)

    def _by(
        self, kind: Kind, since: int | None, until: int | None, cursor: str | None
    ) -> Lines[StaffLine]:
        asked = self._statistics.period(since, until)
        after = self._desk.position(cursor)
        return self._lines(self._statistics.by_name(kind, asked, after), asked)

    def _lines(self, page: Page, asked: Period) -> Lines[StaffLine]:
        return Lines[StaffLine](
            entries=[StaffLine(name=line.name, **staff_figures(line)) for line in page.lines],
            next_cursor=self._desk.cursor(page.after),
            closed=page.closed,
            **bounds(asked),
        )


def sent(**filters: str | None) -> dict[str, str]:
    """The filters that were sent."""
    return {name: value for name, value in filters.items() if value is not None}
