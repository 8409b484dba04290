"""A wallet under any order of events: the model says what must be there, the images must add up."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from tests.simulation.bank import NOON, USER, Bank
from tollgate.domain.catalog import UNLIMITED, Limits
from tollgate.domain.errors import TollgateError
from tollgate.domain.holds import parse_hold_id
from tollgate.domain.ledger import Correction, Credit
from tollgate.domain.limits import Hold
from tollgate.domain.record import WINDOWS, UsageRecord, Windows
from tollgate.domain.scopes import KINDS, Kind, Scope, counted, scopes_of
from tollgate.domain.sharding import home
from tollgate.domain.wallet import Outcome, Subscription, charged_spending, violations
from tollgate.domain.windows import SubscriptionTerms

DAY = 86_400
KEYS = ("k001", "k002", "k003")
AMOUNTS = st.integers(0, 60)
SPENDS = st.sampled_from([0, 0, 50, 150])
LIMITS = st.builds(
    Limits,
    rpm=st.sampled_from([0, 0, 3]),
    tpm=st.sampled_from([0, 0, 15]),
    concurrency=st.sampled_from([0, 0, 2]),
    spend_5h=SPENDS,
    spend_day=SPENDS,
    spend_week=SPENDS,
)


class WalletMachine(RuleBasedStateMachine):
    """Rules are what people, calls and jobs do; the model is plain sums."""

    calls = Bundle[Hold]("calls")

    def __init__(self) -> None:
        super().__init__()
        self.bank = Bank(balance=0)
        self.credited = 0
        self.debited = {"wallet": 0, "subscription": 0}
        self.holding: dict[str, Hold] = {}
        self.quotas: dict[str, int] = {}
        self.references: set[int] = set()
        self.settled: dict[str, tuple[UsageRecord, int, int]] = {}
        self.version = 1
        self.limits: dict[Kind, Limits] = {}

    @initialize(balance=st.integers(0, 400), shards=st.sampled_from([1, 1, 2, 3]))
    def begin(self, balance: int, shards: int) -> None:
        self.bank = Bank(balance=balance, shards=shards)
        self.credited = balance
        parts: Any = {"day": 100, "week": 150, "month": 200}
        windows = Windows(self.day, self.day, self.day)
        self.bank.wallets.set_subscription(
            USER, "g001", Subscription(windows, parts, parts, NOON + 300 * DAY)
        )

    @property
    def day(self) -> int:
        now = self.bank.now // 1_000
        return now - now % DAY

    @property
    def terms(self) -> SubscriptionTerms:
        first = NOON - NOON % DAY
        now = self.bank.now // 1_000
        week = now - (now - first) % (7 * DAY)
        return SubscriptionTerms(
            "g001", self.day, self.day + DAY, week, now - (now - first) % (30 * DAY)
        )

    # --- calls ------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(KINDS), limits=LIMITS)
    def limit(self, kind: Kind, limits: Limits) -> None:
        """Whatever is open: calls from now on have these limits."""
        self.limits[kind] = limits

    def scopes(self, key: str) -> tuple[Scope, ...]:
        user, own, group = (self.limits.get(kind, UNLIMITED) for kind in KINDS)
        return scopes_of(user, (key, own), ("g001", group))

    @rule(target=calls, amount=AMOUNTS, key=st.sampled_from(KEYS), subscribed=st.booleans())
    def hold(self, amount: int, key: str, subscribed: bool) -> Any:
        before = self.bank.wallets.read(USER)
        try:
            hold = self.bank.hold(
                amount,
                key_alias=key,
                limited_key=key in self.quotas,
                subscription=self.terms if subscribed else None,
                profile_version=self.version,
                scopes=self.scopes(key),
                tokens=1 + amount % 5,
            )
        except TollgateError:
            assert self.bank.wallets.read(USER).open == before.open
            return multiple()
        if key in self.quotas:
            self.quotas[key] -= amount
        self.holding[hold.id] = hold
        return hold

    @rule(target=calls, hold=consumes(calls), more=AMOUNTS)
    def extend(self, hold: Hold, more: int) -> Hold:
        try:
            grown = self.bank.wallets.extend(hold, hold.amount + more)
        except TollgateError:
            return hold
        if self.is_limited(hold):
            self.quotas[hold.request.key_alias] -= more
        if hold.id in self.holding:
            self.holding[hold.id] = grown
        return grown

    @rule(hold=calls, percent=st.integers(0, 200), stale=st.booleans())
    def settle(self, hold: Hold, percent: int, stale: bool) -> None:
        """Any hold, any number of times; perhaps by a record that knows only its first amount."""
        current = self.holding.pop(hold.id, None)
        charge = hold.amount * percent // 100
        held = 0 if stale else hold.amount
        windows = (current or hold).windows
        entered = (current or hold).entered
        end = Outcome(
            hold.id, held, charge, windows, tokens=2, ended=self.bank.now // 1_000, entered=entered
        )
        removed = self.bank.wallets.settle(USER, hold.shard, [end])
        assert removed == ({hold.id} if current else frozenset())
        if current is None:
            return
        self.debited[hold.funding] += charge
        self.settled[hold.id] = (self.bank.fact(current, charge), charge, 0)
        if self.is_limited(hold):
            self.quotas[hold.request.key_alias] += current.amount - charge

    @rule(hold=calls, percent=st.integers(0, 200))
    def rerate(self, hold: Hold, percent: int) -> None:
        """A settled call is corrected to another charge, any number of times."""
        if hold.id not in self.settled:
            return
        record, old, number = self.settled[hold.id]
        new = record.charge * percent // 100
        correction = Correction(record, old - new, number, f"job_{number}", "machine")
        try:
            line = self.bank.wallets.correct(correction)
        except TollgateError:
            return
        assert self.bank.wallets.correct(correction) == line
        self.settled[hold.id] = (record, new, number + 1)
        if hold.funding == "wallet":
            self.credited += old - new
        else:
            self.debited["subscription"] -= old - new

    def is_limited(self, hold: Hold) -> bool:
        """Whether the hold charged a quota that is still there."""
        return hold.id[20] in "kb" and hold.request.key_alias in self.quotas

    # --- people and jobs --------------------------------------------------------------------

    @rule(amount=st.integers(-100, 200), reference=st.integers(0, 9))
    def credit(self, amount: int, reference: int) -> None:
        kind = "topup" if amount > 0 else "refund"
        credit = Credit(USER, amount, kind, "test", str(reference), "test")  # type: ignore[arg-type]
        try:
            line = self.bank.wallets.credit(credit)
        except TollgateError:
            return
        assert line.amount == amount
        if reference not in self.references:
            self.references.add(reference)
            self.credited += amount

    @rule(key=st.sampled_from(KEYS), quota=st.integers(0, 200))
    def set_quota(self, key: str, quota: int) -> None:
        shard = home(key, self.bank.shards)
        self.bank.wallets.set_key_quota(USER, key, quota, shard)
        reserved = sum(
            amount
            for hold, amount in self.bank.wallet(shard).open.items()
            if hold[20] in "kb" and hold[21:25] == key
        )
        self.quotas[key] = quota - reserved

    @rule(key=st.sampled_from(KEYS))
    def drop_quota(self, key: str) -> None:
        self.bank.wallets.drop_key_quota(USER, key, home(key, self.bank.shards))
        self.quotas.pop(key, None)

    @rule(key=st.sampled_from(KEYS), publish=st.booleans())
    def revoke(self, key: str, publish: bool) -> None:
        self.version += 1
        self.bank.wallets.revoke_key(USER, key, self.version)
        if publish:
            self.bank.wallets.set_profile_version(USER, self.version)

    @rule(status=st.sampled_from(["active", "active", "suspended"]))
    def set_status(self, status: Any) -> None:
        self.bank.wallets.set_status(USER, status)

    @rule(seconds=st.sampled_from([1, 61, 3_600, 5 * 3_600, DAY, 9 * DAY]))
    def wait(self, seconds: int) -> None:
        self.bank.wait(seconds)

    @rule(source=st.integers(0, 2), onto=st.integers(0, 2), amount=AMOUNTS)
    def transfer(self, source: int, onto: int, amount: int) -> None:
        if source != onto and max(source, onto) < self.bank.shards:
            self.bank.wallets.transfer(USER, source, onto, amount)

    # --- what always holds ------------------------------------------------------------------

    @invariant()
    def every_image_adds_up(self) -> None:
        view = self.bank.wallets.read(USER)
        assert [violations(shard) for shard in view.shards] == [[] for _ in view.shards]
        assert self.bank.wrong == []
        assert view.credits == self.credited
        assert view.debits == self.debited["wallet"]
        assert view.subscription_debits == self.debited["subscription"]
        assert view.open == {hold.id: hold.amount for hold in self.holding.values()}

    @invariant()
    def quotas_are_what_the_model_says(self) -> None:
        assert self.bank.wallets.read(USER).keys == self.quotas

    @invariant()
    def no_call_is_counted_that_is_not_open(self) -> None:
        for shard in self.bank.wallets.read(USER).shards:
            opened = Counter(
                name for hold in shard.open for name in counted(parse_hold_id(hold)).open
            )
            assert {name: n for name, n in shard.open_calls.items() if n} == opened

    @invariant()
    def spend_windows_hold_what_open_calls_took(self) -> None:
        for shard in self.bank.wallets.read(USER).shards:
            for name, spent in shard.spent.items():
                held = sum(
                    amount
                    for hold, amount in shard.open.items()
                    if name in charged_spending(shard, parse_hold_id(hold))
                )
                assert spent.used >= held

    @rule()
    def clear(self) -> None:
        for shard in self.bank.wallets.read(USER).shards:
            self.bank.wallets.clear_idle(shard)

    @invariant()
    def windows_never_hold_more_than_their_limit(self) -> None:
        for stored in self.bank.wallet().subscriptions.values():
            assert all(stored.left[name] <= stored.limit[name] for name in WINDOWS)


WalletMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestWalletMachine = WalletMachine.TestCase
