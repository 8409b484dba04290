"""Who of the accounts takes a call now, and what everybody learns of how it went.

An account that has cooled is tried by one call at a time, in all environments together; one with
finite concurrency takes no more calls than it has places.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from zlib import crc32

from tollgate.domain.catalog import Account
from tollgate.domain.health import (
    FAULTY,
    KEY,
    PAUSED,
    TRYING,
    Cause,
    account_rests,
    cause_of,
)
from tollgate.domain.resolution import Candidate
from tollgate.domain.scheduling import Standing
from tollgate.domain.verdicts import (
    OVERLOAD_MINUTES,
    POOL_PAUSE_MS,
    TRIAL_MS,
    Course,
    Failing,
    closed,
    half_open,
    judged,
    news,
    rest,
)
from tollgate.services.health import AccountHealth
from tollgate.services.slots import Slot, Slots, Workload

Settings = Mapping[str, str | int | bool]
Passed = Literal["resting", "full"]

OVERLOAD_SETTING: Final = "overload_minutes"
LONGEST_OVERLOAD: Final = 1_440


def middle(below: int) -> int:
    """What is drawn where chance does not matter."""
    return below // 2


@dataclass(slots=True)
class Roster:
    """The accounts as this environment sees them.

    Args:
        clock: epoch ms.
        settings: those of the catalog.
        faulty: hears of an account that only a probe brings back, and why.
        random: a number below the one given.
    """

    health: AccountHealth
    slots: Slots
    clock: Callable[[], int]
    settings: Callable[[], Settings]
    faulty: Callable[[str, str], None]
    random: Callable[[int], int] = middle
    workload: Workload = field(default_factory=Workload)
    courses: dict[str, Course] = field(default_factory=dict)

    def standing(self) -> Standing:
        """What selection looks at."""
        work, shared = self.workload, self.slots.in_use()
        in_use = {**work.in_use, **shared} if shared else work.in_use
        return Standing(self.health.accounts(), in_use, work.last_used, work.turn)

    def take(self, candidate: Candidate, until: int) -> "Turn | Passed":
        """An account's turn for a call that ends by `until` (epoch ms), or why it is passed over.

        An account may have begun to rest since it was selected.
        """
        account, now = candidate.account, self.clock()
        facts = self.health.facts(account.id)
        if account_rests(account, facts, candidate.upstream_model) > now:
            return "resting"
        trial = half_open(facts, now)
        if trial and not self.health.claim_trial(account.id, now + TRIAL_MS):
            return "resting"
        slot = self.slots.take(account, until)
        if slot is None:
            if trial:
                self.health.clear(account.id, TRYING)
            return "full"
        self.workload.begin(account.id)
        return Turn(self, candidate, slot, trial)

    def overload_minutes(self) -> int:
        """How long an overloaded account is left alone."""
        wanted = self.settings().get(OVERLOAD_SETTING, OVERLOAD_MINUTES)
        sensible = type(wanted) is int and 0 < wanted <= LONGEST_OVERLOAD
        return int(wanted) if sensible else OVERLOAD_MINUTES


@dataclass(slots=True)
class Turn:
    """One call's turn at one account: one attempt, or several where that is worth it.

    `trial` tells that it is the one call which tries a half-open account. `using` is the number of
    the key in use, `spent` are those that this call has tried.
    """

    roster: Roster
    candidate: Candidate
    slot: Slot
    trial: bool = False
    using: int = 0
    spent: set[int] = field(default_factory=set)
    ended: bool = False

    @property
    def account(self) -> Account:
        """Whose turn it is."""
        return self.candidate.account

    def choose_key(self, session: str) -> int:
        """Which of its API keys is used: the session's own, else the next that does not rest."""
        if self.account.keys > 1:
            usable = self._usable(crc32(session.encode(errors="replace")))
            self.using = next(usable, self.using)
        return self.using

    def other_key(self) -> bool:
        """Whether the account has another key that may be used, now that this one failed."""
        self.spent.add(self.using)
        return next(self._usable(0), None) is not None

    def succeeded(self, clears: tuple[str, ...] = ()) -> None:
        """It answered: what that ends is ended; of an account that was well nothing is written."""
        now = self.roster.clock()
        self._course().succeeded(now)
        facts = self.roster.health.facts(self.account.id)
        if facts:
            ends = closed(facts, now) | {fact: 0 for fact in clears if fact in facts}
            self.change(ends)

    def failed(self, failing: Failing) -> None:
        """It failed: what follows for the account by the ordinary rules."""
        facts = self.roster.health.facts(self.account.id)
        changes = judged(failing, facts, self._course(), self.roster.overload_minutes())
        if FAULTY in changes:
            self.roster.faulty(self.account.id, cause_of(changes, FAULTY).name.lower())
        self.change(news(changes, facts, failing.at))

    def pause(self) -> None:
        """A pool had nothing left: it is left alone for a while."""
        until = self.roster.clock() + POOL_PAUSE_MS
        self.change(rest(PAUSED, until, Cause.POOL_EXHAUSTED))

    def change(self, facts: Mapping[str, int]) -> None:
        """Tell everybody; whatever comes of a trial ends it."""
        if self.trial:
            facts, self.trial = {TRYING: 0, **facts}, False
        if facts:
            self.roster.health.change(self.account.id, facts)

    def release(self) -> None:
        """The call is over; more than once is as good as once."""
        if self.ended:
            return
        self.ended = True
        self.change({})
        self.roster.workload.end(self.account.id)
        self.slot.release()

    def _usable(self, first: int) -> Iterator[int]:
        """Keys that neither rest nor were tried, one after the other."""
        keys, now = self.account.keys, self.roster.clock()
        facts = self.roster.health.facts(self.account.id)
        order = ((first + step) % keys for step in range(keys))
        return (n for n in order if n not in self.spent and facts.get(f"{KEY}{n}", 0) <= now)

    def _course(self) -> Course:
        courses, account = self.roster.courses, self.account.id
        return courses.get(account) or courses.setdefault(account, Course())
