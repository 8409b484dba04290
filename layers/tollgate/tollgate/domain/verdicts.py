"""What a failed attempt says of an account: which part of it rests, for how long, and why.

No single failure condemns an account: rates count within a window, refused credentials within a
longer one, and every rest but the last ends by itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tollgate.domain.catalog import Account, PauseRule
from tollgate.domain.health import (
    CAUSE,
    COOLING,
    FAULTY,
    FOR_EVER,
    KEY,
    LEVEL,
    MODEL,
    OVERLOADED,
    PAUSED,
    TRYING,
    Cause,
    Facts,
)
from tollgate.domain.resets import from_retry_after, reset_at

MINUTE: Final = 60_000
BUCKET_MS: Final = 10_000
BUCKETS: Final = 6
"""Failures count for a minute."""

FAILURES: Final = 3
"""So many failures, and at least half of all calls, cool an account."""

REFUSALS: Final = 3
REFUSALS_MS: Final = 10 * MINUTE
"""So often its credentials are refused within so long, and no call succeeds meanwhile."""

COOLING_MS: Final = (10_000, 10 * MINUTE)
LIMITED_MS: Final = (5_000, 5 * MINUTE)
MODEL_MS: Final = (30_000, 5 * MINUTE)
"""The first rest and the longest; each in a row is twice as long as the one before."""

RETRY_LATER_MS: Final = 10 * MINUTE
"""Longest rest that a failing account may ask for itself."""

KEY_REFUSED_MS: Final = 10 * MINUTE
POOL_PAUSE_MS: Final = MINUTE
LEVELS: Final = 128
"""How many parts of an account it is remembered of how often they rested in a row."""

TRIAL_MS: Final = MINUTE
"""How long the one call that tries a half-open account keeps others away at most."""

OVERLOAD_MINUTES: Final = 10

SLACK_MS: Final = 1_000
SLACK_PART: Final = 10
"""A rest that would end a second or a tenth later is the one that is known."""

REFUSED: Final[Mapping[int, Cause]] = {
    401: Cause.UNAUTHORIZED,
    402: Cause.UNPAID,
    403: Cause.FORBIDDEN,
}
"""Statuses that speak of an account's credentials or balance."""

UNPUNISHED: Final = frozenset({409})
"""Says that something else was going on, and nothing of the account."""

OF_THE_MODEL: Final = re.compile(
    rb"(?:on|for|of) this model|MODEL_CAPACITY_EXHAUSTED|per[ _-]?model", re.IGNORECASE
)
WHOLE_ACCOUNT: Final = "anthropic-ratelimit-unified-status"
"""A header of limits that hold for all models."""


@dataclass(frozen=True, slots=True)
class Failing:
    """One attempt that failed, at epoch ms `at`.

    `status` is 0 where there was no answer or a broken one; `ours` tells that it complains about
    the operator's own account whatever its status says, `silent` that its time went by without an
    answer. `model` is its name upstream.
    """

    account: Account
    model: str
    status: int
    at: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    key: int = 0
    ours: bool = False
    silent: bool = False

    @property
    def html(self) -> bool:
        """Whether a proxy on the way answered, and not the vendor."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @property
    def refused(self) -> Cause | None:
        """What is wrong with credentials or balance."""
        if self.status in REFUSED:
            return None if self.html else REFUSED[self.status]
        return Cause.UNPAID if self.ours else None


class Course:
    """How an account's calls of this environment went of late."""

    __slots__ = ("_buckets", "_levels", "_refusals")

    def __init__(self) -> None:
        self._buckets: dict[int, list[int]] = {}
        self._refusals: list[int] = []
        self._levels: dict[str, int] = {}

    def succeeded(self, at: int) -> None:
        """A call was answered: what was held against credentials and limits is forgotten."""
        self._bucket(at)[0] += 1
        if self._refusals or self._levels:
            self._refusals.clear()
            self._levels.clear()

    def fails_too_often(self, at: int, *, silent: bool = False) -> bool:
        """Count a failure; whether the account should cool. Then counting begins anew.

        Silence lasts so long that it counts for as many failures as cool an account.
        """
        self._bucket(at)[1] += FAILURES if silent else 1
        answered = sum(good for good, _ in self._buckets.values())
        failed = sum(bad for _, bad in self._buckets.values())
        too_often = failed >= FAILURES and failed >= answered
        if too_often:
            self._buckets.clear()
        return too_often

    def refused_too_often(self, at: int) -> bool:
        """Count a refusal of the credentials; whether nothing but a probe should end it."""
        self._refusals = [each for each in self._refusals if each > at - REFUSALS_MS] + [at]
        return len(self._refusals) >= REFUSALS

    def grown(self, fact: str, bounds: tuple[int, int], level: int | None = None) -> int:
        """How long something rests that was told no time: longer each time in a row."""
        level = self._levels.get(fact, 0) if level is None else level
        if len(self._levels) >= LEVELS:
            self._levels.clear()
        self._levels[fact] = level + 1
        first, longest = bounds
        return min(first << min(level, 20), longest)

    def _bucket(self, at: int) -> list[int]:
        number = at // BUCKET_MS
        found = self._buckets.get(number)
        if found is None:
            for old in [each for each in self._buckets if not 0 <= number - each < BUCKETS]:
                del self._buckets[old]
            found = self._buckets[number] = [0, 0]
        return found


