"""From a batch of the Catalog's stream to published parts: which to rebuild, in which order.

Stream images only say what to rebuild; what is published is read from the table itself, strongly
consistent, after a number was claimed. Whoever loses the race for the version item builds again
(ruling R22). A profile is written first and its version to the wallet after it, so a relay with
an older one notices at its next hold.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from tollgate.domain.compilation import (
    Everywhere,
    Person,
    Pools,
    bound_by,
    compile_bound,
    compile_global,
    compile_group,
    compile_profile,
)
from tollgate.domain.multipliers import Multipliers, sliced
from tollgate.store.publications import Claim, Overtaken, Publications
from tollgate.store.snapshots import GLOBAL, slices_of
from tollgate.store.stream import Change, Image, Unreadable, read_change, sequence_of

ATTEMPTS: Final = 5
"""Times a publisher builds again after losing, before it leaves the work to the stream's retry."""

RETIRED_LIFE: Final = 3_600
"""Seconds an old part can still be read by a relay that is about to look."""

CONCERNS: Final[Mapping[str, Callable[[Image], Iterable[str]]]] = {
    "user": lambda image: (image["id"],),
    "key": lambda image: (image["user"],),
    "group": lambda image: (image["id"],),
    "account": lambda image: (image["id"], *image["groups"]),
    "channel": lambda image: (image["id"], *image["groups"]),
    "customer_price": lambda image: (image["user"],),
    "permission": lambda image: (image["user"],),
    "price": lambda image: (GLOBAL,),
    "model_group": lambda image: (GLOBAL,),
    "model_group_channel": lambda image: (GLOBAL, image["channel"]),
    "default_group": lambda image: (GLOBAL,),
    "setting": lambda image: (GLOBAL,),
}
"""Which parts an image of a kind goes into. Kinds that are not here are published nowhere.

An account has no part of its own: its id stands for those of the bound channels that may use it.
"""


class Source(Protocol):
    """Where definitions are read from, strongly consistent."""

    def everywhere(self) -> Everywhere: ...

    def pools(self) -> Pools: ...

    def own_multipliers(self, group: str) -> Multipliers: ...

    def person(self, user: str) -> Person | None: ...


Built = dict[str, int | None]
"""The number each part was written under; None: its definition is gone."""

Report = Callable[[str, Exception], None]
"""Told the part that could not be published, and why; nothing else is done about it here."""

SetProfileVersion = Callable[[str, int], None]
"""Raises a user's wallet to a profile version; never lowers it."""


def concerned(change: Change) -> frozenset[str]:
    """The parts that an item was in, or is in now.

    Raises:
        Unreadable: an image lacks what its kind always has.
    """
    parts: set[str] = set()
    for image in (change.old, change.new):
        if image is not None:
            parts.update(parts_of(image))
    return frozenset(parts)


def parts_of(image: Image) -> tuple[str, ...]:
    """The parts one image goes into."""
    kind = image.get("kind")
    if not isinstance(kind, str):
        raise Unreadable("a catalog item without a kind")
    try:
        parts = tuple(CONCERNS[kind](image)) if kind in CONCERNS else ()
    except (KeyError, TypeError) as error:
        raise Unreadable(f"a {kind} without {error}") from error
    if not all(isinstance(part, str) for part in parts):
        raise Unreadable(f"a {kind} whose ids are no text")
    return parts


