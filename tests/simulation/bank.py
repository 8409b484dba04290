"""A calm world with one user in it: real code over the in-memory store, faults only where asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Index
from tollgate.domain.catalog import Limits
from tollgate.domain.ledger import Credit
from tollgate.domain.limits import Hold, HoldRequest
from tollgate.domain.record import UsageRecord
from tollgate.domain.scopes import Scope
from tollgate.domain.wallet import Wallet
from tollgate.services.recording import Recording
from tollgate.services.settlement import Settlement
from tollgate.services.sweeping import Sweeping
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.store.wallet_ledger import TIME_INDEX

USER: Final = "usr_0123456789abcdef"
KEY: Final = "k001"
NOON: Final = 1_700_049_600
"""2023-11-15 12:00:00 UTC, in epoch seconds."""

SWEPT: Final = 26 * 60
"""Seconds after which a short hold may be swept."""


@dataclass
class Bank:
    """One user with a wallet. `now` is in epoch ms; `random` counts up, so ids are known."""

    balance: int = 1_000
    shards: int = 1
    now: int = NOON * 1_000
    wrong: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    active: list[tuple[str, list[str]]] = field(default_factory=list)
    added: list[UsageRecord] = field(default_factory=list)
    poisoned: list[Mapping[str, Any]] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    queued: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        by_time = {TIME_INDEX: Index("ledger_user", "ledger_at", range_type="N")}
        self.dynamo = InMemoryDynamo({"Wallets": by_time, "Usage": {}})
        drawn = count()
        self.wallets = Wallets(
            self.dynamo,
            "Wallets",
            lambda below: next(drawn) * 5 // 3 % below,
            lambda: self.now,
            on_violation=lambda user, image: self.wrong.append(image),
            on_expired=self.expired.append,
        )
        self.records = UsageRecords(self.dynamo, "Usage")
        self.wallets.create(USER, self.shards, profile_version=1)
        if self.balance:
            self.wallets.credit(Credit(USER, self.balance, "topup", "test", "opening", "test"))
        self.dynamo.sent.clear()

    # --- calls ------------------------------------------------------------------------------

    def request(self, amount: int, **changes: Any) -> HoldRequest:
        """What an ordinary call asks for; `rpm` and `concurrency` are its user's."""
        own = {name: changes.pop(name) for name in ("rpm", "concurrency") if name in changes}
        plain: dict[str, Any] = {
            "user": USER,
            "key_alias": KEY,
            "amount": amount,
            "limited_key": False,
            "profile_version": 1,
            "scopes": (Scope("user", Limits(**own)),) if own else (),
            "shards": self.shards,
        }
        return HoldRequest(**plain | changes)

    def hold(self, amount: int, **changes: Any) -> Hold:
        """A hold for an ordinary call."""
        return self.wallets.hold(self.request(amount, **changes))

    def fact(self, hold: Hold, charge: int, **changes: Any) -> UsageRecord:
        """The record of the call of a hold."""
        plain: dict[str, Any] = {
            "user": hold.user,
            "hold": hold.id,
            "held": hold.amount,
            "charge": charge,
            "funding": hold.funding,
            "windows": hold.windows,
            "entered": hold.entered,
            "stale_minutes": hold.stale_minutes,
            "started": hold.started,
        }
        return UsageRecord(**plain | changes)

    def wallet(self, shard: int = 0) -> Wallet:
        """One shard as it is now."""
        return self.wallets.shard(USER, shard)

    def sums(self, shard: int = 0) -> tuple[int, int, int]:
        """What is available, held and debited."""
        wallet = self.wallet(shard)
        return wallet.available, wallet.held, wallet.debits

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds * 1_000

    # --- services ---------------------------------------------------------------------------

    @property
    def settlement(self) -> Settlement:
        """The aggregator."""
        return Settlement(
            self.wallets, self.mark_active, self.added.extend, self.poisoned.append, self.count
        )

    @property
    def sweeping(self) -> Sweeping:
        """The sweeper."""
        return Sweeping(
            self.wallets,
            self.records,
            self.mark_active,
            self.added.extend,
            lambda: self.now,
            self.count,
        )

    @property
    def recording(self) -> Recording:
        """The relay's recorder."""
        return Recording(self.records, self.queued.append, self.lines.append)

    def mark_active(self, hour: str, users: Any) -> None:
        """Note who was active."""
        self.active.append((hour, list(users)))

    def count(self, name: str, value: int) -> None:
        """Add to a metric."""
        self.counted[name] = self.counted.get(name, 0) + value

    def settle_stream(self, since: int = 0) -> list[str]:
        """Hand the usage table's stream to the aggregator; gives what must come again."""
        return self.settlement.apply(self.dynamo.stream("Usage", since))

    # --- faults -----------------------------------------------------------------------------

    def fail(self, *errors: Exception | None) -> None:
        """Let the next requests fail before they are applied; None lets one through."""
        waiting = list(errors)

        def before(operation: str, request: Mapping[str, Any]) -> None:
            error = waiting.pop(0) if waiting else None
            if error is not None:
                raise error

        self.dynamo.before = before

    def fail_on(self, wanted: Callable[[str, Mapping[str, Any]], bool], error: Exception) -> None:
        """Let every request that is wanted fail before it is applied."""

        def before(operation: str, request: Mapping[str, Any]) -> None:
            if wanted(operation, request):
                raise error

        self.dynamo.before = before

    def lose_answers(self, *losses: Exception | None) -> None:
        """Let the next requests be applied and their answers get lost; None lets one through."""
        waiting = list(losses)

        def after(operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
            loss = waiting.pop(0) if waiting else None
            if loss is not None:
                raise loss

        self.dynamo.after = after

    def calm(self) -> None:
        """No more faults."""
        self.dynamo.before = self.dynamo.after = None


def operations(bank: Bank, table: str) -> Sequence[str]:
    """What was asked of a table, in order."""
    return [name for name, request in bank.dynamo.sent if request.get("TableName") == table]
