"""Management tokens: who carries which, and that there is always an owner left."""

from collections.abc import Callable
from dataclasses import replace

from tollgate.domain.api_keys import admin_token_id
from tollgate.domain.definitions import AdminToken, Author, Role
from tollgate.domain.errors import Conflict, InvalidToken, VersionMismatch
from tollgate.services.bootstrap import owners
from tollgate.services.changes import Changed, change
from tollgate.services.secret_texts import Minted, Random, mint_admin_token
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.pepper import Peppers, hash_secret, is_same_hash

NOBODY = "0" * 64
"""Compared with when there is no such token: finding none takes as long as finding one."""

Edit = Callable[[AdminToken], AdminToken]


class AdminTokens:
    """Recognises, creates and changes management tokens."""

    def __init__(self, catalog: CatalogTable, peppers: Peppers, random: Random) -> None:
        self._catalog = catalog
        self._peppers = peppers
        self._random = random

    def authenticate(self, secret: str, now: int) -> AdminToken:
        """The active token of a secret.

        Raises:
            InvalidToken: there is none; nothing says why.
        """
        identity = admin_token_id(secret)
        token = self._catalog.admin_tokens.find(identity) if identity else None
        newest, pepper = self._peppers.newest()
        used = pepper if token is None else self._peppers.of(token.pepper_generation)
        expected = NOBODY if token is None else token.secret_hash
        same = is_same_hash(hash_secret(used, secret), expected)
        if token is None or not same or token.status != "active":
            raise InvalidToken("this management token is not known, or not active any more")
        if token.pepper_generation != newest:
            self._rehash(token, Minted(secret, hash_secret(pepper, secret), newest), now)
        return token

    def create(
        self, draft: tuple[str, str, Role], author: Author, *, resumed: bool = False
    ) -> tuple[AdminToken, str | None]:
        """A new token (id, name, role) and its secret; None when an earlier try created it."""
        identity, name, role = draft
        if resumed and (there := self._catalog.admin_tokens.find(identity)) is not None:
            return there, None
        minted = mint_admin_token(identity, self._peppers, self._random)
        token = AdminToken(identity, name, role, minted.hash, minted.generation, minted.last4)
        return self._catalog.admin_tokens.create(token, author), minted.secret

    def change(self, token: str, version: int, edit: Edit, author: Author) -> Changed[AdminToken]:
        """Change a token.

        Raises:
            NotFound, VersionMismatch, ValidationFailed: nothing is changed.
            Conflict: it is the last active owner's, or it is revoked.
        """

        def guarded(before: AdminToken) -> AdminToken:
            after = edit(before)
            stays = after.role == "owner" and after.status == "active"
            if not stays and [owner.id for owner in owners(self._catalog)] == [before.id]:
                raise Conflict("this is the last active owner; make another one first")
            return after

        return change(self._catalog.admin_tokens, token, version, guarded, author)

    def _rehash(self, token: AdminToken, minted: Minted, now: int) -> None:
        """Keep the hash under the newest pepper, so that the older one can be retired."""
        author = Author(token.id, now)
        try:
            self._catalog.admin_tokens.change(
                token.id,
                token.stamp.version,
                lambda before: replace(
                    before, secret_hash=minted.hash, pepper_generation=minted.generation
                ),
                author,
            )
        except VersionMismatch:
            return
