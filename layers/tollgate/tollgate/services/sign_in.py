"""How a password is asked for: how often one may guess, and that no answer tells what was wrong.

An unknown address takes the same reads and the same hashing as a wrong password. Only failures
count against the limits: by source, however many addresses it tries, and by address, however many
sources try it; the second is ten times as high, so that one source cannot lock out somebody else.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from typing import Final

from tollgate.domain.definitions import Author, Password, UserDefinition
from tollgate.domain.errors import (
    InvalidCredentials,
    NotFound,
    UserDisabled,
    ValidationFailed,
    VersionMismatch,
)
from tollgate.domain.patterns import normal
from tollgate.services.sessions import Opened, SignedIn
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.passwords import PasswordHashes
from tollgate.store.sign_in_attempts import Attempts

SOURCE_LIMIT: Final = 10
ADDRESS_LIMIT: Final = 100
OWN_LIMIT: Final = 10
ROUNDS: Final = 5
IPV6_SITE: Final = 64
NOBODY: Final = "usr_nobody"
WRONG: Final = "this e-mail address and password do not belong together"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody claims to be, and from where."""

    address: str
    password: str
    ip: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """Signs in, out everywhere, and changes passwords; `clock` is in epoch milliseconds."""

    catalog: CatalogTable
    signed_in: SignedIn
    attempts: Attempts
    hashes: PasswordHashes
    clock: Callable[[], int]

    def enter(self, claimed: Credentials) -> Opened:
        """Open a session.

        Raises:
            TooManyAttempts: too many failures in too short a time.
            InvalidCredentials: no such address, or not its password.
            UserDisabled: said only to whoever knows the password.
        """
        address = hashlib.sha256(normal(claimed.address).encode()).hexdigest()
        places = [
            self.attempts.take(f"sign_in#{source_of(claimed.ip)}", SOURCE_LIMIT),
            self.attempts.take(f"sign_in#{address}", ADDRESS_LIMIT),
        ]
        user, password = self._known(claimed.address)
        fits = self.hashes.fits(password.hash if password else None, claimed.password)
        if user is None or password is None or not fits:
            raise InvalidCredentials(WRONG)
        if user.status != "active":
            raise UserDisabled("this user is disabled; ask the operator to enable it")
        for place in places:
            self.attempts.give_back(place)
        self._renew(user, password, claimed.password)
        return self.signed_in.open(user, password.epoch)

    def leave_everywhere(self, user: str) -> None:
        """End all sessions of a user, also those just being opened.

        Raises:
            VersionMismatch: the password is being changed at this very moment.
        """
        author = Author(user, self.clock())
        for left in reversed(range(ROUNDS)):
            try:
                self.catalog.passwords(user).change("password", None, ended, author)
            except VersionMismatch:
                if not left:
                    raise
            else:
                return

    def change_password(self, opened: Opened, current: str, new: str) -> Opened:
        """Replace a password: every other session ends, this one gets a new secret.

        Raises:
            ValidationFailed: `current` is not the password.
            TooManyAttempts: it was guessed too often.
            VersionMismatch: the password was changed at this very moment.
        """
        user = opened.user
        place = self.attempts.take(f"password#{user.id}", OWN_LIMIT)
        passwords = self.catalog.passwords(user.id)
        known = passwords.get("password")
        if not self.hashes.fits(known.hash, current):
            raise ValidationFailed(
                "current_password: this is not your password", param="current_password"
            )
        self.attempts.give_back(place)
        hashed = self.hashes.hash(new)
        changed = passwords.change(
            "password",
            known.stamp.version,
            lambda before: replace(ended(before), hash=hashed),
            Author(user.id, self.clock()),
        )
        self.signed_in.end(opened.secret)
        return self.signed_in.open(user, changed.epoch)

    # --- steps ------------------------------------------------------------------------------

    def _known(self, address: str) -> tuple[UserDefinition | None, Password | None]:
        """A user and their password, in the same three reads whether they are there or not."""
        user = self.catalog.users.by_email(address)
        if user is None:
            self.catalog.users.find(NOBODY)
        owner = NOBODY if user is None else user.id
        return user, self.catalog.passwords(owner).find("password")

    def _renew(self, user: UserDefinition, password: Password, text: str) -> None:
        """Hash a password again that was hashed at another cost; sessions stay."""
        if not self.hashes.is_outdated(password.hash):
            return
        hashed = self.hashes.hash(text)
        with suppress(VersionMismatch, NotFound):
            self.catalog.passwords(user.id).change(
                "password",
                password.stamp.version,
                lambda before: replace(before, hash=hashed),
                Author(user.id, self.clock()),
            )


def ended(password: Password) -> Password:
    """The same password, with which every session so far is over."""
    return replace(password, epoch=password.epoch + 1)


def source_of(ip: str) -> str:
    """Who is counted as one: an IPv4 address, or the /64 that one IPv6 site has to itself."""
    try:
        address = ip_address(ip)
    except ValueError:
        return "elsewhere"
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else f"{int(address) >> IPV6_SITE:016x}"
    return str(address)
