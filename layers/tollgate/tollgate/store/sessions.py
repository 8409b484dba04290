"""Who is signed in: one item per session, found by the hash of a secret that is kept nowhere."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action

from tollgate.store.catalog.attributes import IntegerAttribute
from tollgate.store.catalog.writing import foreign_errors
from tollgate.store.dynamodb import ConditionFailed
from tollgate.store.state import StateItem

PREFIX: Final = "session#"


@dataclass(frozen=True, slots=True)
class Session:
    """A session. `name` is the hash of its secret; times are epoch milliseconds.

    It ends at `idle_at` unless it is used before, and at `ends_at` whatever happens. `epoch` is
    the password's at its birth: once that counts up, the session is over.
    """

    user: str
    name: str
    epoch: int
    created_at: int
    used_at: int
    idle_at: int
    ends_at: int

    def lives(self, now: int) -> bool:
        """Whether it has neither idled too long nor reached its age."""
        return now < min(self.idle_at, self.ends_at)


class SessionItem(StateItem):
    user = UnicodeAttribute()
    epoch = IntegerAttribute()
    created_at = IntegerAttribute()
    used_at = IntegerAttribute()
    idle_at = IntegerAttribute()
    ends_at = IntegerAttribute()
    expires = IntegerAttribute()


NAMES: Final = ("user", "epoch", "created_at", "used_at", "idle_at", "ends_at")


class Sessions:
    """Keeps sessions in the State table."""

    def put(self, session: Session) -> None:
        """Keep a new session.

        Raises:
            StoreError: as the port says.
        """
        values = {name: getattr(session, name) for name in NAMES}
        item = SessionItem(*key_of(session), expires=expiry(session), **values)
        with foreign_errors():
            item.save(SessionItem.pk.does_not_exist())

    def find(self, user: str, name: str) -> Session | None:
        """A user's session, strongly consistent; it may have run out."""
        with foreign_errors():
            try:
                item = SessionItem.get(PREFIX + user, name, consistent_read=True)
            except DoesNotExist:
                return None
        return Session(name=name, **{each: getattr(item, each) for each in NAMES})

    def use(self, session: Session) -> bool:
        """Keep that it was used; False when it has been ended meanwhile: nothing revives it."""
        changes: list[Action] = [
            SessionItem.used_at.set(session.used_at),
            SessionItem.idle_at.set(session.idle_at),
            SessionItem.expires.set(expiry(session)),
        ]
        with suppress(ConditionFailed), foreign_errors():
            SessionItem(*key_of(session)).update(changes, condition=SessionItem.pk.exists())
            return True
        return False

    def remove(self, user: str, name: str) -> None:
        """End a session; one that is not there stays so."""
        with foreign_errors():
            SessionItem(PREFIX + user, name).delete()


def key_of(session: Session) -> tuple[str, str]:
    """Where a session is kept."""
    return PREFIX + session.user, session.name


def expiry(session: Session) -> int:
    """When DynamoDB may drop the item (epoch seconds)."""
    return min(session.idle_at, session.ends_at) // 1_000 + 1
