"""Watches every image of every wallet a schedule writes, and says what must not have happened."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.scenario import Scenario
from tollgate.domain.holds import hour_of, is_wallet_funded, parse_hold_id
from tollgate.domain.record import WINDOWS
from tollgate.domain.scopes import KINDS, counted, kind_of_window, resets
from tollgate.domain.scopes import WINDOWS as WINDOWS_OF
from tollgate.domain.wallet import Wallet, violations
from tollgate.store.dynamodb import Item
from tollgate.store.wallet_item import read_wallet

LONGEST_TRIES: Final = 2
"""Seconds after which nobody tries any more what they began to ask."""


@dataclass(slots=True)
class Audit:
    """What was seen. `wrong` collects the sentences of everything that broke a rule.

    `running` says until when (epoch ms) the call of a hold may run, `entered` what extensions took
    from spend windows that began after their holds, `largest` what each hold grew to.
    """

    scenario: Scenario
    clock: Callable[[], int]
    wrong: list[str] = field(default_factory=list)
    wallets: dict[tuple[str, int], Wallet] = field(default_factory=dict)
    opened: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    marked: set[tuple[str, str]] = field(default_factory=set)
    running: dict[str, int] = field(default_factory=dict)
    largest: dict[str, int] = field(default_factory=dict)
    entered: Counter[tuple[str, int]] = field(default_factory=Counter)
    revoked: set[tuple[int, str]] = field(default_factory=set)

    def watch(self, table: str, _old: Item | None, new: Item | None) -> None:
        """Called by the store at every change."""
        if table != "Wallets" or new is None or new["sk"]["S"] != "wallet":
            return
        wallet = read_wallet(new)
        before = self.wallets.get((wallet.user, wallet.shard))
        self.wallets[wallet.user, wallet.shard] = wallet
        for broken in violations(wallet):
            self.say(f"{broken}: {wallet}")
        if before is not None:
            self._change(before, wallet)

    def say(self, sentence: str) -> None:
        """Note something wrong."""
        self.wrong.append(sentence)

    def _change(self, before: Wallet, after: Wallet) -> None:
        if after.version != before.version + 1:
            self.say(f"version {before.version} was followed by {after.version}")
        was, now = before.open, after.open
        for hold in now.keys() - was.keys():
            self._opened(hold, before, after)
        for hold in now.keys() & was.keys():
            if now[hold] > was[hold]:
                self._grown(hold, before, after)
        for hold in was.keys() - now.keys():
            self._removed(hold, after)
        self._windows(before, after)
        self.revoked |= {(after.shard, alias) for alias in after.revoked}

    def _opened(self, hold: str, before: Wallet, after: Wallet) -> None:
        self.opened[hold] += 1
        if self.opened[hold] > 1:
            self.say(f"hold {hold} was opened twice")
        self._counted(hold, before, after)
        self._grown(hold, before, after)

    def _counted(self, hold: str, before: Wallet, after: Wallet) -> None:
        """What a new hold is counted in stays within the largest limit there ever was."""
        minute, most = parse_hold_id(hold).start // 60, self.scenario.most
        if len(after.holds) > self.scenario.open_limit:
            self.say(f"{len(after.holds)} holds are open")
        for name, count in after.minutes.items():
            letter, kind = name[8], next(k for k in KINDS if k[0] == name[9])
            limit = most(kind, "rpm" if letter == "c" else "tpm")
            grew = count > before.minutes.get(name, 0)
            if grew and (count > limit or not name.startswith(str(minute))):
                self.say(f"{hold}: {name} is {count}, {limit} may be")
        for name, count in after.open_calls.items():
            kind = next(k for k in KINDS if k in name)
            grew = count > before.open_calls.get(name, 0)
            if grew and count > most(kind, "concurrency"):
                self.say(f"{hold}: {name} is {count}, {most(kind, 'concurrency')} may be")

    def _grown(self, hold: str, before: Wallet, after: Wallet) -> None:
        """What must hold whenever a hold is opened or grows; a free one needs no money."""
        parsed = parse_hold_id(hold)
        if before.status != "active" or (after.shard, parsed.key_alias) in self.revoked:
            self.say(f"{hold}: {before.status}, revoked on (shard, key) {self.revoked}")
        if not after.open[hold]:
            return
        self.largest[hold] = after.open[hold]
        self._spent(hold, before, after)
        if is_wallet_funded(hold) and after.available < 0:
            self.say(f"{hold} left {after.available} available")
        if parsed.key_limited and after.keys.get(parsed.key_alias, 0) < 0:
            self.say(f"{hold} left the key {after.keys}")
        if not is_wallet_funded(hold):
            left = after.subscriptions[parsed.group_alias].left
            if any(amount < 0 for amount in left.values()):
                self.say(f"{hold} left the subscription {left}")

    def _spent(self, hold: str, before: Wallet, after: Wallet) -> None:
        """Every spend window of a hold runs, has room, and is charged what the hold grows by."""
        parsed, opens = parse_hold_id(hold), hold not in before.open
        for name in counted(parsed).windows:
            spent, window = after.spent[name], kind_of_window(name)
            kind = next(k for k in KINDS if k in name)
            if spent.used > self.scenario.most(kind, WINDOWS_OF[window]):
                self.say(f"{hold} left {name} at {spent}")
            # What is delayed was right when it was sent: what counts is the sender's own clock.
            if resets(window, spent.began) <= after.updated_at // 1_000 - LONGEST_TRIES:
                self.say(f"{hold} was charged to {name}, which is over: {spent}")
            if spent.began > parsed.start and opens:
                self.say(f"{hold} was charged to {name}, which began after it: {spent}")
            elif spent.began > parsed.start:
                self.entered[name, spent.began] += after.open[hold] - before.open[hold]

    def _removed(self, hold: str, after: Wallet) -> None:
        self.settled[hold] += 1
        if self.running.get(hold, 0) >= self.clock():
            self.say(f"{hold} was released under a running call")
        if (hour_of(parse_hold_id(hold).start), after.user) not in self.marked:
            self.say(f"{hold} was settled before its user was marked active")

    def _windows(self, before: Wallet, after: Wallet) -> None:
        for limited, spent in after.spent.items():
            earlier = before.spent.get(limited)
            if earlier and earlier.began > spent.began:
                self.say(f"{limited} rolled backwards from {earlier} to {spent}")
        for alias, stored in after.subscriptions.items():
            for name in WINDOWS:
                if stored.left[name] > stored.limit[name]:
                    self.say(f"{alias}: more is left this {name} than its limit")
                was = before.subscriptions.get(alias)
                if was and was.windows[name] > stored.windows[name]:
                    self.say(f"{alias}: the {name} rolled backwards")
