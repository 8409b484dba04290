"""In which order the accounts that offer a model are tried, and who of them rests.

What does not change between calls is kept: a pool as long as its part of the catalog, who of it
may be used as long as nothing is learnt of an account, a session's account as long as both.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import blake2b, shake_128
from operator import itemgetter, xor
from struct import Struct
from typing import Final, NamedTuple

from tollgate.domain.call import Call
from tollgate.domain.catalog import Account, Strategy
from tollgate.domain.charge import PriceSnapshot, total
from tollgate.domain.estimate import BYTES_PER_TOKEN_ESTIMATED, estimated_usage
from tollgate.domain.health import FOR_EVER, Facts, account_rests
from tollgate.domain.usage import Usage

MOST: Final = 16
"""Accounts that one call may go to: for ten switches, and some that are passed over when full."""

FULL: Final = 1_000
"""The load of an account that has as many calls as it should, in thousandths."""

LIKELY_OUTPUT: Final = 1_024
"""Tokens of answer that accounts are compared by, where the caller asks for no fewer."""

LONGEST_WAIT: Final = 30
"""Seconds; no caller is told to wait longer for an account."""

PLACES: Final = 512
NUMBERS: Final = Struct(f"<{PLACES}I")
LN_RANGE: Final = math.log(2**32)
SESSIONS: Final = 1_024
GROUPINGS: Final = 64
"""How much is remembered at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What is known of accounts at one moment, by their ids.

    `known` are the facts of their health: the same object as long as nothing is learnt. `in_use`
    counts the calls this environment has with each now, `last_used` numbers its turns: the lower,
    the longer ago. `turn` is the number of the next one.
    """

    known: Mapping[str, Facts] = field(default_factory=dict)
    in_use: Mapping[str, int] = field(default_factory=dict)
    last_used: Mapping[str, int] = field(default_factory=dict)
    turn: int = 0


NOTHING_KNOWN: Final = Standing()


class Kind(NamedTuple):
    """What accounts of one price have in common: the name they are sent, their cost's factor."""

    wire: str
    factor: Decimal


Ranks = tuple[int | None, ...]
"""Of the kinds of a pool: the lower goes first; None is not to be used."""

FIRST: Final[Ranks] = (0,)


class Asked(NamedTuple):
    """What one call wants of the accounts; `own` tells that its client named the session itself."""

    session: str
    now_ms: int
    standing: Standing = NOTHING_KNOWN
    strategy: Strategy = "priority"
    own: bool = True

    @property
    def dealt(self) -> bool:
        """Whether each call is dealt by weight, as there is no conversation to keep together."""
        return self.strategy == "weighted" and not self.own


# --- accounts of equal rank -----------------------------------------------------------------------


class Tier:
    """Accounts of equal rank. A session's own is found by a weighted rendezvous hash (R25).

    Every account has a place among the numbers a session gives, and a salt for those that share
    it: so a session of a pool of 500 is hashed once, and nobody moves but those whose account left.
    """

    __slots__ = ("_firsts", "_pick", "_salts", "_shares", "accounts")

    def __init__(self, accounts: Sequence[Account]) -> None:
        self.accounts = tuple(accounts)
        hashes = [blake2b(each.id.encode(), digest_size=8).digest() for each in accounts]
        self._pick = itemgetter(*(int.from_bytes(each[:4]) % PLACES for each in hashes), 0)
        self._salts = [int.from_bytes(each[4:]) for each in hashes]
        weights = [each.weight for each in accounts]
        self._shares = None if len(set(weights)) == 1 else [1 / weight for weight in weights]
        self._firsts: dict[str, int] = {}

    def first(self, session: str) -> int:
        """Which of the accounts is a session's own."""
        found = self._firsts.get(session)
        if found is None:
            draws = self._draws(session)
            found = min(range(len(draws)), key=draws.__getitem__)
            if len(self._firsts) >= SESSIONS:
                self._firsts.clear()
            self._firsts[session] = found
        return found

    def dealt(self, session: str) -> list[Account]:
        """Accounts in an order whose shares of first, second, … places follow their weights."""
        draws = self._draws(session)
        places = sorted(range(len(draws)), key=draws.__getitem__)[:MOST]
        return [self.accounts[place] for place in places]

    def order(self, asked: Asked) -> list[Account]:
        """The session's own first, then by load, then those that have waited longest.

        Of very many, as many from the session's own on as one call can try.
        """
        if asked.dealt:
            return self.dealt(f"{asked.session}\0{asked.standing.turn}")
        if asked.strategy == "weighted":
            return self.dealt(asked.session)
        place = self.first(asked.session)
        own, standing = self.accounts[place], asked.standing
        others = (self.accounts[place + 1 :] + self.accounts[:place])[: MOST - 1]
        last = standing.last_used
        waiting = sorted(others, key=lambda each: (load(each, standing), last.get(each.id, 0)))
        if load(own, standing) < FULL:
            return [own, *waiting]
        return sorted([own, *waiting], key=lambda each: load(each, standing))

    def _draws(self, session: str) -> Sequence[float]:
        """A number for each account, of which the least wins; its odds follow the weights."""
        numbers = NUMBERS.unpack(shake_128(session.encode(errors="replace")).digest(NUMBERS.size))
        drawn = map(xor, self._pick(numbers), self._salts)
        if self._shares is None:
            return list(drawn)
        return [
            (LN_RANGE - math.log(number + 0.5)) * share
            for number, share in zip(drawn, self._shares, strict=True)
        ]


