"""What is summed of the calls of an hour: which rows a call counts in, and what each row counts."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from tollgate.domain.holds import hour_of, parse_hold_id, request_id
from tollgate.domain.record import UsageRecord

Row = tuple[str, str]
"""A rollup row: what it is about (`model#gpt-4o`) and its hour (`2026112213`)."""

Sums = Mapping[str, int]
"""Counter name → total. Only counters that are not 0."""

ACCOUNT_STATUSES: Final = (401, 402, 403, 429)
"""What an upstream says of the account, not of the request."""

NAME_BYTES: Final = 480
"""A pair of names this long is still a key of a table; a caller may send longer ones."""


def counters(record: UsageRecord) -> Counter[str]:
    """What one call adds to each of its rows; money in nanos, times in ms.

    A usage class is counted under its own name. `latency` and `first_byte` are sums: for a mean,
    divide the one by `calls`, the other by `answered`, the calls that an answer began for.
    """
    found = Counter(record.usage)
    found["calls"] = 1  # the class of that name counts calls as well, once each
    found.update(
        errors=int(bool(record.error) or record.status >= 400),
        answered=int(record.first_byte > 0),
        charge=record.charge + record.late_charge,
        cost=record.cost,
        image_cost=record.image_cost,
        latency=record.ended - record.started if record.ended else 0,
        first_byte=record.first_byte - record.started if record.first_byte else 0,
    )
    return Counter({name: n for name, n in found.items() if n})


def row_name(model: str) -> str:
    """A model's name as rows have it: one too long for a key is cut, but still like no other."""
    text = model.strip().encode()
    if len(text) <= NAME_BYTES:
        return text.decode()
    mark = hashlib.blake2b(text, digest_size=8).hexdigest()
    return f"{text[: NAME_BYTES - 20].decode(errors='ignore')}…{mark}"


def dimensions(record: UsageRecord) -> list[str]:
    """What a call counts in, beside its user. A call no account answered has no upstream rows.

    Where nothing else was sent than what was asked for, the upstream's name is the requested one.
    Of a call whose relay was killed only the user is known; it may be told more of later.
    """
    rows = ["all"]
    requested = row_name(record.model)
    upstream = row_name(record.upstream_model) or requested
    if record.group:
        rows += [f"group#{record.group}", f"model#{requested}"]
    if record.account:
        rows += [
            f"account#{record.account}",
            f"upstream#{upstream}",
            f"pair#{requested}→{upstream}",
        ]
    if record.model_group:
        rows.append(f"model_group#{requested}#{record.model_group}")
    return rows


def of_user(record: UsageRecord) -> Counter[str]:
    """What a call adds to its user's row: the totals, and the same by key and by model."""
    own = counters(record)
    found = Counter(own)
    for kind, name in (("key", record.key), ("model", row_name(record.model))):
        if not name:
            continue
        found.update({f"{kind}.{name}.{counter}": n for counter, n in own.items()})
    return found


def hour(record: UsageRecord) -> str:
    """The hour a call counts in: the one in which its hold was placed."""
    return hour_of(parse_hold_id(record.hold).start)


def summed(records: Iterable[UsageRecord]) -> dict[Row, Counter[str]]:
    """Every row these calls count in, with what they add to it."""
    rows: dict[Row, Counter[str]] = {}
    for record in records:
        began = hour(record)
        own = counters(record)
        for name in dimensions(record):
            rows.setdefault((name, began), Counter()).update(own)
        rows.setdefault((f"user#{record.user}", began), Counter()).update(of_user(record))
        for account in failed_at(record):
            rows.setdefault((f"account#{account}", began), Counter())["failures"] += 1
    return rows


def failed_at(record: UsageRecord) -> list[str]:
    """The account of every attempt that failed there, whoever answered the call at last.

    What an upstream found wrong with the request itself is no failure of the account.
    """
    return [str(each["account"]) for each in record.attempts if has_failed(each)]


def has_failed(attempt: Mapping[str, str | int]) -> bool:
    """Whether an attempt brought no answer, or one that was none."""
    status = int(attempt["status"])
    if 200 <= status < 300:
        return bool(attempt.get("error"))
    return status == 0 or status in ACCOUNT_STATUSES or status >= 500


def requests_by_account(records: Iterable[UsageRecord]) -> dict[Row, list[str]]:
    """The request ids of each account's calls, by hour, so that an account's calls can be found."""
    found: dict[Row, list[str]] = {}
    for record in records:
        if record.account:
            public = request_id(parse_hold_id(record.hold).rid, record.user)
            found.setdefault((record.account, hour(record)), []).append(public)
    return found
