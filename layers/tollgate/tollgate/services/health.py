"""What this environment and all others know of the accounts' health, and who writes it down.

The shared item is read with the snapshot's version and replaced conditionally (ruling R21). What
could not be written is still known here: losing it costs efficiency, never money.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock
from typing import Final, Protocol

from tollgate.domain.catalog import Health
from tollgate.domain.health import CAUSE, TRYING, Cause, Changes, Facts, changed
from tollgate.store.dynamodb import StoreError

WRITE_ATTEMPTS: Final = 4
"""Others write, too; after so many lost races what is known stays in this environment."""

OWN_MS: Final = 10_000
"""How long what was written here counts before a copy of an older version that may have been read
earlier. After that even an item that began anew is believed."""

NOTHING: Final[Facts] = {}


class HealthItem(Protocol):
    """The one item that all relays share."""

    def read_health(self) -> Health:
        """What it says now; raises StoreError."""

    def write_health(self, health: Health) -> bool:
        """Replace it, if it is still the version named; raises StoreError."""


class AccountHealth:
    """Facts of accounts, by account id.

    Args:
        item: the shared item.
        clock: epoch ms.
        heard: what a relay's copy of the catalog says; without it the item is read by `look`.
    """

    def __init__(
        self,
        item: HealthItem,
        clock: Callable[[], int],
        heard: Callable[[], Health] | None = None,
    ) -> None:
        self._item = item
        self._clock = clock
        self._heard = heard
        self._last_heard: Health | None = None
        self._seen = Health()
        self._written = 0
        self._unsaved: dict[str, dict[str, int]] = {}
        self._known: Mapping[str, Facts] = self._seen.accounts
        self._lock = Lock()

    def look(self) -> None:
        """Read the shared item now: for who has no copy of the catalog.

        Raises:
            StoreError: it could not be read.
        """
        self._learn(self._item.read_health())

    def facts(self, account: str) -> Facts:
        """What is known of one account, all environments' knowledge joined with this one's."""
        return self.accounts().get(account, NOTHING)

    def accounts(self) -> Mapping[str, Facts]:
        """What is known of every account of which something is.

        The same object as long as nothing is learnt, so that what follows from it can be kept.
        """
        if self._heard is not None:
            heard = self._heard()
            if heard is not self._last_heard:
                self._last_heard = heard
                self._learn(heard)
        return self._known

    def block(self, account: str, fact: str, until: int, cause: Cause = Cause.UNKNOWN) -> None:
        """Let something of an account rest until then (epoch ms); never raises."""
        self.change(account, {fact: until, f"{CAUSE}{fact}": int(cause)})

    def clear(self, account: str, *facts: str) -> None:
        """End facts of an account; never raises."""
        self.change(account, dict.fromkeys(facts, 0))

    def change(self, account: str, facts: Mapping[str, int]) -> None:
        """Set facts of an account, 0 ends one; best effort, never raises."""
        with self._lock:
            self._unsaved.setdefault(account, {}).update(facts)
            self._join()
        with suppress(StoreError):
            self._save()

    def claim_trial(self, account: str, until: int) -> bool:
        """Be the one call, of all environments, that tries a half-open account.

        Where the item cannot be reached everybody is: the vendor itself says if that is too many.
        """
        base = self._seen
        try:
            for _ in range(WRITE_ATTEMPTS):
                now = self._clock()
                if base.accounts.get(account, NOTHING).get(TRYING, 0) > now:
                    self._saved(base, {})
                    return False
                accounts = changed(base.accounts, {account: {TRYING: until}}, now)
                if self._item.write_health(Health(base.version, accounts)):
                    self._saved(Health(base.version + 1, accounts), {})
                    return True
                base = self._item.read_health()
        except StoreError:
            return True
        return False

    def _learn(self, health: Health) -> None:
        """Take what was read, unless it is older than what was written here just now.

        An end that could not be written is given up: others may know better by now.
        """
        with self._lock:
            late = not 0 <= self._clock() - self._written < OWN_MS
            if health.version == self._seen.version or not (
                late or health.version > self._seen.version
            ):
                return
            self._seen = health
            blocks = {
                account: {fact: until for fact, until in facts.items() if until}
                for account, facts in self._unsaved.items()
            }
            self._unsaved = {account: facts for account, facts in blocks.items() if facts}
            self._join()

    def _save(self) -> None:
        """Write down what is not yet; whoever loses a race reads again."""
        with self._lock:
            base, wanted = self._seen, {name: dict(facts) for name, facts in self._unsaved.items()}
        for _ in range(WRITE_ATTEMPTS):
            accounts = changed(base.accounts, wanted, self._clock())
            if accounts == base.accounts:
                self._saved(base, wanted)
                return
            if self._item.write_health(Health(base.version, accounts)):
                self._saved(Health(base.version + 1, accounts), wanted)
                return
            base = self._item.read_health()

    def _saved(self, health: Health, written: Changes) -> None:
        with self._lock:
            self._seen = max(self._seen, health, key=lambda each: each.version)
            self._written = self._clock()
            for account, facts in written.items():
                left = self._unsaved.get(account, {})
                for fact in [each for each in facts if left.get(each) == facts[each]]:
                    del left[fact]
                if not left:
                    self._unsaved.pop(account, None)
            self._join()

    def _join(self) -> None:
        """What is known: what all know, and what only this environment does."""
        shared = self._seen.accounts
        self._known = changed(shared, self._unsaved, self._clock()) if self._unsaved else shared
