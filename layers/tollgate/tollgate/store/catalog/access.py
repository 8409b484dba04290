"""Reading and writing one kind of definition: by key, by cursor, and only onto the version read.

What a definition claims (an address, an alias, a name) and which groups it uses is written in
the same transaction as the definition itself, so uniqueness and "still in use" need no look-up.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist

from tollgate.domain.definition_rules import Steps, check_step
from tollgate.domain.definitions import Author, Stamp
from tollgate.domain.errors import (
    Conflict,
    NotFound,
    TollgateError,
    ValidationFailed,
    VersionMismatch,
)
from tollgate.store.catalog.items import Guard, Item, UsesItem
from tollgate.store.catalog.writing import Writing, foreign_errors

PAGE_LIMIT: Final = 100


class Definition(Protocol):
    """A frozen value with a stamp."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def stamp(self) -> Stamp: ...


D = TypeVar("D", bound=Definition)


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    """Some definitions in the order of their keys; `after` asks for the next ones, None ends."""

    entries: tuple[D, ...]
    after: str | None = None


def in_order(
    found: Iterable[D],
    place: Callable[[D], str],
    limit: int,
    after: str | None,
    *,
    descending: bool = False,
) -> Page[D]:
    """At most `limit` definitions by their places, of those that follow the place `after`.

    For kinds of which all are read at once anyway; `place` is another text for each.
    """
    named = sorted(((place(each), each) for each in found), key=lambda one: one[0])
    if descending:
        named.reverse()
    if after is not None:
        named = [one for one in named if (one[0] < after if descending else one[0] > after)]
    entries = tuple(each for _, each in named[:limit])
    return Page(entries, named[limit - 1][0] if len(named) > limit else None)


@dataclass(frozen=True, slots=True)
class Claim:
    """Something only one definition may have: the guard's key, and what a second one is told."""

    item: type[Guard]
    pk: str
    sk: str
    taken: str
    field: str


def own_id(definition: Any) -> str:
    return str(definition.id)


def no_claims(definition: Any) -> frozenset[Claim]:
    return frozenset()


def no_groups(definition: Any) -> frozenset[str]:
    return frozenset()


def no_reason(definition: Any) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Kind(Generic[D]):
    """One kind of definition: how it is stored, what it must be, what it takes for itself.

    `name` is what it is called in its partition; the sort key is that behind `prefix`. `groups`
    are the ids it uses; `held` says why a definition cannot be removed now, None when it can.
    """

    value: type[D]
    item: type[Item]
    check: Callable[[D], None]
    name: Callable[[D], str] = own_id
    prefix: str = ""
    steps: Steps = field(default_factory=dict)
    claims: Callable[[D], frozenset[Claim]] = no_claims
    groups: Callable[[D], frozenset[str]] = no_groups
    groups_field: str = "groups"
    held: Callable[[D], str | None] = no_reason


def stamp_of(item: Item) -> Stamp:
    return Stamp(item.version, item.created_at, item.updated_at, item.updated_by)


def next_stamp(before: Stamp | None, author: Author) -> Stamp:
    if before is None:
        return Stamp(1, author.at, author.at, author.by)
    return Stamp(before.version + 1, before.created_at, author.at, author.by)


def stamped(stamp: Stamp) -> dict[str, Any]:
    return {
        "version": stamp.version,
        "created_at": stamp.created_at,
        "updated_at": stamp.updated_at,
        "updated_by": stamp.updated_by,
    }


def read_definition(value: type[D], item: Item) -> D:
    """An item as its definition; attributes the item does not have keep their defaults."""
    stored = item.stored()
    known = {row.name for row in fields(value)} & stored.keys()
    return value(**{name: stored[name] for name in known} | {"stamp": stamp_of(item)})


def uses_of(group: str) -> UsesItem:
    """The counter of what names a group, as it begins."""
    return UsesItem(f"uses#{group}", "uses", uses=0, **stamped(Stamp(1)))


