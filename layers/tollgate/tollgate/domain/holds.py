"""What a hold id says: when it was born and ends, where it lies, and whose limits it charged.

Whoever finds an open hold can finish its call from this text alone: which usage record to look
for, from when on it may be swept, which key quota, subscription and counters of limits get their
part back.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from tollgate.domain.base32 import base32, number
from tollgate.domain.errors import NotFound
from tollgate.domain.record import Funding

TtlClass = Literal["s", "l", "t"]
"""Short and long calls, and tasks, whose deadline stands in the id."""

TTL_SECONDS: Final = {"s": 20 * 60, "l": 60 * 60}
"""How long a hold lives: longer than the longest run of whoever placed it (Lambda: 15 min)."""

TASK_GRACE: Final = 60 * 60
"""Seconds a task's hold outlives the task's deadline."""

SKEW: Final = 5 * 60
"""Seconds by which two clocks may differ before an expired hold is swept too early."""

START_DIGITS: Final = 7
RANDOM_DIGITS: Final = 8
SHARD_DIGITS: Final = 2
RANDOM_LIMIT: Final = 32**RANDOM_DIGITS
"""2^40 ids a second and shard: a wallet at 20 calls a second meets one collision in 170 years."""

USER_DIGITS: Final = 16

_DIGIT: Final = "[0-9a-hjkmnp-tv-z]"
_RID_DIGITS: Final = START_DIGITS + RANDOM_DIGITS + SHARD_DIGITS
_RID: Final = rf"{_DIGIT}{{{_RID_DIGITS}}}"
FLAG_DIGITS: Final = 3
GROUP_FLAGS: Final = 0b11111 << 10
"""The flags of counters that a group's alias belongs to; `domain/scopes.py` reads them all."""

_HOLD: Final = re.compile(
    rf"(?P<rid>{_RID})(?P<attempt>{_DIGIT})(?P<ttl>(?P<task>t)|[sl])(?P<funding>[ws])"
    rf"(?P<quota>[k-]|(?P<counted>[lb]))(?P<key>[0-9a-z]{{4}})"
    rf"(?(counted)(?P<flags>{_DIGIT}{{{FLAG_DIGITS}}}))(?P<group>[0-9a-z]{{4}})?"
    rf"(?(task)(?P<deadline>{_DIGIT}{{{START_DIGITS}}}))",
    re.ASCII,
)
_QUOTA_MARKS: Final = {
    (False, False): "-",
    (True, False): "k",
    (False, True): "l",
    (True, True): "b",
}
"""By whether the key's quota was charged, and whether counters of limits were raised."""

_MARK: Final = _RID_DIGITS + 3
_REQUEST: Final = re.compile(rf"req_({_RID})({_DIGIT}{{{USER_DIGITS}}})", re.ASCII)
_FUNDINGS: Final[dict[str, Funding]] = {"w": "wallet", "s": "subscription"}


@dataclass(frozen=True, slots=True)
class HoldId:
    """A hold id taken apart.

    `rid` is the id of the call's usage record; all attempts at one hold share it. `start`,
    `expires` are epoch seconds. `key_limited` tells that the key's quota was charged as well,
    `group_alias` whose subscription pays. `flags` say what else counts the call (domain/scopes.py),
    `counted_group` in which group.
    """

    rid: str
    start: int
    shard: int
    attempt: int
    ttl_class: TtlClass
    funding: Funding
    key_alias: str
    key_limited: bool
    group_alias: str
    expires: int
    flags: int = 0
    counted_group: str = ""


@dataclass(frozen=True, slots=True)
class Birth:
    """What a new hold id is made of. `deadline` is the epoch second a task must be done by.

    The group that counts the call is the one whose subscription pays, where there are both.
    """

    start: int
    random: int
    shard: int
    attempt: int
    key_alias: str
    key_limited: bool = False
    ttl_class: TtlClass = "s"
    group_alias: str = ""
    deadline: int = 0
    flags: int = 0
    counted_group: str = ""


