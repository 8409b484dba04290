"""Definitions that change by versions: an immutable version is added, and the head is moved to it.

The head numbers its newest version and carries those that live (domain/versions.py), so that
compiling all heads is one query. Every write is conditional on the head's own version.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from pynamodb.connection import Connection

from tollgate.domain.definition_rules import require
from tollgate.domain.definitions import Author
from tollgate.domain.errors import Conflict, NotFound
from tollgate.domain.patterns import normal
from tollgate.domain.price_rules import check_window
from tollgate.domain.versions import V, living
from tollgate.store.catalog.access import (
    PAGE_LIMIT,
    Definition,
    Definitions,
    Kind,
    Page,
    status_of,
)
from tollgate.store.catalog.kinds import version_name
from tollgate.store.catalog.writing import Writing


class Record(Definition, Protocol):
    """An immutable version, and where it is from."""

    @property
    def source(self) -> str: ...


H = TypeVar("H", bound=Definition)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Line(Generic[H, V, R]):
    """How heads of one kind and their versions hang together.

    `kind` is the versions' own and `place` the partition a head's versions are in. `number` and
    `live` read a head, `moved` gives it another newest number and other living versions (none:
    it is withdrawn, where it can be). `content` is what a version holds, `filed` another one in
    its place.
    """

    word: str
    kind: Kind[R]
    place: Callable[[H], str]
    number: Callable[[H], int]
    live: Callable[[H], tuple[V, ...]]
    moved: Callable[[H, int, tuple[V, ...]], H]
    content: Callable[[R], V]
    filed: Callable[[R, V], R]


class Versioned(Generic[H, V, R]):
    """The heads of one kind and all their versions; names are taken in any spelling.

    A version given to `create`, `change` or `stage` is numbered here; its window stands as it is.
    `seen` is the version of the head that the caller read; None takes whichever is there.
    """

    def __init__(self, line: Line[H, V, R], heads: Definitions[H], connection: Connection) -> None:
        self.line = line
        self.heads = heads
        self._connection = connection

    def get(self, name: str) -> H:
        """A head.

        Raises:
            NotFound: there never was one, or it was withdrawn.
        """
        head = self.heads.find(normal(name))
        if head is None or status_of(head) == "withdrawn":
            raise NotFound(f"{name!r} has no {self.line.word}")
        return head

    def versions(self, name: str, limit: int = PAGE_LIMIT, after: str | None = None) -> Page[R]:
        """Every version there ever was, oldest first; also of a withdrawn head.

        Raises:
            NotFound: there never was one.
        """
        return self._records(self.heads.get(normal(name))).page(limit, after)

    def version(self, name: str, number: int) -> R:
        """One version.

        Raises:
            NotFound: there is none of that number.
        """
        return self._records(self.heads.get(normal(name))).get(version_name(number))

    def create(self, blank: H, record: R, author: Author) -> H:
        """Give a head its first version; `blank` is the head as yet without one.

        Raises:
            Conflict: it has versions already, and was not withdrawn.
            ValidationFailed: the version's window is empty or over, or the head is not allowed.
        """
        name = self.heads.kind.name(blank)
        before = self.heads.find(name)
        if before is not None and status_of(before) != "withdrawn":
            raise Conflict(f"{name!r} has a {self.line.word}; change it instead")
        return self._write(before, before or blank, record, author)

    def change(self, name: str, seen: int | None, record: R, author: Author) -> H:
        """Add a version, in force from its start.

        Raises:
            NotFound: there is no head, or it was withdrawn.
            VersionMismatch: the head has changed since.
            ValidationFailed: the version would never be in force.
        """
        before = self._seen(name, seen)
        return self._write(before, before, record, author)

    def withdraw(self, name: str, seen: int | None, author: Author) -> H:
        """Leave a head without a version that lives; all stay readable.

        Raises:
            NotFound: there is no head, or it was withdrawn.
            VersionMismatch: the head has changed since.
        """
        return self._move(self._seen(name, seen), (), author)

    def cancel(self, name: str, number: int, seen: int | None, author: Author) -> H:
        """Take back a scheduled version; what it had replaced at writing does not come back.

        Raises:
            NotFound: there is no head, or no such version lives.
            VersionMismatch: the head has changed since.
            Conflict: the version is in force, or was.
        """
        before = self._seen(name, seen)
        live = self.line.live(before)
        found = next((each for each in live if each.version == number), None)
        if found is None:
            raise NotFound(f"no version {number} of {name!r} is scheduled")
        if found.effective_from <= author.at:
            raise Conflict(f"version {number} of {name!r} has begun; change it or roll back")
        return self._move(before, tuple(each for each in live if each is not found), author)

    def rollback(self, name: str, number: int, seen: int | None, author: Author) -> H:
        """Bring an old version's figures back into force from now on, as a new version.

        Scheduled versions stay scheduled.

        Raises:
            NotFound: there is no head, or no such version.
            VersionMismatch: the head has changed since.
        """
        before = self._seen(name, seen)
        old = self.version(name, number)
        again = replace(self.line.content(old), effective_from=author.at, effective_to=None)
        record = replace(self.line.filed(old, again), source=f"version {number}")
        return self._write(before, before, record, author)

    # --- for writes that take several definitions at once -------------------------------------

    def stage(self, writing: Writing, before: H | None, head: H, record: R, author: Author) -> H:
        """Add to a write a next version, and the head moved to it.

        `before` is the head that is there (None: there is none), `head` what it shall be.

        Raises:
            ValidationFailed, Conflict: it is not allowed.
        """
        number = self.line.number(head) + 1
        content: V = replace(self.line.content(record), version=number)
        check_window(content, author.at)
        live = living((*self.line.live(head), content), author.at)
        reached = any(each is content for each in live)
        english, chinese = (
            "another version covers all of this one's time",
            "另一版本会一直覆盖此版本",
        )
        require(reached, "effective_from", english, chinese)
        moved = self.line.moved(head, number, live)
        # The head goes first: whoever comes too late hears that it has changed, and nothing else.
        written = self.heads.stage(writing, before, moved, author)
        self._records(moved).stage(writing, None, self.line.filed(record, content), author)
        self._also(writing, written, content, author)
        return written

    # --- parts of the above -------------------------------------------------------------------

    def _seen(self, name: str, seen: int | None) -> H:
        return self.heads.seen(self.heads.kind.name(self.get(name)), seen)

    def _write(self, before: H | None, head: H, record: R, author: Author) -> H:
        writing = Writing(self._connection)
        written = self.stage(writing, before, head, record, author)
        writing.commit()
        return written

    def _move(self, before: H, left: tuple[V, ...], author: Author) -> H:
        live = living(left, author.at)
        name = self.heads.kind.name(before)
        return self.heads.change(
            name,
            before.stamp.version,
            lambda head: self.line.moved(head, self.line.number(head), live),
            author,
        )

    def _records(self, head: H) -> Definitions[R]:
        return Definitions(self.line.kind, self.line.place(head), self._connection)

    def _also(self, writing: Writing, head: H, content: V, author: Author) -> None:
        """What else a kind writes or demands in the same transaction."""
