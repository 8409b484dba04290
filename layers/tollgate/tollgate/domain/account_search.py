"""Which upstream accounts a list shows, in which order, and where its next page begins."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from tollgate.domain.definitions import AccountDefinition
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.health import KEY, WHOLE, Facts
from tollgate.domain.patterns import normal

Order = Literal["created", "name", "priority"]
USUAL_PORT: Final = re.compile(r":443(?=/|$)")
HIGHEST: Final = 10**9
"""Above every priority."""


@dataclass(frozen=True, slots=True)
class AccountSearch:
    """What is looked for; empty means anything. `text` is part of a name, an id, an address, notes.

    `healthy` is about what rests at the moment of looking.
    """

    text: str = ""
    platform: str = ""
    type: str = ""
    group: str = ""
    status: str = ""
    healthy: bool | None = None

    def finds(self, account: AccountDefinition, facts: Facts, now: int) -> bool:
        """Whether an account is among what is looked for."""
        wanted = (
            (self.platform, account.platform),
            (self.type, account.type),
            (self.status, account.status),
        )
        return (
            all(sought in {"", there} for sought, there in wanted)
            and (not self.group or self.group in account.groups)
            and (self.healthy is None or self.healthy == is_healthy(facts, now, account.keys))
            and self.text.strip().casefold() in told(account)
        )


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search; `after` asks for the next one, None ends."""

    entries: tuple[AccountDefinition, ...]
    after: str | None = None


def is_healthy(facts: Facts, now: int, keys: int) -> bool:
    """Whether nothing keeps the whole account from being used, by one of so many API keys."""
    idle = (f"{KEY}{number}" for number in range(keys))
    awake = keys < 2 or any(facts.get(key, 0) <= now for key in idle)
    return awake and all(facts.get(fact, 0) <= now for fact in WHOLE)


def told(account: AccountDefinition) -> str:
    """What a search looks through; an address also without the port that goes without saying."""
    typed = USUAL_PORT.sub("", account.base_url)
    texts = (account.name, account.id, account.base_url, typed, account.notes)
    return "\n".join(texts).casefold()


def place_of(account: AccountDefinition, order: Order) -> list[str]:
    """Where an account stands in an order; the highest priority comes first."""
    if order == "name":
        return [normal(account.name), account.id]
    if order == "priority":
        return [f"{HIGHEST - account.priority:010d}", account.id]
    return [account.id]


def page(found: Iterable[AccountDefinition], order: Order, limit: int, after: str | None) -> Found:
    """So many accounts that follow `after`, as an earlier page gave it.

    Raises:
        InvalidRequest: that page was of another order.
    """
    start = read_place(after, order)
    ordered = sorted(found, key=lambda account: place_of(account, order))
    rest = [account for account in ordered if place_of(account, order) > start]
    entries = tuple(rest[:limit])
    return Found(entries, write_place(entries[-1], order) if len(rest) > limit else None)


def write_place(last: AccountDefinition, order: Order) -> str:
    """Where a page ended, for `read_place`."""
    return json.dumps([order, *place_of(last, order)])


def read_place(after: str | None, order: Order) -> list[str]:
    """The place an earlier page ended at; the empty one is before all."""
    if after is None:
        return []
    of, *place = json.loads(after)
    if of != order:
        raise InvalidRequest("this cursor is for another order of the list", param="cursor")
    return list(place)