def load(account: Account, standing: Standing) -> int:
    """How busy this environment keeps an account, in thousandths; 0 where nothing limits it."""
    most = account.load_factor or account.concurrency
    return standing.in_use.get(account.id, 0) * FULL // most if most else 0


# --- accounts that offer a model ------------------------------------------------------------------


class Ready:
    """Those of a pool that may be used, as long as what is known stays so."""

    __slots__ = ("_able", "_tiers", "known", "since", "soonest", "until")

    def __init__(self, members: Iterable["Member"], known: Mapping[str, Facts], now: int) -> None:
        self.known = known
        self.since = now
        self.until = self.soonest = FOR_EVER
        self._tiers: dict[Ranks, list[Tier]] = {}
        self._able = [member for member in members if self._may(member, now)]

    def holds(self, known: Mapping[str, Facts], now: int) -> bool:
        """Whether this is still so."""
        return known is self.known and self.since <= now < self.until

    def tiers(self, ranks: Ranks) -> list[Tier]:
        """Accounts by the rank of their kind, then by priority, each rank a tier."""
        found = self._tiers.get(ranks)
        if found is None:
            grouped: dict[tuple[int, int], list[Account]] = {}
            for account, kind, _ in self._able:
                rank = ranks[kind]
                if rank is not None:
                    grouped.setdefault((rank, -account.priority), []).append(account)
            found = [Tier(grouped[key]) for key in sorted(grouped)]
            if len(self._tiers) >= GROUPINGS:
                self._tiers.clear()
            self._tiers[ranks] = found
        return found

    def _may(self, member: "Member", now: int) -> bool:
        account, _, wire = member
        ends = account.expires_at
        if ends is not None:
            if ends <= now:
                return False
            self.until = min(self.until, ends)
        facts = self.known.get(account.id)
        rest = 0 if facts is None else account_rests(account, facts, wire)
        if rest <= now:
            return True
        self.soonest = min(self.soonest, rest)
        self.until = min(self.until, rest)
        return False


class Member(NamedTuple):
    """An account of a pool, the number of its kind, and the name it is sent."""

    account: Account
    kind: int
    wire: str


class Pool:
    """The accounts that offer what one channel sells under one name; one of weight 0 is drained."""

    __slots__ = ("_members", "_ready", "channel", "kinds", "mapped")

    def __init__(self, accounts: Iterable[tuple[Account, str]], channel: str, mapped: str) -> None:
        self.channel, self.mapped = channel, mapped
        kinds: dict[Kind, int] = {}
        self._members = [
            Member(account, kinds.setdefault(Kind(wire, account.cost_multiplier), len(kinds)), wire)
            for account, wire in accounts
            if account.weight > 0
        ]
        self.kinds = tuple(kinds)
        self._ready = Ready(self._members, NOTHING_KNOWN.known, 0)

    def __len__(self) -> int:
        return len(self._members)

    def ready(self, asked: Asked) -> Ready:
        """Those of it that may be used now."""
        known, now = asked.standing.known, asked.now_ms
        ready = self._ready  # another thread may replace it meanwhile
        if not ready.holds(known, now):
            self._ready = ready = Ready(self._members, known, now)
        return ready


def dense(ranks: Ranks) -> Ranks:
    """Ranks as their places: how much cheaper one is makes no difference to the order."""
    if len(ranks) == 1:
        return ranks if ranks[0] is None else FIRST
    listed = sorted({rank for rank in ranks if rank is not None})
    place = {rank: at for at, rank in enumerate(listed)}
    return tuple(None if rank is None else place[rank] for rank in ranks)


Place = tuple[int, Account]
"""One account a call may go to: by which of the pools, counted from 0."""


def selected(pools: Sequence[Pool], ranks: Sequence[Ranks], asked: Asked) -> list[Place]:
    """The accounts a call may go to, in order, pool by pool; each once."""
    found: dict[str, Place] = {}
    for number, pool in enumerate(pools):
        for tier in pool.ready(asked).tiers(dense(ranks[number])):
            for account in tier.order(asked):
                found.setdefault(account.id, (number, account))
            if len(found) >= MOST:
                return list(found.values())[:MOST]
    return list(found.values())


def soonest(pools: Iterable[Pool], asked: Asked) -> int:
    """When the first account of the pools may be used again (epoch ms); FOR_EVER if none."""
    return min((pool.ready(asked).soonest for pool in pools), default=FOR_EVER)


def wait_for(pools: Iterable[Pool], asked: Asked) -> int:
    """Whole seconds after which a call may find an account again."""
    left = -(-(soonest(pools, asked) - asked.now_ms) // 1_000)
    return min(max(left, 1), LONGEST_WAIT)


def taken(usage: Usage | None, cost: PriceSnapshot, factor: Decimal) -> int:
    """Nanos that an account takes for usage, by its upstream's price; nothing for none."""
    return 0 if usage is None else total(usage, replace(cost, multiplier=format(factor, "f")))


def likely_cost(call: Call, cost: PriceSnapshot, factor: Decimal) -> int:
    """Nanos that an account likely takes for a call."""
    output = min(call.max_output or LIKELY_OUTPUT, LIKELY_OUTPUT)
    usage = estimated_usage(call, output * BYTES_PER_TOKEN_ESTIMATED)
    return taken(replace(usage, quantities={**usage.quantities, "calls": 1}), cost, factor)
