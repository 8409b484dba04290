"""What is known of an account's health, and when it may be used again.

A fact is an epoch ms until which something of the account rests. All relays share them through
one small item (ruling R21); losing it costs efficiency, never money.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from tollgate.domain.catalog import Account

Facts = Mapping[str, int]
"""Until when (epoch ms) which part of one account rests, and beside it why."""

COOLING: Final = "cooling"
"""Too many of its calls failed of late, or it said how long to wait.

Once over, the account is half open: one call at a time tries it, and what comes of it decides.
"""

OVERLOADED: Final = "overloaded"
"""The vendor said it has too much to do (529)."""

PAUSED: Final = "paused"
"""One of the account's own rules matched an answer, or a pool had nothing left."""

FAULTY: Final = "faulty"
"""Its credentials or its balance were refused (401, 402, 403): nothing but a probe ends it."""

QUOTA: Final = "quota"
"""One of its quotas is used up."""

CREDITS: Final = "credits"
"""Its AI credits are used up (antigravity); its free capacity may still serve."""

MODEL: Final = "model:"
"""Before a model's name upstream: that model rests on this account."""

KEY: Final = "key:"
"""Before the number of one of its API keys, from 0 on: that key rests."""

TRYING: Final = "trying"
"""Until when the one call that tries a half-open account is waited for."""

LEVEL: Final = "level"
"""How often in a row it has cooled: no time, the next rest is so much longer."""

CAUSE: Final = "cause:"
"""Before the name of a fact: why, as a number of `Cause`."""

FOR_EVER: Final = 2**53 - 1

WHOLE: Final = (COOLING, OVERLOADED, PAUSED, FAULTY, QUOTA, TRYING)
"""Facts that keep the whole account from being used."""


class Cause(IntEnum):
    """Why something rests. The numbers are stored."""

    UNKNOWN = 0
    FAILURES = 1
    RATE_LIMITED = 2
    RATE_LIMITED_UNTIL = 3
    OVERLOADED = 4
    PAUSE_RULE = 5
    UNAUTHORIZED = 6
    UNPAID = 7
    FORBIDDEN = 8
    POOL_EXHAUSTED = 9
    QUOTA_USED = 10
    CREDENTIALS = 11
    CREDITS_USED = 12


def account_rests(account: Account, facts: Facts, model: str) -> int:
    """Until when an account cannot be asked for a model (its name upstream); 0 if it can.

    Of several API keys one is enough, and AI credits pay for a model whose free capacity is gone.
    """
    whole = max(facts.get(fact, 0) for fact in WHOLE)
    named = facts.get(f"{MODEL}{model}", 0)
    if account.overages:
        named = min(named, facts.get(CREDITS, 0))
    if account.keys > 1:
        named = max(named, min(facts.get(f"{KEY}{n}", 0) for n in range(account.keys)))
    return max(whole, named)


def cause_of(facts: Facts, fact: str) -> Cause:
    """Why a fact holds; a number that is not in the table is a cause of a later version."""
    try:
        return Cause(facts.get(f"{CAUSE}{fact}", 0))
    except ValueError:
        return Cause.UNKNOWN


Changes = Mapping[str, Mapping[str, int]]
"""By account: what its facts become; 0 takes one away."""

FORGOTTEN_MS: Final = 3_600_000
"""How long after its rest an account is still half open, when nobody asks it anything."""

REMEMBERED: Final = (COOLING,)
"""Facts that still say something when their time is over."""

MOST_BYTES: Final = 48_000
"""Largest size of what is shared: it is read by every relay every few seconds."""

MOST_MODELS: Final = 32
"""Models at rest that are known of one account: a caller may invent names, and must not crowd out
what is known of others."""

FACT_BYTES: Final = 12
ACCOUNT_BYTES: Final = 8
"""What DynamoDB and a number take beside the names, generously."""


def changed(accounts: Changes, changes: Changes, now_ms: int) -> dict[str, dict[str, int]]:
    """What is known after changes, without what no longer says anything, and not too much of it."""
    named = {**accounts, **changes}
    merged = {
        account: current({**accounts.get(account, {}), **changes.get(account, {})}, now_ms)
        for account in named
    }
    return bounded({account: facts for account, facts in merged.items() if facts})


def current(facts: Facts, now_ms: int) -> dict[str, int]:
    """The facts that still say something, each with its cause."""
    kept = {
        fact: until
        for fact, until in facts.items()
        if not fact.startswith(CAUSE)
        and fact != LEVEL
        and until > (now_ms - FORGOTTEN_MS if fact in REMEMBERED else now_ms)
    }
    models = [fact for fact in kept if fact.startswith(MODEL)]
    if len(models) > MOST_MODELS:
        for fact in sorted(models, key=lambda each: kept[each])[:-MOST_MODELS]:
            del kept[fact]
    beside = {name: facts.get(name, 0) for name in map(CAUSE.__add__, list(kept))}
    if COOLING in kept:
        beside[LEVEL] = facts.get(LEVEL, 0)
    return kept | {name: value for name, value in beside.items() if value}


def bounded(accounts: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """As many accounts as fit; those are let go whose rest is over first, since it costs least."""
    left = sum(size_of(account, facts) for account, facts in accounts.items())
    for account in sorted(accounts, key=lambda each: latest(accounts[each])):
        if left <= MOST_BYTES:
            break
        left -= size_of(account, accounts.pop(account))
    return accounts


def latest(facts: Facts) -> int:
    """When the last of an account's rests is over."""
    return max(facts.values(), default=0)


def size_of(account: str, facts: Facts) -> int:
    """Bytes that one account takes, about."""
    return len(account) + ACCOUNT_BYTES + sum(len(fact) + FACT_BYTES for fact in facts)
