"""Whose limits a call counts against, and by which of its wallet's counters.

A scope is the user, the key, or the user within the call's group. Counters of a minute have names
that begin with it, so nothing needs to be known to count on. Spend windows know when they began:
a hold is charged only to windows that began no later than it, so its id alone tells which stored
window it is part of, whoever finishes it.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from tollgate.domain.catalog import UNLIMITED, Limits
from tollgate.domain.holds import HoldId
from tollgate.domain.sharding import reach, share

Kind = Literal["user", "key", "group"]
KINDS: Final[tuple[Kind, ...]] = ("user", "key", "group")
Window = Literal["five_hours", "day", "week"]
WINDOWS: Final[Mapping[Window, str]] = {
    "five_hours": "spend_5h",
    "day": "spend_day",
    "week": "spend_week",
}
"""Every spend window and the limit that is for it."""

LENGTHS: Final[Mapping[Window, int]] = {"five_hours": 5 * 3_600, "day": 86_400, "week": 7 * 86_400}
MINUTE_DIGITS: Final = 8
BITS: Final = 5
TOKENS, OPEN, FIRST_WINDOW = 0, 1, 2
"""What the five bits that a scope has in a hold id stand for: the windows are the last three."""


class Scope(NamedTuple):
    """Limits that a call counts against; `alias` is the key's or the group's in the wallet."""

    kind: Kind
    limits: Limits
    alias: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.alias}" if self.alias else self.kind

    @property
    def windows(self) -> list[tuple[Window, int]]:
        """The windows that are limited, with their limits in nanos."""
        limits = self.limits
        if not (limits.spend_5h or limits.spend_day or limits.spend_week):
            return []
        found = ((window, int(getattr(limits, name))) for window, name in WINDOWS.items())
        return [(window, limit) for window, limit in found if limit]


class Spent(NamedTuple):
    """A spend window as stored: the epoch second it began, and nanos taken from it since."""

    began: int
    used: int


Of = tuple[str, Limits]
"""An alias, and limits."""


def scopes_of(user: Limits, key: Of, group: Of) -> tuple[Scope, ...]:
    """The scopes of a call that limit anything; key and group come with their aliases."""
    every: tuple[tuple[Kind, str, Limits], ...] = (
        ("user", "", user),
        ("key", *key),
        ("group", *group),
    )
    return tuple(
        Scope(kind, limits, alias)
        for kind, alias, limits in every
        if limits is not UNLIMITED and limits != UNLIMITED
    )


def with_share(scope: Scope, spread: int) -> Limits:
    """What of a scope's limits counts on one of so many shards; a key has all its calls on one.

    So has a group whose limits are too tight to be split.
    """
    limits = scope.limits
    if scope.kind == "key" or reach(spread, (limits,)) == 1:
        return limits
    return Limits(rpm=share(limits.rpm, spread), concurrency=share(limits.concurrency, spread))


# --- names ----------------------------------------------------------------------------------


def calls_name(scope: Scope, minute: int) -> str:
    """The counter of a scope's calls begun in a minute."""
    return f"{minute}c{scope.kind[0]}{scope.alias}"


def tokens_name(kind: Kind, alias: str, minute: int) -> str:
    """The counter of a scope's tokens in a minute."""
    return f"{minute}t{kind[0]}{alias}"


def minute_of(name: str) -> int:
    """The minute that a counter is for."""
    return int(name[:MINUTE_DIGITS])


def open_name(scope: Scope) -> str:
    """The counter of a scope's open calls; the user's are all that are open."""
    return f"open_{scope.name}"


def window_name(scope: Scope, window: Window) -> str:
    """Where a scope's window is stored."""
    return f"{window}_{scope.name}"


def kind_of_window(name: str) -> Window:
    """Which window is stored there."""
    return next(window for window in WINDOWS if name.startswith(f"{window}_"))


# --- windows --------------------------------------------------------------------------------


def earliest(window: Window, now: int) -> int:
    """The earliest second at which a window that still runs can have begun."""
    if window == "day":
        return now - now % LENGTHS["day"]
    return now - LENGTHS[window] + 1


def fresh(window: Window, now: int) -> int:
    """When a window begins that a call begins now: a day is a calendar day in UTC."""
    return earliest(window, now) if window == "day" else now


def resets(window: Window, began: int) -> int:
    """The epoch second from which on a window does not count any more."""
    return began + LENGTHS[window]


# --- what a hold id says --------------------------------------------------------------------


class Counted(NamedTuple):
    """What an open hold is counted in: names of open counters and windows, scopes of tokens."""

    tokens: tuple[tuple[Kind, str], ...] = ()
    open: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()


NOTHING: Final = Counted()


def flags_of(scopes: tuple[Scope, ...], *, task: bool = False) -> int:
    """What a hold of these scopes is counted in, as its id says it. Tasks are no open calls."""
    flags = 0
    for scope in scopes:
        first = KINDS.index(scope.kind) * BITS
        flags |= bool(scope.limits.tpm) << first + TOKENS
        flags |= (counts_open(scope) and not task) << first + OPEN
        limited = dict(scope.windows)
        for index, window in enumerate(WINDOWS):
            flags |= (window in limited) << first + FIRST_WINDOW + index
    return flags


def counts_open(scope: Scope) -> bool:
    """Whether open calls of a scope have a counter of their own."""
    return scope.kind != "user" and bool(scope.limits.concurrency)


def counted(hold: HoldId) -> Counted:
    """What a hold is counted in, by its id alone."""
    if not hold.flags:
        return NOTHING
    return _counted(hold.flags, hold.key_alias, hold.counted_group)


@lru_cache(maxsize=4_096)
def _counted(flags: int, key: str, group: str) -> Counted:
    aliases: Mapping[Kind, str] = {"user": "", "key": key, "group": group}
    tokens: list[tuple[Kind, str]] = []
    opened: list[str] = []
    windows: list[str] = []
    for kind, bits in _bits(flags):
        scope = Scope(kind, UNLIMITED, aliases[kind])
        tokens += [(kind, scope.alias)] if bits >> TOKENS & 1 else []
        opened += [open_name(scope)] if bits >> OPEN & 1 else []
        for index, window in enumerate(WINDOWS):
            windows += [window_name(scope, window)] if bits >> FIRST_WINDOW + index & 1 else []
    return Counted(tuple(tokens), tuple(opened), tuple(windows))


def _bits(flags: int) -> Iterator[tuple[Kind, int]]:
    for index, kind in enumerate(KINDS):
        yield kind, flags >> index * BITS & (1 << BITS) - 1
