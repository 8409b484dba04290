"""Which refused calls leave a row in the usage table, and what it says: that they cost nothing.

Only callers who proved who they are, and only the first few of a key in a minute: refusals cost us
a write each, and nobody may make us pay for that at will (ruling R26). A row that cannot be
written changes nothing for the caller.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final

from tollgate.dialects import Dialect
from tollgate.domain.call import Call
from tollgate.domain.errors import (
    InvalidKey,
    TollgateError,
    TooManyAttempts,
    Unauthenticated,
)
from tollgate.domain.holds import RANDOM_LIMIT, Birth, new_hold_id, request_id, rid_of
from tollgate.domain.question import Caller
from tollgate.domain.record import UsageRecord
from tollgate.services.admission import Admission
from tollgate.store.dynamodb import StoreError
from tollgate.store.usage import UsageRecords

A_MINUTE: Final = 5
"""Rows of one key in one minute, from one process."""

MINUTE_MS: Final = 60_000


@dataclass(slots=True)
class Refusals:
    """Notes refusals.

    Args:
        random: `random(n)` is below n, unpredictable.
        clock: epoch ms.
        count: adds to a metric by name.
    """

    admission: Admission
    records: UsageRecords
    random: Callable[[int], int]
    clock: Callable[[], int]
    count: Callable[[str, int], None]
    minute: int = -1
    noted: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def note(self, secret: str, call: Call, dialect: Dialect, error: TollgateError) -> str | None:
        """Keep a row of a refusal; gives the request id it is found by, None without a row."""
        guessed = isinstance(error, InvalidKey | TooManyAttempts)  # looking again costs a read
        caller = None if guessed else self._caller(secret)
        if caller is None:
            self.count("UnauthenticatedRefusals", int(isinstance(error, Unauthenticated)))
            return None
        now = self.clock()
        if not self._wanted(caller.key.id, now):
            return None
        birth = Birth(now // 1_000, self.random(RANDOM_LIMIT), 0, 0, caller.key.alias)
        row = replace(
            refused(caller, call, dialect, error, new_hold_id(birth)),
            group=self._group(caller, call),
            started=now,
            ended=now,
        )
        try:
            self.records.refuse(row)
        except StoreError:
            return None
        return request_id(rid_of(row.hold), row.user)

    def _caller(self, secret: str) -> Caller | None:
        """Who was refused, if that is known for sure."""
        try:
            return self.admission.identify(secret)
        except TollgateError:
            return None

    def _group(self, caller: Caller, call: Call) -> str:
        """The group the call would have gone through; the key's own where that is not known."""
        try:
            return self.admission.questions.group(caller, call).id
        except TollgateError:
            return caller.key.group

    def _wanted(self, key: str, now: int) -> bool:
        """Whether this is one of the first of its key in this minute."""
        with self.lock:
            if now // MINUTE_MS != self.minute:
                self.minute = now // MINUTE_MS
                self.noted.clear()
            self.noted[key] += 1
            return self.noted[key] <= A_MINUTE


def refused(
    caller: Caller, call: Call, dialect: Dialect, error: TollgateError, hold: str
) -> UsageRecord:
    """The row of a refusal. Its hold id only says where it lies: nothing was ever held."""
    return UsageRecord(
        user=caller.profile.user,
        hold=hold,
        held=0,
        charge=0,
        state="refused",
        key=caller.key.id,
        group=caller.key.group,
        requested_group=caller.key.group,
        model=call.model,
        status=int(error.status),
        error=error.code,
        dialect=dialect.name,
        stream=call.stream,
    )
