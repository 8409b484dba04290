"""The relay's copy of the catalog: when it looks for a newer one, and what it does when it cannot.

One read of the version every five seconds, in line with a call, by one thread. A failed look
keeps the last good copy; a relay that never had one refuses (money.md). Profiles are read when a
key first shows up and again when a hold says that they are stale.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Final, Generic, TypeVar

from tollgate.domain.catalog import ChannelPart, GlobalPart, GroupPart, Health, Key, Profile
from tollgate.domain.errors import CatalogUnavailable, GroupNotPermitted
from tollgate.domain.multipliers import Multipliers, place
from tollgate.store.dynamodb import StoreError
from tollgate.store.snapshots import Numbers, Snapshots

LOOK_EVERY_MS: Final = 5_000
"""How old the copy may be before the next call looks for a newer one."""

TRY_AGAIN_MS: Final = 1_000
"""Pause between tries while there is no copy at all."""

UNKNOWN_USER_MS: Final = 5_000
"""How long a user who does not exist is not looked for again; key scanning costs no more."""

UNKNOWN_GROUP_MS: Final = 1_000
"""How soon the copy is read again because it lacks a group that may be newer than it."""

UNKNOWN_KEY_MS: Final = 2_000
"""How soon a profile is read again because it lacks a key that may be newer than it."""

MOST_PROFILES: Final = 4_096
MOST_UNKNOWN: Final = 16_384
MOST_SLICES: Final = 32
"""Slices of users' own multipliers that are kept: each is a megabyte or so in memory."""

V = TypeVar("V")
P = TypeVar("P", GroupPart, ChannelPart)


@dataclass(slots=True)
class Copy:
    """One state of the catalog. Groups and bound channels are added as they are asked for."""

    numbers: Numbers
    health: Health
    everywhere: GlobalPart
    groups: dict[str, GroupPart] = field(default_factory=dict)
    channels: dict[str, ChannelPart] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen(Generic[V]):
    """A value and when it was read."""

    value: V
    at: int


