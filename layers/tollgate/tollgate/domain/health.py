"""What is known of an account's health, and when it may be used again.

A fact is an epoch ms until which something of the account rests. All relays share them through
one small item (ruling R21); losing it costs efficiency, never money.
"""

from collections.abc import Mapping
from typing import Final

Facts = Mapping[str, int]
"""Until when (epoch ms) which part of one account rests."""

COOLING: Final = "cooling"
"""Too many of its calls failed of late, or it said how long to wait."""

OVERLOADED: Final = "overloaded"
"""The vendor said it has too much to do (529)."""

PAUSED: Final = "paused"
"""One of the account's own rules matched an answer."""

FAULTY: Final = "faulty"
"""Its credentials or its balance were refused (401, 402, 403): nothing but a probe ends it."""

QUOTA: Final = "quota"
"""One of its quotas is used up."""

CREDITS: Final = "credits"
"""Its AI credits are used up (antigravity); its free capacity may still serve."""

MODEL: Final = "model:"
"""Before a model's name upstream: that model rests on this account."""

KEY: Final = "key:"
"""Before the number of one of its API keys: that key rests."""

FOR_EVER: Final = 2**53 - 1

WHOLE: Final = (COOLING, OVERLOADED, PAUSED, FAULTY, QUOTA)
"""Facts that keep the whole account from being used."""


def rests_until(facts: Facts, model: str) -> int:
    """Until when an account cannot be asked for a model (its name upstream); 0 if it can."""
    return max(*(facts.get(fact, 0) for fact in WHOLE), facts.get(f"{MODEL}{model}", 0))
