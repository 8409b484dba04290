"""The Catalog table as one object: every kind of definition, in its partition."""

from collections.abc import Mapping
from dataclasses import replace

from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist

from tollgate.domain.compilation import Everywhere, Person, Pools
from tollgate.domain.definitions import (
    AccountDefinition,
    AdminToken,
    Author,
    DataKeyDefinition,
    Password,
    Setting,
    UserDefinition,
)
from tollgate.domain.errors import NotFound
from tollgate.store.catalog.access import Definitions
from tollgate.store.catalog.channels import Channels
from tollgate.store.catalog.customers import Customer
from tollgate.store.catalog.groups import Groups
from tollgate.store.catalog.items import Endpoint, Item, RevisionItem, UserItem, bind
from tollgate.store.catalog.kinds import (
    ACCOUNT,
    ADMIN_TOKEN,
    DATA_KEY,
    KEY,
    PASSWORD,
    SETTING,
    USER,
    keys_of,
)
from tollgate.store.catalog.model_groups import Bindings, ModelGroups
from tollgate.store.catalog.multipliers import Multipliers
from tollgate.store.catalog.people import Keys, Users, revision_of
from tollgate.store.catalog.prices import Prices
from tollgate.store.catalog.writing import Writing, foreign_errors
from tollgate.store.snapshots import GLOBAL


class CatalogTable:
    """Every definition there is. One per process: pynamodb binds its classes, not objects."""

    def __init__(self, endpoint: Endpoint) -> None:
        connection: Connection = bind(Item, endpoint)
        self._connection = connection
        self.users = Users(USER, "users", connection)
        self.groups = Groups(connection)
        self.multipliers = Multipliers(self.groups, connection)
        self.accounts: Definitions[AccountDefinition] = Definitions(ACCOUNT, "accounts", connection)
        self.channels = Channels(connection)
        self.settings: Definitions[Setting] = Definitions(SETTING, "settings", connection)
        self.admin_tokens: Definitions[AdminToken] = Definitions(
            ADMIN_TOKEN, "admin_tokens", connection
        )
        self.data_keys: Definitions[DataKeyDefinition] = Definitions(
            DATA_KEY, "data_keys", connection
        )
        self.prices = Prices(connection)
        self.model_groups = ModelGroups(connection)
        self.bindings = Bindings(connection)

    def keys(self, user: str) -> Keys:
        """The API keys of a user."""
        return Keys(KEY, keys_of(user), self._connection)

    def customer(self, user: str) -> Customer:
        """What is agreed with a user: prices of their own, and permissions."""
        return Customer(user, self._connection)

    # --- for the publisher --------------------------------------------------------------------

    def everywhere(self) -> Everywhere:
        """The definitions of the global part, strongly consistent."""
        return Everywhere(
            tuple(self.prices.heads.everything()),
            tuple(self.prices.defaults.everything()),
            tuple(self.settings.everything()),
            tuple(self.model_groups.everything()),
            tuple(self.bindings.everything()),
        )

    def pools(self) -> Pools:
        """The definitions of all groups' parts, strongly consistent."""
        return Pools(
            {group.id: group for group in self.groups.everything()},
            tuple(self.channels.everything()),
            tuple(self.accounts.everything()),
            self._bound(),
        )

    def _bound(self) -> frozenset[str]:
        """The channels that some model group is bound to."""
        return frozenset(binding.channel for binding in self.bindings.everything())

    def own_multipliers(self, group: str) -> Mapping[str, str]:
        """The multipliers that users have of their own in a group, strongly consistent."""
        return self.multipliers.of_group(group).rows

    def person(self, user: str) -> Person | None:
        """The definitions of a user's profile, strongly consistent."""
        # In this order: what is read after the revision is at least as new as it.
        revision = self.profile_revision(user)
        found = self.users.find(user)
        if found is None:
            return None
        customer = self.customer(user)
        return Person(
            revision,
            found,
            tuple(self.keys(user).everything()),
            tuple(customer.heads.everything()),
            tuple(customer.permissions.everything()),
        )

    def profile_revision(self, user: str) -> int:
        """The version of the profile that holds everything written about a user so far.

        Whoever revokes a key names it to the wallet, which may forget the revocation once that
        version is published. 0: there is no such user.
        """
        counter = revision_of(user)
        with foreign_errors():
            try:
                found = RevisionItem.get(counter.pk, counter.sk, consistent_read=True)
            except DoesNotExist:
                return 0
        return found.revision

    def parts(self) -> frozenset[str]:
        """The name of every part there should be: to publish all again after a loss."""
        groups = {group.id for group in self.groups.everything()}
        users = {user.id for user in self.users.everything()}
        return frozenset({GLOBAL} | groups | users | self._bound())

    # --- never published ----------------------------------------------------------------------

    def passwords(self, user: str) -> Definitions[Password]:
        """A user's password, under the name `password`; none when they sign in by other means."""
        return Definitions(PASSWORD, f"password#{user}", self._connection)

    def register(self, user: UserDefinition, hashed: str, author: Author) -> UserDefinition:
        """Create a user together with their password, so that nobody is left without one.

        Raises:
            ValidationFailed, Conflict: as `users.create`.
        """
        writing = Writing(self._connection)
        created = self.users.stage(writing, None, user, author)
        self.passwords(user.id).stage(writing, None, Password(hashed), author)
        writing.commit()
        return created

    def set_password(self, user: str, hashed: str, author: Author) -> None:
        """Give a user a password, the first one or another: every session so far is over.

        Raises:
            NotFound: there is no such user, or they are deleted.
            Conflict, VersionMismatch: the password was written at this very moment.
        """
        passwords = self.passwords(user)
        before = passwords.find("password")
        known = before or Password(hashed)
        after = replace(known, hash=hashed, epoch=known.epoch + (before is not None))
        writing = Writing(self._connection)
        nobody = NotFound(f"there is no user {user}")
        is_there = Item.pk.exists() & (UserItem.status != "deleted")
        writing.check(UserItem("users", user), is_there, nobody)
        passwords.stage(writing, before, after, author)
        writing.commit()