class Recent(Generic[V]):
    """The values used last, so many at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[str, Seen[V]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str) -> Seen[V] | None:
        with self._lock:
            if name in self._values:
                self._values.move_to_end(name)
            return self._values.get(name)

    def put(self, name: str, value: V, at: int) -> None:
        with self._lock:
            self._values[name] = Seen(value, at)
            self._values.move_to_end(name)
            while len(self._values) > self._most:
                self._values.popitem(last=False)

    def drop(self, name: str) -> None:
        with self._lock:
            self._values.pop(name, None)


class Catalog:
    """What a relay knows of prices, groups, users and the health of accounts.

    `now_ms` is a clock in milliseconds; when it jumps back, the next call looks at once.
    """

    def __init__(self, snapshots: Snapshots, now_ms: Callable[[], int]) -> None:
        self._snapshots = snapshots
        self._now_ms = now_ms
        self._gate = Lock()
        self._copy: Copy | None = None
        self._looked: int | None = None
        self._profiles: Recent[Profile] = Recent(MOST_PROFILES)
        self._unknown: Recent[None] = Recent(MOST_UNKNOWN)
        self._missing: Recent[None] = Recent(MOST_UNKNOWN)
        self._multipliers: Recent[Multipliers] = Recent(MOST_SLICES)

    def global_part(self) -> GlobalPart:
        """Official prices, default model groups and settings.

        Raises:
            CatalogUnavailable: there never was a copy.
        """
        return self._current().everywhere

    def check(self) -> None:
        """Make sure that the catalog can be read; that nothing is published yet is no failure.

        Raises:
            CatalogUnavailable: it cannot be read, and there is no copy.
        """
        if self._copy is not None:
            return
        try:
            self._snapshots.heads()
        except StoreError as error:
            raise CatalogUnavailable("the catalog cannot be read now", retry_after=1) from error

    def health(self) -> Health:
        """What all relays know of the accounts.

        Raises:
            CatalogUnavailable: there never was a copy.
        """
        return self._current().health

    def group(self, group: str) -> GroupPart:
        """One group with its channel and accounts.

        A group that the copy lacks may be newer than the copy, so that one is read again, at most
        once a second a group.

        Raises:
            GroupNotPermitted: there is no such group (any more).
            CatalogUnavailable: it was never read, and cannot be now.
        """
        copy = self._current()
        part = copy.groups.get(group)
        if part is not None:
            return part
        number = copy.numbers.groups.get(group) or self._number_of(group)
        if number is None:
            raise GroupNotPermitted("the group of this key is not there any more; use another key")
        return self._load_group(group, number)

    def channel(self, channel: str) -> ChannelPart | None:
        """A channel that a model group is bound to; None when it is off, or bound no more.

        Raises:
            CatalogUnavailable: it was never read, and cannot be now.
        """
        copy = self._current()
        number = copy.numbers.channels.get(channel)
        if number is None:
            return None
        part = copy.channels.get(channel)
        return part if part is not None else self._load_channel(channel, number)

    def multiplier(self, group: GroupPart, user: str) -> str | None:
        """The user's own multiplier in a group, as text; None when the group's is theirs.

        Raises:
            CatalogUnavailable: it was never read, and cannot be now; another would be wrong.
        """
        if not group.slices:
            return None
        which = place(user, group.slices)
        name = f"{group.id} {group.version} {which}"
        known = self._multipliers.get(name)
        if known is not None:
            return known.value.get(user)
        try:
            read = self._snapshots.multipliers(group.id, group.version, which)
        except StoreError as error:
            raise CatalogUnavailable(
                "the user's multiplier cannot be read now; try again", retry_after=1
            ) from error
        self._multipliers.put(name, read, self._now_ms())
        return read.get(user)

    def profile(self, user: str) -> Profile | None:
        """A user's profile, as old as it may be; None when there is no such user.

        Raises:
            CatalogUnavailable: it was never read, and cannot be now.
        """
        known = self._profiles.get(user)
        if known is not None:
            return known.value
        unknown = self._unknown.get(user)
        if unknown is not None and self._age(unknown.at) < UNKNOWN_USER_MS:
            return None
        return self.refresh_profile(user)

    def refresh_profile(self, user: str) -> Profile | None:
        """A user's profile as it is now: for when a hold says that ours is stale.

        Raises:
            CatalogUnavailable: it cannot be read.
        """
        now = self._now_ms()
        try:
            profile = self._snapshots.profile(user)
        except StoreError as error:
            raise CatalogUnavailable(
                "the user's profile cannot be read now; try again", retry_after=1
            ) from error
        if profile is None:
            self._profiles.drop(user)
            self._unknown.put(user, None, now)
        else:
            self._unknown.drop(user)
            self._profiles.put(user, profile, now)
        return profile

    def find_key(
        self, user: str, hashes: Iterable[str], most_age_ms: int | None = None
    ) -> tuple[Profile, Key] | None:
        """A user's key by its hash under each pepper generation, None when there is none.

        A key that the profile lacks may be newer than the profile, so that one is read again, at
        most every two seconds a user. Callers that place no hold, and so would never hear that
        the profile is stale, say how old it may be.

        Raises:
            CatalogUnavailable: the profile cannot be read.
        """
        wanted = tuple(hashes)
        found = match(self.profile(user), wanted)
        bound = UNKNOWN_KEY_MS if found is None else most_age_ms
        known = self._profiles.get(user)
        if known is None or bound is None or self._age(known.at) < bound:
            return found
        return match(self.refresh_profile(user), wanted)

    # --- the copy -----------------------------------------------------------------------------

    def _age(self, then: int) -> int:
        """Milliseconds since; a clock that jumped back makes everything old."""
        age = self._now_ms() - then
        return age if age >= 0 else LOOK_EVERY_MS + UNKNOWN_USER_MS

    def _due(self) -> bool:
        pause = TRY_AGAIN_MS if self._copy is None else LOOK_EVERY_MS
        return self._looked is None or self._age(self._looked) >= pause

    def _current(self) -> Copy:
        """The copy, after a look when one is due; others do not wait for the thread that looks."""
        copy, looked = self._copy, self._looked
        if copy is not None and looked is not None and 0 <= self._now_ms() - looked < LOOK_EVERY_MS:
            return copy  # the usual case: a call asks half a dozen times
        cold = self._copy is None  # then everybody waits for the one that looks
        if (cold or self._due()) and self._gate.acquire(blocking=cold):
            try:
                if self._due():
                    self._looked = self._now_ms()
                    self._look()
            finally:
                self._gate.release()
        if self._copy is None:
            raise CatalogUnavailable("the price list cannot be read now; try again", retry_after=1)
        return self._copy

    def _look(self) -> bool:
        """Read what counts now and reload what has changed; keep what cannot be reloaded.

        Whether the versions could be read.
        """
        before = self._copy
        try:
            heads = self._snapshots.heads()
            if before is None:
                self._copy = self._first(heads.numbers, heads.health)
                return True
        except StoreError:
            return False
        numbers = heads.numbers
        everywhere = before.everywhere
        if everywhere.version != numbers.everywhere:
            everywhere = newer(everywhere, lambda: self._snapshots.everywhere(numbers.everywhere))
        groups = reloaded(before.groups, numbers.groups, self._snapshots.group)
        channels = reloaded(before.channels, numbers.channels, self._snapshots.channel)
        self._copy = Copy(numbers, heads.health, everywhere, groups, channels)
        return True

    def _number_of(self, group: str) -> int | None:
        """The version of a group that the copy at hand lacked; None when there is none.

        Everybody who asks meanwhile waits for the one that looks: they are about to be refused.
        """
        with self._gate:
            missing = self._missing.get(group)
            if missing is None or self._age(missing.at) >= UNKNOWN_GROUP_MS:
                self._looked = self._now_ms()
                if not self._look():
                    raise CatalogUnavailable(
                        "the group cannot be read now; try again", retry_after=1
                    )
                self._missing.put(group, None, self._looked)
            return None if self._copy is None else self._copy.numbers.groups.get(group)

    def _first(self, numbers: Numbers, health: Health) -> Copy | None:
        """The first copy; None while nothing has been published yet."""
        if not numbers.everywhere:
            return None
        return Copy(numbers, health, self._snapshots.everywhere(numbers.everywhere))

    def _load_group(self, group: str, number: int) -> GroupPart:
        try:
            part = self._snapshots.group(group, number)
        except StoreError as error:
            raise CatalogUnavailable(
                "the group cannot be read now; try again", retry_after=1
            ) from error
        with self._gate:
            if self._copy is not None and self._copy.numbers.groups.get(group) == number:
                self._copy.groups[group] = part
        return part

    def _load_channel(self, channel: str, number: int) -> ChannelPart:
        try:
            part = self._snapshots.channel(channel, number)
        except StoreError as error:
            raise CatalogUnavailable(
                "the channel cannot be read now; try again", retry_after=1
            ) from error
        with self._gate:
            if self._copy is not None and self._copy.numbers.channels.get(channel) == number:
                self._copy.channels[channel] = part
        return part


def reloaded(
    parts: Mapping[str, P], numbers: Mapping[str, int], read: Callable[[str, int], P]
) -> dict[str, P]:
    """The parts in hand by the numbers that count now; those that count no more are dropped."""
    return {
        name: part
        if part.version == numbers[name]
        else newer(part, partial(read, name, numbers[name]))
        for name, part in parts.items()
        if name in numbers
    }


def newer(part: V, read: Callable[[], V]) -> V:
    """What `read` brings, or the part at hand when it cannot be read: the next look tries again."""
    try:
        return read()
    except StoreError:
        return part


def match(profile: Profile | None, hashes: Iterable[str]) -> tuple[Profile, Key] | None:
    """The profile with the key of one of these hashes."""
    if profile is None:
        return None
    keys = (profile.keys.get(digest) for digest in hashes)
    return next(((profile, key) for key in keys if key is not None), None)