class Publishing:
    """Keeps the snapshot equal to the definitions."""

    def __init__(
        self,
        source: Source,
        publications: Publications,
        set_wallet_profile_version: SetProfileVersion,
        now_ms: Callable[[], int],
        report: Report,
    ) -> None:
        self._source = source
        self._publications = publications
        self._set_wallet_profile_version = set_wallet_profile_version
        self._now_ms = now_ms
        self._report = report

    def apply(self, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Publish what a batch of stream records changed.

        The sequence numbers given back are those of records to be delivered again: they could not
        be read, or a part they concern could not be published. The others are done.
        """
        wanted: dict[str, frozenset[str]] = {}
        failed: set[str] = set()
        for record in records:
            sequence = sequence_of(record)
            try:
                wanted[sequence] = concerned(read_change(record))
            except Unreadable as error:
                self._report(sequence, error)
                failed.add(sequence)
        broken = self.publish(frozenset[str]().union(*wanted.values()))
        failed |= {sequence for sequence, parts in wanted.items() if parts & broken}
        return [sequence for sequence in map(sequence_of, records) if sequence in failed]

    def publish(self, parts: frozenset[str]) -> frozenset[str]:
        """Rebuild these parts ("global", ids of groups, bound channels, accounts and users).

        Those that failed are given back.
        """
        users = frozenset(part for part in parts if part.startswith("usr_"))
        broken = {user for user in users if not self._done(user, partial(self._profile, user))}
        shared = parts - users
        if shared and not self._done("snapshot", lambda: broken.update(self._parts(shared))):
            broken |= shared
        return frozenset(broken)

    def _done(self, part: str, act: Callable[[], None]) -> bool:
        """The poison guard: whatever is wrong with one part must not stop the others."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - reported, and delivered again by the stream
            self._report(part, error)
            return False
        return True

    def _profile(self, user: str) -> None:
        """Publish a user's profile, then tell the wallet."""
        person = self._source.person(user)
        if person is not None:
            self._publications.put_profile(compile_profile(person))
            self._set_wallet_profile_version(user, person.revision)

    def _parts(self, parts: frozenset[str]) -> frozenset[str]:
        """Publish shared parts; those that could not be built are given back."""
        for _ in range(ATTEMPTS):
            claim = self._publications.claim()
            # The very first publication brings the global part: without it nothing can be served.
            wanted = parts | (frozenset() if claim.seen.everywhere else {GLOBAL})
            built = self._build(claim, wanted)
            try:
                self._count(claim, built)
            except Overtaken:
                continue
            self._retire(claim, built)
            return parts - built.keys()
        raise Overtaken(f"overtaken {ATTEMPTS} times")

    def _build(self, claim: Claim, parts: frozenset[str]) -> Built:
        """Write parts under the claimed number; what cannot be built is not in the answer."""
        built: Built = {}
        others = parts - {GLOBAL}
        if GLOBAL in parts:
            self._done(GLOBAL, partial(self._everywhere, claim.number, built))
        if others:
            pools = self._source.pools()
            for part in sorted(others):
                self._done(part, partial(self._pool, claim.number, part, pools, built))
        return built

    def _everywhere(self, number: int, built: Built) -> None:
        self._publications.put_everywhere(compile_global(number, self._source.everywhere()))
        built[GLOBAL] = number

    def _pool(self, number: int, part: str, pools: Pools, built: Built) -> None:
        """Write a group, and the bound channels that hold something of the part."""
        for channel in sorted(bound_by(part, pools) - built.keys()):
            compiled = compile_bound(number, channel, pools)
            if compiled is not None:
                self._publications.put_channel(compiled)
            built[channel] = None if compiled is None else number
        if part.startswith("grp_"):
            self._group(number, part, pools, built)
        built.setdefault(part, None)

    def _group(self, number: int, group: str, pools: Pools, built: Built) -> None:
        definition = pools.groups.get(group)
        if definition is not None:
            own = self._source.own_multipliers(group) if definition.multipliers else {}
            slices = sliced(own)
            self._publications.put_multipliers(group, number, slices)
            self._publications.put_group(compile_group(number, definition, pools, len(slices)))
        built[group] = None if definition is None else number

    def _count(self, claim: Claim, built: Built) -> None:
        """Let the built parts count from now on, beside those that stay."""
        if not built:
            return
        numbers = {**claim.seen.groups, **claim.seen.channels, **built}
        kept = {part: number for part, number in numbers.items() if number is not None}
        groups = {part: number for part, number in kept.items() if part.startswith("grp_")}
        channels = {part: number for part, number in kept.items() if part.startswith("chn_")}
        everywhere = built.get(GLOBAL) or claim.seen.everywhere
        self._publications.publish(claim, everywhere, groups, channels)

    def _retire(self, claim: Claim, parts: Iterable[str]) -> None:
        """Let what no longer counts expire; failing here wastes space and nothing else."""
        expires = self._now_ms() // 1_000 + RETIRED_LIFE
        for part in parts:
            for name in (part, slices_of(part)):
                self._done(name, partial(self._publications.retire, name, claim.number, expires))
