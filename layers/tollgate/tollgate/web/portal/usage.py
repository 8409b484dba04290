"""One's own calls over HTTP: each explained as far as a user may see it (ruling R12)."""

from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate.domain.errors import InvalidRequest
from tollgate.services.receipts import Receipts, Span
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Entries, Limit, Since, Until
from tollgate.web.portal.desk import ROOT, Desk

USUAL_SPAN_MS: Final = 30 * 24 * 3_600_000
Filter = Annotated[str | None, Query(min_length=1, max_length=100)]
Receipt = dict[str, Any]


class UsageResource:
    """/usage and /receipts/<request_id>"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._receipts = Receipts(desk.stores.usage, desk.stores.wallets, staff=False)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint("GET", f"{ROOT}/usage", "usage.own", self.list),
            Endpoint("GET", f"{ROOT}/receipts/<request_id>", "usage.own", self.receipt),
        )

    def list(
        self,
        since: Since = None,
        until: Until = None,
        key: Filter = None,
        model: Filter = None,
        limit: Limit = 50,
        cursor: After = None,
    ) -> Entries[Receipt]:
        """List one's calls, newest first; a page may be short and still lead on."""
        end = self._desk.clock() + 1 if until is None else until
        start = max(0, end - USUAL_SPAN_MS) if since is None else since
        if start > end:
            raise InvalidRequest("from: later than to", param="from")
        span = Span(start, end, key, model)
        page = self._receipts.page(self._desk.user, span, limit, self._desk.position(cursor))
        return Entries(
            entries=[dict(each) for each in page.receipts],
            next_cursor=self._desk.cursor(page.cursor),
        )

    def receipt(self, request_id: str) -> Receipt:
        """Explain one call: lines, prices, the way from hold to debit."""
        return dict(self._receipts.one(request_id, self._desk.user))
