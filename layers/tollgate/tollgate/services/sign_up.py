"""How strangers become users, without telling anybody whose address is one already.

A taken address is answered as a free one, after the same time: whoever owns it has a password and
signs in. Until mail is sent, an address is only claimed, not verified.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tollgate.domain.catalog import Limits
from tollgate.domain.definition_rules import check_user
from tollgate.domain.definitions import Author, UserDefinition
from tollgate.domain.errors import Conflict, SignUpClosed
from tollgate.ids import RANDOM_DIGITS, new_id
from tollgate.services.sign_in import Credentials, source_of
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.passwords import PasswordHashes
from tollgate.store.sign_in_attempts import Attempts
from tollgate.store.wallet import Wallets

SOURCE_LIMIT: Final = 10
PACE_MS: Final = 500
"""Answers come this long after the request, or twice as long, and so on."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """Creates users for strangers while `is_open`; `sleep` waits so many milliseconds."""

    catalog: CatalogTable
    wallets: Wallets
    attempts: Attempts
    hashes: PasswordHashes
    clock: Callable[[], int]
    random: Callable[[int], int]
    sleep: Callable[[int], None]
    is_open: bool

    def register(self, claimed: Credentials, name: str) -> UserDefinition | None:
        """Create a user with an empty wallet; None when the address is taken.

        Raises:
            SignUpClosed: strangers may not.
            TooManyAttempts: too many from there in too short a time.
            ValidationFailed: the address is none.
        """
        if not self.is_open:
            raise SignUpClosed("this service does not take new users; ask its operator for access")
        self.attempts.take(f"sign_up#{source_of(claimed.ip)}", SOURCE_LIMIT)
        draft = self._draft(claimed.address, name)
        check_user(draft)  # before anybody is looked for: a guard forgives what a user may not be
        return self._create(draft, self.hashes.hash(claimed.password))

    def even_out(self, began: int) -> None:
        """Wait, when all is done, until the time since then tells nothing of what was done."""
        self.sleep(-(self.clock() - began) % PACE_MS)

    def _draft(self, address: str, name: str) -> UserDefinition:
        return UserDefinition(
            id=new_id("usr", self.clock(), self.random(32**RANDOM_DIGITS)),
            email=address,
            name=name,
            limits=Limits(
                rpm=self._number("sign_up.rpm"), concurrency=self._number("sign_up.concurrency")
            ),
        )

    def _create(self, user: UserDefinition, hashed: str) -> UserDefinition | None:
        """The wallet is first, as `services.users` says."""
        if self.catalog.users.by_email(user.email) is not None:
            return None
        self.wallets.create(user.id, user.shards)
        try:
            return self.catalog.register(user, hashed, Author(user.id, self.clock()))
        except Conflict:
            return None

    def _number(self, name: str) -> int:
        """A setting; without it there is no limit."""
        setting = self.catalog.settings.find(name)
        value = 0 if setting is None else setting.value
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
