"""Sends an admitted call: account after account of its frozen list until one answers.

Failing over happens only before the first byte reached the caller, and while there is time. Whose
turn it is decides domain/failover.py, what an account rests for domain/verdicts.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tollgate.domain.errors import (
    InvalidRequest,
    NoHealthyAccount,
    PricingMisconfigured,
    TollgateError,
    UnsupportedEndpoint,
    UpstreamRefused,
    UpstreamTimeout,
)
from tollgate.domain.failover import POOL_PAUSE_MS, POOL_STATUSES, SECOND_ROUND_MS, Failover
from tollgate.domain.resolution import Candidate
from tollgate.domain.scheduling import taken
from tollgate.domain.too_long import too_long
from tollgate.domain.verdicts import Failing
from tollgate.services.beginnings import AttemptFailed, begun, told
from tollgate.services.leases import pauses
from tollgate.services.roster import Roster, Turn
from tollgate.services.speech import Failure, Outgoing, Reaction, Speech, Spoken, heard
from tollgate.upstream.client import Answer, Upstream

PATIENT_MS: Final = 30_000
"""An account that was given less time than this is not blamed for its silence."""

AGAIN: Final = 64
"""Most tries at one account, whatever its type would like."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one account, as the record tells it.

    `status` is 0 where there was no answer, `error` the code of what was wrong with it, `key` which
    of the account's keys was used. `cost` is what the upstream took for it in nanos, when it
    reported usage and failed all the same; what the answer itself cost is the record's.
    """

    account: str
    status: int
    ms: int
    error: str = ""
    key: int = 0
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """The attempt that answered: its first bytes, the bytes still to come, what was tried before.

    For a call that does not stream, `first` is the whole body.
    """

    candidate: Candidate
    answer: Answer
    first: bytes
    rest: Iterator[bytes]
    attempts: list[Attempt]
    turn: Turn

    def close(self) -> None:
        """Nothing more is read: the connection and the account's place are given back."""
        try:
            self.answer.close()
        finally:
            self.turn.release()

    def broke(self) -> None:
        """The answer broke off while it was on its way: the account's failure."""
        account, model = self.candidate.account, self.candidate.upstream_model
        self.turn.failed(Failing(account, model, 0, self.turn.roster.clock()))


class NotAnswered(Exception):
    """No account answered.

    `error` is what the caller is told, `attempts` what was tried, `body` the upstream's own words
    (cleaned) when it found the request itself wrong.
    """

    def __init__(self, error: TollgateError, attempts: list[Attempt], body: bytes = b"") -> None:
        super().__init__(error.message)
        self.error = error
        self.attempts = attempts
        self.body = body


@dataclass(slots=True)
class Trip:
    """One call on its way; `over` when nobody else is to be asked, `error` is the newest."""

    outgoing: Outgoing
    failover: Failover
    places: Iterator[int]
    attempts: list[Attempt] = field(default_factory=list)
    error: TollgateError | None = None
    over: bool = False


class Again(NamedTuple):
    """The same account is tried once more: with these words, after so long."""

    spoken: Spoken | None
    wait_ms: int = 0


