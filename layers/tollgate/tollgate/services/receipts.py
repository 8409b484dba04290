"""How a call is found by its request id, whether its hold is settled, and what was corrected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tollgate.domain.errors import NotFound
from tollgate.domain.holds import parse_request_id, rid_of
from tollgate.domain.ledger import LedgerLine
from tollgate.domain.receipt import receipt
from tollgate.domain.record import UsageRecord
from tollgate.store.usage import UsageRecords
from tollgate.store.usage_listing import UsagePage
from tollgate.store.wallet import WalletMissing, Wallets


@dataclass(frozen=True, slots=True)
class Span:
    """Which calls to list: begun from `start` and before `end` (epoch ms), by key and model."""

    start: int
    end: int
    key: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """Receipts, newest first; `cursor` asks for the next older ones, None ends."""

    receipts: tuple[Mapping[str, Any], ...]
    cursor: str | None


class Receipts:
    """Explains calls; `staff` sees how they were routed and what they cost us (ruling R12)."""

    def __init__(self, usage: UsageRecords, wallets: Wallets, *, staff: bool) -> None:
        self._usage = usage
        self._wallets = wallets
        self._staff = staff

    def one(self, request_id: str, user: str | None = None) -> Mapping[str, Any]:
        """The receipt of a call; `user` limits it to that user's own.

        Raises:
            NotFound: no such call, or not theirs; the two are not told apart.
        """
        owner, rid = parse_request_id(request_id)
        own = user is None or user == owner
        record = self._usage.get(owner, rid) if own else None
        if record is None:
            raise NotFound("there is no request with this id")
        corrections = self._wallets.corrections(owner, rid)
        return self._explained(record, self._open(owner), corrections)

    def many(self, request_ids: Iterable[str]) -> tuple[Mapping[str, Any], ...]:
        """The receipts of those calls that are there, in that order."""
        found = []
        for request_id in request_ids:
            try:
                found.append(self.one(request_id))
            except NotFound:
                continue
        return tuple(found)

    def page(self, user: str, span: Span, limit: int, cursor: str | None) -> Explained:
        """A user's calls, refused ones among them; their wallet must exist."""
        view = self._wallets.read(user)
        page: UsagePage = self._usage.list(
            user,
            span.start,
            span.end,
            cursor,
            limit,
            key=span.key,
            model=span.model,
            shards=view.first.shards,
            refused=True,
        )
        found = self._corrections(user, [rid_of(record.hold) for record in page.records])
        entries = tuple(
            self._explained(record, view.open, found.get(rid_of(record.hold), ()))
            for record in page.records
        )
        return Explained(entries, page.cursor)

    def _corrections(self, user: str, rids: Sequence[str]) -> Mapping[str, Sequence[LedgerLine]]:
        """What was corrected of a page of calls, by their ids."""
        return self._wallets.corrections_between(user, min(rids), max(rids)) if rids else {}

    def _open(self, user: str) -> Mapping[str, int]:
        try:
            return self._wallets.read(user).open
        except WalletMissing:
            return {}

    def _explained(
        self,
        record: UsageRecord,
        open_holds: Mapping[str, int],
        corrections: Sequence[LedgerLine],
    ) -> Mapping[str, Any]:
        settled = record.hold not in open_holds
        return receipt(record, settled=settled, staff=self._staff, corrections=corrections)