def judged(
    failing: Failing, facts: Facts, course: Course, overload_minutes: int = OVERLOAD_MINUTES
) -> dict[str, int]:
    """What becomes of an account's facts after a failure; empty when nothing does."""
    account, status = failing.account, failing.status
    rule = next((each for each in account.pauses if matches(each, failing)), None)
    if rule is not None:
        return rest(PAUSED, failing.at + rule.minutes * MINUTE, Cause.PAUSE_RULE)
    if status and not blamed(account, status):
        return {}
    if account.keys > 1 and (status == 429 or failing.refused):
        return key_rest(failing, course)
    if status == 529:
        return rest(OVERLOADED, failing.at + overload_minutes * MINUTE, Cause.OVERLOADED)
    return of_the_account(failing, facts, course)


def of_the_account(failing: Failing, facts: Facts, course: Course) -> dict[str, int]:
    """What follows from credentials, limits and failures of a whole account."""
    if failing.refused and course.refused_too_often(failing.at):
        return rest(FAULTY, FOR_EVER, failing.refused)
    if failing.status == 429:
        return limited(failing, facts, course)
    if failing.refused or failing.status in REFUSED or failing.status in UNPUNISHED:
        return {}
    return cooled(failing, facts, course)


def matches(rule: PauseRule, failing: Failing) -> bool:
    """Whether an account's own rule means this answer."""
    if rule.status != failing.status:
        return False
    text = failing.body.decode(errors="replace").casefold()
    return not rule.keywords or any(word.casefold() in text for word in rule.keywords)


def blamed(account: Account, status: int) -> bool:
    """Whether a status counts against the account: a pool's only where staff list it."""
    if account.error_codes:
        return status in account.error_codes
    return account.pool_retries is None


def rest(fact: str, until: int, cause: Cause) -> dict[str, int]:
    """A fact and why it holds."""
    return {fact: until, f"{CAUSE}{fact}": int(cause)}


def key_rest(failing: Failing, course: Course) -> dict[str, int]:
    """One of several keys rests; by itself it comes back."""
    fact = f"{KEY}{failing.key}"
    if failing.refused:
        return rest(fact, failing.at + KEY_REFUSED_MS, failing.refused)
    until = reset_at(failing.headers, failing.body, failing.at)
    if until is not None:
        return rest(fact, until, Cause.RATE_LIMITED_UNTIL)
    return rest(fact, failing.at + course.grown(fact, LIMITED_MS), Cause.RATE_LIMITED)


def limited(failing: Failing, facts: Facts, course: Course) -> dict[str, int]:
    """A rate limit (429): of the model where the vendor says so, else of the account."""
    until = reset_at(failing.headers, failing.body, failing.at)
    if of_the_model(failing):
        fact = f"{MODEL}{failing.model}"
        if until is not None:
            return rest(fact, until, Cause.RATE_LIMITED_UNTIL)
        return rest(fact, failing.at + course.grown(fact, MODEL_MS), Cause.RATE_LIMITED)
    cooling = facts.get(COOLING, 0)
    if until is not None:
        longer = rest(COOLING, until, Cause.RATE_LIMITED_UNTIL) | {TRYING: 0}
        return longer if until > cooling else {}
    if cooling > failing.at:
        return {}  # one of several calls that were under way: it has cooled for this already
    return cooling_for(failing, facts, course, LIMITED_MS) | {
        f"{CAUSE}{COOLING}": int(Cause.RATE_LIMITED)
    }


def of_the_model(failing: Failing) -> bool:
    """Whether a rate limit is one of the model that was asked for."""
    if WHOLE_ACCOUNT in failing.headers:
        return False
    return failing.model.encode() in failing.body or bool(OF_THE_MODEL.search(failing.body))


def cooled(failing: Failing, facts: Facts, course: Course) -> dict[str, int]:
    """A failure of the account: it cools when it fails too often, or failed its trial."""
    cooling = facts.get(COOLING, 0)
    too_often = course.fails_too_often(failing.at, silent=failing.silent)
    if cooling > failing.at:
        return {}
    asked = from_retry_after(failing.headers, failing.at) if failing.status else None
    if asked is not None:
        until = min(asked, failing.at + RETRY_LATER_MS)
        return rest(COOLING, until, Cause.RATE_LIMITED_UNTIL) | {TRYING: 0}
    if too_often or cooling:
        return cooling_for(failing, facts, course, COOLING_MS)
    return {}


def cooling_for(
    failing: Failing, facts: Facts, course: Course, bounds: tuple[int, int]
) -> dict[str, int]:
    """A rest that is the longer the more often the account has cooled in a row, anywhere."""
    level = facts.get(LEVEL, 0)
    until = failing.at + course.grown(COOLING, bounds, level)
    return {**rest(COOLING, until, Cause.FAILURES), LEVEL: level + 1, TRYING: 0}


def closed(facts: Facts, at: int) -> dict[str, int]:
    """What a success ends: a cooldown that is over; nothing while there is none."""
    cooling = facts.get(COOLING, 0)
    return {COOLING: 0, LEVEL: 0, TRYING: 0} if 0 < cooling <= at else {}


def half_open(facts: Facts, at: int) -> bool:
    """Whether an account has cooled and nobody knows yet whether that helped."""
    return 0 < facts.get(COOLING, 0) <= at


def news(changes: Mapping[str, int], facts: Facts, at: int) -> dict[str, int]:
    """What of changes is worth telling everybody: not that a rest begun just now begins again."""
    known = {
        fact
        for fact, until in changes.items()
        if at < until <= facts.get(fact, 0) + max(SLACK_MS, (until - at) // SLACK_PART)
        and facts.get(fact, 0) > at
    }
    told = {f"{CAUSE}{fact}" for fact in known}
    return {fact: until for fact, until in changes.items() if fact not in known | told}
