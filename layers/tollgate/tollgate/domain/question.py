"""What resolution looks at: who calls, for what, and the catalog at one instant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tollgate.domain.call import Call
from tollgate.domain.catalog import ChannelPart, GlobalPart, GroupPart, Key, Price, Profile
from tollgate.domain.patterns import find
from tollgate.domain.scheduling import NOTHING_KNOWN, Asked, Standing
from tollgate.domain.versions import in_force

GUESSED: Final = "prefix:"
"""How a session begins that no client named: it is told from the beginning of the prompt."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the user's profile and the key they used."""

    profile: Profile
    key: Key


@dataclass(frozen=True, slots=True)
class Question:
    """Everything resolution looks at: the call, who makes it, and the catalog at one instant.

    `multiplier` is the user's own in this group, None when they have none. `bound` are the
    channels that the chosen model group is bound to, by id. `standing` is what is known of the
    accounts.
    """

    caller: Caller
    call: Call
    platforms: tuple[str, ...]
    everywhere: GlobalPart
    group: GroupPart
    now_ms: int
    multiplier: str | None = None
    bound: Mapping[str, ChannelPart] = field(default_factory=dict)
    standing: Standing = NOTHING_KNOWN
    _official: dict[str, Price | None] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    @property
    def session(self) -> str:
        """What keeps a caller's calls on one account."""
        return self.call.session or self.caller.key.id

    @property
    def asked(self) -> Asked:
        """What the call wants of the accounts."""
        own = self.call.session is not None and not self.call.session.startswith(GUESSED)
        return Asked(self.session, self.now_ms, self.standing, self.group.strategy, own)

    def official(self, name: str) -> Price | None:
        """The official price of a name that is in force: exact, else by the longest `prefix*`.

        Looked up once: a call asks for the same name three times, and a prefix is long to find.
        """
        if name not in self._official:
            self._official[name] = official_price(self.everywhere.prices, name, self.now_ms)
        return self._official[name]


def official_price(prices: Mapping[str, tuple[Price, ...]], name: str, now_ms: int) -> Price | None:
    """The official price of a name: exact, else by the longest `prefix*`."""
    found = find(prices, name)
    return in_force(found[1], now_ms) if found else None
