"""Usage and receipts over HTTP: calls by user or account and time, each fully explained."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Final, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

from tollgate.domain.errors import InvalidRequest
from tollgate.domain.holds import day_of, hour_of
from tollgate.domain.money import usd
from tollgate.services.receipts import Receipts, Span
from tollgate.store.rollups import SumRow
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Entries, Limit, Since, Until

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
USER_SPAN_MS: Final = 30 * DAY_MS
ACCOUNT_SPAN_MS: Final = 7 * DAY_MS
"""An account's calls are found hour by hour, so fewer days are looked through at once."""

MOST_HOURS: Final = 31 * 24
MOST_DAYS: Final = 400
Filter = Annotated[str | None, Query(min_length=1, max_length=100)]
Dimension = Annotated[
    Literal["all", "user", "account", "group", "model", "upstream", "pair", "model_group"],
    Query(description="What the sums are about."),
]
Value = Annotated[
    str,
    Query(
        max_length=250,
        description="Which one; a pair is requested→upstream, a model group model#code.",
    ),
]
Receipt = dict[str, Any]


class RollupRow(BaseModel):
    """Sums of one hour or day (UTC). `closed` ones are exact; money in nanos, times in ms."""

    period: str
    closed: bool
    charge_usd: str
    cost_usd: str
    sums: dict[str, int]


class Rollup(BaseModel):
    """The rows of one dimension's value, oldest first."""

    rows: list[RollupRow]


class UsageResource:
    """/users/<user>/usage, /accounts/<account>/usage, /receipts/<request_id>, /rollups"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalog = desk.stores.catalog
        self._rollups = desk.stores.rollups
        self._receipts = Receipts(desk.stores.usage, desk.stores.wallets, staff=True)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint("GET", f"{ROOT}/users/<user>/usage", "usage.read", self.of_user),
            Endpoint("GET", f"{ROOT}/accounts/<account>/usage", "usage.read", self.of_account),
            Endpoint("GET", f"{ROOT}/receipts/<request_id>", "receipts.read", self.receipt),
            Endpoint("GET", f"{ROOT}/rollups", "rollups.read", self.rollups),
        )

    def of_user(
        self,
        user: str,
        since: Since = None,
        until: Until = None,
        key: Filter = None,
        model: Filter = None,
        limit: Limit = 50,
        cursor: After = None,
    ) -> Entries[Receipt]:
        """List a user's calls, newest first; a page may be short and still lead on."""
        self._catalog.users.get(user)
        start, end = self._span(since, until, USER_SPAN_MS)
        span = Span(start, end, key, model)
        page = self._receipts.page(user, span, limit, self._desk.position(cursor))
        return Entries(
            entries=[dict(each) for each in page.receipts],
            next_cursor=self._desk.cursor(page.cursor),
        )

    def of_account(
        self,
        account: str,
        since: Since = None,
        until: Until = None,
        limit: Limit = 50,
        cursor: After = None,
    ) -> Entries[Receipt]:
        """List an account's calls by the hour they began in, oldest first."""
        self._catalog.accounts.get(account)
        start, end = self._span(since, until, DAY_MS)
        if end - start > ACCOUNT_SPAN_MS:
            raise InvalidRequest("ask for at most 7 days of an account at once", param="from")
        hours = hour_of(start // 1_000), hour_of(max(start, end - 1) // 1_000)
        ids = self._rollups.account_request_ids(account, *hours)
        after = self._desk.position(cursor)
        found = list(islice(newer(ids, after), limit + 1))
        position = found[limit - 1] if len(found) > limit else None
        return Entries(
            entries=[dict(each) for each in self._receipts.many(found[:limit])],
            next_cursor=self._desk.cursor(position),
        )

    def receipt(self, request_id: str) -> Receipt:
        """Explain one call: lines, prices, the way from hold to debit, route and cost."""
        return dict(self._receipts.one(request_id))

    def rollups(
        self,
        dimension: Dimension = "all",
        value: Value = "",
        by: Annotated[Literal["hour", "day"], Query()] = "hour",
        since: Since = None,
        until: Until = None,
    ) -> Rollup:
        """Read sums by hour or day: calls, errors, usage by class, charge, cost, latency."""
        if (dimension == "all") is bool(value):
            raise InvalidRequest("name a value for every dimension but all", param="value")
        name = f"{dimension}#{value}" if value else dimension
        start, end = self._span(since, until, DAY_MS if by == "hour" else USER_SPAN_MS)
        first, last = start // 1_000, max(start, end - 1) // 1_000
        most = MOST_HOURS * HOUR_MS if by == "hour" else MOST_DAYS * DAY_MS
        if end - start > most:
            raise InvalidRequest("this is too long at once; ask for less", param="from")
        rows = (
            self._rollups.hours(name, hour_of(first), hour_of(last))
            if by == "hour"
            else self._rollups.days(name, day_of(first), day_of(last))
        )
        return Rollup(rows=[row_of(row) for row in rows])

    def _span(self, since: int | None, until: int | None, usual: int) -> tuple[int, int]:
        """The time asked for; without an end until now, without a start as long as usual.

        Raises:
            InvalidRequest: it ends before it begins.
        """
        end = self._desk.clock() + 1 if until is None else until
        start = max(0, end - usual) if since is None else since
        if start > end:
            raise InvalidRequest("from: later than to", param="from")
        return start, end


def newer(ids: list[str], after: str | None) -> Iterator[str]:
    """Those that follow a position."""
    return (text for text in ids if after is None or text > after)


def row_of(row: SumRow) -> RollupRow:
    """A rollup row as people see it."""
    return RollupRow(
        period=row.period,
        closed=row.closed,
        charge_usd=usd(row.sums.get("charge", 0)),
        cost_usd=usd(row.sums.get("cost", 0)),
        sums=dict(row.sums),
    )
