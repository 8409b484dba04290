"""Ends what rests of an account because staff say so: written down, or refused."""

from collections.abc import Callable, Mapping
from typing import Final

from tollgate.domain.catalog import Health
from tollgate.domain.errors import StoreUnavailable
from tollgate.domain.health import CAUSE, FAULTY, KEY, QUOTA, Cause, Facts, changed
from tollgate.services.health import HealthItem

ATTEMPTS: Final = 8
"""Relays write the same item; whoever loses a race reads it again."""

Edit = Callable[[Facts], Mapping[str, int]]
"""What becomes of an account's facts; 0 ends one."""


def rewrite(item: HealthItem, account: str, edit: Edit, now_ms: int) -> None:
    """Change what is known of an account's health.

    Raises:
        StoreUnavailable: others wrote all the time; nothing was changed.
        StoreError: it could not be read or written.
    """
    for _ in range(ATTEMPTS):
        health = item.read_health()
        changes = edit(health.accounts.get(account, {}))
        if not changes:
            return
        accounts = changed(health.accounts, {account: changes}, now_ms)
        if item.write_health(Health(health.version, accounts)):
            return
    raise StoreUnavailable("relays are writing the accounts' health; try again", retry_after=1)


def everything(facts: Facts) -> Mapping[str, int]:
    """Ends all that rests, but for a used quota: that is reset, not cleared."""
    return {fact: 0 for fact in facts if fact not in {QUOTA, f"{CAUSE}{QUOTA}"}}


def of_credentials(facts: Facts) -> Mapping[str, int]:
    """Ends what was known of credentials that are not there any more."""
    return {fact: 0 for fact in facts if fact == FAULTY or fact.startswith(KEY)}


def of_key(number: int) -> Edit:
    """Ends the rest of one API key."""
    return lambda facts: {fact: 0 for fact in facts if fact == f"{KEY}{number}"}


def of_quota(until: int) -> Edit:
    """Lets a used quota keep an account back until then, 0 not at all."""
    used = {QUOTA: until, f"{CAUSE}{QUOTA}": int(Cause.QUOTA_USED)}
    return lambda facts: used if facts.get(QUOTA, 0) != until else {}
