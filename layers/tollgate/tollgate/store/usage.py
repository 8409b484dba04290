"""Usage records: each put once under a key its hold names, so no index and no marker is needed."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from tollgate.domain.base32 import base32
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.holds import START_DIGITS, rid_of, start_of
from tollgate.domain.record import UsageRecord
from tollgate.store.dynamodb import ConditionFailed, Dynamo, OutcomeUnknown, StoreError
from tollgate.store.marshal import values_of
from tollgate.store.usage_item import DRAFT, read_record, record_key, write_record
from tollgate.store.usage_listing import CURSOR, Listing, UsagePage

Stored = Literal["stored", "same", "abandoned"]

ATTEMPTS: Final = 3
DRAFT_LIFE: Final = 2 * 86_400
REFUSED_LIFE: Final = 30 * 86_400
RETENTION: Final = 400 * 86_400
ABSENT: Final = {
    "ConditionExpression": "attribute_not_exists(#pk)",
    "ExpressionAttributeNames": {"#pk": "pk"},
}


class RecordTaken(StoreError):
    """Another record is stored for this call: one of two records is wrong."""


@dataclass(frozen=True, slots=True)
class UsageRecords:
    """The usage table; `retention` is in seconds."""

    dynamo: Dynamo
    table: str
    retention: int = RETENTION

    def put(self, record: UsageRecord) -> Stored:
        """Store the fact of a call, once: "same" when it was stored before.

        "abandoned" when the sweeper was faster: the record is kept as late, and what it costs
        beyond what was settled is debited by whoever reads it from the stream.

        Raises:
            RecordTaken: another record is there.
            StoreError: as the port says; calling again is safe.
        """
        for _ in range(ATTEMPTS):
            there = self._put_absent(record)
            if there is None:
                return "stored"
            if there.state == "abandoned":
                if self._put_late(record, there):
                    return "abandoned"
                continue
            if there.state == "late" and there.charge + there.late_charge == record.charge:
                return "abandoned"
            if (there.hold, there.charge) != (record.hold, record.charge):
                raise RecordTaken(f"{record.user} {record.hold}: {there.hold} is recorded")
            return "same"
        raise OutcomeUnknown(f"{record.user} {record.hold}: recorded and changed at once")

    def abandon(self, user: str, hold: str, held: int) -> UsageRecord:
        """Put a tombstone for a call that nobody recorded; gives the record that counts.

        The tombstone charges what the call's last draft says (its hold may be another attempt's,
        then this one was never used), or nothing. Once it is there no ordinary record can be, so
        the hold may be settled by it.
        """
        blank = UsageRecord(user, hold, held, charge=0, started=start_of(hold) * 1_000)
        known = self._get(user, rid_of(hold), DRAFT) or blank
        tombstone = replace(known, state="abandoned", error="abandoned")
        return self._put_absent(tombstone) or tombstone

    def draft(self, record: UsageRecord) -> None:
        """Note how far a running call has come; a note that charges less never replaces it."""
        request = {
            **self._request(replace(record, state="draft"), DRAFT),
            "ConditionExpression": "attribute_not_exists(#pk) OR #charge < :charge",
            "ExpressionAttributeNames": {"#pk": "pk", "#charge": "charge"},
            "ExpressionAttributeValues": {":charge": {"N": str(record.charge)}},
        }
        with suppress(ConditionFailed):
            self.dynamo.call("PutItem", request, attempts=ATTEMPTS)

    def refuse(self, record: UsageRecord) -> None:
        """Keep the row of a refused call for a month; it is tried once.

        Raises:
            StoreError: it may be missing.
        """
        with suppress(ConditionFailed):  # a row that is there stays
            self.dynamo.call("PutItem", {**self._request(record), **ABSENT})

    def get(self, user: str, rid: str) -> UsageRecord | None:
        """One record, read consistently."""
        return self._get(user, rid)

    def list(
        self,
        user: str,
        start_ms: int,
        end_ms: int,
        cursor: str | None = None,
        limit: int = 50,
        *,
        key: str | None = None,
        model: str | None = None,
        shards: int = 1,
        refused: bool = False,
    ) -> UsagePage:
        """A user's calls begun from `start_ms` and before `end_ms`, by the second, newest first.

        `shards` counts the shards the user ever had. Refused calls are among them only where asked
        for: whoever adds up must not see them. A page may hold fewer than `limit` records,
        even none, and still have a cursor.

        Raises:
            ValidationFailed: the cursor is not one of ours.
        """
        if cursor is not None and not CURSOR.fullmatch(cursor):
            raise ValidationFailed("the cursor is not one of this list", param="cursor")
        listing = Listing(
            self.dynamo,
            self.table,
            user,
            low=base32(start_ms // 1_000, START_DIGITS),
            high=cursor or base32(-(-end_ms // 1_000), START_DIGITS),
            equal={name: text for name, text in (("key", key), ("model", model)) if text},
            without=("draft",) if refused else ("draft", "refused"),
        )
        return listing.page(limit, shards)

    def _put_absent(self, record: UsageRecord) -> UsageRecord | None:
        """Put the record; gives the one that is there instead, if one is."""
        absent = {**ABSENT, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        try:
            self.dynamo.call("PutItem", {**self._request(record), **absent}, attempts=ATTEMPTS)
        except ConditionFailed as failed:
            return read_record(values_of(failed.item or {}))
        return None

    def _put_late(self, record: UsageRecord, tombstone: UsageRecord) -> bool:
        """Replace that very tombstone by the late record; what it settled stays as it is."""
        late = replace(
            record,
            state="late",
            hold=tombstone.hold,
            held=tombstone.held,
            windows=tombstone.windows,
            charge=tombstone.charge,
            late_charge=record.charge - tombstone.charge,
        )
        unchanged = {
            "ConditionExpression": "#state = :abandoned AND #hold = :hold AND #charge = :charge",
            "ExpressionAttributeNames": {"#state": "state", "#hold": "hold", "#charge": "charge"},
            "ExpressionAttributeValues": {
                ":abandoned": {"S": "abandoned"},
                ":hold": {"S": tombstone.hold},
                ":charge": {"N": str(tombstone.charge)},
            },
        }
        try:
            self.dynamo.call("PutItem", {**self._request(late), **unchanged}, attempts=ATTEMPTS)
        except ConditionFailed:
            return False
        return True

    def _get(self, user: str, rid: str, suffix: str = "") -> UsageRecord | None:
        request = {
            "TableName": self.table,
            "Key": record_key(user, rid, suffix),
            "ConsistentRead": True,
        }
        item = self.dynamo.call("GetItem", request, attempts=ATTEMPTS).get("Item")
        return None if item is None else read_record(values_of(item))

    def _request(self, record: UsageRecord, suffix: str = "") -> dict[str, Any]:
        start = start_of(record.hold)
        life = REFUSED_LIFE if record.state == "refused" else self.retention
        life = DRAFT_LIFE if suffix else life
        key = record_key(record.user, rid_of(record.hold), suffix)
        return {"TableName": self.table, "Item": key | write_record(record, start + life)}
