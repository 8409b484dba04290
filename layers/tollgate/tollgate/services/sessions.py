"""How somebody stays signed in: which secret stands for them, how long, and what ends it.

A session's secret is never kept, only its hash, and it is drawn anew at every sign-in and every
change of password, so nobody can make another use one they know. Each names the password's epoch:
counting that up ends all sessions in one write, also those just being opened.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tollgate.domain.api_keys import SECRET_DIGITS, session_user
from tollgate.domain.base32 import base32
from tollgate.domain.definitions import UserDefinition
from tollgate.domain.errors import InvalidToken
from tollgate.services.secret_texts import Random
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.passwords import is_same_text
from tollgate.store.sessions import Session, Sessions

HOUR_MS: Final = 3_600_000
IDLE_MS: Final = 24 * HOUR_MS
LIFE_MS: Final = 14 * 24 * HOUR_MS
FRESH_MS: Final = HOUR_MS // 12
"""How long a session counts as just used: its use is written down at most this often."""

CSRF: Final = b"tollgate csrf"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session with its secret, shown to the browser once."""

    session: Session
    secret: str
    user: UserDefinition


class SignedIn:
    """Opens, recognises and ends sessions; `random(n)` is below n, `clock` in epoch ms."""

    def __init__(
        self,
        catalog: CatalogTable,
        sessions: Sessions,
        random: Random,
        clock: Callable[[], int],
    ) -> None:
        self._catalog = catalog
        self._sessions = sessions
        self._random = random
        self._clock = clock

    def open(self, user: UserDefinition, epoch: int) -> Opened:
        """Sign a user in whose password of that epoch has just been seen."""
        part = user.id.removeprefix("usr_")
        secret = part + base32(self._random(32**SECRET_DIGITS), SECRET_DIGITS)
        now = self._clock()
        session = Session(
            user.id, name_of(secret), epoch, now, now, idle_at=now + IDLE_MS, ends_at=now + LIFE_MS
        )
        self._sessions.put(session)
        return Opened(session, secret, user)

    def recognise(self, secret: str) -> Opened:
        """Whose session this is.

        Raises:
            InvalidToken: nobody's, or not any more; nothing says why.
        """
        session = self._find(secret)
        now = self._clock()
        if session is None or not session.lives(now):
            raise nobody()
        user = self._catalog.users.find(session.user)
        if user is None or user.status != "active" or self._epoch(session.user) != session.epoch:
            self._sessions.remove(session.user, session.name)
            raise nobody()
        if now - session.used_at < FRESH_MS:
            return Opened(session, secret, user)
        used = replace(session, used_at=now, idle_at=now + IDLE_MS)
        if not self._sessions.use(used):
            raise nobody()
        return Opened(used, secret, user)

    def end(self, secret: str) -> None:
        """Sign one session out, if it is one."""
        user = session_user(secret)
        if user is not None:
            self._sessions.remove(user, name_of(secret))

    def _find(self, secret: str) -> Session | None:
        user = session_user(secret)
        return None if user is None else self._sessions.find(user, name_of(secret))

    def _epoch(self, user: str) -> int | None:
        password = self._catalog.passwords(user).find("password")
        return None if password is None else password.epoch


def name_of(secret: str) -> str:
    """What a session is kept under; 256 random bits need neither salt nor pepper."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_token(secret: str) -> str:
    """What a page of ours must say besides the cookie, which other sites' pages cannot read."""
    return hmac.digest(secret.encode(), CSRF, "sha256").hex()


def is_csrf_token(secret: str, said: str) -> bool:
    """Whether that was said."""
    return is_same_text(csrf_token(secret), said)


def nobody() -> InvalidToken:
    return InvalidToken("you are not signed in, or not any more")