class Sending:
    """Tries candidates in order."""

    def __init__(
        self,
        upstream: Upstream,
        speech: Speech,
        roster: Roster,
        sleep: Callable[[float], None],
    ) -> None:
        self.roster = roster
        self._upstream = upstream
        self._speech = speech
        self._clock = roster.clock
        self._sleep = sleep

    def send(self, outgoing: Outgoing, candidates: tuple[Candidate, ...]) -> Sent:
        """The first answer worth giving to the caller; who takes it closes it.

        Raises:
            NotAnswered: nobody answered, or the request itself was refused.
        """
        left = outgoing.until - self._clock()
        trip = Trip(outgoing, Failover(candidates), pauses(left, self.roster.random))
        while not trip.over and (turn := self._next(trip)) is not None:
            sent = self._visit(trip, turn)
            if sent is not None:
                return sent
        error = trip.error or NoHealthyAccount("no account can take this call now", retry_after=5)
        raise NotAnswered(error, trip.attempts, told(error, outgoing.call.model, candidates))

    def _next(self, trip: Trip) -> Turn | None:
        """The next account's turn; waits, within bounds, for one that is only full."""
        while True:
            full = False
            for candidate in trip.failover.left():
                turn = self.roster.take(candidate, trip.outgoing.until)
                if isinstance(turn, Turn):
                    return turn
                full = full or turn == "full"
            wait = next(trip.places, None) if full else self._second_round(trip)
            if wait is None or not self._waited(trip, wait):
                return None

    def _second_round(self, trip: Trip) -> int | None:
        return SECOND_ROUND_MS if trip.failover.begin_again() else None

    def _visit(self, trip: Trip, turn: Turn) -> Sent | None:
        """All that is tried at one account; None when it did not answer."""
        tried: Sent | Again | None = Again(None)
        try:
            for _ in range(AGAIN):
                if not isinstance(tried, Again) or not self._waited(trip, tried.wait_ms):
                    break
                tried = self._attempt(trip, turn, tried.spoken)
        finally:
            if not (isinstance(tried, Sent) and trip.outgoing.call.stream):
                turn.release()
        if isinstance(tried, Again):
            trip.failover.switch(turn.account, 0)
        return tried if isinstance(tried, Sent) else None

    def _attempt(self, trip: Trip, turn: Turn, spoken: Spoken | None) -> Sent | Again | None:
        """One request to an account; what follows where it brings no answer."""
        outgoing, candidate, started = trip.outgoing, turn.candidate, self._clock()
        key, account = turn.choose_key(outgoing.call.session or ""), candidate.account
        try:
            spoken = spoken or self._speech.said(outgoing, candidate, key)
        except TollgateError as own:  # ours: nothing was asked of the account
            self._note(trip, Attempt(account.id, 0, self._clock() - started, own.code, key), own)
            trip.over = isinstance(own, InvalidRequest)
            trip.failover.switch(account, 0)
            return None
        try:
            answer, first, rest = self._answer(outgoing, spoken)
        except AttemptFailed as failed:
            cost, ms = cost_of(failed, candidate), self._clock() - started
            tried = Attempt(account.id, failed.status, ms, failed.error.code, key, cost)
            self._note(trip, tried, failed.error)
            return self._after(trip, turn, failed, spoken)
        turn.succeeded(spoken.clears)
        trip.attempts.append(Attempt(account.id, answer.status, self._clock() - started, "", key))
        return Sent(candidate, answer, first, rest, trip.attempts, turn)

    def _answer(self, outgoing: Outgoing, spoken: Spoken) -> tuple[Answer, bytes, Iterator[bytes]]:
        patience = (outgoing.until - self._clock()) / 1_000
        try:
            answer = heard(self._upstream.send(spoken.target, patience), spoken)
        except TollgateError as error:
            raise AttemptFailed(error) from error
        return answer, *begun(answer, outgoing)

    def _after(self, trip: Trip, turn: Turn, failed: AttemptFailed, spoken: Spoken) -> Again | None:
        """What follows from a failure, for its account and for the call."""
        reaction = reacted(failed, spoken)
        if reaction is not None:
            turn.change(reaction.rests)
            if reaction.again is not None and self._fits(trip, reaction.wait_ms):
                return Again(reaction.again, reaction.wait_ms)
            self._switch(trip, turn, failed)
            return None
        if isinstance(failed.error, UpstreamRefused):
            long = too_long(failed.status, failed.body)
            trip.over = not (long and trip.failover.after_too_long())
            return None
        if isinstance(failed.error, UpstreamTimeout):
            trip.over = True  # it may have done the work, and somebody else would do it again
            if trip.attempts[-1].ms >= PATIENT_MS:
                turn.failed(replace(failing(turn, failed, self._clock()), silent=True))
            return None
        if failed.echo:
            self._switch(trip, turn, failed)
            return None
        turn.failed(failing(turn, failed, self._clock()))
        again = self._once_more(trip, turn, failed)
        if again is None:
            self._switch(trip, turn, failed)
        return again

    def _once_more(self, trip: Trip, turn: Turn, failed: AttemptFailed) -> Again | None:
        """The same account by another of its keys, or because it is a pool."""
        account = turn.account
        if account.keys > 1 and (failed.ours or failed.status in POOL_STATUSES | {402}):
            return Again(None) if turn.other_key() else None
        fits = self._fits(trip, POOL_PAUSE_MS)
        if fits and trip.failover.again(account, failed.status):
            return Again(None, POOL_PAUSE_MS)
        if account.pool_retries is not None and failed.status in POOL_STATUSES:
            turn.pause()
        return None

    def _switch(self, trip: Trip, turn: Turn, failed: AttemptFailed) -> None:
        wait = trip.failover.switch(turn.account, failed.status)
        turn.release()
        if trip.failover.left():
            trip.over = not self._waited(trip, wait)

    def _note(self, trip: Trip, attempt: Attempt, error: TollgateError) -> None:
        """Remember a try; that an account cannot do this says less than another's failure."""
        trip.attempts.append(attempt)
        if trip.error is None or not isinstance(error, UnsupportedEndpoint):
            trip.error = error

    def _fits(self, trip: Trip, wait_ms: int) -> bool:
        """Whether there is time for a wait and something after it."""
        return self._clock() + wait_ms < trip.outgoing.until

    def _waited(self, trip: Trip, wait_ms: int) -> bool:
        """Wait, if there is time for it; a wait of nothing always fits."""
        if wait_ms <= 0:
            return True
        if not self._fits(trip, wait_ms):
            return False
        self._sleep(wait_ms / 1_000)
        return True


def cost_of(failed: AttemptFailed, candidate: Candidate) -> int:
    """What the upstream took for a failed attempt, in nanos, as far as it reported usage."""
    try:
        return taken(failed.usage, candidate.cost, candidate.account.cost_multiplier)
    except PricingMisconfigured:
        return 0  # no reason to fail the call: another account may answer


def reacted(failed: AttemptFailed, spoken: Spoken) -> Reaction | None:
    """What the account's type makes of an answer that is no success."""
    if spoken.react is None or failed.status < 300:
        return None
    return spoken.react(Failure(failed.status, failed.headers, failed.body))


def failing(turn: Turn, failed: AttemptFailed, now_ms: int) -> Failing:
    """A failure as it is judged; an answer of success that was none has no status."""
    return Failing(
        turn.account,
        turn.candidate.upstream_model,
        failed.status if failed.status >= 300 else 0,
        now_ms,
        failed.headers,
        failed.body,
        turn.using,
        failed.ours,
    )
