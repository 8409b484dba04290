"""The audit log: who changed what, when and from where; entries are put once and never touched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pynamodb.attributes import UnicodeAttribute

from tollgate.domain.base32 import base32
from tollgate.ids import RANDOM_DIGITS, TIME_DIGITS
from tollgate.store.catalog.attributes import IntegerAttribute, JsonAttribute
from tollgate.store.catalog.writing import foreign_errors
from tollgate.store.state import StateItem

PREFIX: Final = "audit#"
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `before` and `after` are what the API would show of the object; None: it was
    not there. Secrets are in neither. `at` is in epoch milliseconds.
    """

    actor: str
    action: str
    object: str
    at: int
    before: Values | None = None
    after: Values | None = None
    ip: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries of one month, newest first; `after` asks for the next older ones, None ends."""

    entries: tuple[Entry, ...]
    after: str | None


class AuditItem(StateItem):
    actor = UnicodeAttribute()
    action = UnicodeAttribute()
    object = UnicodeAttribute()
    at = IntegerAttribute()
    before = JsonAttribute(null=True)
    after = JsonAttribute(null=True)
    ip = UnicodeAttribute()
    request_id = UnicodeAttribute()


NAMES: Final = ("actor", "action", "object", "at", "before", "after", "ip", "request_id")


def month_of(at: int) -> str:
    """The month (UTC, `yyyymm`) of an epoch millisecond."""
    return datetime.fromtimestamp(at // 1_000, UTC).strftime("%Y%m")


class AuditLog:
    """Appends and lists; `random(n)` is below n."""

    def __init__(self, random: Callable[[int], int]) -> None:
        self._random = random

    def append(self, entry: Entry) -> None:
        """Keep an entry for good.

        Raises:
            StoreError: as the port says.
        """
        serial = base32(self._random(32**RANDOM_DIGITS), RANDOM_DIGITS)
        key = base32(entry.at, TIME_DIGITS) + serial
        values = {name: getattr(entry, name) for name in NAMES}
        item = AuditItem(PREFIX + month_of(entry.at), key, **values)
        with foreign_errors():
            item.save(AuditItem.pk.does_not_exist())

    def page(self, month: str, limit: int, after: str | None = None) -> AuditPage:
        """At most `limit` entries of a month that are older than `after`."""
        partition = PREFIX + month
        start = None if after is None else {"pk": {"S": partition}, "sk": {"S": after}}
        with foreign_errors():
            found = list(
                AuditItem.query(
                    partition,
                    limit=limit + 1,
                    last_evaluated_key=start,
                    scan_index_forward=False,
                    consistent_read=True,
                )
            )
        entries = tuple(Entry(**{name: getattr(item, name) for name in NAMES}) for item in found)
        return AuditPage(entries[:limit], found[limit - 1].sk if len(found) > limit else None)
