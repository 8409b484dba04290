"""How a call gets its hold: attempts with fresh ids, corrected assumptions, money from siblings.

Every attempt carries a new hold id and the client never repeats one by itself: a hold that was
written without our learning of it has an id no usage record names, so the sweeper releases it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from tollgate.domain.allowances import standing
from tollgate.domain.errors import BillingUnavailable, InsufficientBalance
from tollgate.domain.holds import RANDOM_LIMIT, Birth, HoldId, new_hold_id, parse_hold_id, rid_of
from tollgate.domain.limits import (
    Ask,
    Assumed,
    Hold,
    HoldRequest,
    charged_windows,
    corrected,
    refuse_hopeless,
)
from tollgate.domain.record import WINDOWS, WindowName, Windows
from tollgate.domain.scopes import counted
from tollgate.domain.sharding import chosen
from tollgate.domain.wallet import Wallet, charged_spending, stale_minutes
from tollgate.store.dynamodb import ConditionFailed, OutcomeUnknown, StoreError, Throttled
from tollgate.store.wallet_moves import extension, opening
from tollgate.store.wallet_table import WalletTable

FAILURES: Final = 3
"""Attempts without a clear answer before the caller is told that billing is unavailable."""

CORRECTIONS: Final = 3
PATIENCE_MS: Final = 1_000
ROUNDS: Final = 2

Result = TypeVar("Result")


class ShardShort(InsufficientBalance):
    """One shard cannot pay, but it has siblings that might."""


def unavailable() -> BillingUnavailable:
    """What a caller is told when the wallet gave no clear answer: nothing was relayed."""
    return BillingUnavailable("billing is not reachable right now; try again", retry_after=1)


@dataclass(slots=True)
class Patience:
    """How much trouble one call takes: 3 failures, 3 corrections, 1 second."""

    clock: Callable[[], int]
    began: int
    failures: int = 0
    corrections: int = 0

    @property
    def attempt(self) -> int:
        """How many attempts were made."""
        return self.failures + self.corrections

    @property
    def left(self) -> bool:
        tired = self.failures >= FAILURES or self.corrections > CORRECTIONS
        return not tired and (not self.attempt or self.clock() - self.began < PATIENCE_MS)


class Holds(WalletTable):
    """Opens and extends holds."""

    def hold(self, request: HoldRequest) -> Hold:
        """Set money aside for a call, against every limit of its user, in one write.

        Raises:
            UserDisabled, KeyRevoked, ConcurrencyLimited, RateLimited, KeyQuotaExhausted,
            InsufficientBalance, SubscriptionExhausted, BudgetExceeded, RequestTooLarge: refused;
                nothing was held.
            StaleProfile: the wallet knows a newer profile than the request's.
            BillingUnavailable: no clear answer; whatever was held is released by the sweeper.
        """
        refuse_hopeless(request, self.clock() // 1_000)
        shard = chosen(
            request.key_alias,
            limited=request.pinned,
            spread=request.spread if request.pinned else request.choice,
            random=self.random,
        )
        try:
            return self._with_siblings(
                request.user, shard, request.amount, lambda: self._open(request, shard)
            )
        except StoreError as error:
            raise unavailable() from error

    def extend(self, hold: Hold, new_amount: int) -> Hold:
        """Raise a hold to a new amount; the same limits count as when it was opened.

        Raises:
            as `hold`, except that an extension is no new call; the hold stays as it was.
        """
        missing = new_amount - hold.amount
        if missing <= 0:
            return hold
        try:
            return self._with_siblings(
                hold.user, hold.shard, missing, lambda: self._extend(hold, new_amount)
            )
        except StoreError as error:
            raise unavailable() from error

    def _with_siblings(
        self, user: str, shard: int, amount: int, move: Callable[[], Result]
    ) -> Result:
        """Make a move; where only this shard is short, bring money over from the others first."""
        for _ in range(ROUNDS):
            try:
                return move()
            except ShardShort:
                self.gather(user, shard, amount)
        try:
            return move()
        except ShardShort as short:
            # The money was there a moment ago: others took it. Whether it is gone, a retry shows.
            raise unavailable() from short

    # --- open -------------------------------------------------------------------------------

    def _open(self, request: HoldRequest, shard: int) -> Hold:
        patience = Patience(self.clock, self.clock())
        now, random = patience.began // 1_000, self.random(RANDOM_LIMIT)
        windows = request.subscription.windows(now) if request.subscription else None
        ask = Ask(request, request.amount, now, Assumed(request.limited_key, windows))
        unanswered: dict[str, Ask] = {}
        while patience.left:
            hold = new_hold_id(_birth(ask, random, shard, patience.attempt))
            try:
                wallet = self.write(request.user, shard, opening(hold, ask, self.clock()))
            except (Throttled, OutcomeUnknown):
                patience.failures += 1
                unanswered[hold] = ask
            except ConditionFailed as failed:
                patience.corrections += 1
                wallet = self.seen(failed.item)
                worked = next((earlier for earlier in unanswered if earlier in wallet.open), None)
                if worked is not None:  # and its money may be what is missing now
                    return _opened(worked, unanswered[worked], wallet, patience.began)
                ask = self._corrected(wallet, ask)
                random = self.random(RANDOM_LIMIT)
            else:
                return _opened(hold, ask, wallet, patience.began)
        raise unavailable()

    def _corrected(self, wallet: Wallet, ask: Ask) -> Ask:
        try:
            return corrected(wallet, ask)
        except InsufficientBalance as short:
            if wallet.shards == 1:
                raise
            raise ShardShort(short.message, detail=short.detail) from short

    # --- extend -----------------------------------------------------------------------------

    def _extend(self, hold: Hold, new_amount: int) -> Hold:
        patience = Patience(self.clock, self.clock())
        parsed, held = parse_hold_id(hold.id), hold.amount
        ask = _extending(hold, parsed, new_amount - held, patience.began // 1_000)
        while patience.left:
            change = extension(hold.id, held, ask, self.clock())
            try:
                wallet = self.write(hold.user, hold.shard, change)
            except (Throttled, OutcomeUnknown):
                patience.failures += 1
            except ConditionFailed as failed:
                patience.corrections += 1
                wallet = self.seen(failed.item)
                if hold.id not in wallet.open:
                    raise unavailable() from failed
                held = wallet.open[hold.id]
                if held >= new_amount:
                    # An attempt without an answer had worked: in which windows is not known.
                    return _extended(hold, ask, held, entered_windows(hold, wallet, 0))
                ask = self._corrected(wallet, replace(ask, amount=new_amount - held))
            else:
                entered = entered_windows(hold, wallet, ask.amount)
                return _extended(hold, ask, new_amount, entered)
        raise unavailable()


def _birth(ask: Ask, random: int, shard: int, attempt: int) -> Birth:
    request = ask.request
    return Birth(
        start=ask.now,
        random=random,
        shard=shard,
        attempt=attempt,
        key_alias=request.key_alias,
        key_limited=ask.assumed.limited,
        ttl_class=request.ttl_class,
        group_alias=request.subscription.group_alias if request.subscription else "",
        deadline=request.deadline,
        flags=request.flags,
        counted_group=request.counted_group,
    )


def _opened(hold: str, ask: Ask, wallet: Wallet, started: int) -> Hold:
    return Hold(
        id=hold,
        rid=rid_of(hold),
        user=wallet.user,
        shard=wallet.shard,
        amount=ask.amount,
        funding=ask.request.funding,
        request=ask.request,
        started=started,
        windows=charged_windows(ask),
        stale_minutes=stale_minutes(wallet, ask.now),
        charged=charged_spending(wallet, parse_hold_id(hold)) if wallet.spent else {},
        rates=standing(wallet, ask.claim),
    )


def entered_windows(hold: Hold, wallet: Wallet, amount: int) -> dict[str, tuple[int, int]]:
    """The windows that the extensions of a hold went into, now that one was charged the amount."""
    entered = dict(hold.entered)
    for name in counted(parse_hold_id(hold.id)).windows:
        spent = wallet.spent.get(name)
        if spent is None or hold.charged.get(name) == spent.began:
            continue
        began, before = entered.get(name, (0, 0))
        entered[name] = (spent.began, amount + (before if began == spent.began else 0))
    return entered


def _extending(hold: Hold, parsed: HoldId, amount: int, now: int) -> Ask:
    request = replace(hold.request, limited_key=parsed.key_limited)
    return Ask(request, amount, now, Assumed(parsed.key_limited, hold.windows), opens=False)


def _extended(hold: Hold, ask: Ask, amount: int, spending: Mapping[str, tuple[int, int]]) -> Hold:
    """The hold with what the extension charged; a window it rolled into was charged only that.

    What an earlier, unacknowledged extension took may be missing from `entered`: then a window
    gets back less than it could, never more than it gave.
    """
    hold = replace(hold, amount=amount, entered=spending)
    before, charged = hold.windows, charged_windows(ask)
    if before is None or charged is None:
        return hold
    entered: dict[WindowName, int] = {}
    for name in WINDOWS:
        if charged[name] != before[name]:
            entered[name] = ask.amount
        elif name in before.entered:
            entered[name] = before.entered[name] + ask.amount
    return replace(hold, windows=Windows(charged.day, charged.week, charged.month, entered))
