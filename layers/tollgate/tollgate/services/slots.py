"""How many calls an account takes at once, and what this environment is doing with each now."""

from typing import Final, Protocol

from tollgate.domain.catalog import Account


class Slot(Protocol):
    """One call's place on an account; given back once, whatever became of the call."""

    def release(self) -> None:
        """Give the place back; never raises."""


class Slots(Protocol):
    """The places of accounts with finite concurrency."""

    def take(self, account: Account, until: int) -> Slot | None:
        """A place for a call that ends by `until` (epoch ms); None when all are taken.

        Asked for every attempt, so an account without a limit costs nothing. Never raises: where
        the places cannot be read, there is one.
        """


class Free:
    """A place where nobody counts."""

    def release(self) -> None:
        """Nothing is given back."""


class Unlimited:
    """Places for everybody."""

    def take(self, account: Account, until: int) -> Slot | None:
        """A place."""
        return FREE


FREE: Final = Free()
