"""How a user's usage is listed by time: day by day and shard by shard, merged, a page at a time."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, Final

from tollgate.domain.base32 import base32
from tollgate.domain.holds import START_DIGITS, day_of, rid_of, start_of
from tollgate.domain.record import UsageRecord
from tollgate.store.dynamodb import Dynamo
from tollgate.store.marshal import values_of
from tollgate.store.usage_item import read_record

ATTEMPTS: Final = 3
DAY: Final = 86_400
PAGE_DAYS: Final = 31
"""Days one page looks through at most; a cursor leads on from there."""

CURSOR: Final = re.compile(r"[0-9a-hjkmnp-tv-z]{7}(?:[0-9a-hjkmnp-tv-z]{10})?", re.ASCII)
"""Where a page ended: a record id, or just a second."""


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Records, newest first; `cursor` asks for the next older ones, None at the end."""

    records: tuple[UsageRecord, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The records of a user from sort key `low` to just before `high` with these attributes.

    `without` names the states that are left out.
    """

    dynamo: Dynamo
    table: str
    user: str
    low: str
    high: str
    equal: Mapping[str, str]
    without: Sequence[str] = ("draft", "refused")

    def page(self, limit: int, shards: int) -> UsagePage:
        """The newest records, at most `limit`."""
        newest = start_of(self.high)
        oldest = max(start_of(self.low), newest - PAGE_DAYS * DAY)
        merged = merge(
            *(self._shard(shard, newest, oldest) for shard in range(shards)),
            key=lambda record: rid_of(record.hold),
            reverse=True,
        )
        records = tuple(islice(merged, limit))
        if len(records) == limit:
            return UsagePage(records, rid_of(records[-1].hold))
        more = oldest > start_of(self.low)
        return UsagePage(records, base32(oldest, START_DIGITS) if more else None)

    def _shard(self, shard: int, newest: int, oldest: int) -> Iterator[UsageRecord]:
        floor = base32(oldest, START_DIGITS)
        for midnight in range(newest - newest % DAY, oldest - DAY, -DAY):
            yield from self._day(f"{self.user}#{day_of(midnight)}#{shard}", floor)

    def _day(self, partition: str, floor: str) -> Iterator[UsageRecord]:
        request = self._request(partition, floor)
        while True:
            answer = self.dynamo.call("Query", request, attempts=ATTEMPTS)
            for item in answer["Items"]:
                if item["sk"]["S"] != self.high:
                    yield read_record(values_of(item))
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _request(self, partition: str, floor: str) -> dict[str, Any]:
        left_out = {f":{state}": {"S": state} for state in self.without}
        unwanted = [f"#state <> {name}" for name in left_out]
        conditions = [*unwanted, *(f"#{name} = :{name}" for name in self.equal)]
        return {
            "TableName": self.table,
            "KeyConditionExpression": "#pk = :pk AND #sk BETWEEN :low AND :high",
            "FilterExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {
                "#pk": "pk",
                "#sk": "sk",
                "#state": "state",
                **{f"#{name}": name for name in self.equal},
            },
            "ExpressionAttributeValues": {
                ":pk": {"S": partition},
                ":low": {"S": floor},
                ":high": {"S": self.high},
                **left_out,
                **{f":{name}": {"S": text} for name, text in self.equal.items()},
            },
            "ScanIndexForward": False,
        }