class Definitions(Generic[D]):
    """The definitions of one kind in one partition."""

    def __init__(self, kind: Kind[D], partition: str, connection: Connection) -> None:
        self.kind = kind
        self.partition = partition
        self._connection = connection
        self._word = kind.item.__name__.removesuffix("Item").lower()

    def get(self, name: str) -> D:
        """One definition, strongly consistent.

        Raises:
            NotFound: there is none of that name.
        """
        found = self.find(name)
        if found is None:
            raise NotFound(f"there is no {self._word} {name!r}")
        return found

    def find(self, name: str) -> D | None:
        """One definition, strongly consistent, or None.

        What else lies in the partition, guards and counters, is not there for callers.
        """
        key = self.kind.prefix + name
        if not key:
            return None
        with foreign_errors():
            try:
                item = Item.get(self.partition, key, consistent_read=True)
            except DoesNotExist:
                return None
        return read_definition(self.kind.value, item) if isinstance(item, self.kind.item) else None

    def page(self, limit: int = PAGE_LIMIT, after: str | None = None) -> Page[D]:
        """At most `limit` definitions whose keys follow `after`."""
        found = list(self._query(after, limit + 1))
        entries = tuple(definition for definition, _ in found[:limit])
        return Page(entries, found[limit - 1][1] if len(found) > limit else None)

    def everything(self, prefix: str = "") -> Iterator[D]:
        """All of them, or those whose names begin so, strongly consistent, in order."""
        for definition, _ in self._query(None, None, prefix):
            yield definition

    def create(self, definition: D, author: Author) -> D:
        """Write a definition that is not there yet.

        Raises:
            ValidationFailed: a field is wrong, or a group it names does not exist.
            Conflict: it is there, or something it claims is taken.
        """
        writing = Writing(self._connection)
        created = self.stage(writing, None, definition, author)
        writing.commit()
        return created

    def change(self, name: str, version: int | None, edit: Callable[[D], D], author: Author) -> D:
        """Replace a definition by what `edit` makes of it, if it is still the version read.

        `version` is the one the caller saw; None takes whichever is there at this moment.

        Raises:
            NotFound: there is none.
            VersionMismatch: it has been written since.
            ValidationFailed, Conflict: as `create`, or the status cannot step there.
        """
        before = self.seen(name, version)
        writing = Writing(self._connection)
        changed = self.stage(writing, before, edit(before), author)
        writing.commit()
        return changed

    def remove(self, name: str, version: int | None) -> None:
        """Delete a definition for good, with everything it claimed.

        Raises:
            NotFound: there is none.
            VersionMismatch: it has been written since.
            Conflict: something still refers to it.
        """
        before = self.seen(name, version)
        reason = self.kind.held(before)
        if reason is not None:
            raise Conflict(f"{self._word} {name} {reason}")
        writing = Writing(self._connection)
        unchanged = Item.version == before.stamp.version
        writing.delete(self._item(name), unchanged, self._mismatch(name))
        self._take(writing, before, None)
        self._also(writing, before, None)
        writing.commit()

    # --- for writes that take several definitions at once -------------------------------------

    def seen(self, name: str, version: int | None) -> D:
        """The definition a caller wants to change.

        Raises:
            NotFound: there is none.
            VersionMismatch: it is not the version they saw.
        """
        before = self.get(name)
        if version is not None and before.stamp.version != version:
            raise self._mismatch(name)
        return before

    def stage(self, writing: Writing, before: D | None, after: D, author: Author) -> D:
        """Add to a write what replaces `before` (None: nothing is there) by `after`.

        Raises:
            ValidationFailed, Conflict: `after` is not allowed.
        """
        self.kind.check(after)
        if before is not None:
            check_step(self.kind.steps, status_of(before), status_of(after))
        name = self.kind.name(after)
        stamp = next_stamp(None if before is None else before.stamp, author)
        item = self._item(name, **stamped(stamp), **self._fields(after))
        if before is None:
            there = Conflict(f"{self._word} {name} is there already")
            writing.put(item, Item.pk.does_not_exist(), there)
        else:
            writing.put(item, Item.version == before.stamp.version, self._mismatch(name))
        self._take(writing, before, after)
        self._also(writing, before, after)
        return replace(after, stamp=stamp)

    # --- parts of the above -------------------------------------------------------------------

    def _query(
        self, after: str | None, limit: int | None, prefix: str = ""
    ) -> Iterator[tuple[D, str]]:
        start = {"pk": {"S": self.partition}, "sk": {"S": after}} if after is not None else None
        with foreign_errors():
            found = self.kind.item.query(
                self.partition,
                Item.sk.startswith(prefix) if prefix else None,
                limit=limit,
                last_evaluated_key=start,
                consistent_read=True,
            )
            for item in found:
                yield read_definition(self.kind.value, item), item.sk

    def _fields(self, definition: D) -> dict[str, Any]:
        names = (row.name for row in fields(definition) if row.name != "stamp")
        return {name: getattr(definition, name) for name in names}

    def _item(self, name: str, /, **attributes: Any) -> Item:
        return self.kind.item(self.partition, self.kind.prefix + name, **attributes)

    def _mismatch(self, name: str) -> TollgateError:
        return VersionMismatch(f"{self._word} {name} has been changed; read it again")

    def _take(self, writing: Writing, before: D | None, after: D | None) -> None:
        """Move the claims and uses of the old definition to those of the new one."""
        had = frozenset() if before is None else self.kind.claims(before)
        wants = frozenset() if after is None else self.kind.claims(after)
        for claim in had - wants:
            writing.delete(claim.item(claim.pk, claim.sk))
        for claim in wants - had:
            owner = "" if after is None else self.kind.name(after)
            guard = claim.item(claim.pk, claim.sk, owner=owner, **stamped(Stamp(1)))
            taken = Conflict(claim.taken, param=claim.field)
            writing.put(guard, Item.pk.does_not_exist(), taken)
        used = frozenset() if before is None else self.kind.groups(before)
        uses_now = frozenset() if after is None else self.kind.groups(after)
        for group in used ^ uses_now:
            gone = ValidationFailed(f"there is no group {group!r}", param=self.kind.groups_field)
            step = UsesItem.uses.add(1 if group in uses_now else -1)
            writing.update(uses_of(group), step, Item.pk.exists(), gone)

    def _also(self, writing: Writing, before: D | None, after: D | None) -> None:
        """What else a kind writes or demands in the same transaction."""


def status_of(definition: Definition) -> str:
    return str(getattr(definition, "status", ""))
