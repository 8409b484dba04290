"""What a schedule is about, drawn from its seed: whose money, which limits, how hostile a world."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from tollgate.domain.catalog import UNLIMITED, Limits
from tollgate.domain.ledger import Credit
from tollgate.domain.limits import HoldRequest
from tollgate.domain.record import WINDOWS, Windows
from tollgate.domain.scopes import KINDS, Kind, Scope, scopes_of
from tollgate.domain.sharding import home, reach
from tollgate.domain.wallet import Subscription, Wallet
from tollgate.domain.windows import MONTH, WEEK, SubscriptionTerms
from tollgate.store.dynamodb import Item
from tollgate.store.wallet_item import n, new_wallet, write_subscription
from tollgate.store.wallet_ledger import new_line

USER: Final = "usr_0123456789abcdef"
KEY: Final = "k001"
OTHER_KEY: Final = "k002"
GROUP: Final = "g001"
DAY: Final = 86_400
BEGINNING: Final = 1_700_050_030
"""An epoch second in the middle of a minute, an hour and a day."""

QUOTA: Final = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """One call somebody means to make: what it holds, how it grows, what it costs in the end.

    `tokens` are its input as estimated, `output` what it puts out.
    """

    amount: int
    raises: tuple[int, ...]
    charge: int
    key: str
    drafts: bool
    tokens: int = 1
    output: int = 0


@dataclass(slots=True)
class Scenario:
    """One schedule's world. Rates are chances in a thousand.

    In an `outage` relays cannot write usage records, so all of them take the way of the queue.
    `limits` are those in force now, `once` those that an operator may change them to.
    """

    seed: int
    subscribed: bool
    limited: bool
    shards: int
    limits: dict[Kind, Limits]
    once: dict[Kind, Limits]
    balance: int
    plans: list[Plan]
    fault_rate: int
    crash_rate: int
    jump_rate: int
    duplicate_rate: int
    outage: bool
    operations: int
    began: int = BEGINNING
    subscription_start: int = BEGINNING - 3 * DAY
    window_limit: int = 100
    profile_version: int = field(default=1)

    @property
    def spread(self) -> int:
        """Over how many shards calls go."""
        together = (own for kind, own in self.limits.items() if kind == "user")
        return 1 if self.subscribed else reach(self.shards, together)

    def most(self, kind: Kind, name: str) -> int:
        """The largest limit there ever is; 0 where there never is one."""
        both = [which.get(kind, UNLIMITED) for which in (self.limits, self.once)]
        return max(int(getattr(limits, name)) for limits in both)

    @property
    def open_limit(self) -> int:
        """Most holds open at once on one shard, whatever the operator does."""
        both = [which.get("user", UNLIMITED).concurrency for which in (self.limits, self.once)]
        return max(both) if all(both) else 256

    def scopes(self, plan: Plan) -> tuple[Scope, ...]:
        """Whose limits the call of a plan counts against."""
        own = self.limits.get("key", UNLIMITED) if plan.key == KEY else UNLIMITED
        user, group = (self.limits.get(kind, UNLIMITED) for kind in ("user", "group"))
        return scopes_of(user, (plan.key, own), (GROUP, group))

    def request(self, plan: Plan, now: int) -> HoldRequest:
        """What the call of a plan asks for, by a clock that says `now` (epoch seconds)."""
        return HoldRequest(
            user=USER,
            key_alias=plan.key,
            amount=plan.amount,
            limited_key=self.limited and plan.key == KEY,
            scopes=self.scopes(plan),
            tokens=plan.tokens,
            profile_version=self.profile_version,
            shards=self.shards,
            subscription=self.terms(now) if self.subscribed else None,
            strict=not plan.raises,
        )

    def terms(self, now: int) -> SubscriptionTerms:
        """The windows of a moment; days begin at midnight UTC."""
        return SubscriptionTerms(
            group_alias=GROUP,
            day=now - now % DAY,
            next_day=now - now % DAY + DAY,
            week=now - (now - self.subscription_start) % WEEK,
            month=now - (now - self.subscription_start) % MONTH,
        )

    def items(self) -> list[Item]:
        """The wallets table as it is when the schedule begins."""
        shards = [self._shard(shard) for shard in range(self.shards)]
        opening = Credit(USER, self.balance, "topup", "test", "opening", "simulator")
        return [*shards, new_line(opening, self.began * 1_000)]

    def _shard(self, shard: int) -> Item:
        item = new_wallet(Wallet(USER, shard, 0, "active", 1, shards=self.shards))
        part = self.balance // self.shards + (self.balance % self.shards if shard == 0 else 0)
        item |= {"available": n(part), "credits": n(self.balance if shard == 0 else 0)}
        item["transfers"] = n(part - self.balance if shard == 0 else part)
        if self.limited and shard == home(KEY, self.spread):
            item["keys"] = {"M": {KEY: {"M": {"remaining": n(QUOTA)}}}}
        if self.subscribed and shard == 0:
            item["subscriptions"] = {"M": {GROUP: write_subscription(self._subscription())}}
        return item

    def _subscription(self) -> Subscription:
        terms = self.terms(self.began)
        full = dict.fromkeys(WINDOWS, self.window_limit)
        windows = Windows(terms.day, terms.week, terms.month)
        return Subscription(windows, full, full, self.began + 90 * DAY)


def drawn(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = Random(seed)
    subscribed = rng.random() < 0.3
    limited = rng.random() < 0.35
    edge = rng.random() < 0.5
    scoped = rng.random() < 0.4
    began = BEGINNING - BEGINNING % DAY + DAY - rng.randrange(20, 900) if edge else BEGINNING
    return Scenario(
        seed=seed,
        subscribed=subscribed,
        limited=limited,
        shards=rng.choice((1, 1, 1, 1, 2, 4)),
        limits=_limits(rng, scoped=scoped),
        once=_limits(rng, scoped=scoped),
        balance=rng.choice((15, 40, 100, 400)),
        plans=[_plan(rng) for _ in range(rng.choice((1, 2, 2, 3)))],
        fault_rate=rng.choice((0, 60, 150, 300)),
        crash_rate=rng.choice((0, 0, 20, 60)),
        jump_rate=rng.choice((0, 30, 120, 250)),
        duplicate_rate=rng.choice((0, 200, 500)),
        outage=rng.random() < 0.2,
        operations=rng.choice((0, 0, 1, 2)),
        began=began,
        window_limit=rng.choice((30, 100)),
    )


def _limits(rng: Random, *, scoped: bool) -> dict[Kind, Limits]:
    """Mostly few limits, so that calls get in each other's way without stopping one another."""
    user = Limits(rpm=rng.choice((0, 0, 0, 2)), concurrency=rng.choice((0, 0, 0, 2)))
    limits: dict[Kind, Limits] = {"user": user}
    if not scoped:
        return limits
    for kind in KINDS:
        budget = rng.choice((20, 30, 60))
        limits[kind] = Limits(
            rpm=rng.choice((0, 0, 0, 2)),
            tpm=rng.choice((0, 0, 8)),
            concurrency=rng.choice((0, 0, 1, 2)),
            spend_5h=budget * rng.randrange(2),
            spend_day=2 * budget * (rng.random() < 0.3),
            spend_week=3 * budget * (rng.random() < 0.3),
        )
    return limits


def _plan(rng: Random) -> Plan:
    amount = rng.choice((0, 5, 10, 10, 20))
    raises, top = [], amount
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        top += rng.choice((5, 10, 20))
        raises.append(top)
    overrun = rng.random() < 0.1
    charge = rng.randint(top, top * 2) if overrun else rng.randint(0, top)
    key = KEY if rng.random() < 0.8 else OTHER_KEY
    tokens, output = rng.randint(1, 5), rng.randint(0, 5)
    return Plan(amount, tuple(raises), charge, key, rng.random() < 0.15, tokens, output)