def new_hold_id(birth: Birth) -> str:
    """The id of a new hold; a group alias makes it subscription-funded."""
    return "".join(
        (
            base32(birth.start, START_DIGITS),
            base32(birth.random, RANDOM_DIGITS),
            base32(birth.shard, SHARD_DIGITS),
            base32(birth.attempt, 1),
            birth.ttl_class,
            "s" if birth.group_alias else "w",
            _QUOTA_MARKS[birth.key_limited, bool(birth.flags)],
            birth.key_alias,
            base32(birth.flags, FLAG_DIGITS) if birth.flags else "",
            birth.group_alias or (birth.counted_group if birth.flags & GROUP_FLAGS else ""),
            base32(birth.deadline, START_DIGITS) if birth.ttl_class == "t" else "",
        )
    )


@lru_cache(maxsize=4_096)
def parse_hold_id(text: str) -> HoldId:
    """Take a hold id apart.

    Raises:
        ValueError: this is no hold id.
    """
    found = _HOLD.fullmatch(text)
    if found is None or found["flags"] == "0" * FLAG_DIGITS:
        raise ValueError(f"{text!r} is no hold id")
    flags = number(found["flags"]) if found["flags"] else 0
    counted, subscribed = bool(flags & GROUP_FLAGS), found["funding"] == "s"
    if (found["group"] is not None) != (counted or subscribed):
        raise ValueError(f"{text!r} is no hold id")
    start, deadline = start_of(found["rid"]), found["deadline"]
    return HoldId(
        rid=found["rid"],
        start=start,
        shard=shard_of(found["rid"]),
        attempt=number(found["attempt"]),
        ttl_class=found["ttl"],  # type: ignore[arg-type]  # one of the three: the pattern says so
        funding=_FUNDINGS[found["funding"]],
        key_alias=found["key"],
        key_limited=found["quota"] in "kb",
        group_alias=found["group"] if subscribed else "",
        expires=number(deadline) + TASK_GRACE if deadline else start + TTL_SECONDS[found["ttl"]],
        flags=flags,
        counted_group=found["group"] if counted else "",
    )


def start_of(rid: str) -> int:
    """The epoch second in which the call of this record began."""
    return number(rid[:START_DIGITS])


def shard_of(rid: str) -> int:
    """The wallet shard the call of this record was held on."""
    return number(rid[-SHARD_DIGITS:])


def rid_of(hold: str) -> str:
    """The id of the usage record of a hold."""
    return hold[:_RID_DIGITS]


def day_of(start: int) -> str:
    """The UTC day of an epoch second, as keys and counters write it: `20261122`."""
    return hour_of(start)[:8]


def hour_of(start: int) -> str:
    """The UTC hour of an epoch second, as keys write it: `2026112213`."""
    return _hour_name(start // 3_600)


@lru_cache(maxsize=1_024)
def _hour_name(hour: int) -> str:
    return datetime.fromtimestamp(hour * 3_600, UTC).strftime("%Y%m%d%H")


def is_task(hold: str) -> bool:
    """Whether the hold is a task's, which has a map of its own in the wallet."""
    return hold[_RID_DIGITS + 1] == "t"


def is_wallet_funded(hold: str) -> bool:
    """Whether the hold is part of its wallet's `held`."""
    return hold[_RID_DIGITS + 2] == "w"


def is_counted(hold: str) -> bool:
    """Whether counters of limits were raised by the hold."""
    return hold[_MARK] in "lb"


def is_sweepable(hold: str, now: int) -> bool:
    """Whether nobody can be at work on the hold any more, at any clock within the skew."""
    return parse_hold_id(hold).expires + SKEW < now


def request_id(rid: str, user: str) -> str:
    """The id people see; it names the record and its owner, so no index is needed to find it."""
    return f"req_{rid}{user.removeprefix('usr_')}"


def parse_request_id(text: str) -> tuple[str, str]:
    """The user and the record id (rid) behind a request id.

    Raises:
        NotFound: no request can have this id.
    """
    found = _REQUEST.fullmatch(text)
    if found is None:
        raise NotFound("there is no request with this id")
    return f"usr_{found[2]}", found[1]
