"""What staff do to an upstream account by hand: revive it, enable a key, reset its quotas."""

from collections.abc import Callable
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel

from tollgate.domain.account_quota import WINDOWS, exceeded_until
from tollgate.domain.errors import NotFound
from tollgate.domain.health import KEY
from tollgate.services import revival
from tollgate.web.admin.account_state import AccountSeen, Until, Watch
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint

Window = Annotated[
    Literal["", "total", "day", "week"], Query(alias="window", description="Empty: all of them.")
]
Number = Annotated[str, Path(pattern="^[1-9][0-9]{0,3}$")]


class KeyState(BaseModel):
    """One of an account's API keys by its place in the credentials, from 1."""

    number: int
    usable: bool
    until: Until
    cause: str | None


class KeyStates(BaseModel):
    """The API keys of an account; none of them is ever shown."""

    keys: list[KeyState]


class AccountUpkeepResource:
    """/accounts/{id}/keys, clear-health and reset-quota"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stores = desk.stores
        self._watch = Watch(desk)

    def endpoints(self) -> tuple[Endpoint, ...]:
        account, write = f"{ROOT}/accounts/<account>", "accounts.write"
        return (
            Endpoint("GET", f"{account}/keys", "accounts.read", self.keys),
            Endpoint("POST", f"{account}/keys/<number>/enable", write, self.enable_key),
            Endpoint("POST", f"{account}/clear-health", write, self.clear_health),
            Endpoint("POST", f"{account}/reset-quota", write, self.reset_quota),
        )

    def keys(self, account: str) -> KeyStates:
        """Read which of an account's API keys rest, until when and why."""
        return key_states(self._watch.one(account))

    def enable_key(self, account: str, number: Number) -> KeyStates:
        """Let an API key that rests be used again, now."""
        if int(number) > self._stores.catalog.accounts.get(account).keys:
            raise NotFound(f"account {account} has no API key {number}")
        edit = revival.of_key(int(number) - 1)
        return key_states(
            self._done("account.key_enable", account, lambda: self._end(account, edit))
        )

    def clear_health(self, account: str) -> AccountSeen:
        """Forget everything that keeps an account back, but for its quotas."""
        return self._done(
            "account.health_clear", account, lambda: self._end(account, revival.everything)
        )

    def reset_quota(self, account: str, window: Window = "") -> AccountSeen:
        """Begin an account's quotas anew, or that of one window."""
        windows = (window,) if window else WINDOWS
        return self._done("account.quota_reset", account, lambda: self._reset(account, windows))

    def _reset(self, account: str, windows: tuple[str, ...]) -> None:
        quotas = self._stores.catalog.accounts.get(account).quotas
        left = self._stores.account_quotas.reset(account, windows)
        until = exceeded_until(quotas, left.spent, self._desk.clock())
        self._end(account, revival.of_quota(until))

    def _end(self, account: str, edit: revival.Edit) -> None:
        revival.rewrite(self._stores.snapshots, account, edit, self._desk.clock())

    def _done(self, action: str, account: str, step: Callable[[], None]) -> AccountSeen:
        """Do it to an account that is there, and tell of it."""
        before = self._watch.one(account)
        step()
        after = self._watch.one(account)
        self._desk.trail.note(action, account, before, after)
        return after


def key_states(account: AccountSeen) -> KeyStates:
    """What is known of each of an account's keys."""
    rests = {rest.key: rest for rest in account.health if rest.what == KEY.removesuffix(":")}
    return KeyStates(
        keys=[
            KeyState(
                number=number,
                usable=number not in rests,
                until=rests[number].until if number in rests else None,
                cause=rests[number].cause if number in rests else None,
            )
            for number in range(1, account.keys + 1)
        ]
    )
